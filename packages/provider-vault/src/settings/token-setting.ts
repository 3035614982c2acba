/**
 * Where the token comes from, by options and by variables.
 */
import type { SecretSetting } from '@keyfall/core/provider';
import type { VaultAuth } from '../auth/vault-auth.ts';
import type { ConfigError, SettingReader } from '../environment/setting-reader.ts';
import { findVariable, type Variables } from '../environment/vault-variables.ts';
import type { VaultConnectionOptions } from './vault-options.ts';

/** Where the token comes from. */
export type TokenSetting =
  | {
      readonly kind: 'text';
      readonly token: string;
      readonly from: string;
      readonly setting: SecretSetting;
    }
  | { readonly kind: 'file'; readonly file: string; readonly from: string }
  | { readonly kind: 'helper'; readonly file: string | undefined }
  | { readonly kind: 'function'; readonly read: () => string | Promise<string> }
  | {
      readonly kind: 'login';
      readonly auth: VaultAuth;
      readonly env: Variables;
      /** Gets the name of each variable that a credential was read from. */
      readonly credentialVariables: Set<string>;
    }
  /** None is sent: an agent in between has its own. */
  | { readonly kind: 'agent' };

/** @throws `ERR_SECRET_CONFIG` where there is none, or two */
export function resolveToken(
  { token, auth, countedUses, address }: VaultConnectionOptions,
  { env, configError, missingError }: SettingReader,
  credentialVariables: Set<string>,
): TokenSetting {
  const setting = { option: 'token', variable: 'TOKEN' } as const;
  if (auth) {
    if (typeof auth.name !== 'string' || typeof auth.login !== 'function')
      throw configError(
        { option: 'auth' },
        'is not a login method',
        'Give what appRoleAuth(…) and its like return, or an object with a name and a function login.',
      );
    if (token !== undefined)
      throw configError({ option: 'auth' }, 'is given, and a token as well', 'Give one of them.');
    if (countedUses)
      throw configError(
        { option: 'countedUses' },
        'is given together with auth',
        'It is for a token that was given: set token_num_uses=0 on the role of the login.',
      );
    return { kind: 'login', auth, env, credentialVariables };
  }
  if (typeof token === 'function') return { kind: 'function', read: token };
  if (typeof token === 'object') {
    const { file, helper, agent, ...more }: Partial<Record<string, unknown>> = { ...token };
    const isOne = [file, helper, agent].filter((given) => given !== undefined).length === 1;
    if (!isOne || helper === false || agent === false || Object.keys(more).length > 0)
      throw configError(
        setting,
        'is none of { file }, { helper: true } and { agent: true }',
        'Give one of them.',
      );
    if (typeof file === 'string') return { kind: 'file', file, from: 'the option token' };
    if (agent) return { kind: 'agent' };
  }
  const variable = findVariable(env, 'TOKEN');
  const text = typeof token === 'string' ? token : variable?.value;
  if (text) {
    const isOption = typeof token === 'string';
    return {
      kind: 'text',
      token: checkToken(text, (what, hint) => configError(setting, what, hint)),
      from: isOption ? 'the option token' : `${variable?.name}`,
      setting: { option: 'token', ...(!isOption && variable && { variable: variable.name }) },
    };
  }
  if (typeof token === 'object')
    return { kind: 'helper', file: findVariable(env, 'TOKEN_PATH')?.value || undefined };
  if (address === undefined && findVariable(env, 'AGENT_ADDR')?.value) return { kind: 'agent' };
  throw missingError(
    setting,
    'there is no token',
    'Set VAULT_TOKEN, or give the option token or auth.',
  );
}

/**
 * The token without surrounding blanks.
 *
 * @param configError - makes the error of a text that is none
 * @throws `ERR_SECRET_CONFIG` for a character that cannot be in a token: it is never sent, since
 *   what cannot be a token may be another secret
 */
export function checkToken(token: string, configError: ConfigError): string {
  const trimmed = token.trim();
  // Go's client refuses what unicode.IsPrint refuses; a header carries ASCII only
  if (/^[\x21-\x7e]+$/.test(trimmed)) return trimmed;
  throw configError(
    trimmed === '' ? 'is empty' : 'has a character that no token has, and was not sent',
    'A token is one line of printable ASCII without blanks.',
  );
}
