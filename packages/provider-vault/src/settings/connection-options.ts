/**
 * The options of a connection, as they are given.
 */
import type { Duration } from '@keyfall/core';
import type { ConfiguredVaultClient } from './configured-client.ts';

/** Options of a connection to Vault. Each beats its variable, and `BAO_X` beats `VAULT_X`. */
export interface VaultConnectionOptions {
  /**
   * Where the server is: `https://host:8200`, or `unix:///run/agent.sock` for a local agent.
   * Variables `VAULT_AGENT_ADDR`, `VAULT_ADDR`; default `https://127.0.0.1:8200`.
   */
  readonly address?: string;
  /**
   * Other nodes of the same cluster, by address. One of them is asked when a node cannot be reached,
   * is sealed or has no active node to turn to, and a standby may send a request on to one of them: a
   * redirect to any other origin is refused. Beside https addresses a plain http one is refused, unless it is
   * this machine. Default: none but `address`.
   */
  readonly nodes?: readonly string[];
  /**
   * A node-vault client that is configured already. Its endpoint, namespace and prefix are read once,
   * its token for each request, and it is not changed. Requests go over our own transport, so a client
   * with request options of its own (certificates, agents, headers) is refused; what its `rpDefaults`
   * say cannot be seen, and does not hold here. Stands for `address`, `namespace` and the token.
   */
  readonly client?: ConfiguredVaultClient;
  /**
   * Which client builds the requests: our own, or the npm package node-vault, which is then to be
   * installed beside this one. Both send them over the same transport. Default `direct`.
   */
  readonly wire?: 'direct' | 'node-vault';
  /** Time limit of one read, retries included. Variable `VAULT_CLIENT_TIMEOUT`; default the chain's. */
  readonly timeout?: Duration;
  /** How often a failed read is repeated inside its time limit. Variable `VAULT_MAX_RETRIES`, default 2. */
  readonly maxRetries?: number;
  /**
   * A PEM file with the certificate authorities to trust instead of the system's, read again when it
   * changes. Variable `VAULT_CACERT`.
   */
  readonly caCert?: string;
  /** The same as PEM text. Variable `VAULT_CACERT_BYTES`. */
  readonly caCertPem?: string;
  /** A directory of such files. Variable `VAULT_CAPATH`. */
  readonly caPath?: string;
  /**
   * A PEM file with the client's certificate and its chain, read again when it changes. Variable
   * `VAULT_CLIENT_CERT`.
   */
  readonly clientCert?: string;
  /** A PEM file with the certificate's key, without a passphrase. Variable `VAULT_CLIENT_KEY`. */
  readonly clientKey?: string;
  /** The name to expect in the server's certificate, and to ask for. Variable `VAULT_TLS_SERVER_NAME`. */
  readonly tlsServerName?: string;
  /** Trust any certificate: for a throw-away server only. Variable `VAULT_SKIP_VERIFY`. */
  readonly skipVerify?: boolean;
  /**
   * An http proxy that leads to the server: `http://[user:password@]host:port`. Only an https address
   * is reached through one, so that the proxy sees neither token nor values. Variables
   * `VAULT_PROXY_ADDR`, `VAULT_HTTP_PROXY`; `HTTPS_PROXY` and its like are never read.
   */
  readonly proxy?: string;
}
