// Installs the packages as a user gets them, from tarballs into an empty project, and uses them: what
// a workspace link hides (a file that is not published, a dependency that is not declared) fails here.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'keyfall-packed-'));
const run = (command, args, cwd) => execFileSync(command, args, { cwd, encoding: 'utf8' });
try {
  const tarballs = join(folder, 'tarballs');
  mkdirSync(tarballs);
  for (const name of readdirSync(join(root, 'packages')))
    run(
      join(root, 'node_modules/.bin/pnpm'),
      ['pack', '--pack-destination', tarballs],
      join(root, 'packages', name),
    );
  const project = join(folder, 'project');
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }');
  const files = readdirSync(tarballs).map((name) => join(tarballs, name));
  run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', ...files], project);

  writeFileSync(join(project, '.env'), 'TOKEN=from-env-file\n');
  writeFileSync(
    join(project, 'use.mjs'),
    `import { createSecrets } from '@keyfall/core';
import { dotenvProvider } from '@keyfall/provider-dotenv';
import { vaultProvider } from '@keyfall/provider-vault';
import { conformanceTests } from '@keyfall/testkit';
const vault = vaultProvider({ address: 'http://127.0.0.1:1', token: 't', path: 'shop', env: {} });
const secrets = createSecrets({ providers: [vault, dotenvProvider()] });
secrets.on('fallback', () => {});
if ((await secrets.get('TOKEN')) !== 'from-env-file') throw new Error('no fallback');
if (typeof conformanceTests !== 'function') throw new Error('no testkit');
await secrets.close();
`,
  );
  run(process.execPath, ['use.mjs'], project);
  // require() of an ES module, as CommonJS applications do it
  run(process.execPath, ['-e', "require('@keyfall/core').createSecrets"], project);
  const keyfall = join(project, 'node_modules/.bin/keyfall');
  const value = run(keyfall, ['get', 'TOKEN'], project);
  if (value !== 'from-env-file\n') throw new Error('keyfall get printed something else');
  const { version } = JSON.parse(readFileSync(join(root, 'packages/cli/package.json'), 'utf8'));
  if (run(keyfall, ['--version'], project).trim() !== version) throw new Error('wrong version');
  console.log(`${files.length} packages install from their tarballs and work`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
