// What is written to run on every system, on this one: core's own tests, and the packages installed from their tarballs
// and used. CI runs it on Windows and macOS, where the other suites, which need POSIX and real servers, do not run. The
// tarballs are those in the folder that is given (published packages are built on Linux), or made here.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packInto } from './pack.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'keyfall portable '));
const env = { ...process.env, KEYFALL_RUNTIME: `node ${process.versions.node}` };

function step(command, args, { cwd = root, shell = false } = {}) {
  console.log(`=== ${command} ${args.join(' ')}`);
  const { status } = spawnSync(command, args, { cwd, env, shell, stdio: 'inherit' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: status ${status}`);
}

/** On Windows npm is a script, which only a shell starts, and a shell wants what has blanks in quotes. */
function npm(args, cwd) {
  const shell = process.platform === 'win32';
  step('npm', shell ? args.map((arg) => `"${arg}"`) : args, { cwd, shell });
}

const program = `
import { createSecrets, isSecretError } from '@keyfall/core';
import { dotenvProvider } from '@keyfall/provider-dotenv';
import { vaultProvider } from '@keyfall/provider-vault';
const vault = vaultProvider({ address: 'http://127.0.0.1:1', token: 't', path: 'shop', env: {} });
const secrets = createSecrets({ providers: [vault, dotenvProvider()] });
secrets.on('fallback', ({ answeredBy }) => console.log('answered by', answeredBy));
if ((await secrets.get('TOKEN')) !== 'from the file') throw new Error('another value');
const error = await secrets.get('ABSENT').catch((thrown) => thrown);
if (!isSecretError(error, 'ERR_SECRET_UNAVAILABLE')) throw error;
await secrets.close();
`;

try {
  const [given] = process.argv.slice(2);
  npm(['run', 'setup']);
  if (given === undefined) npm(['run', 'build']);
  const tarballs =
    given === undefined
      ? packInto(join(folder, 'packed'))
      : readdirSync(given).map((name) => resolve(given, name));
  const used = tarballs.filter((path) =>
    /[\\/]keyfall-(?:core-|provider-dotenv-|provider-vault-)?\d/.test(path),
  );

  const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--config'];
  step(process.execPath, [...vitest, 'scripts/runtimes/vitest.config.mjs']);

  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  writeFileSync(join(folder, '.env'), 'TOKEN=from the file\r\n');
  writeFileSync(join(folder, 'program.mjs'), program);
  npm(['install', '--no-audit', '--no-fund', '--loglevel=error', ...used], folder);
  step(process.execPath, ['program.mjs'], { cwd: folder });
  step(process.execPath, ['scripts/runtimes/use-cli-anywhere.mjs', folder]);
} finally {
  // on Windows a virus scanner may have one of the files open
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
}
