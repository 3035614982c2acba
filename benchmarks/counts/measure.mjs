/**
 * Counts what does not depend on the machine: the requests that reach the store, the files that an import and a `run`
 * open, the bytes that a read allocates. Always on the same Node, since V8 allocates in its own way in each.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createSecrets } from '@keyfall/core';
import { vaultProvider } from '@keyfall/provider-vault';
import { countingProxy } from '../harness/counting-proxy.mjs';
import { nodes } from '../harness/nodes.mjs';
import { startStore, values } from '../harness/server.mjs';

const run = promisify(execFile);
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const keyfall = here('../../packages/cli/dist/bundle/bin.cjs');

/** @returns what `counts.json` holds */
export async function measureCounts() {
  const [node] = nodes();
  const store = await startStore();
  const proxy = await countingProxy(store.settings.address);
  const folder = await mkdtemp(join(tmpdir(), 'keyfall-counts-'));
  try {
    await writeFile(join(folder, '.env'), 'NAME_7=value-7\n', { mode: 0o600 });
    const settings = { ...store.settings, address: proxy.address };
    const runs = await filesOfRuns(node.program, settings, proxy, folder);
    return {
      node: node.version,
      requests: { ...(await requestsOf(settings, proxy)), ...runs.requests },
      files: { ...(await filesOfImports(node.program, folder)), ...runs.files },
      allocations: await allocationsOf(node.program, store.settings),
    };
  } finally {
    await proxy.stop();
    await store.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** The requests of each operation on a chain, in their order. */
async function requestsOf(settings, proxy) {
  const chain = () =>
    createSecrets({ providers: [vaultProvider({ ...settings, env: {} })], ttl: '1h' });
  const requests = {};
  const count = async (what, operation) => {
    proxy.requests();
    await operation();
    requests[what] = proxy.requests();
  };
  const secrets = chain();
  await count('the first get of a chain', () => secrets.get('NAME_7'));
  await count('a second get, of another name', () => secrets.get('NAME_8'));
  await count('getAll after a get', () => secrets.getAll());
  await count('a set', () => secrets.set('NAME_8', 'another value'));
  await count('a get after a set', () => secrets.get('NAME_8'));
  await secrets.close();
  const many = chain();
  await count('40 names at once', () =>
    Promise.all(Object.keys(values).map((name) => many.get(name))),
  );
  await many.close();
  const live = chain();
  await count('a view of 40 names', () => live.view(Object.keys(values)));
  await live.close();
  const provider = vaultProvider({ ...settings, env: {} });
  const read = () =>
    provider.read('all', {
      signal: new AbortController().signal,
      remainingTimeout: () => 10_000,
      warn() {},
    });
  await count('the first read of a provider', read);
  await count('a second read of a provider', read);
  await provider.close();
  return requests;
}

async function filesOfImports(program, folder) {
  const files = {};
  for (const name of ['@keyfall/core', '@keyfall/provider-dotenv', '@keyfall/provider-vault'])
    files[`import of ${name}`] = await filesOf(
      [
        program,
        '--input-type=module',
        '--eval',
        `import ${JSON.stringify(import.meta.resolve(name))}`,
      ],
      { cwd: folder, env: { PATH: process.env.PATH } },
    );
  return files;
}

async function filesOfRuns(program, { address, token, mount, path }, proxy, folder) {
  const command = [program, keyfall, 'run', '--', '/usr/bin/true'];
  const env = { PATH: process.env.PATH, HOME: folder };
  const vault = {
    ...{ USE_VAULT: 'true', VAULT_ADDR: address, VAULT_TOKEN: token },
    ...{ VAULT_MOUNT_POINT: mount, VAULT_SECRET_PATH: path },
  };
  const dotenv = await filesOf(command, { cwd: folder, env });
  proxy.requests();
  const both = await filesOf(command, { cwd: folder, env: { ...env, ...vault } });
  return {
    requests: { 'keyfall run from Vault': proxy.requests() },
    files: { 'keyfall run from a .env': dotenv, 'keyfall run from Vault': both },
  };
}

/** The files of ours and of our dependencies that a command opens, from `packages` on. */
async function filesOf([file, ...args], { cwd, env }) {
  const reports = await mkdtemp(join(cwd, 'coverage-'));
  await run(file, args, { cwd, env: { ...env, NODE_V8_COVERAGE: reports } });
  const [report, ...others] = await readdir(reports);
  if (report === undefined || others.length > 0)
    throw new Error(`${file} ${args.join(' ')}: ${others.length + 1} processes of Node`);
  const { result } = JSON.parse(await readFile(join(reports, report), 'utf8'));
  return result
    .map(({ url }) => url)
    .filter((url) => url.startsWith('file:') && !url.endsWith('[eval1]'))
    .map((url) => fileURLToPath(url))
    .map((path) => path.split('/packages/')[1] ?? path.split('/node_modules/').at(-1))
    .sort();
}

async function allocationsOf(program, settings) {
  const subjects = {
    'a cached get': ['memory.mjs', 'cachedGet'],
    'a property of a view': ['memory.mjs', 'view'],
    'a read of 40 names by the provider': ['vault.mjs', 'provider'],
    'a get of a chain that keeps nothing, of 40 names': ['vault.mjs', 'uncachedChain'],
  };
  const allocations = {};
  for (const [what, [module, name]] of Object.entries(subjects)) {
    const heap = ['--expose-gc', '--min-semi-space-size=64', '--max-semi-space-size=64'];
    const subject = new URL(`../ours/${module}`, import.meta.url).href;
    const counting = run(program, [...heap, here('allocations.mjs'), subject, name]);
    counting.child.stdin.end(JSON.stringify({ ...settings, values }));
    allocations[what] = Math.round(Number((await counting).stdout));
  }
  return allocations;
}
