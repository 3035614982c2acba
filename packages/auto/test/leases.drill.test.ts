/**
 * A lease that is shorter than the application, in real time: it is renewed while the application runs, without
 * keeping it alive, and revoked when the application ends by itself.
 */
import { spawn } from 'node:child_process';
import { startVaultServer, type VaultServer } from '@keyfall/testkit';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { environmentOf, finished, printed } from '../../cli/test/keyfall.ts';
import {
  leasesOf,
  mountUsers,
  type UserRegistry,
  userRegistry,
} from '../../provider-vault/test/user-registry.ts';
import { applicationOf } from './start.ts';

let server: VaultServer;
let registry: UserRegistry;
beforeAll(async () => {
  [server, registry] = await Promise.all([startVaultServer({ external: false }), userRegistry()]);
});
afterAll(async () => {
  await server?.stop();
  await registry?.close();
});

test('a lease of 3 s lives as long as the application', async () => {
  const path = await mountUsers(server, registry, { ttl: 3 });
  const entry = { provider: 'vault-dynamic', address: server.address, path, grace: '100ms' };
  const cwd = await applicationOf({
    'keyfall.config.json': JSON.stringify({ providers: [entry] }),
    'app.mjs': `console.log('ready', process.env.VAULT_TOKEN); process.stdin.resume();`,
  });
  const child = spawn(process.execPath, ['--import', '@keyfall/auto', 'app.mjs'], {
    cwd,
    env: environmentOf(cwd, { VAULT_ADDR: server.address, VAULT_TOKEN: server.token }),
  });
  const result = finished(child, { open: true });
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
  child.stdin?.end();
  expect(await result).toMatchObject({ code: 0, stdout: 'ready undefined\n', stderr: '' });
  expect(registry.users.size).toBe(0);
});
