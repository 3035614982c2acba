// A registry of our own (verdaccio), for the scripts that install the packages as users do.
import { execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { installedOnce } from './install-once.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

/** Verdaccio's program. It is no dependency of the workspace, since nothing else needs its hundreds of packages. */
const installVerdaccio = () =>
  installedOnce(
    join(root, 'node_modules/.cache/keyfall/verdaccio'),
    'node_modules/verdaccio/bin/verdaccio',
    ['verdaccio@6.8.0'],
    // one of its packages asks for the tag `cjs` of node-fetch, which not every registry has
    { overrides: { 'node-fetch': '2.7.0' } },
  );

/**
 * Starts a registry that holds nothing, and gets what it does not hold where npm gets it here.
 * @param folder - where its files go
 * @returns its address, the content of an `.npmrc` for it, a file with that, and a function that stops it
 */
export async function startRegistry(folder) {
  const address = `http://127.0.0.1:${await freePort()}`;
  const config = join(folder, 'verdaccio.yaml');
  const upstream = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim();
  writeFileSync(
    config,
    `storage: ${join(folder, 'storage')}
uplinks: { npm: { url: ${JSON.stringify(upstream)} } }
packages:
  'keyfall': { access: $all, publish: $all }
  '@keyfall/*': { access: $all, publish: $all }
  '**': { access: $all, proxy: npm }
log: { type: stdout, level: error }
`,
  );
  const args = [installVerdaccio(), '--config', config, '--listen', address];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  let ended = false;
  child.once('exit', () => {
    ended = true;
  });
  const answers = () =>
    fetch(`${address}/-/ping`).then(
      ({ ok }) => ok,
      () => false,
    );
  for (let tries = 0; !(await answers()); tries += 1) {
    if (ended || tries > 600) throw new Error('verdaccio does not answer');
    await wait(200);
  }
  // npm wants a token to publish, and this registry wants none
  const npmrc = `registry=${address}\n//${new URL(address).host}/:_authToken=none\n`;
  const npmrcFile = join(folder, '.npmrc');
  writeFileSync(npmrcFile, npmrc);
  return { address, npmrc, npmrcFile, stop: () => child.kill() };
}
