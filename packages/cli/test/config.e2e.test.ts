/**
 * Configurations as a repository has them: which one counts, what is in it, and what is said where it
 * is wrong.
 */

import { execFile, spawn } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { sharedVaultServer } from '@keyfall/testkit';
import { describe, expect, test } from 'vitest';
import { bin, finished, folderWith, keyfall, makeRepository } from './keyfall.ts';

const canary = 'canary-3e9a';

/** A repository with these files. */
async function repository(files: Readonly<Record<string, string>>): Promise<string> {
  const root = await folderWith();
  await makeRepository(root);
  await mkdir(join(root, 'app/deep'), { recursive: true });
  for (const [path, text] of Object.entries(files)) await writeFile(join(root, path), text);
  return root;
}

/** Installs these packages in a folder, as they are built. */
async function install(root: string, ...names: readonly string[]): Promise<void> {
  for (const name of names) {
    const at = join(root, 'node_modules', name);
    await mkdir(dirname(at), { recursive: true });
    const folder = name === 'keyfall' ? 'cli' : name.replace('@keyfall/', '');
    await symlink(fileURLToPath(new URL(`../../${folder}`, import.meta.url)), at);
  }
}

const json = (config: unknown) => JSON.stringify(config, null, 2);
const dotenvAlone = json({ providers: [{ provider: 'dotenv' }] });

describe('the configuration that counts', () => {
  test('is the nearest one, up to the root of the repository, and its paths are relative to it', async () => {
    const root = await repository({ '.env': 'A=1\n', 'keyfall.config.json': dotenvAlone });
    expect((await keyfall(['get', 'A'], { cwd: join(root, 'app/deep') })).stdout).toBe('1\n');
    await writeFile(join(root, 'app/keyfall.config.json'), dotenvAlone);
    expect((await keyfall(['get', 'A'], { cwd: join(root, 'app/deep') })).code).toBe(1);
  });

  test('is never above the root of the repository, and outside of a repository never above the folder', async () => {
    const root = await repository({ 'keyfall.config.json': '{ "providers": "no list" }' });
    await makeRepository(join(root, 'app'));
    expect((await keyfall(['list'], { cwd: join(root, 'app/deep') })).code).toBe(0);
    const outside = await folderWith();
    await writeFile(join(outside, 'keyfall.config.json'), '{ "providers": "no list" }');
    await mkdir(join(outside, 'deep'));
    expect((await keyfall(['list'], { cwd: join(outside, 'deep') })).code).toBe(0);
    expect((await keyfall(['list'], { cwd: outside })).code).toBe(2);
    // doctor says so, unless none is wanted
    const look = (...options: string[]) =>
      keyfall(['doctor', ...options], { cwd: join(outside, 'deep') });
    expect(await look()).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('../keyfall.config.json'),
    });
    expect((await look('--no-config')).stdout).not.toContain('keyfall.config.json');
    expect((await keyfall(['doctor'], { cwd: outside })).stdout).not.toContain('../');
  });

  test('is named by --config and left out by --no-config, and two in a folder are refused', async () => {
    const root = await repository({
      '.env': 'A=root\n',
      'app/.env': 'A=app\n',
      'app/other.json': dotenvAlone,
      'keyfall.config.json': '{ "providers": "no list" }',
      'keyfall.config.mjs': 'export default {}',
    });
    const get = (...options: string[]) => keyfall(['get', 'A', ...options], { cwd: root });
    expect(await get()).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('keyfall.config.mjs and keyfall.config.json'),
    });
    expect((await get('--no-config')).stdout).toBe('root\n');
    expect((await get('--config', 'app/other.json')).stdout).toBe('app\n');
    expect(await get('--config', 'none.json')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^keyfall: none\.json: .* --no-config\.\n$/),
    });
    for (const option of ['--dotenv=.env', '--token-helper'])
      expect((await get('--config', 'app/other.json', option)).code).toBe(2);
  });
});

describe('a configuration', () => {
  test('may be TypeScript, with its imports and its own types', async () => {
    const root = await repository({
      '.env': 'A=first\nB=first\n',
      'second.env': 'A=second\nC=second\n',
      'keyfall.config.ts': `
import { dotenvProvider } from '@keyfall/provider-dotenv';
import { defineConfig } from 'keyfall';

enum File { Second = 'second.env' }
export default defineConfig({
  names: ['A', 'C'],
  providers: [
    dotenvProvider(),
    { provider: dotenvProvider({ path: File.Second as string, name: 'second' }), required: true },
  ],
});
`,
    });
    await install(root, 'keyfall', '@keyfall/provider-dotenv');
    const result = await keyfall(['export', '--json'], { cwd: join(root, 'app') });
    expect(result.stderr).toBe('');
    expect(JSON.parse(result.stdout)).toEqual({ A: 'first', B: 'first', C: 'second' });
  });

  test.each([
    ['mjs', "export default { providers: () => [{ provider: 'dotenv' }] };"],
    ['js', "module.exports = { providers: [{ provider: 'dotenv' }] };"],
    ['js', "export default Promise.resolve({ providers: [{ provider: 'dotenv' }] });"],
    ['json', dotenvAlone],
  ])('keyfall.config.%s: %s', async (end, text) => {
    const root = await repository({ '.env': 'A=1\n', [`keyfall.config.${end}`]: text });
    expect(await keyfall(['get', 'A'], { cwd: root })).toMatchObject({ stdout: '1\n', stderr: '' });
  });

  test('has profiles that replace what stands outside of them, and make no other providers', async () => {
    const root = await repository({
      '.env': 'A=base\n',
      'dev.env': 'A=dev\n',
      'keyfall.config.json': json({
        providers: [{ provider: 'dotenv' }],
        profiles: {
          dev: { providers: [{ provider: 'dotenv', path: 'dev.env' }] },
          strict: { names: ['A', 'MISSING'] },
          prod: { providers: [{ provider: 'vault', path: 'shop' }] },
        },
      }),
    });
    const get = (options: string[], env = {}) =>
      keyfall(['get', 'A', ...options], { cwd: root, env });
    expect((await get([])).stdout).toBe('base\n');
    expect((await get(['--profile', 'dev'])).stdout).toBe('dev\n');
    expect((await get([], { KEYFALL_PROFILE: 'dev' })).stdout).toBe('dev\n');
    expect((await get(['--profile', 'strict'], { KEYFALL_PROFILE: 'dev' })).stdout).toBe('base\n');
    expect(await get(['--profile', 'prod'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^keyfall: A .*: vault .*\bVAULT_TOKEN\b/),
    });
    expect(await get(['--profile', 'prd'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('dev, strict and prod.'),
    });
    // a misspelled or forgotten configuration must not start production on a .env
    expect((await get(['--no-config', '--profile', 'prod'])).code).toBe(2);
  });

  test('has names that must be there: without one of them nothing is started or printed', async () => {
    const root = await repository({
      '.env': `A=${canary}\n`,
      'keyfall.config.json': json({
        providers: [{ provider: 'dotenv' }],
        names: ['A', 'NOPE', 'NEITHER'],
      }),
    });
    for (const args of [['run', '--', 'echo', 'started'], ['export']]) {
      const result = await keyfall(args, { cwd: root });
      expect(result).toMatchObject({ code: 1, stdout: '' });
      expect(result.stderr).toContain('NOPE and NEITHER');
      expect(result.output).not.toContain(canary);
    }
    const some = await keyfall(['run', '--only', 'A', '--', 'echo', 'started'], { cwd: root });
    expect(some.stdout).toBe('started\n');
  });

  test('has a chain of Vault and .env, with the rules of `run` for each', async () => {
    const server = await sharedVaultServer();
    const mount = await server.mountKv({ version: 2 });
    await server.request('POST', `${mount}/data/shop`, { data: { TOKEN: 'vault' } });
    const vault = { provider: 'vault', address: server.address, mount, path: 'shop' };
    const root = await repository({
      '.env': 'TOKEN=file\nFILE=file\nVAULT_TOKEN=not this one\n',
      'keyfall.config.json': json({ providers: [vault, { provider: 'dotenv', name: 'local' }] }),
    });
    // the user names the address as well, so that the store has a store's trust
    const inherited = { TOKEN: 'inherited', FILE: 'inherited' };
    const env = { VAULT_ADDR: server.address, VAULT_TOKEN: server.token, ...inherited };
    const script = 'echo $TOKEN $FILE [$VAULT_TOKEN] $USE_VAULT';
    const result = await keyfall(['run', '--', 'sh', '-c', script], { cwd: root, env });
    expect(result).toMatchObject({ code: 0, stdout: 'vault inherited [] false\n' });
    expect(result.stderr).toMatch(/^keyfall: TOKEN .* vault /m);
  });

  test('that keeps a handle open does not keep a command from ending', async () => {
    const root = await repository({
      '.env': 'A=1\n',
      'keyfall.config.mjs': `setInterval(() => {}, 1_000);
export default { providers: [{ provider: 'dotenv' }] };`,
    });
    expect(await keyfall(['get', 'A'], { cwd: root })).toMatchObject({ code: 0, stdout: '1\n' });
    const inside = ['run', '--kill-after', '1s', '--', 'sh', '-c', 'exit 4'];
    expect((await keyfall(inside, { cwd: root })).code).toBe(4);
  });

  test.each([
    ['a file of another name', "[dotenvProvider({ name: 'local' })]", 'inherited'],
    ['one under other names', "[withPrefix(dotenvProvider({ name: 'local' }), '')]", 'inherited'],
    [
      'one in a chain of its own',
      '[createSecrets({ providers: [dotenvProvider()] })]',
      'inherited',
    ],
    [
      'one behind a store in a chain of its own',
      '[createSecrets({ providers: [aside, dotenvProvider()] })]',
      'inherited',
    ],
    [
      'a store that only sounds like a file',
      "[{ ...aside, name: 'env-prod', read: async () => ({ entries: new Map([['A', { value: 'store' }]]), complete: true }) }]",
      'store',
    ],
  ])('an inherited variable wins over %s: %s', async (_, providers, value) => {
    const root = await repository({
      '.env': 'A=file\n',
      'keyfall.config.mjs': `import { createSecrets, withPrefix } from '@keyfall/core';
import { dotenvProvider } from '@keyfall/provider-dotenv';
const aside = { name: 'aside', store: 'aside', read: async () => ({ entries: new Map(), complete: true }) };
export default { providers: () => ${providers} };`,
    });
    await install(root, '@keyfall/core', '@keyfall/provider-dotenv');
    const env = { A: 'inherited' };
    const result = await keyfall(['run', '--', 'sh', '-c', 'echo $A'], { cwd: root, env });
    expect(result).toMatchObject({ code: 0, stdout: `${value}\n` });
  });

  test.each([
    ['that was asked', '[vault]', []],
    ['behind another that had the names', '[dotenvProvider(), vault]', ['--only', 'A']],
    ['in a chain of its own', '[createSecrets({ providers: [dotenvProvider(), vault] })]', []],
  ])('the secret id of a login %s stays with us', async (_, providers, only) => {
    const server = await sharedVaultServer();
    const mount = await server.mountKv();
    await server.request('POST', `${mount}/data/shop`, { data: { A: 'vault' } });
    const policy = await server.createPolicy(
      `path "${mount}/data/shop" { capabilities = ["read"] }`,
    );
    const method = `approle-${mount}`;
    await server.request('POST', `sys/auth/${method}`, { type: 'approle' });
    await server.request('POST', `auth/${method}/role/shop`, { token_policies: [policy] });
    const role = await server.request('GET', `auth/${method}/role/shop/role-id`);
    const secret = await server.request('POST', `auth/${method}/role/shop/secret-id`, {});
    const id = String(secret.body.data?.['secret_id']);
    const root = await repository({
      '.env': 'A=file\n',
      'keyfall.config.mjs': `import { createSecrets } from '@keyfall/core';
import { dotenvProvider } from '@keyfall/provider-dotenv';
import { appRoleAuth, vaultProvider } from '@keyfall/provider-vault';
const auth = appRoleAuth({
  mount: '${method}',
  roleId: '${role.body.data?.['role_id']}',
  secretId: { env: 'SHOP_SECRET_ID' },
});
const vault = vaultProvider({ address: '${server.address}', mount: '${mount}', path: 'shop', auth });
export default { providers: () => ${providers} };`,
    });
    await install(root, '@keyfall/core', '@keyfall/provider-dotenv', '@keyfall/provider-vault');
    const env = { SHOP_SECRET_ID: id, SHOP_NAME: 'kept' };
    const inside = ['run', ...only, '--', 'env'];
    const { code, output } = await keyfall(inside, { cwd: root, env });
    expect(code).toBe(0);
    expect(output).toContain('SHOP_NAME=kept');
    expect(output).not.toContain(id);
  });
});

describe('a mistake in a configuration is reported by file, line and option, and never with a text of it', () => {
  test.each([
    ['mjs', `\nthrow new Error('${canary}');`, 'mjs, line 2: '],
    ['mjs', `\nthrow '${canary}';`, 'mjs: '],
    ['mjs', `\nconst ${canary} = ;`, 'mjs, line 2: '],
    ['ts', `\nconst ${canary} = ;`, 'ts, line 2: '],
    ['ts', `\nimport '${'no-such-package'}';`, 'ts, line 2: '],
    ['mjs', `\nimport 'no-such-package';`, 'mjs, line 2: '],
    ['mjs', 'export const x = 1;', 'mjs: '],
    ['mjs', `export default {\n  providers: '${canary}',\n};`, 'mjs, line 2: providers: '],
    [
      'mjs',
      `export default {\n  providers: () => {\n    throw new TypeError('${canary}');\n  },\n};`,
      'mjs, line 3: providers: ',
    ],
    ['mjs', 'export default {\n  providers: () => 3,\n};', 'mjs, line 2: providers: '],
    [
      'ts',
      'export default {\n  profiles: {},\n  providers: [\n    { provider: { read: 1 } },\n  ] };',
      'ts, line 4: providers[0].provider: ',
    ],
    ['mjs', `export default { get names() { throw new Error('${canary}'); } };`, 'mjs'],
    ['ts', `import { x } from './none.ts';\nexport default x;`, 'ts, line 1: '],
    [
      'json',
      '{\n  "providers": [\n    { "provider": "dotenv", "pth": "x" }\n  ]\n}',
      'json, line 3: providers[0].pth: ',
    ],
    [
      'json',
      '{\n  "providers": [\n    { "provider": "vualt" }\n  ]\n}',
      'json, line 3: providers[0].provider: ',
    ],
    [
      'json',
      '{ "providers": [{ "provider": "env" }],\n  "profils": {} }',
      'json, line 2: profils: ',
    ],
    ['json', '{ "profiles": { "dev": {\n  "nmes": [] } } }', 'json, line 2: profiles.dev.nmes: '],
    [
      'json',
      '{ "providers": [{ "provider": "env" }],\n  "profiles": {\n    "": {} } }',
      'json, line 2: profiles: ',
    ],
    [
      'json',
      '{ "providers": [\n  { "provider": "env" },\n  { "provider": "env", "prefix": "B_" }] }',
      'json, line 3: providers[1]: ',
    ],
    [
      'json',
      '{ "providers": [{ "provider": "dotenv" }],\n  "only": {\n    "A": "dotnev" } }',
      'json, line 3: only.A: ',
    ],
  ])('%s: %s', async (end, text, place) => {
    const root = await repository({ [`keyfall.config.${end}`]: text });
    const result = await keyfall(['list', '--debug'], { cwd: root });
    const shown = expect.stringContaining(`keyfall.config.${place}`);
    expect(result).toMatchObject({ code: 2, stdout: '', stderr: shown });
    expect(result.stderr.split('\n')[0]).toMatchSnapshot();
    expect(result.output).not.toContain(canary);
  });

  test('a provider whose package is missing is refused with the command that installs it', async () => {
    const config = json({ providers: [{ provider: 'doppler' }] });
    const root = await repository({ 'keyfall.config.json': config });
    const result = await keyfall(['list'], { cwd: root });
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toMatch(
      /^keyfall: keyfall\.config\.json, line 3: providers\[0\]: .* doppler .* npm install --global @keyfall\/provider-doppler\n$/,
    );
  });

  test('an error of a provider factory keeps its code', async () => {
    const root = await repository({
      'keyfall.config.ts': `import { vaultProvider } from '@keyfall/provider-vault';

export default {
  providers: [vaultProvider({ path: 'shop', mount: 5 as never })],
};`,
    });
    await install(root, '@keyfall/provider-vault');
    const result = await keyfall(['list'], { cwd: root });
    expect(result.code).toBe(2);
    expect(result.stderr).toMatch(/keyfall\.config\.ts, line 4: vaultProvider: .* mount /);
  });
});

test.each([
  ['a folder', (path: string) => mkdir(path)],
  ['a pipe', (path: string) => promisify(execFile)('mkfifo', [path])],
])('%s in place of a configuration is refused, and not passed over', async (_, make) => {
  const root = await repository({});
  await make(join(root, 'keyfall.config.ts'));
  const result = await keyfall(['list'], { cwd: root });
  expect(result).toMatchObject({ code: 2, stderr: expect.stringContaining('keyfall.config.ts') });
});

test('the line of an error is named in a folder whose name a URL writes otherwise', async () => {
  const folder = join(await folderWith(), 'a b');
  await mkdir(folder);
  const text = 'export default {\n  providers() {\n    throw new TypeError();\n  },\n};\n';
  await writeFile(join(folder, 'keyfall.config.mjs'), text);
  expect(await keyfall(['list'], { cwd: folder })).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^keyfall: keyfall\.config\.mjs, line 3: /),
  });
});

test.each(['mjs', 'ts'])('what a .%s prints does not come between the data', async (end) => {
  const root = await repository({
    '.env': 'A=1\n',
    [`keyfall.config.${end}`]: `console.log('loaded', 3);
console.dir({ a: 1 });
process.stdout.write('ra');
process.stdout.write(Buffer.from('w\\n'));
const print = (text) => process.stdout.write(text + '\\n');
export default { providers: () => { print('made'); console.table([]); return [{ provider: 'dotenv' }]; } };`,
  });
  const printed = /^loaded 3\n\{ a: 1 \}\nraw\nmade\n┌/;
  const get = await keyfall(['get', 'A'], { cwd: root });
  expect(get).toMatchObject({ code: 0, stdout: '1\n', stderr: expect.stringMatching(printed) });
  // and the pipe is as it was: opened by Node, it would not block any more
  const script = 'import os; print(os.get_blocking(1))';
  const run = await keyfall(['run', '--', 'python3', '-c', script], { cwd: root });
  expect(run).toMatchObject({ code: 0, stdout: 'True\n', stderr: expect.stringMatching(printed) });
});

test.each([
  ['ends the process', 'process.exit(0);'],
  ['never settles', 'export default new Promise(() => {});'],
  ['has providers that never come', 'export default { providers: () => new Promise(() => {}) };'],
])('a configuration that %s is a defect, and starts nothing', async (_, text) => {
  const root = await repository({ 'keyfall.config.mjs': text });
  const result = await keyfall(['run', '--', 'echo', 'started'], { cwd: root });
  expect(result).toMatchObject({ code: 70, stdout: '' });
});

test('a command in a folder that was removed is refused, since its settings are unknown', async () => {
  const cwd = await folderWith();
  const gone = `mkdir gone && cd gone && rmdir ../gone && exec "$@"`;
  for (const args of [
    ['list'],
    ['list', '--no-config'],
    ['run', '--', 'echo', 'started'],
    ['init', '-y'],
    ['doctor'],
    ['doctor', '--config', 'x.json'],
    ['doctor', '--dotenv', join(cwd, '.env')],
  ]) {
    const shell = ['-c', gone, 'sh', process.execPath, bin, ...args];
    const result = await finished(spawn('sh', shell, { cwd }));
    expect(result).toMatchObject({
      code: 2,
      stdout: '',
    });
  }
});
