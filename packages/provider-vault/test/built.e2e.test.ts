/**
 * The built package in processes of its own: what only shows there.
 */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assertNoLeak, sharedVaultServer, type VaultServer } from '@keyfall/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { canary, freshPath, tokenFor, writePolicy } from './harness.ts';
import { type TlsFront, tlsFront } from './tls-front.ts';

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const built = here('../dist/esm/index.js');
const certificate = (name: string) => here(`certificates/${name}`);

let server: VaultServer;
let front: TlsFront;
let token = '';
const path = freshPath();
const value = canary();

beforeAll(async () => {
  server = await sharedVaultServer();
  await server.request('POST', `secret/data/${path}`, { data: { A: value } });
  ({ token } = await tokenFor(server, writePolicy('secret', path)));
  const [cert, key] = await Promise.all([
    readFile(certificate('server.pem')),
    readFile(certificate('server.key')),
  ]);
  front = await tlsFront(server.address, { cert, key });
});
afterAll(async () => {
  front?.close();
});

/** What every program starts with: a provider of these options, and a call's context. */
const start = (options: string, from = built) => `
const { vaultProvider } = await import(${JSON.stringify(from)});
const nodeVault = async () => (await import(${JSON.stringify(from.replace(/index\.js$/, 'node-vault.js'))})).nodeVaultWire();
const provider = vaultProvider(${options});
const context = { signal: new AbortController().signal, remainingTimeout: () => 20_000, warn: console.error };
`;

/** The option `wire` in such a program. */
const wireOf = { direct: 'undefined', 'node-vault': 'await nodeVault()' } as const;

/** Runs a module to its end and returns its last line of output as JSON, with everything it printed. */
async function run(
  source: string,
  env: Readonly<Record<string, string>> = {},
): Promise<{ result: unknown; output: string }> {
  const { PATH = '' } = process.env;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source], {
    env: { PATH, VAULT_TOKEN: token, VAULT_SECRET_PATH: path, ...env },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (bytes) => {
    stdout += bytes;
  });
  child.stderr.on('data', (bytes) => {
    stderr += bytes;
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  const output = stdout + stderr;
  if (code !== 0) throw new Error(`ended with ${code}: ${output}`);
  return { result: JSON.parse(stdout.trim().split('\n').at(-1) ?? ''), output };
}

describe("authorities that are given replace the system's", () => {
  const source = `${start('{}')}
const batch = await provider.read('all', context).catch(({ code }) => ({ code }));
console.log(JSON.stringify(batch.code ?? [...batch.entries.keys()]));
await provider.close();`;
  // the process's own authorities, as an administrator adds one
  const system = { NODE_EXTRA_CA_CERTS: certificate('authority.pem') };

  test("without any the system's decide", async () => {
    const env = { ...system, VAULT_ADDR: front.address };
    expect((await run(source, env)).result).toEqual(['A']);
  });

  test.each([
    ['VAULT_CACERT', () => certificate('stranger.pem')],
    ['BAO_CACERT_BYTES', () => readFile(certificate('stranger.pem'), 'utf8')],
  ])('with %s only it does', async (variable, authority) => {
    const env = { ...system, VAULT_ADDR: front.address, [variable]: await authority() };
    expect((await run(source, env)).result).toBe('ERR_SECRET_TLS');
  });
});

test.each(['direct', 'node-vault'] as const)(
  'with everything that prints for debugging switched on, wire %s prints no token and no value',
  async (wire) => {
    const source = `${start(`{ wire: ${wireOf[wire]} }`)}
import { inspect } from 'node:util';
const deep = { depth: Infinity, showHidden: true };
console.log(inspect(provider, deep));
const batch = await provider.read('all', context);
await provider.write({ entries: new Map([['B', batch.entries.get('A').value]]) }, context);
console.log(inspect(provider, deep));
const others = [
  vaultProvider({ wire: ${wireOf[wire]}, token: 'wrong-' + process.env.VAULT_TOKEN }),
  vaultProvider({ wire: ${wireOf[wire]}, address: 'http://127.0.0.1:1' }),
  vaultProvider({ wire: ${wireOf[wire]}, address: process.env.VAULT_ADDR.replace('http:', 'https:') }),
  vaultProvider({ wire: ${wireOf[wire]}, address: 'https://127.0.0.1', proxy: process.env.PROXY }),
];
const codes = [];
for (const other of others) {
  const error = await other.read('all', context).catch((reason) => reason);
  console.log(inspect(error, deep), error.stack, JSON.stringify(error), inspect(other, deep));
  codes.push(error.code);
  await other.close();
}
await provider.close();
console.log(JSON.stringify(codes));`;
    const password = canary();
    const env = {
      VAULT_ADDR: server.address,
      DEBUG: '*',
      NODE_DEBUG: 'net,tls,timer,http,https,stream',
      PROXY: `http://user:${password}@127.0.0.1:1`,
    };
    const { result, output } = await run(source, env);
    expect(result).toEqual([
      'ERR_SECRET_UNAUTHENTICATED',
      'ERR_SECRET_UNAVAILABLE',
      expect.stringMatching(/CONFIG|TLS/),
      'ERR_SECRET_UNAVAILABLE',
    ]);
    expect(output).toMatch(/NET \d+/); // it was switched on
    const pair = Buffer.from(`user:${password}`).toString('base64');
    assertNoLeak([token, value, password, pair], output);
  },
);

test('a read loads no package of others; node-vault is loaded by its wire alone', async () => {
  const source = (wire: keyof typeof wireOf) => `${start(`{ wire: ${wireOf[wire]} }`)}
import { createRequire } from 'node:module';
const { cache } = createRequire(import.meta.url);
const loaded = () => Object.keys(cache).filter((file) => /node-vault|axios/.test(file)).length;
const before = loaded();
await provider.read('all', context);
await provider.close();
console.log(JSON.stringify([before, loaded()]));`;
  const env = { VAULT_ADDR: server.address };
  expect((await run(source('direct'), env)).result).toEqual([0, 0]);
  const [loadedBefore] = (await run(source('node-vault'), env)).result as number[];
  expect(loadedBefore).toBeGreaterThan(0);
});

test('a pipe without a writer in the place of a file does not keep the process from ending', async () => {
  const folder = await testFolder();
  const pipe = join(folder, 'pipe');
  execFileSync('sh', ['-c', 'mkfifo "$0"', pipe]);
  for (const options of [
    `{ tls: { ca: '${pipe}' }, address: 'https://127.0.0.1:9' }`,
    `{ token: { file: '${pipe}' }, address: 'http://127.0.0.1:9', env: {} , path: 'a' }`,
  ]) {
    const source = `${start(options)}
const read = provider.read('all', context).then(() => 'read', ({ code }) => code);
const waited = new Promise((resolve) => setTimeout(() => resolve('waits'), 300));
console.log(JSON.stringify(await Promise.race([read, waited])));
process.exit();`;
    expect((await run(source)).result).toBe('waits');
  }
});

test("a developer's own token is used on demand alone, and after any other", async () => {
  const home = await testFolder();
  await writeFile(join(home, '.vault-token'), `  ${token}\n`);
  await writeFile(join(home, 'elsewhere'), `wrong-${token}`);
  // a program that these files name is Vault's own way to keep a token, and is not run
  const ran = join(home, 'ran');
  await writeFile(join(home, 'helper'), `#!/bin/sh\ntouch ${ran}\n`, { mode: 0o755 });
  for (const name of ['.vault', '.bao'])
    await writeFile(join(home, name), `token_helper = "${join(home, 'helper')}"\n`);
  const source = (options: string) => `${start(options)}
const batch = await provider.read('all', context).catch(({ code }) => ({ code }));
console.log(JSON.stringify(batch.code ?? [...batch.entries.keys()]));`;
  const helper = source('{ token: { helper: true } }');
  const env = { VAULT_ADDR: server.address, HOME: home, VAULT_TOKEN: '' };
  expect((await run(helper, env)).result).toContain('A');
  const refused = 'ERR_SECRET_UNAUTHENTICATED';
  const elsewhere = { ...env, BAO_TOKEN_PATH: join(home, 'elsewhere') };
  expect((await run(helper, elsewhere)).result).toBe(refused);
  expect((await run(helper, { ...env, VAULT_TOKEN: `wrong-${token}` })).result).toBe(refused);
  expect((await run(source('{}'), env)).result).toBe('ERR_SECRET_CONFIG');
  expect(existsSync(ran)).toBe(false);
});

test('a login without a waiting caller does not keep the program from ending', async () => {
  const source = `
const { userpassAuth, vaultProvider } = await import(${JSON.stringify(built)});
import { once } from 'node:events';
import { createServer } from 'node:net';
const silent = createServer((socket) => socket.unref().once('data', () => silent.emit('asked')));
await once(silent.listen(0, '127.0.0.1').unref(), 'listening');
const address = 'http://127.0.0.1:' + silent.address().port;
const auth = userpassAuth({ username: 'shop', password: 'pw' });
const provider = vaultProvider({ address, path: 'shop', auth });
const end = new AbortController();
const context = { signal: end.signal, remainingTimeout: () => 20_000, warn: console.error };
const reading = provider.read('all', context).catch(({ code }) => code);
const holding = () => process.getActiveResourcesInfo().filter((name) => !/Pipe|TTY/.test(name));
await once(silent, 'asked');
const before = holding();
end.abort();
console.log(JSON.stringify([before, await reading, holding()]));`;
  // while it is waited for, a timer holds the program
  expect((await run(source)).result).toEqual([['Timeout'], 'ERR_SECRET_ABORTED', []]);
});

test('installed without node-vault it works, and only the entry of that name asks for it', async () => {
  const folder = await testFolder();
  const installed = join(folder, 'node_modules', '@keyfall', 'provider-vault');
  await mkdir(installed, { recursive: true });
  for (const name of ['dist', 'package.json'])
    await cp(here(`../${name}`), join(installed, name), { recursive: true });
  await symlink(here('../../core'), join(installed, '..', 'core'));
  const from = join(installed, 'dist', 'esm', 'index.js');
  const source = `${start('{}', from)}
const batch = await provider.read('all', context);
const missing = await nodeVault().catch(({ code }) => code);
console.log(JSON.stringify([[...batch.entries.keys()], missing]));
await provider.close();`;
  const env = { VAULT_ADDR: server.address };
  expect((await run(source, env)).result).toEqual([
    expect.arrayContaining(['A']),
    'ERR_MODULE_NOT_FOUND',
  ]);
});
