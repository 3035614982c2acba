/**
 * What an engine of HashiCorp Vault or OpenBao makes for a while (database users, cloud keys,
 * certificates) as a bag of secrets.
 */
import { type Clock, type Duration, SecretError } from '@keyfall/core';
import {
  assertOptions,
  type SecretProvider,
  type SecretRecord,
  toMilliseconds,
} from '@keyfall/core/provider';
import { checkLeases } from './check/lease-check.ts';
import { openWire } from './http/open-wire.ts';
import { createLeaseKeeper, type GivenCredentials } from './leases/lease-keeper.ts';
import { leaseRequests } from './leases/lease-requests.ts';
import { createVaultClient } from './session/vault-client.ts';
import {
  resolveSettings,
  uncheckedCertificate,
  type VaultProviderOptions,
} from './settings/vault-settings.ts';
import { segmentsOf } from './wire/vault-path.ts';

/** Options of {@link vaultDynamic}: where the server is and who asks, as in `vaultProvider`. */
export interface VaultDynamicOptions
  extends Omit<VaultProviderOptions, 'path' | 'mount' | 'kvVersion' | 'writeLimits'> {
  /** The whole path that the credentials are read at: `database/creds/shop`. `{profile}` as there. */
  readonly path: string;
  /**
   * What the engine wants to know, sent as a POST: `{ common_name: 'shop.internal' }` for
   * `pki/issue/shop`. Left out: the path is read with a GET.
   */
  readonly parameters?: Readonly<Record<string, unknown>>;
  /**
   * How long replaced credentials stay good: the time to let go of them. Their lease is revoked after
   * it, and new ones are made twice as long before the old ones end. At most an eighth of the
   * lease counts. Default 30 s.
   */
  readonly grace?: Duration;
  /** Unique in the chain. Default `vault-dynamic`. */
  readonly name?: string;
}

/**
 * Credentials that the server makes on request and ends by itself, such as a database user. The names
 * are the members of its answer (`username`, `password`); `withMapping` and `withPrefix` of core give
 * them others. The first read has them made; every later one answers with the same, while their lease
 * is renewed in the background. Before they end they are replaced: by the timer while somebody watches
 * (`onChange`, `watch` and `view` of the chain), else at the first read that is late enough. The old
 * ones stay good for `grace`, and are revoked then. `close()` revokes all.
 *
 * All names of one read are of one set: take them with one `getAll`, of a chain of their own where
 * other providers hold other names. `version` tells sets apart; `expiresAt` is when to ask again, and
 * comes `grace` before the server's own end. A member that is `null` counts as not held; one that is no
 * text has its JSON text.
 *
 * A request that makes credentials is not repeated once it may have arrived. It goes on when the call
 * that began it is aborted, so that what the server makes is not lost.
 *
 * @throws `ERR_SECRET_CONFIG` naming the option and variable that is missing or wrong
 * @example
 * ```ts
 * import { createSecrets } from '@keyfall/core';
 * import { vaultDynamic } from '@keyfall/provider-vault';
 *
 * const database = createSecrets({ providers: [vaultDynamic({ path: 'database/creds/shop' })] });
 * const { username, password } = await database.getAll();
 * await database.onChange('password', () => {
 *   // there are new ones: the old ones stay good for 30 s
 * });
 * ```
 */
export function vaultDynamic(options: VaultDynamicOptions): SecretProvider {
  assertOptions(options, 'vaultDynamic');
  const { parameters, grace = '30s', name = 'vault-dynamic' } = options;
  const [mount, path] = dividedPath(options.path, name);
  checkParameters(parameters, name);
  const settings = resolveSettings({ ...options, name, mount, path });
  const client = createVaultClient(settings, openWire(settings));
  const { origin, place } = client.subject;
  const { namespace, timeout, token, clock } = settings;
  const unchecked = uncheckedCertificate(settings);
  // what happens between two reads is told through the last one
  let warn: (message: string) => void = () => {};
  const source = { path: place, parameters };
  const keeper = createLeaseKeeper({
    requests: leaseRequests(source, client),
    clock,
    grace: toMilliseconds(grace, 'grace'),
    path: place,
    provider: name,
    warn: (message) => warn(message),
  });
  client.session.onReplaced((next) => keeper.moveTo(next));
  const whole = namespace === '' ? place : `${namespace}/${place}`;

  return {
    name,
    store: `${origin} ${whole}`,
    place: { kind: 'vault', address: origin, paths: [whole] },
    ...(timeout === undefined ? {} : { timeout }),
    ...(token.kind === 'login' && { credentialVariables: token.credentialVariables }),
    async read(_names, context) {
      warn = context.warn;
      if (unchecked !== undefined) warn(unchecked);
      const credentials = await keeper.current(context);
      // they may have been waited for: what the keeper has is as new as now
      const stamp = context.stamp?.();
      const stamped = stamp === undefined ? {} : { stamp };
      return credentials === undefined
        ? {
            entries: new Map(),
            complete: true,
            ...stamped,
            missingDocument: { description: `has nothing at ${place}`, optional: false },
          }
        : { entries: recordsOf(credentials, clock), complete: true, ...stamped };
    },
    async check(context) {
      warn = context.warn;
      return checkLeases(settings, client, source, keeper.left(), context);
    },
    watch(onChange, signal) {
      keeper.watch(onChange, signal);
      return new Promise((resolve) => {
        if (signal.aborted) resolve();
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    },
    async close() {
      await keeper.close();
      await client.close();
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

/** The engine's mount, as far as messages go, and the rest. */
function dividedPath(path: string, provider: string): readonly [string, string] {
  const wrong = new SecretError('ERR_SECRET_CONFIG', 'the option path is no path of credentials', {
    provider,
    hint: "Write the mount, the word of its engine and the role, such as 'database/creds/shop'.",
  });
  let segments: readonly string[] = [];
  try {
    segments = segmentsOf(path.replace(/^\/+|\/+$/g, ''));
  } catch {
    throw wrong;
  }
  const [mount, ...rest] = segments;
  if (mount === undefined || rest.length === 0) throw wrong;
  return [mount, rest.join('/')];
}

function checkParameters(parameters: unknown, provider: string): void {
  const text = (() => {
    try {
      return JSON.stringify(parameters === undefined ? {} : parameters);
    } catch {
      return ''; // its text may quote what it could not write
    }
  })();
  if (!text?.startsWith('{'))
    throw new SecretError('ERR_SECRET_CONFIG', 'the option parameters is no object of JSON', {
      provider,
      hint: "Give what the engine wants to know, such as { common_name: 'shop.internal' }.",
    });
}
