/**
 * A mount of a real Vault for a file of tests, with a document of its own, that was never written, for each test.
 */
import { sharedVaultServer, type VaultServer } from '@keyfall/testkit';
import { beforeAll, beforeEach } from 'vitest';

/** The Vault, and the document of the test that runs. */
export interface VaultDocuments {
  readonly server: VaultServer;
  /** A mount of version 2. */
  readonly mount: string;
  readonly path: string;
  /** The settings that name the document, with a token that may do everything. */
  readonly env: Readonly<Record<string, string>>;
  /** What the document holds, and at which version; `undefined` where it does not exist. */
  stored(): Promise<{ readonly version: unknown; readonly data: unknown } | undefined>;
  /** Writes a version behind everybody's back. */
  store(data: object): Promise<void>;
}

/** Makes a mount for the tests of the file, on the server that they share with others. */
export function vaultDocuments(): VaultDocuments {
  let server: VaultServer;
  let mount: string;
  let tests = 0;
  beforeAll(async () => {
    server = await sharedVaultServer();
    mount = await server.mountKv({ version: 2 });
  });
  beforeEach(() => {
    tests += 1;
  });
  return {
    get server() {
      return server;
    },
    get mount() {
      return mount;
    },
    get path() {
      return `shop-${tests}`;
    },
    get env() {
      return {
        VAULT_ADDR: server.address,
        VAULT_TOKEN: server.token,
        VAULT_MOUNT_POINT: mount,
        VAULT_SECRET_PATH: this.path,
      };
    },
    async stored() {
      const path = `${mount}/data/${this.path}`;
      const answer = await server.request('GET', path, undefined, { allow: [404] });
      const { data, metadata } = (answer.body.data ?? {}) as {
        data?: unknown;
        metadata?: { version: unknown };
      };
      return answer.status === 404 ? undefined : { version: metadata?.version, data };
    },
    async store(data) {
      await server.request('POST', `${mount}/data/${this.path}`, { data });
    },
  };
}
