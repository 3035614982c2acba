/**
 * What `vaultProvider` is told, by options and by variables, as one checked set of settings. No
 * I/O here: a wrong setting shows when the provider is made and names the option and the variable.
 */
import { type Clock, systemClock } from '@keyfall/core';
import type { VaultAuth } from '../auth/vault-auth.ts';
import { checkTexts, settingReader, type Wrong } from '../environment/setting-reader.ts';
import { findVariable, type Variables, type VaultSetting } from '../environment/vault-variables.ts';
import { segmentsOf } from '../wire/vault-path.ts';
import type { ClientFacts } from './configured-client.ts';
import type { VaultConnectionOptions } from './connection-options.ts';
import { type ConnectionSettings, resolveConnection } from './connection-settings.ts';

/** Options of `vaultProvider`. Each beats its variable, and `BAO_X` beats `VAULT_X`. */
export interface VaultProviderOptions extends VaultConnectionOptions {
  /** A token. Variable `VAULT_TOKEN`. */
  readonly token?: string;
  /** A file that holds the token, read anew for every request (an agent's sink rotates it). */
  readonly tokenFile?: string;
  /**
   * Use the token that `vault login` or `bao login` left (`VAULT_TOKEN_PATH`, else
   * `~/.vault-token`) if there is no other. Default false: a library must not pick up a
   * developer's own rights unasked.
   */
  readonly tokenHelper?: boolean;
  /**
   * An agent or proxy at the address puts the token of its own login into requests that have none
   * (`use_auto_auth_token`), so none is sent. Default: true where the address is that of
   * `VAULT_AGENT_ADDR` and there is no token, else false.
   */
  readonly agentToken?: boolean;
  /**
   * The uses of the given token are counted (`num_uses`), and that is meant: it is then neither looked
   * up nor renewed, which would take uses. Default false: such a token is refused as soon as it is known
   * to be one, since a program that lives on would lose it at a moment that nobody chose.
   */
  readonly countedUses?: boolean;
  /**
   * How to log in, in place of a token: `appRoleAuth(…)`, `kubernetesAuth(…)`, `jwtAuth(…)`,
   * `userpassAuth(…)`, `certAuth(…)`, or a method of your own. `VAULT_TOKEN` is not read then. The
   * token is renewed and replaced in the background, and revoked by `close`.
   */
  readonly auth?: VaultAuth;
  /** Where the KV engine is mounted. Variable `VAULT_MOUNT_POINT`, default `secret`. */
  readonly mount?: string;
  /**
   * The document under the mount: `aiogram-shop`. Several: an earlier one's names win, and writes go
   * to the first. `{profile}` stands for the option `profile`. Variable `VAULT_SECRET_PATH` (one
   * path). Required.
   */
  readonly path?: string | readonly string[];
  /** What `{profile}` in a path stands for: `prod`. Variable `KEYFALL_PROFILE`. No default. */
  readonly profile?: string;
  /** The version of the KV engine. Default: asked of the server once. */
  readonly kvVersion?: 1 | 2;
  /** The namespace. Variable `VAULT_NAMESPACE`, default the root namespace. */
  readonly namespace?: string;
  /** Unique in the chain. Default `vault`. */
  readonly name?: string;
  /** The variables. Default `process.env`, read when the provider is made. */
  readonly env?: Variables;
  /**
   * What the server takes in one write; beyond it a write is refused before it is sent. `strings`
   * counts the names and texts of the document (default 997, OpenBao's own limit less what we add),
   * `bytes` its JSON (default 1 MiB less 4 KiB: raft's largest entry).
   */
  readonly writeLimits?: { readonly strings?: number; readonly bytes?: number };
  /** Where the session takes its time from. For tests. */
  readonly clock?: Clock;
}

/** Where the token comes from. */
export type TokenSetting =
  | { readonly kind: 'text'; readonly token: string; readonly from: string }
  | { readonly kind: 'file'; readonly file: string; readonly from: string }
  | { readonly kind: 'helper'; readonly file: string | undefined }
  | { readonly kind: 'client'; readonly read: () => string }
  | {
      readonly kind: 'login';
      readonly auth: VaultAuth;
      readonly env: Variables;
      /** The variables that credentials come from; gets the name of each that one was read from. */
      readonly credentialVariables: Set<string>;
    }
  /** None is sent: an agent in between has its own. */
  | { readonly kind: 'agent' };

/** The checked settings of a provider. */
export interface VaultSettings extends ConnectionSettings {
  readonly name: string;
  readonly token: TokenSetting;
  readonly countedUses: boolean;
  readonly namespace: string;
  readonly mount: string;
  /** The first of `paths`, the one that is written to. */
  readonly path: string;
  readonly paths: readonly string[];
  readonly kvVersion: 1 | 2 | undefined;
  readonly writeLimits: { readonly strings: number; readonly bytes: number };
  readonly clock: Clock;
}

/**
 * @throws `ERR_SECRET_CONFIG` naming the option and the variable for anything that is missing,
 *   cannot be understood or cannot be honoured
 */
export function resolveSettings(options: VaultProviderOptions): VaultSettings {
  const env = options.env ?? process.env;
  const name = options.name ?? 'vault';
  const reader = settingReader(env, name);
  const { wrong, text, labelled } = reader;
  const located = (option: string, setting: VaultSetting, value: string): string => {
    try {
      return segmentsOf(value.replace(/^\/+|\/+$/g, '')).join('/');
    } catch {
      throw wrong(
        `${labelled(option, setting)} is not a path`,
        'Write names separated by single slashes, without "." or "..".',
      );
    }
  };

  checkTypes(options, wrong);
  const connection = resolveConnection(options, reader);
  const given = options.path ?? text(undefined, 'SECRET_PATH') ?? [];
  const templates = typeof given === 'string' ? [given] : given;
  if (!Array.isArray(templates) || !templates.every((one) => typeof one === 'string'))
    throw wrong(
      'the option path is neither a text nor a list of texts',
      "Name the document under the mount, such as path: 'aiogram-shop'.",
    );
  if (templates.length === 0 || templates.includes(''))
    throw wrong(
      'no path was given: the option path and the variable VAULT_SECRET_PATH are both missing',
      "Name the document under the mount, such as path: 'aiogram-shop'.",
      { option: 'path', variable: 'VAULT_SECRET_PATH', isMissing: true },
    );
  const paths = templates.map((template) =>
    located('path', 'SECRET_PATH', withProfile(template, options.profile, env, wrong)),
  );
  if (new Set(paths).size < paths.length)
    throw wrong('the option path names one document twice', 'Name each document once.');

  if (options.kvVersion !== undefined && options.kvVersion !== 1 && options.kvVersion !== 2)
    throw wrong('the option kvVersion is neither 1 nor 2', 'Leave it out to ask the server.');

  return {
    ...connection,
    name,
    token: resolveToken(options, connection.client, env, wrong),
    countedUses: options.countedUses ?? false,
    namespace: namespaceOf(
      connection.client?.namespace ?? text(options.namespace, 'NAMESPACE') ?? '',
      labelled('namespace', 'NAMESPACE'),
      wrong,
    ),
    mount: located('mount', 'MOUNT_POINT', text(options.mount, 'MOUNT_POINT') ?? 'secret'),
    path: paths[0] ?? '',
    paths,
    kvVersion: options.kvVersion,
    writeLimits: {
      strings: options.writeLimits?.strings ?? 997,
      bytes: options.writeLimits?.bytes ?? 1_048_576 - 4_096,
    },
    clock: options.clock ?? systemClock,
  };
}

/** `tokenHelper: 'false'` must not pick up a developer's token, nor a limit that is no number be none. */
function checkTypes(options: VaultProviderOptions, wrong: Wrong): void {
  checkTexts(options, ['token', 'tokenFile', 'mount', 'name'], wrong);
  const { namespace, auth, writeLimits }: { readonly [option: string]: unknown } = { ...options };
  // the root namespace is '' to some
  if (namespace !== undefined && typeof namespace !== 'string')
    throw wrong('the option namespace is not a text', 'Give a text, or leave it out.');
  for (const name of ['tokenHelper', 'countedUses', 'agentToken'] as const) {
    const value: unknown = options[name];
    if (value !== undefined && typeof value !== 'boolean')
      throw wrong(`the option ${name} is neither true nor false`, 'Leave it out.');
  }
  const { name, login } = Object(auth) as { readonly name?: unknown; readonly login?: unknown };
  if (auth !== undefined && (typeof name !== 'string' || typeof login !== 'function'))
    throw wrong(
      'the option auth is no login method',
      'Give what appRoleAuth(…) and its like return, or an object with a name and a function login.',
    );
  for (const limit of ['strings', 'bytes'] as const) {
    const most: unknown = Object(writeLimits)[limit];
    if (most !== undefined && !(typeof most === 'number' && most > 0))
      throw wrong(
        `the option writeLimits.${limit} is not a number above 0`,
        'Leave it out, unless the server was set to other limits.',
      );
  }
}

/** `template` with the profile in the place of `{profile}`. */
function withProfile(
  template: string,
  option: string | undefined,
  env: Variables,
  wrong: Wrong,
): string {
  const [placeholder] = template.match(/\{(?!profile\})\w*\}/) ?? [];
  if (placeholder)
    throw wrong(
      `the option path (variable VAULT_SECRET_PATH) has ${placeholder}, which stands for nothing`,
      'Only {profile} can stand in it.',
    );
  if (!template.includes('{profile}')) return template;
  const profile = option ?? env['KEYFALL_PROFILE'];
  if (!profile || typeof profile !== 'string')
    throw wrong(
      'the option path (variable VAULT_SECRET_PATH) has {profile}, and there is none: the option profile and the variable KEYFALL_PROFILE are both missing',
      "Name it, such as profile: 'prod'.",
      { option: 'profile', variable: 'KEYFALL_PROFILE', isMissing: true },
    );
  // a profile that is a path of its own could lead out of the application's folder
  if (!/^[\w.-]+$/.test(profile) || /^\.\.?$/.test(profile))
    throw wrong(
      'the option profile (variable KEYFALL_PROFILE) is not a name',
      'Use letters, digits, "-", "_" and ".".',
    );
  return template.replaceAll('{profile}', () => profile);
}

function resolveToken(
  options: VaultProviderOptions,
  client: ClientFacts | undefined,
  env: Variables,
  wrong: Wrong,
): TokenSetting {
  if (client) {
    for (const option of [
      'token',
      'tokenFile',
      'tokenHelper',
      'agentToken',
      'auth',
      'namespace',
    ] as const)
      if (options[option] !== undefined)
        throw wrong(
          `the options client and ${option} are both given`,
          'The client says which token and namespace are used: leave the other out.',
        );
    return { kind: 'client', read: client.token };
  }
  if (options.token !== undefined && options.tokenFile !== undefined)
    throw wrong('the options token and tokenFile are both given', 'Give one of them.');
  if (options.agentToken) {
    for (const option of ['token', 'tokenFile', 'tokenHelper', 'auth'] as const)
      if (options[option])
        throw wrong(`the options agentToken and ${option} are both given`, 'Give one of them.');
    return { kind: 'agent' };
  }
  if (options.auth) {
    if (options.token !== undefined || options.tokenFile !== undefined || options.tokenHelper)
      throw wrong('the option auth is given, and a token as well', 'Give one of them.');
    if (options.countedUses)
      throw wrong(
        'the options auth and countedUses are both given',
        'It is for a token that was given: set token_num_uses=0 on the role of the login.',
      );
    const { auth } = options;
    // one that is not set is nobody's to inherit, and may be the credential itself in its variable's place
    const areSet = auth.credentialVariables?.filter((name) => env[name] !== undefined);
    const credentialVariables = new Set(areSet);
    return { kind: 'login', auth, env, credentialVariables };
  }
  if (options.tokenFile)
    return { kind: 'file', file: options.tokenFile, from: 'the option tokenFile' };
  const variable = findVariable(env, 'TOKEN');
  const token = options.token ?? variable?.value;
  if (token) {
    const from = options.token ? 'the option token' : (variable?.name ?? 'VAULT_TOKEN');
    return { kind: 'text', token: checkToken(token, from, wrong), from };
  }
  if (options.tokenHelper)
    return { kind: 'helper', file: findVariable(env, 'TOKEN_PATH')?.value || undefined };
  const agent = options.address === undefined && findVariable(env, 'AGENT_ADDR')?.value;
  if (agent && options.agentToken === undefined) return { kind: 'agent' };
  throw wrong(
    'there is no token: the options token, tokenFile and auth and the variable VAULT_TOKEN are all missing',
    'Set VAULT_TOKEN, or give tokenFile or auth.',
    { option: 'token', variable: 'VAULT_TOKEN', isMissing: true },
  );
}

/** What to warn of with every call, if the server's certificate is not checked. */
export function uncheckedCertificate({ address, tls }: VaultSettings): string | undefined {
  if (!tls.skipVerify || !address.secure) return undefined;
  return `the certificate of ${address.origin} is not checked: ${tls.skipVerifyFrom} is on`;
}

/**
 * The token without surrounding blanks.
 *
 * @throws `ERR_SECRET_CONFIG` for a character that cannot be in a token: it is never sent, since
 *   what cannot be a token may be another secret
 */
export function checkToken(token: string, from: string, wrong: Wrong): string {
  const trimmed = token.trim();
  // Go's client refuses what unicode.IsPrint refuses; a header carries ASCII only
  if (/^[\x21-\x7e]+$/.test(trimmed)) return trimmed;
  throw wrong(
    trimmed === ''
      ? `the token of ${from} is empty`
      : `the token of ${from} has a character that no token has, and was not sent`,
    'A token is one line of printable ASCII without blanks.',
  );
}

/** The namespace as it is sent: slashes around it do not matter, and `root` is what none is. */
function namespaceOf(value: string, label: string, wrong: Wrong): string {
  if (!/^[\x20-\x7e]*$/.test(value))
    throw wrong(`${label} has characters that a request header cannot carry`, 'Use ASCII.');
  const namespace = value.replace(/^\/+|\/+$/g, '');
  return namespace === 'root' ? '' : namespace;
}
