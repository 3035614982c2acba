/**
 * The settings that both providers take from their options, or from the environment.
 */
import { SecretError } from '@keyfall/core/provider';

/** The options that have a variable each. */
export interface DopplerOptions {
  readonly token?: string | undefined;
  readonly project?: string | undefined;
  readonly config?: string | undefined;
  readonly passphrase?: string | undefined;
}

/** What the environment adds to the options; `''` for what is not set. */
export function withVariables(options: DopplerOptions): {
  readonly [Option in keyof DopplerOptions]-?: string;
} {
  const { env } = process;
  return {
    token: (options.token ?? env['DOPPLER_TOKEN'] ?? '').trim(),
    project: options.project ?? env['DOPPLER_PROJECT'] ?? '',
    config: options.config ?? env['DOPPLER_CONFIG'] ?? '',
    passphrase: options.passphrase ?? env['DOPPLER_PASSPHRASE'] ?? '',
  };
}

/**
 * The token of the option or of `DOPPLER_TOKEN`.
 *
 * @throws `ERR_SECRET_CONFIG` if there is none, or if it cannot be a token: then it is never sent
 */
export function tokenOf(options: DopplerOptions, provider: string): string {
  const { token } = options;
  const found = withVariables(options).token;
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
