/**
 * The settings that both providers take.
 */
import { SecretError } from '@keyfall/core';

/**
 * The token of the option or of `DOPPLER_TOKEN`.
 *
 * @throws `ERR_SECRET_CONFIG` if there is none, or if it cannot be a token: then it is never sent
 */
export function tokenOf({ token }: { readonly token?: string }, provider: string): string {
  const found = (token ?? process.env['DOPPLER_TOKEN'] ?? '').trim();
  if (/^[\x21-\x7e]+$/.test(found)) return found;
  const setting = token === undefined ? { variable: 'DOPPLER_TOKEN' } : { option: 'token' };
  const hint = "Create a service token for the config in Doppler's dashboard.";
  if (found === '')
    throw new SecretError(
      'ERR_SECRET_CONFIG',
      'there is no token: set the option token or the variable DOPPLER_TOKEN',
      {
        provider,
        setting: { option: 'token', variable: 'DOPPLER_TOKEN', isMissing: true },
        hint,
      },
    );
  const where = token === undefined ? 'the variable DOPPLER_TOKEN' : 'the option token';
  throw new SecretError(
    'ERR_SECRET_CONFIG',
    `${where} holds a character that no token has, and was not sent`,
    { provider, setting, hint },
  );
}
