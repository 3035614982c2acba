/**
 * What an engine of HashiCorp Vault or OpenBao makes for a while (database users, cloud keys,
 * certificates) as a bag of secrets.
 */
import {
  type Clock,
  lazySettings,
  type SecretProvider,
  type SecretRecord,
  toMilliseconds,
} from '@keyfall/core/provider';
import { credentialVariablesOf } from './auth/vault-auth.ts';
import type { SettingReader } from './environment/setting-reader.ts';
import { openWire } from './http/open-wire.ts';
import { type GivenCredentials, keepCredentials } from './leases/kept-credentials.ts';
import { leaseRequests } from './leases/lease-requests.ts';
import { createVaultClient } from './session/vault-client.ts';
import { checkOptions } from './settings/check-options.ts';
import { vaultDynamicOptionsSchema } from './settings/options-schema.ts';
import type { VaultDynamicOptions } from './settings/vault-options.ts';
import {
  placeOf,
  readerOf,
  resolveClient,
  resolvePaths,
  shownPlace,
  uncheckedCertificate,
} from './settings/vault-settings.ts';
import { lazily } from './wire/lazily.ts';

/**
 * Credentials that the server makes on request and ends by itself, such as a database user. The names
 * are the members of its answer (`username`, `password`); `withMapping` and `withPrefix` of core give
 * them others. The first read has them made; every later one answers with the same, while their lease
 * is renewed in the background. Before they end they are replaced: by the timer while something watches
 * (`watch` and `view` of the chain), else at the first read that is late enough. The old
 * ones stay good for `grace`, and are revoked then. `close()` revokes all.
 *
 * All names of one read are of one set: take them with one `getAll`, of a chain of their own where
 * other providers hold other names. Each set has another `version`; `expiresAt` is when to ask again, and
 * comes `grace` before the server's own end. A member that is `null` counts as not held; one that is no
 * text has its JSON text.
 *
 * A request that makes credentials is not repeated once it may have arrived. It goes on when the call
 * that began it is aborted, so that what the server makes is not lost.
 *
 * Making the provider reads neither the environment nor a file: that waits for the first call, which is
 * `ERR_SECRET_CONFIG` naming the option and variable where a setting is missing or wrong.
 *
 * @throws `ERR_SECRET_CONFIG` for an option that there is not, or of another type
 * @example
 * ```ts
 * import { createSecrets } from '@keyfall/core';
 * import { vaultDynamicProvider } from '@keyfall/provider-vault';
 *
 * const database = createSecrets({ providers: [vaultDynamicProvider({ path: 'database/creds/shop' })] });
 * const { username, password } = await database.getAll();
 * for await (const _ of database.watch('password')) {
 *   // there are new ones: the old ones stay good for 30 s
 * }
 * ```
 */
export function vaultDynamicProvider(options: VaultDynamicOptions): SecretProvider {
  checkOptions(options, 'vaultDynamicProvider', vaultDynamicOptionsSchema);
  const { parameters, grace = '30s', name = 'vault-dynamic', auth, env } = options;
  const named = { ...options, name };
  const credentialVariables = new Set<string>();
  const resolved = lazySettings(() => {
    const reader = readerOf(named);
    const path = credentialsPath(named, reader);
    checkParameters(parameters, reader);
    const settings = resolveClient(named, reader, credentialVariables);
    const window = toMilliseconds(grace, 'grace');
    return { settings, path, grace: window, place: placeOf(settings, [path]) };
  });

  const opened = lazily(() => {
    const { settings, path, grace } = resolved();
    const mount = path.slice(0, path.indexOf('/'));
    const client = createVaultClient(settings, openWire(settings), { mount, place: path });
    const source = { path, parameters };
    const credentials = keepCredentials({
      requests: leaseRequests(source, client),
      clock: settings.clock,
      grace,
      path,
      provider: name,
    });
    client.session.onReplaced((next) => credentials.moveTo(next));
    return { settings, client, source, credentials };
  }, name);

  return {
    name,
    get store() {
      return shownPlace(resolved.known?.place);
    },
    get place() {
      return resolved.known?.place ?? { kind: 'vault' };
    },
    get timeout() {
      return resolved.known?.settings.timeout;
    },
    ...(auth && {
      get credentialVariables() {
        return credentialVariablesOf(auth, env ?? process.env, credentialVariables);
      },
    }),
    async read(_names, context) {
      const { settings, source, credentials } = opened();
      const unchecked = uncheckedCertificate(settings);
      if (unchecked !== undefined) context.warn(unchecked);
      const given = await credentials.current(context);
      // they may have been waited for: what is at hand is as new as now
      const stamp = context.stamp?.();
      const batch = { complete: true, ...(stamp !== undefined && { stamp }) };
      if (given) return { ...batch, entries: recordsOf(given, settings.clock) };
      const description = `has nothing at ${source.path}`;
      return { ...batch, entries: new Map(), missingDocument: { description, optional: false } };
    },
    async check(context) {
      const { settings, client, source, credentials } = opened();
      credentials.hear(context);
      const { checkLeases } = await import('./check/lease-check.ts');
      return checkLeases(settings, client, source, credentials.left(), context);
    },
    async watch(onChange, signal) {
      opened().credentials.watch(onChange, signal);
      return new Promise((resolve) => {
        if (signal.aborted) resolve();
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    },
    async close() {
      const made = opened.end();
      await made?.credentials.close();
      await made?.client.close();
    },
  };
}

function recordsOf(credentials: GivenCredentials, clock: Clock): Map<string, SecretRecord> {
  const { members, leaseId, renewable, madeAt, goodFor } = credentials;
  const facts = {
    version: leaseId.slice(leaseId.lastIndexOf('/') + 1),
    createdAt: madeAt,
    expiresAt: clock.wall() + goodFor,
    lease: { id: leaseId, renewable, duration: goodFor },
  };
  return new Map([...members].map(([name, value]) => [name, { value, ...facts }]));
}

/** The whole path: the engine's mount, and the rest. */
function credentialsPath(
  { path, profile }: VaultDynamicOptions & { readonly name: string },
  reader: SettingReader,
): string {
  const isText = typeof path === 'string' && path !== '';
  // no variable names it: VAULT_SECRET_PATH is that of a document
  if (!isText) throw reader.missingError({ option: 'path' }, 'no path was given', pathHint);
  const [resolved = ''] = resolvePaths({ path, profile }, reader);
  if (resolved.includes('/')) return resolved;
  throw reader.configError({ option: 'path' }, 'is not a path of credentials', pathHint);
}

const pathHint =
  "Write the mount, the word of its engine and the role, such as 'database/creds/shop'.";

function checkParameters(parameters: unknown, { configError }: SettingReader): void {
  const text = (() => {
    try {
      return JSON.stringify(parameters === undefined ? {} : parameters);
    } catch {
      return ''; // its text may quote what it could not write
    }
  })();
  if (!text?.startsWith('{'))
    throw configError(
      { option: 'parameters' },
      'is not an object of JSON',
      "Give what the engine wants to know, such as { common_name: 'shop.internal' }.",
    );
}
