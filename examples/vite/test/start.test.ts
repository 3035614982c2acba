import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { assertNoLeak } from '@keyfall/testkit';
import { expect, test } from 'vitest';
import { canary, exampleVault, startExample, textsIn } from '../../../test/started-example.ts';
import { testFolder } from '../../../test/test-folder.ts';

const folder = fileURLToPath(new URL('..', import.meta.url));

test('the dev server answers with what Vault holds, and gives the browser no secret', async () => {
  const { server, settings } = await exampleVault({ GREETING: canary });
  const { address, stop } = await startExample(folder, settings);
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
  return (await textsIn(out)).join('\n');
}

test('a build with every secret in its environment has none in what the browser gets', async () => {
  const token = 'hvs.canary-token-5d1e';
  const text = await build({ GREETING: canary, VAULT_TOKEN: token, DB_PASS: canary });
  expect(text).toContain('characters: ');
  assertNoLeak([canary, token], text);
  // nor is the code there that reads them
  expect(text).not.toMatch(/ERR_SECRET_|GREETING/);
});
