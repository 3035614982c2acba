import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { assertNoLeak, sharedVaultServer } from '@keyfall/testkit';
import { expect, test } from 'vitest';
import { exampleEnvironment } from '../../../test/started-example.ts';

const cwd = fileURLToPath(new URL('..', import.meta.url));

/** `npm start`, with nothing of the test's environment. */
function start(env: Readonly<Record<string, string>> = {}) {
  return promisify(execFile)('npm', ['--silent', 'start'], { cwd, env: exampleEnvironment(env) });
}

test('it starts without a Vault, which is said', async () => {
  const { stdout, stderr } = await start();
  expect(stdout).toBe('It runs. The password has 8 characters.\n');
  expect(stderr).toMatch(/^keyfall: vault /m);
});

test('it has what Vault holds first', async () => {
  const server = await sharedVaultServer();
  const mount = await server.mountKv({ version: 2 });
  const value = 'canary-of-twenty-chr';
  await server.request('POST', `${mount}/data/example`, { data: { DB_PASS: value } });
  const { stdout, stderr } = await start({
    VAULT_ADDR: server.address,
    VAULT_TOKEN: server.token,
    VAULT_MOUNT_POINT: mount,
  });
  expect(stdout).toBe('It runs. The password has 20 characters.\n');
  expect(stderr).not.toMatch(/^keyfall: vault /m);
  assertNoLeak([value, server.token], stdout, stderr);
});
