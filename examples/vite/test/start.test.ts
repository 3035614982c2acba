import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { assertNoLeak, sharedVaultServer } from '@keyfall/testkit';
import { expect, test } from 'vitest';
import { startExample } from '../../../test/started-example.ts';
import { testFolder } from '../../../test/test-folder.ts';

const folder = fileURLToPath(new URL('..', import.meta.url));
const canary = 'canary-of-twenty-chr';

test('the dev server answers with what Vault holds, and gives the browser no secret', async () => {
  const server = await sharedVaultServer();
  const mount = await server.mountKv({ version: 2 });
  await server.request('POST', `${mount}/data/example`, { data: { GREETING: canary } });
  const { address, stop } = await startExample(folder, {
    VAULT_ADDR: server.address,
    VAULT_TOKEN: server.token,
    VAULT_MOUNT_POINT: mount,
  });
  const get = async (path: string) => (await fetch(`${address}${path}`)).text();
  expect(JSON.parse(await get('/api/greeting'))).toEqual({ characters: canary.length });
  const seen = await Promise.all(['/', '/src/main.js', '/@vite/client', '/@vite/env'].map(get));
  assertNoLeak([canary, server.token], ...seen, await stop());
});

/** Builds with these variables set, and returns all that the browser would get. */
async function build(env: Readonly<Record<string, string>>): Promise<string> {
  const out = await testFolder();
  await promisify(execFile)(
    process.execPath,
    ['node_modules/vite/bin/vite.js', 'build', '--outDir', out],
    { cwd: folder, env: { PATH: process.env['PATH'] ?? '', HOME: out, ...env } },
  );
  const entries = await readdir(out, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const texts = await Promise.all(
    files.map((file) => readFile(join(file.parentPath, file.name), 'utf8')),
  );
  return texts.join('\n');
}

test('a build with every secret in its environment has none in what the browser gets', async () => {
  const token = 'hvs.canary-token-5d1e';
  const text = await build({ GREETING: canary, VAULT_TOKEN: token, DB_PASS: canary });
  expect(text).toContain('characters: ');
  assertNoLeak([canary, token], text);
  // nor is the code there that reads them
  expect(text).not.toMatch(/ERR_SECRET_|GREETING/);
});
