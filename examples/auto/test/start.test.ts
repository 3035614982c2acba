import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { assertNoLeak } from '@keyfall/testkit';
import { expect, test } from 'vitest';
import { canary, exampleEnvironment, exampleVault } from '../../../test/started-example.ts';

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
  const { server, settings } = await exampleVault({ DB_PASS: canary });
  const { stdout, stderr } = await start(settings);
  expect(stdout).toBe('It runs. The password has 20 characters.\n');
  expect(stderr).not.toMatch(/^keyfall: vault /m);
  assertNoLeak([canary, server.token], stdout, stderr);
});
