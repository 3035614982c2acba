import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assertNoLeak, sharedVaultServer } from '@keyfall/testkit';
import { expect, test } from 'vitest';
import { startExample } from '../../../test/started-example.ts';

const folder = fileURLToPath(new URL('..', import.meta.url));
const canary = 'canary-of-twenty-chr';

/** All that was built for the browser. */
async function built(): Promise<readonly string[]> {
  const entries = await readdir(join(folder, 'dist'), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return Promise.all(files.map((file) => readFile(join(file.parentPath, file.name), 'utf8')));
}

test('a page is made of what Vault holds, and no secret is in what the browser gets', async () => {
  const server = await sharedVaultServer();
  const mount = await server.mountKv({ version: 2 });
  await server.request('POST', `${mount}/data/example`, { data: { GREETING: canary } });
  const { address, stop } = await startExample(folder, {
    ASTRO_TELEMETRY_DISABLED: '1',
    VAULT_ADDR: server.address,
    VAULT_TOKEN: server.token,
    VAULT_MOUNT_POINT: mount,
  });
  const page = await (await fetch(address)).text();
  expect(page).toContain(`characters: ${canary.length}`);
  expect(page).toContain('in the browser');
  const files = await built();
  expect(files).toContain(page);
  // nor is the code there that reads it
  expect(files.join('\n')).not.toMatch(/ERR_SECRET_|GREETING/);
  assertNoLeak([canary, server.token], page, ...files, await stop());
});
