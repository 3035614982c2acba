/**
 * The environment variables of a Vault or OpenBao client: which there are, in what order the two
 * prefixes are read, and how a source that may be hostile (a `.env` is data of a repository) is
 * merged with the process's own environment.
 *
 * Names as in https://developer.hashicorp.com/vault/docs/commands#configure-environment-variables and
 * https://openbao.org/docs/commands/#environment-variables.
 */
import { assertOptions, type OptionKinds, SecretError } from '@keyfall/core/provider';

/** A set of variables, as `process.env` is one. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** Documented client settings, without prefix; the last two are Keyfall's own. */
const settings = [
  'ADDR',
  'AGENT_ADDR',
  'TOKEN',
  'TOKEN_PATH',
  'NAMESPACE',
  'CACERT',
  'CACERT_BYTES',
  'CAPATH',
  'CLIENT_CERT',
  'CLIENT_KEY',
  'CLIENT_TIMEOUT',
  'MAX_RETRIES',
  'SKIP_VERIFY',
  'TLS_SERVER_NAME',
  'PROXY_ADDR',
  'HTTP_PROXY',
  'DISABLE_REDIRECTS',
  'RATE_LIMIT',
  'SRV_LOOKUP',
  'WRAP_TTL',
  'FORMAT',
  'CLI_NO_COLOR',
  'MOUNT_POINT',
  'SECRET_PATH',
] as const;

/** A client setting, without its prefix. */
export type VaultSetting = (typeof settings)[number];

/**
 * Every variable that configures a Vault client, under both prefixes. An exact list: an
 * application's own `VAULT_DB_PASSWORD` is a secret like any other and not in it.
 */
export const vaultVariableNames: readonly string[] = settings.flatMap((setting) => [
  `BAO_${setting}`,
  `VAULT_${setting}`,
]);

/**
 * The variable that decides `setting`, as the clients of both projects read it: `BAO_X` before
 * `VAULT_X`, and a `BAO_X` that is set to nothing still wins (with the default).
 */
export function findVariable(
  env: Variables,
  setting: VaultSetting,
): { readonly name: string; readonly value: string } | undefined {
  for (const name of [`BAO_${setting}`, `VAULT_${setting}`]) {
    const value = env[name];
    if (value !== undefined) return { name, value };
  }
  return undefined;
}

/** Whether a host name is this machine: nothing sent there can be read on the way. */
export function isLoopback(hostname: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|::1|\[::1\])$/i.test(hostname);
}

/** What a hostile `.env` would use to read a token on its way, or to pick which one is sent. */
const ownTokenOnly: readonly VaultSetting[] = [
  'SKIP_VERIFY',
  'PROXY_ADDR',
  'HTTP_PROXY',
  'CACERT',
  'CACERT_BYTES',
  'CAPATH',
  'TLS_SERVER_NAME',
  'SRV_LOOKUP',
  'AGENT_ADDR',
];

/** Where {@link vaultEnvironment} takes the settings from. */
export interface VaultEnvironmentSources {
  /** The environment of the process: trusted. */
  readonly environment: Variables;
  /** The variables of a `.env`: data of a repository, perhaps a hostile one. */
  readonly file: Variables;
  /** Whether a token may come from the user's token file as well. Default false. */
  readonly tokenHelper?: boolean | undefined;
}

const sourceKinds: OptionKinds<VaultEnvironmentSources> = {
  environment: 'an object',
  file: 'an object',
  tokenHelper: 'true or false',
};

/**
 * Merges the client variables of the process's environment and of a `.env` into what
 * `vaultProvider({ env })` takes. Setting by setting the environment wins, whichever prefix it
 * uses; other variables are left out, but for the environment's `KEYFALL_PROFILE`. Settings of the
 * file that could give the user's own token away are ignored, each with a warning, unless the
 * token comes from the file too.
 *
 * @returns the variables, and what the user must learn (never a value but the address);
 *   `serverVariable` is the variable of the file that decides which server answers, where one does: an address, or
 *   what could put another server in its place. What such a server answers deserves no more trust than the file
 * @throws `ERR_SECRET_CONFIG` if the user's token would travel over plain http to an address that
 *   the file names, and for an option that there is not
 * @example
 * ```ts
 * import { vaultEnvironment, vaultProvider } from '@keyfall/provider-vault';
 *
 * const { env, warnings } = vaultEnvironment({
 *   environment: process.env,
 *   file: { VAULT_ADDR: 'https://vault.example:8200', VAULT_SECRET_PATH: 'shop' },
 * });
 * for (const warning of warnings) console.error(warning);
 * const provider = vaultProvider({ env });
 * ```
 */
export function vaultEnvironment(sources: VaultEnvironmentSources): {
  readonly env: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
  readonly serverVariable?: string;
} {
  assertOptions(sources, 'vaultEnvironment', sourceKinds);
  const { environment, file, tokenHelper = false } = sources;
  const env: Record<string, string> = {};
  const warnings: string[] = [];
  const outside = findVariable(environment, 'TOKEN');
  // a token that is set to nothing is none: the helper's is used then
  const usersToken = outside?.value ? true : tokenHelper;
  const tokenFromFile = outside === undefined && !!findVariable(file, 'TOKEN')?.value;
  let address: { readonly name: string; readonly value: string } | undefined;
  let inBetween: string | undefined;
  for (const setting of settings) {
    const own = findVariable(environment, setting);
    const found = own ?? findVariable(file, setting);
    if (found === undefined) continue;
    if (own === undefined) {
      const refused =
        setting === 'TOKEN_PATH' || (ownTokenOnly.includes(setting) && !tokenFromFile);
      if (refused) {
        warnings.push(
          `${found.name} in the file is ignored: only the environment may set it${
            setting === 'TOKEN_PATH' ? '' : ' while the token does not come from the file'
          }`,
        );
        continue;
      }
      if (setting === 'ADDR' && found.value !== '') address = found;
      if (ownTokenOnly.includes(setting)) inBetween ??= found.name;
    }
    env[found.name] = found.value;
  }
  // a trusted agent address beats the file's address, so the token never goes there
  const agent = findVariable(env, 'AGENT_ADDR')?.value;
  if (address !== undefined && usersToken && !tokenFromFile && !agent)
    warnings.push(announce(address, outside?.value ? outside.name : 'the token file'));
  // which profile a path is filled with is for the user who starts the program to say, not for a file
  const { KEYFALL_PROFILE: profile } = environment;
  if (profile !== undefined) env['KEYFALL_PROFILE'] = profile;
  const serverVariable = agent && !inBetween ? undefined : (address?.name ?? inBetween);
  return { env, warnings, ...(serverVariable !== undefined && { serverVariable }) };
}

/** What to say about the user's token going to an address that a file names. */
function announce(
  address: { readonly name: string; readonly value: string },
  token: string,
): string {
  const url = URL.canParse(address.value) ? new URL(address.value) : undefined;
  if (url === undefined || url.username !== '' || url.password !== '')
    throw new SecretError('ERR_SECRET_CONFIG', `${address.name} in the file is not an address`, {
      hint: 'Write it as https://host:8200, without credentials.',
    });
  if (url.protocol === 'http:' && !isLoopback(url.hostname))
    throw new SecretError(
      'ERR_SECRET_CONFIG',
      `${address.name} in the file is the plain-text address ${url.origin}, and the token of ${token} would travel to it unencrypted`,
      {
        hint: `Use https, or set ${address.name} in the environment if that is what you want.`,
      },
    );
  const shown = url.protocol === 'unix:' ? `unix://${url.pathname}` : url.origin;
  return `${token === 'the token file' ? token : `the token of ${token}`} is sent to ${shown}, which ${address.name} in the file names`;
}
