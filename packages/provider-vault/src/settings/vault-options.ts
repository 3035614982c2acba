/**
 * The options of a provider of Vault, as they are given.
 */
import type { Clock, Duration } from '@keyfall/core/provider';
import type { VaultAuth } from '../auth/vault-auth.ts';
import type { Variables } from '../environment/vault-variables.ts';
import type { VaultWire } from '../wire/vault-wire.ts';

/**
 * A token, or where it is: a text; a function that is called for every request; a file that is read for every
 * request (an agent's sink rotates it); the file that `vault login` or `bao login` has written (`VAULT_TOKEN_PATH`,
 * else `~/.vault-token`), if `VAULT_TOKEN` is not set; or none of ours, because an agent at the address puts the
 * token of its own login into requests that have none (`use_auto_auth_token`).
 */
export type VaultToken =
  | string
  | (() => string | Promise<string>)
  | { readonly file: string }
  | { readonly helper: true }
  | { readonly agent: true };

/** Whom to trust, and what to show. */
export interface VaultTlsOptions {
  /**
   * The certificate authorities to trust instead of the system's: a PEM file or a directory of such files, read
   * again when they change, or PEM text. Variables `VAULT_CACERT`, `VAULT_CAPATH` and `VAULT_CACERT_BYTES`.
   */
  readonly ca?: string | undefined;
  /**
   * A PEM file with the client's certificate and its chain, read again when it changes. Variable
   * `VAULT_CLIENT_CERT`.
   */
  readonly cert?: string | undefined;
  /** A PEM file with the certificate's key, without a passphrase. Variable `VAULT_CLIENT_KEY`. */
  readonly key?: string | undefined;
  /** The name to expect in the server's certificate, and to ask for. Variable `VAULT_TLS_SERVER_NAME`. */
  readonly serverName?: string | undefined;
  /** Trust any certificate: for a throw-away server only. Variable `VAULT_SKIP_VERIFY`. */
  readonly skipVerify?: boolean | undefined;
}

/** How failed reads are repeated. */
export interface VaultRetryOptions {
  /** How often a failed read is repeated inside its time limit. Variable `VAULT_MAX_RETRIES`, default 2. */
  readonly max?: number | undefined;
}

/** What is done so that a cluster whose standbys answer reads never goes back to an older state. */
export interface VaultConsistencyOptions {
  /**
   * Never read an older state than was written or read before, by the state that the nodes name in
   * `X-Vault-Index`. Costs one more request where a chain begins and after pauses. Default false.
   */
  readonly readYourWrites?: boolean | undefined;
}

/** Where a Vault is, and who asks. Each option beats its variable, and `BAO_X` beats `VAULT_X`. */
export interface VaultConnectionOptions {
  /** Unique in the chain. Default `vault`. */
  readonly name?: string | undefined;
  /**
   * Where the server is: `https://host:8200`, or `unix:///run/agent.sock` for a local agent.
   * Variables `VAULT_AGENT_ADDR`, `VAULT_ADDR`; default `https://127.0.0.1:8200`.
   */
  readonly address?: string | undefined;
  /**
   * Other nodes of the same cluster, by address. One of them is asked when a node cannot be reached,
   * is sealed or has no active node to turn to, and a standby may send a request on to one of them: a
   * redirect to any other origin is refused. Beside https addresses a plain http one is refused, unless it is
   * this machine. Default: none but `address`.
   */
  readonly nodes?: readonly string[] | undefined;
  /** The namespace. Variable `VAULT_NAMESPACE`, default the root namespace. */
  readonly namespace?: string | undefined;
  /** The token. Variable `VAULT_TOKEN`. This or `auth` is required. */
  readonly token?: VaultToken | undefined;
  /**
   * How to log in, in place of a token: `appRoleAuth(…)`, `kubernetesAuth(…)`, `jwtAuth(…)`,
   * `userpassAuth(…)`, `certAuth(…)`, or a method of your own. `VAULT_TOKEN` is not read then. The
   * token is renewed and replaced in the background, and revoked by `close`.
   */
  readonly auth?: VaultAuth | undefined;
  /**
   * The uses of the given token are counted (`num_uses`), and that is meant: it is then neither looked
   * up nor renewed, which would take uses. Default false: such a token is refused as soon as it is known
   * to be one, since a program that lives on would lose it at a moment that nothing announces.
   */
  readonly countedUses?: boolean | undefined;
  /** How the server's certificate is checked, and ours is shown. */
  readonly tls?: VaultTlsOptions | undefined;
  /**
   * An http proxy that leads to the server: `http://[user:password@]host:port`. Only an https address
   * is reached through one, so that the proxy sees neither token nor values. Variables
   * `VAULT_PROXY_ADDR`, `VAULT_HTTP_PROXY`; `HTTPS_PROXY` and its like are never read.
   */
  readonly proxy?: string | undefined;
  /** Timeout of one read, retries included. Variable `VAULT_CLIENT_TIMEOUT`; default the chain's. */
  readonly timeout?: Duration | undefined;
  /** How failed reads are repeated. */
  readonly retry?: VaultRetryOptions | undefined;
  /** What a cluster of several nodes must not show. */
  readonly consistency?: VaultConsistencyOptions | undefined;
  /**
   * Which client builds the requests: `nodeVaultWire()` of `@keyfall/provider-vault/node-vault`, or one of your
   * own. Default: ours. Whichever it is, our transport sends them.
   */
  readonly wire?: VaultWire | undefined;
  /** The variables. Default `process.env`, read at the first call. */
  readonly env?: Variables | undefined;
  /** Where the session takes its time from. For tests. */
  readonly clock?: Clock | undefined;
}

/** Where a mounted KV engine is. */
export interface VaultMountOptions extends VaultConnectionOptions {
  /** Where the KV engine is mounted. Variable `VAULT_MOUNT_POINT`, default `secret`. */
  readonly mount?: string | undefined;
  /** The version of the KV engine. Default: asked of the server once. */
  readonly kvVersion?: 1 | 2 | undefined;
}

/** Options of `vaultProvider`. Each beats its variable, and `BAO_X` beats `VAULT_X`. */
export interface VaultProviderOptions extends VaultMountOptions {
  /**
   * The document under the mount: `aiogram-shop`. Several: an earlier one's names win, and writes go
   * to the first. `{profile}` stands for the option `profile`. Variable `VAULT_SECRET_PATH` (one
   * path). Required.
   */
  readonly path?: string | readonly string[] | undefined;
  /** What `{profile}` in a path stands for: `prod`. Variable `KEYFALL_PROFILE`. No default. */
  readonly profile?: string | undefined;
  /**
   * What the server takes in one write; beyond it a write is refused before it is sent. `strings`
   * counts the names and texts of the document (default 997, OpenBao's own limit less what we add),
   * `bytes` its JSON (default 1 MiB less 4 KiB: raft's largest entry).
   */
  readonly writeLimits?:
    | { readonly strings?: number | undefined; readonly bytes?: number | undefined }
    | undefined;
}

/** Options of `vaultDynamicProvider`: where the server is and who asks, as in `vaultProvider`. */
export interface VaultDynamicOptions extends VaultConnectionOptions {
  /** The whole path that the credentials are read at: `database/creds/shop`. `{profile}` as there. */
  readonly path: string;
  /** What `{profile}` in the path stands for. Variable `KEYFALL_PROFILE`. */
  readonly profile?: string | undefined;
  /**
   * What the engine wants to know, sent as a POST: `{ common_name: 'shop.internal' }` for
   * `pki/issue/shop`. Left out: the path is read with a GET.
   */
  readonly parameters?: Readonly<Record<string, unknown>> | undefined;
  /**
   * How long replaced credentials stay good: the time to let go of them. Their lease is revoked after
   * it, and new ones are made twice as long before the old ones end. At most an eighth of the
   * lease counts. Default 30 s.
   */
  readonly grace?: Duration | undefined;
}
