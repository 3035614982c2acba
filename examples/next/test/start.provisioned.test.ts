import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { assertNoLeak } from '@keyfall/testkit';
import { expect, test } from 'vitest';
import { canary, exampleVault, startExample, textsIn } from '../../../test/started-example.ts';

const folder = fileURLToPath(new URL('..', import.meta.url));
const quiet = { NEXT_TELEMETRY_DISABLED: '1' };

/** All that the build wrote into a folder of its own, as text. */
const built = (part: string) => textsIn(join(folder, '.next', part));

// a build takes most of a minute on a small machine: it is one test
test('no secret is in what the browser gets, and a denied one stops the start', {
  timeout: 300_000,
}, async () => {
  const { server, settings } = await exampleVault({ GREETING: canary });
  const env = { ...quiet, ...settings };
  const { address, stop } = await startExample(folder, env);
  const page = await (await fetch(address)).text();
  expect(page).toContain(`characters: ${canary.length}`);
  const inBrowser = await built('static');
  expect(inBrowser.length).toBeGreaterThan(3);
  expect(inBrowser.join('')).toContain('characters: ');
  // nor is anything of it in the build at all, or of the code that reads it in the browser
  assertNoLeak([canary, server.token, 'It runs.'], page, ...inBrowser, ...(await built('server')));
  expect(inBrowser.join('')).not.toContain('ERR_SECRET_NOT_FOUND');
  assertNoLeak([canary, server.token], await stop());

  const policy = await server.createPolicy('path "nothing" { capabilities = ["read"] }');
  const { token } = await server.createToken({ policies: [policy] });
  const denied = promisify(execFile)(
    join(folder, 'node_modules/.bin/next'),
    ['start', '--port', '0', '--hostname', '127.0.0.1'],
    { cwd: folder, env: { PATH: process.env['PATH'] ?? '', ...env, VAULT_TOKEN: token } },
  );
  await expect(denied).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('ERR_SECRET_DENIED'),
  });
});

test('a hot reload evaluates the module again, and the chain stays', async () => {
  const script =
    "const [one, two] = [await import('./lib/secrets.js?1'), await import('./lib/secrets.js?2')]; console.log(one === two, one.secrets === two.secrets);";
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--conditions=react-server', '--input-type=module', '--eval', script],
    { cwd: folder },
  );
  expect(stdout).toBe('false true\n');
});
