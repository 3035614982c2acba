/**
 * A Vault with secrets in it, in one line: what an application's test needs of a server.
 */
import { assertOptions, type OptionKinds } from '@keyfall/core/provider';
import { startVaultServer, type VaultServer } from './vault-server.ts';

/** Options of {@link startVault}. */
export interface StartVaultOptions {
  /** What the document holds at first. Default: nothing is stored. */
  readonly values?: Readonly<Record<string, string>> | undefined;
  /** The path of the document in its mount. Default `app`. */
  readonly path?: string | undefined;
  /** The version of the KV engine. Default 2. */
  readonly kvVersion?: 1 | 2 | undefined;
  /** What the token may do with the document, and with nothing else. Default `read`. */
  readonly access?: 'read' | 'write' | undefined;
}

const optionKinds: OptionKinds<StartVaultOptions> = {
  values: 'an object',
  path: 'text',
  kvVersion: 'anything',
  access: ['read', 'write'],
};

/** A running Vault with a document for the application under test. */
export interface VaultForTests {
  /** For `vaultProvider`. */
  readonly connection: {
    readonly address: string;
    readonly token: string;
    readonly mount: string;
    readonly path: string;
  };
  /** The same as variables, for a program that is started: `USE_VAULT` and the standard `VAULT_*`. */
  readonly env: Readonly<Record<string, string>>;
  /** Stores exactly these values, as another program would. */
  put(values: Readonly<Record<string, string>>): Promise<void>;
  /** Takes every right from the token: the next request is denied. */
  deny(): Promise<void>;
  /** Gives the token back what it may do. */
  allow(): Promise<void>;
  /** Everything else: `pause`, `kill`, `request` as root, the root `token`, policies of your own. */
  readonly server: VaultServer;
  /** Stops the server, or removes the mount from one that was running already. Safe to call twice. */
  close(): Promise<void>;
  /** As {@link close}. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a real OpenBao or Vault (see `startVaultServer`) with a KV mount of its own, stores `values` in
 * it, and makes a token for them alone. A server that was started ends with the test process at the latest.
 *
 * @throws an `Error` that says how to get a server
 * @example
 * ```ts
 * import { createSecrets } from '@keyfall/core';
 * import { vaultProvider } from '@keyfall/provider-vault';
 * import { startVault } from '@keyfall/testkit';
 *
 * const vault = await startVault({ values: { TOKEN: 'value' } });
 * const secrets = createSecrets({ providers: [vaultProvider(vault.connection)] });
 * await secrets.get('TOKEN');
 * await vault.close();
 * ```
 */
export async function startVault(options: StartVaultOptions = {}): Promise<VaultForTests> {
  assertOptions(options, 'startVault', optionKinds);
  const { values, path = 'app', kvVersion = 2, access = 'read' } = options;
  const server = await startVaultServer();
  const { address } = server;
  const mount = await server.mountKv({ version: kvVersion });
  const data = kvVersion === 2 ? `${mount}/data/${path}` : `${mount}/${path}`;

  const put = async (held: Readonly<Record<string, string>>): Promise<void> =>
    void (await server.request('POST', data, kvVersion === 2 ? { data: held } : held));
  if (values !== undefined) await put(values);

  const capabilities =
    access === 'read'
      ? ['read']
      : ['create', 'read', 'update', ...(kvVersion === 1 ? ['delete'] : [])];
  const rules = JSON.stringify({
    path: {
      [data]: { capabilities },
      ...(access === 'write' && kvVersion === 2
        ? { [`${mount}/metadata/${path}`]: { capabilities: ['read', 'list'] } }
        : {}),
    },
  });
  const policy = await server.createPolicy(rules);
  const { token } = await server.createToken({ policies: ['default', policy] });
  let open = true;
  const close = async (): Promise<void> => {
    if (!open) return;
    open = false;
    if (!server.started) await server.request('DELETE', `sys/mounts/${mount}`);
    await server.stop();
  };
  return {
    connection: { address, token, mount, path },
    env: {
      USE_VAULT: 'true',
      VAULT_ADDR: address,
      VAULT_TOKEN: token,
      VAULT_MOUNT_POINT: mount,
      VAULT_SECRET_PATH: path,
    },
    put,
    async deny() {
      await server.createPolicy(`path "${data}" { capabilities = ["deny"] }`, policy);
    },
    async allow() {
      await server.createPolicy(rules, policy);
    },
    server,
    close,
    [Symbol.asyncDispose]: close,
  };
}
