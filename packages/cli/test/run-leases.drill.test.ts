/**
 * A lease that is shorter than the program, in real time: `run` has it renewed while the program runs, also
 * with `--redact` and `--watch`, and revoked when it ends, whoever ends it.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startVaultServer, type VaultServer } from '@keyfall/testkit';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import {
  leasesOf,
  mountUsers,
  type UserRegistry,
  userRegistry,
} from '../../provider-vault/test/user-registry.ts';
import { finished, folderWith, printed, start } from './keyfall.ts';

let server: VaultServer;
let registry: UserRegistry;
beforeAll(async () => {
  [server, registry] = await Promise.all([startVaultServer({ external: false }), userRegistry()]);
});
afterAll(async () => {
  await server?.stop();
  await registry?.close();
});

test.each([
  ['alone', []],
  ['with --redact', ['--redact']],
  ['with --watch', ['--watch']],
])('a lease of 3 s lives as long as the program, %s', async (_, options) => {
  const path = await mountUsers(server, registry, { ttl: 3 });
  const cwd = await folderWith();
  const entry = { provider: 'vault-dynamic', address: server.address, path, grace: '100ms' };
  await writeFile(join(cwd, 'keyfall.config.json'), JSON.stringify({ providers: [entry] }));
  const child = start(['run', ...options, '--', 'sh', '-c', 'echo ready; exec sleep 60'], {
    cwd,
    env: { VAULT_ADDR: server.address, VAULT_TOKEN: server.token },
  });
  const result = finished(child);
  await printed(child, 'ready');
  const [lease] = await leasesOf(server, path);
  await vi.waitFor(
    async () => {
      const { body } = await server.request('PUT', 'sys/leases/lookup', {
        lease_id: `${path}/${lease}`,
      });
      expect(body.data?.['last_renewal']).toEqual(expect.any(String));
    },
    { timeout: 15_000, interval: 100 },
  );
  expect(registry.users.size).toBe(1);
  child.kill('SIGTERM');
  expect(await result).toMatchObject({ code: 143, stdout: 'ready\n', stderr: '' });
  expect(registry.users.size).toBe(0);
});
