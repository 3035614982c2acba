/**
 * The commands that look at stores and settings, on a real server: `status`, `diff`, `history`,
 * `rollback`, `init`, `types`; and profiles without a configuration.
 */
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  assertNoLeak,
  sharedVaultServer,
  startMotoServer,
  type VaultServer,
} from '@keyfall/testkit';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { folderWith, keyfall, type RunResult } from './keyfall.ts';
import { transcript } from './transcript.ts';

const canary = 'canary-8f1e';
const newer = 'canary-newer-77';

let server: VaultServer;
let mount: string;
beforeAll(async () => {
  server = await sharedVaultServer();
  mount = await server.mountKv({ version: 2 });
});

type Environment = Readonly<Record<string, string>>;

let paths = 0;
async function document(data: object): Promise<Environment> {
  paths += 1;
  const path = `shop-${paths}`;
  await put(path, data);
  return settings(path);
}

const put = (path: string, data: object) =>
  server.request('POST', `${mount}/data/${path}`, { data });

function settings(path: string): Environment {
  return {
    USE_VAULT: 'true',
    VAULT_ADDR: server.address,
    VAULT_TOKEN: server.token,
    VAULT_MOUNT_POINT: mount,
    VAULT_SECRET_PATH: path,
  };
}

/** As `keyfall`, and no value or token is in anything that it prints. */
async function silently(
  args: readonly string[],
  options: Parameters<typeof keyfall>[1],
): Promise<RunResult> {
  const result = await keyfall([...args, '--debug'], options);
  assertNoLeak([canary, newer, server.token], result);
  return result;
}

async function withConfig(config: unknown): Promise<string> {
  const cwd = await folderWith();
  await writeFile(join(cwd, 'keyfall.config.json'), JSON.stringify(config));
  return cwd;
}

describe('status', () => {
  test('shows how each provider is, how long the token lives and what it may do', async () => {
    const env = await document({ TOKEN: canary });
    const { token } = await server.createToken({
      policies: [
        'default',
        await server.createPolicy(
          `path "${mount}/data/${env['VAULT_SECRET_PATH']}" { capabilities = ["read"] }`,
        ),
      ],
      ttl: '2h',
    });
    const cwd = await folderWith();
    const { code, stdout } = await silently(['status'], {
      cwd,
      env: { ...env, VAULT_TOKEN: token },
    });
    expect(code).toBe(0);
    expect(stdout).toMatch(/ok +address +http:.*\(version 2/);
    expect(stdout).toMatch(/ok +token +.*\d+ (hours|minutes)/);
    expect(stdout).toMatch(/ok +\.env /);
    const names = { ADDRESS: server.address, MOUNT: mount, PATH: env['VAULT_SECRET_PATH'] ?? '' };
    const shown = stdout
      .replace(/\(version [^)]*\)/, '(VERSION)')
      .replace(/\d+ (hours|minutes)/, 'TIME')
      .replace(/policy-\w+/, 'POLICY');
    expect(transcript(shown, names)).toMatchSnapshot();
  });

  test('has the exit code of a get, and checks the providers behind the failing one too', async () => {
    const cwd = await folderWith(`TOKEN=${canary}\n`);
    const env = { ...settings('x'), VAULT_ADDR: 'http://127.0.0.1:1' };
    const { code, stdout } = await silently(['status', '--json'], { cwd, env });
    expect(code).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject([
      { code: 'ERR_SECRET_UNAVAILABLE', findings: [{ subject: 'address', state: 'failing' }] },
      { about: 'dotenv (.env)', findings: [{ state: 'ready' }, {}] },
    ]);
    const denied = await silently(['status'], {
      cwd,
      env: { ...settings('x'), VAULT_TOKEN: 'no' },
    });
    expect(denied.code).toBe(4);
  });

  test('reads a provider that has no check of its own', async () => {
    const cwd = await withConfig({ providers: [{ provider: 'env', prefix: 'SHOP_' }] });
    const { stdout } = await silently(['status'], { cwd, env: { SHOP_A: canary } });
    expect(stdout).toMatch(/^env .*\n {2}ok {2}content {2}.*\b1 name\n$/);
  });
});

describe('diff', () => {
  test('names what differs between two providers, and ends with 1', async () => {
    const env = await document({ SAME: '1', ONLY_HERE: canary, OTHER: canary });
    const cwd = await folderWith(`SAME=1\nOTHER=${newer}\nONLY_THERE=${newer}\nVAULT_TOKEN=x\n`);
    const text = await silently(['diff', 'vault', 'dotenv'], { cwd, env });
    expect(text.code).toBe(1);
    expect(text.stdout).toBe(
      'ONLY_HERE   only in vault\nONLY_THERE  only in dotenv\nOTHER       another value\n',
    );
    const { stdout } = await silently(['diff', 'vault', 'dotenv', '--json'], { cwd, env });
    expect(JSON.parse(stdout)).toEqual({
      a: 'vault',
      b: 'dotenv',
      onlyInA: ['ONLY_HERE'],
      onlyInB: ['ONLY_THERE'],
      different: ['OTHER'],
      same: 1,
    });
    const none = await silently(['diff', 'dotenv', 'dotenv'], { cwd, env });
    expect(none).toMatchObject({ code: 0, stdout: '' });
    // a Vault that is not in use yet can be looked at before it is
    const off = await silently(['diff', 'vault', 'dotenv'], {
      cwd,
      env: { ...env, USE_VAULT: 'false' },
    });
    expect(off.stdout).toBe(text.stdout);
  });

  test('compares two profiles of a configuration', async () => {
    await document({});
    await put('cfg/dev', { A: canary, B: '1' });
    await put('cfg/prod', { A: newer, B: '1' });
    const cwd = await withConfig({
      providers: [{ provider: 'vault', mount, path: 'cfg/{profile}' }],
      profiles: { dev: {}, prod: {}, local: { providers: [{ provider: 'dotenv' }] } },
    });
    const env = { VAULT_ADDR: server.address, VAULT_TOKEN: server.token };
    const { code, stdout } = await silently(['diff', 'dev', 'prod'], { cwd, env });
    expect({ code, stdout }).toEqual({ code: 1, stdout: 'A  another value\n' });
    const wrong = await silently(['diff', 'dev', 'stagng', '--profile', 'dev'], { cwd, env });
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toMatch(/^keyfall: stagng .* vault; .*: dev, prod and local\./);
  });

  test('compares two profiles without a configuration', async () => {
    await put('bare/dev', { A: canary });
    await put('bare/prod', { B: canary });
    const env = { ...settings('bare/{profile}'), USE_VAULT: 'false' };
    // what stands in the .env belongs to neither
    const cwd = await folderWith('C=1\n');
    const { stdout } = await silently(['diff', 'dev', 'prod'], { cwd, env });
    expect(stdout).toMatch(/^A {2}.*\bdev\nB {2}.*\bprod\n$/);
  });

  test('compares the .env with a profile, whatever Vault its settings name without one', async () => {
    await put('beside/prod', { A: canary, B: '1' });
    const { VAULT_TOKEN, ...inFile } = settings('beside/{profile}');
    const lines = Object.entries(inFile).map(([name, value]) => `${name}=${value}\n`);
    const cwd = await folderWith(`B=1\n${lines.join('')}`);
    const env = { VAULT_TOKEN: VAULT_TOKEN ?? '' };
    const { code, stdout } = await silently(['diff', 'dotenv', 'prod'], { cwd, env });
    expect({ code, stdout }).toEqual({
      code: 1,
      stdout: expect.stringMatching(/^A {2}.*\bprod\n$/),
    });
  });

  test('refuses what is neither a provider nor a profile, and names those that exist', async () => {
    const cwd = await folderWith('A=1\n');
    const wrong = await silently(['diff', 'dotnev', 'dotenv'], { cwd });
    expect(wrong).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^keyfall: dotnev .* vault and dotenv; /),
    });
    const none = await silently(['diff', 'dotenv', 'dotenv', '--dotenv', 'none.env'], { cwd });
    expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining('none.env') });
  });

  test('a store that cannot be asked is not one that holds nothing', async () => {
    const cwd = await folderWith('A=1\n');
    const env = { ...settings('x'), VAULT_ADDR: 'http://127.0.0.1:1' };
    expect(await silently(['diff', 'vault', 'dotenv'], { cwd, env })).toMatchObject({
      code: 3,
      stdout: '',
    });
    const empty = await silently(['diff', 'vault', 'dotenv'], { cwd, env: settings('mistyped') });
    expect(empty.stderr).toContain(`${mount}/mistyped`);
  });

  test('what a profile falls back to is not what it holds', async () => {
    await put('half/prod', { A: canary });
    const dotenv = { provider: 'dotenv' };
    const vault = (address: string, path: string) => ({
      providers: [{ provider: 'vault', address, mount, path }, dotenv],
    });
    const cwd = await withConfig({
      // what a start needs is no condition of a comparison
      names: ['NOWHERE'],
      profiles: {
        down: vault('http://127.0.0.1:1', 'half/prod'),
        mistyped: vault(server.address, 'half/mistyped'),
        prod: vault(server.address, 'half/prod'),
        staging: { providers: [dotenv] },
      },
    });
    await writeFile(join(cwd, '.env'), `A=${canary}\n`);
    const env = { VAULT_ADDR: server.address, VAULT_TOKEN: server.token };
    const same = await silently(['diff', 'prod', 'staging'], { cwd, env });
    expect(same).toMatchObject({ code: 0, stdout: '' });
    for (const side of ['down', 'mistyped'])
      for (const args of [
        [side, 'staging'],
        ['staging', side, '--json'],
      ]) {
        const result = await silently(['diff', ...args], { cwd, env });
        expect(result).toMatchObject({ code: 3, stdout: '' });
        expect(result.stderr).toMatch(new RegExp(`^keyfall: .*\\b${side}\\b`, 'm'));
      }
  });
});

describe('history and rollback', () => {
  test('an old value comes back as a new version, and other names keep theirs', async () => {
    const env = await document({ TOKEN: canary, OTHER: '1' });
    const path = env['VAULT_SECRET_PATH'] ?? '';
    await put(path, { TOKEN: newer, OTHER: '2' });
    const cwd = await folderWith();
    const before = await silently(['history', 'TOKEN'], { cwd, env });
    expect(before.stdout).toMatch(
      /^version {2}written {19}state\n2 +\d{4}-\S+Z +current\n1 +\d{4}-\S+Z +previous\n$/,
    );
    const back = await silently(['rollback', 'TOKEN', '--to', '1'], { cwd, env });
    expect(back.code).toBe(0);
    expect(back.stderr).toMatch(/^keyfall: TOKEN .* version 1 .* vault .* version 3\.\n$/);
    const { body } = await server.request('GET', `${mount}/data/${path}`);
    expect(body.data?.['data']).toEqual({ TOKEN: canary, OTHER: '2' });
    const { stdout } = await silently(['history', 'TOKEN', '--json'], { cwd, env });
    expect(JSON.parse(stdout)).toMatchObject({
      name: 'TOKEN',
      provider: 'vault',
      versions: [
        { version: '3', state: 'current', held: true },
        { version: '2', state: 'previous', held: true },
        { version: '1', state: 'previous', held: true },
      ],
    });
    const again = await silently(['rollback', 'TOKEN', '--to', '1'], { cwd, env });
    expect(again).toMatchObject({ code: 0, stderr: expect.stringMatching(/TOKEN .* version 1 /) });
    const { body: after } = await server.request('GET', `${mount}/data/${path}`);
    expect(after.data?.['metadata']).toMatchObject({ version: 3 });
  });

  test('a version that does not hold the name, is deleted or does not exist is refused', async () => {
    const env = await document({ OTHER: '1' });
    const path = env['VAULT_SECRET_PATH'] ?? '';
    await put(path, { TOKEN: canary });
    await put(path, { TOKEN: newer });
    await server.request('POST', `${mount}/delete/${path}`, { versions: [2] });
    const cwd = await folderWith();
    const { stdout } = await silently(['history', 'TOKEN'], { cwd, env });
    expect(stdout).toMatch(/\n2 .* deleted\n1 .* previous {2}\S.*\n$/);
    for (const to of ['1', '2', '9']) {
      const { code, stderr } = await silently(['rollback', 'TOKEN', '--to', to], { cwd, env });
      expect(code).toBe(1);
      expect(stderr).toContain('`keyfall history TOKEN`');
    }
    expect((await silently(['rollback', 'TOKEN', '--to', 'x'], { cwd, env })).code).toBe(2);
    expect((await silently(['rollback', 'TOKEN'], { cwd, env })).code).toBe(2);
    const typo = await silently(['rollback', 'TOKN', '--to', '1'], { cwd, env });
    expect(typo).toMatchObject({ code: 1, stderr: expect.stringContaining('TOKEN?') });
    const { body } = await server.request('GET', `${mount}/data/${path}`);
    expect(body.data?.['metadata']).toMatchObject({ version: 3 });
  });

  test('a token that may read and not write changes nothing, and ends with 4', async () => {
    const env = await document({ TOKEN: canary });
    const path = env['VAULT_SECRET_PATH'] ?? '';
    await put(path, { TOKEN: newer });
    const rules = [`${mount}/data/${path}`, `${mount}/metadata/${path}`]
      .map((each) => `path "${each}" { capabilities = ["read"] }`)
      .join('\n');
    const { token } = await server.createToken({ policies: [await server.createPolicy(rules)] });
    const denied = await silently(['rollback', 'TOKEN', '--to', '1'], {
      cwd: await folderWith(),
      env: { ...env, VAULT_TOKEN: token },
    });
    expect(denied).toMatchObject({ code: 4, stderr: expect.stringContaining('denied') });
  });

  test('a provider that is asked first still wins, which is said', async () => {
    await put('late', { TOKEN: canary });
    await put('late', { TOKEN: newer });
    const cwd = await withConfig({
      providers: [{ provider: 'dotenv' }, { provider: 'vault', mount, path: 'late' }],
    });
    await writeFile(join(cwd, '.env'), 'TOKEN=1\n', { mode: 0o600 });
    const env = { VAULT_ADDR: server.address, VAULT_TOKEN: server.token };
    const { code, stderr } = await silently(['rollback', 'TOKEN', '--to', '1'], { cwd, env });
    expect(code).toBe(0);
    expect(stderr).toMatch(/^keyfall: TOKEN .* dotenv \(\.env\)/m);
  });

  test('a rollback does not overwrite what another writer stored in between', async () => {
    await put('raced', { TOKEN: canary });
    await put('raced', { TOKEN: newer });
    const cwd = await folderWith();
    await install(cwd, '@keyfall/provider-vault');
    await writeFile(
      join(cwd, 'keyfall.config.mjs'),
      `import { vaultProvider } from '@keyfall/provider-vault';
      const vault = vaultProvider({ mount: '${mount}', path: 'raced' });
      const { VAULT_ADDR, VAULT_TOKEN } = process.env;
      const readVersion = async (...args) => {
        const old = await vault.readVersion(...args);
        await fetch(VAULT_ADDR + '/v1/${mount}/data/raced', {
          method: 'POST',
          headers: { 'X-Vault-Token': VAULT_TOKEN },
          body: JSON.stringify({ data: { TOKEN: 'of another' } }),
        });
        return old;
      };
      export default { providers: [{ ...vault, readVersion }] };`,
    );
    const env = { VAULT_ADDR: server.address, VAULT_TOKEN: server.token };
    const { code, stderr } = await silently(['rollback', 'TOKEN', '--to', '1'], { cwd, env });
    expect(code).toBe(1);
    expect(stderr).toContain('TOKEN');
    expect((await keyfall(['get', 'TOKEN'], { cwd, env })).stdout).toBe('of another\n');
  });

  test('without a store that keeps versions the exit code is 2', async () => {
    const cwd = await folderWith('A=1\n');
    for (const args of [
      ['history', 'A'],
      ['rollback', 'A', '--to', '1'],
    ])
      expect(await silently(args, { cwd })).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('dotenv (.env)'),
      });
  });

  test('an old value of AWS Secrets Manager comes back too', async () => {
    const moto = await startMotoServer();
    onTestFinished(() => moto.stop());
    const cwd = await withConfig({
      providers: [{ provider: 'aws-secrets-manager', prefix: 'shop/', region: 'eu-west-1' }],
    });
    await install(cwd, '@keyfall/provider-aws-secrets-manager');
    const env = {
      AWS_ENDPOINT_URL: moto.address,
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
    };
    for (const input of [canary, newer])
      expect((await silently(['set', 'TOKEN'], { cwd, env, input })).code).toBe(0);
    const { stdout } = await silently(['history', 'TOKEN', '--json'], { cwd, env });
    const { versions } = JSON.parse(stdout) as { versions: { version: string; state: string }[] };
    expect(versions.map(({ state }) => state)).toEqual(['current', 'previous']);
    const to = versions[1]?.version ?? '';
    expect((await silently(['rollback', 'TOKEN', '--to', to], { cwd, env })).code).toBe(0);
    expect((await keyfall(['get', 'TOKEN'], { cwd, env })).stdout).toBe(`${canary}\n`);
  });
});

describe('a profile without a configuration', () => {
  test('stands in the path of the Vault, by option or variable', async () => {
    await put('stage/prod', { TOKEN: 'of prod' });
    await put('stage/dev', { TOKEN: 'of dev' });
    const cwd = await folderWith();
    const env = settings('stage/{profile}');
    const of = async (args: readonly string[], more: Environment = {}) =>
      (await keyfall(['get', 'TOKEN', ...args], { cwd, env: { ...env, ...more } })).stdout;
    expect(await of(['--profile', 'prod'])).toBe('of prod\n');
    expect(await of([], { KEYFALL_PROFILE: 'dev' })).toBe('of dev\n');
    expect(await of(['--profile', 'prod'], { KEYFALL_PROFILE: 'dev' })).toBe('of prod\n');
    const none = await silently(['get', 'TOKEN'], { cwd, env });
    expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining('KEYFALL_PROFILE') });
  });

  test('may stand in the .env, as every setting may, and the environment wins', async () => {
    await put('own-stage/prod', { TOKEN: 'of prod' });
    await put('own-stage/dev', { TOKEN: 'of dev' });
    const cwd = await folderWith('KEYFALL_PROFILE=dev\nVAULT_SECRET_PATH=own-stage/{profile}\n');
    const { VAULT_SECRET_PATH: _, ...env } = settings('unused');
    const of = async (args: readonly string[], more: Environment = {}) =>
      (await keyfall(args, { cwd, env: { ...env, ...more } })).stdout;
    expect(await of(['get', 'TOKEN'])).toBe('of dev\n');
    expect(await of(['get', 'TOKEN'], { KEYFALL_PROFILE: 'prod' })).toBe('of prod\n');
    expect(await of(['get', 'TOKEN', '--profile', 'prod'])).toBe('of prod\n');
    expect(await of(['diff', 'vault', 'prod'])).toBe('TOKEN  another value\n');
    const none = await silently(['get', 'TOKEN'], { cwd, env: { ...env, KEYFALL_PROFILE: '' } });
    expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining('{profile}') });
  });

  test.each([
    ['by an option', 'A=1\n', ['--profile', 'prod']],
    ['by the .env', 'A=1\nKEYFALL_PROFILE=prod\n', []],
  ])('that no setting uses is refused, if it is chosen %s', async (_, dotenv, args) => {
    const cwd = await folderWith(dotenv);
    const refused = await silently(['get', 'A', ...args], { cwd });
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/\{profile\} .*VAULT_SECRET_PATH/);
  });
});

test('a profile reaches the Vault of a configuration, unless its options say another', async () => {
  await put('own/prod', { TOKEN: 'of prod' });
  await put('own/fixed', { TOKEN: 'fixed' });
  const vault = { provider: 'vault', mount, path: 'own/{profile}' };
  const cwd = await withConfig({
    providers: [vault],
    profiles: { prod: {}, other: { providers: [{ ...vault, profile: 'fixed' }] } },
  });
  const env = { VAULT_ADDR: server.address, VAULT_TOKEN: server.token };
  const of = async (profile: string) =>
    (await keyfall(['get', 'TOKEN', '--profile', profile], { cwd, env })).stdout;
  expect(await of('prod')).toBe('of prod\n');
  expect(await of('other')).toBe('fixed\n');
});

describe('init', () => {
  test('writes a configuration that works at once, and never over another', async () => {
    const env = await document({ TOKEN: 'in vault' });
    const { USE_VAULT: _, ...variables } = env;
    const cwd = await folderWith();
    const made = await silently(['init', '--yes'], { cwd, env: variables });
    expect(made).toMatchObject({ code: 0, stdout: '' });
    expect(made.stderr).toMatch(/keyfall\.config\.json: vault and dotenv, /);
    expect((await keyfall(['get', 'TOKEN'], { cwd, env: variables })).stdout).toBe('in vault\n');
    const again = await silently(['init', '--yes'], { cwd, env: variables });
    expect(again).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('keyfall.config.json'),
    });
  });

  test('writes the format that suits the folder, with profiles and names', async () => {
    const cwd = await folderWith();
    await writeFile(join(cwd, 'tsconfig.json'), '{}');
    await install(cwd, 'keyfall');
    await put('app/dev', { TOKEN: 'of dev', "it's": 'odd' });
    const args = ['--providers', 'vault', '--path', 'app/{profile}', '--profiles', 'dev,prod'];
    const names = ['--names', "TOKEN,it's"];
    const made = await silently(['init', '--yes', ...args, ...names], { cwd });
    expect(made.stderr).toContain('`keyfall doctor --profile dev`');
    expect(await readFile(join(cwd, 'keyfall.config.ts'), 'utf8')).toBe(
      `import { defineConfig } from 'keyfall';

export default defineConfig({
  names: ['TOKEN', 'it\\'s'],
  providers: [{ provider: 'vault', path: 'app/{profile}' }],
  profiles: { dev: {}, prod: {} },
});
`,
    );
    const env = { ...settings('unused'), VAULT_SECRET_PATH: '' };
    const listed = await keyfall(['list', '--profile', 'dev'], { cwd, env });
    expect(listed.stdout).toBe("TOKEN\nit's\n");
  });

  test('writes every provider in every format', async () => {
    for (const format of ['ts', 'mjs', 'json']) {
      const cwd = await folderWith('A=1\n');
      const made = await silently(
        [
          'init',
          '--yes',
          '--format',
          format,
          '--providers',
          'dotenv,env,sops,files,doppler,exec,aws-secrets-manager',
        ],
        { cwd },
      );
      expect(made.code).toBe(0);
      expect(made.stderr).toContain(
        `npm install${format === 'json' ? ' --global' : ''} @keyfall/provider-files.`,
      );
      expect(await readdir(cwd)).toContain(`keyfall.config.${format}`);
      // it is valid up to the provider that is not installed, or has no settings
      const { code, stderr } = await silently(['list'], { cwd });
      expect(code).toBe(2);
      expect(stderr).toMatch(/: providers\[[2-5]\]: /);
    }
  });

  test.each([
    [['--names', ''], '--names'],
    [['--names', 'A,VAULT_TOKEN'], 'VAULT_TOKEN'],
    [['--names', `A=${canary}`], 'A=…'],
    [['--profiles', ','], '--profiles'],
    [['--profiles', 'a b'], 'KEYFALL_PROFILE'],
    [['--path', '../x'], 'VAULT_SECRET_PATH'],
    [['--path', ''], 'option path'],
    [['--path', 'app/{stage}', '--profiles', 'dev'], '{stage}'],
    [['--path', 'app/{profile}'], '--profiles'],
    [['--providers', 'dotenv', '--path', 'foo'], '--path'],
    [['--providers', 'vault,volt,'], 'volt'],
    [['--providers', 'sops,aws,aws-secrets-manager'], 'aws-secrets-manager'],
  ])('with %j writes nothing, since it could not be used, and names %s', async (args, why) => {
    const cwd = await folderWith();
    const refused = await silently(['init', '--yes', ...args], { cwd });
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining(why) });
    expect(await readdir(cwd)).toEqual([]);
  });

  test('takes the path of the document from the variables, in the order in which they count', async () => {
    const paths: Record<string, unknown> = {};
    const profiles = ['--profiles', 'dev,prod'];
    for (const [what, env, args] of [
      ['both', { BAO_SECRET_PATH: 'bao/app', VAULT_SECRET_PATH: 'app' }, []],
      ['of each', { VAULT_SECRET_PATH: 'app' }, profiles],
      ['of each already', { VAULT_SECRET_PATH: '{profile}/app' }, profiles],
    ] as const) {
      const cwd = await folderWith();
      expect((await silently(['init', '--yes', ...args], { cwd, env })).code).toBe(0);
      const text = await readFile(join(cwd, 'keyfall.config.json'), 'utf8');
      paths[what] = JSON.parse(text).providers[0].path;
    }
    expect(paths).toEqual({
      both: 'bao/app',
      'of each': 'app/{profile}',
      'of each already': '{profile}/app',
    });
  });

  test('advises commands that can be typed, also for a profile with a space', async () => {
    const cwd = await folderWith('A=1\n');
    const args = ['--providers', 'dotenv,aws', '--profiles', 'a b,prod'];
    const { stderr } = await silently(['init', '--yes', ...args], { cwd });
    expect(stderr).toContain('dotenv and aws-secrets-manager, ');
    expect(stderr).toContain("`keyfall doctor --profile 'a b'`");
  });

  test('refuses to ask without a terminal, and providers that do not exist or are named twice', async () => {
    const cwd = await folderWith();
    expect(await silently(['init'], { cwd })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--yes'),
    });
    const unknown = await silently(['init', '--yes', '--providers', 'valt'], { cwd });
    expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining('valt') });
    const twice = await silently(['init', '--yes', '--providers', 'vault,env,vault'], { cwd });
    expect(twice).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^keyfall: vault /),
    });
    expect(await readdir(cwd)).toEqual([]);
  });
});

describe('types', () => {
  const root = new URL('../../../', import.meta.url);
  const typescript = createRequire(root).resolve('typescript/package.json');

  /** What the compiler says of a program beside the declarations. */
  async function compile(cwd: string, program: string): Promise<string> {
    await writeFile(join(cwd, 'main.ts'), program);
    const options = {
      compilerOptions: {
        strict: true,
        noEmit: true,
        module: 'nodenext',
        target: 'es2024',
        lib: ['es2024', 'esnext.disposable'],
        types: ['node'],
        typeRoots: [fileURLToPath(new URL('node_modules/@types', root))],
      },
      files: ['main.ts', 'secret-names.d.ts'],
    };
    await writeFile(join(cwd, 'tsconfig.json'), JSON.stringify(options));
    await writeFile(join(cwd, 'package.json'), '{ "type": "module" }');
    const compiler = join(dirname(typescript), 'bin/tsc');
    return promisify(execFile)(process.execPath, [compiler, '-p', cwd]).then(
      () => '',
      ({ stdout }: { stdout: string }) => stdout,
    );
  }

  test('a misspelled name does not compile, a right one does', async () => {
    const cwd = await folderWith(`TOKEN=${canary}\nDB_PASS=${canary}\n"it's \\ odd"=1\n`);
    await install(cwd, '@keyfall/core');
    const made = await silently(['types', '--out', 'secret-names.d.ts'], { cwd });
    expect(made).toMatchObject({ code: 0, stdout: '' });
    const use = (name: string) => `
      import { createSecrets, memoryProvider } from '@keyfall/core';
      import type { SecretName, TypedSecrets } from './secret-names.d.ts';
      const secrets: TypedSecrets = createSecrets({ providers: [memoryProvider({})] });
      const wanted: readonly SecretName[] = ['DB_PASS'];
      const value: string = await secrets.get('${name}');
      const maybe: string | undefined = await secrets.find('TOKEN');
      const { TOKEN }: { readonly TOKEN: string } = await secrets.view(['TOKEN']);
      const change = await secrets.watch(['TOKEN']).next();
      export const used = [wanted, value, maybe, TOKEN, change, await secrets.explain('TOKEN')];
    `;
    expect(await compile(cwd, use('TOKEN'))).toBe('');
    expect(await compile(cwd, use('TOKN'))).toContain(`'"TOKN"' is not assignable to`);
    const same = await silently(['types', '--out', 'secret-names.d.ts'], { cwd });
    expect(same).toMatchObject({ code: 0, stderr: expect.stringContaining('secret-names.d.ts') });
    const { stdout } = await silently(['types'], { cwd });
    expect(stdout).toBe(await readFile(join(cwd, 'secret-names.d.ts'), 'utf8'));
  });

  test('a failure leaves the file as it was', async () => {
    const cwd = await folderWith();
    await writeFile(join(cwd, 'secret-names.d.ts'), 'before');
    const env = { ...settings('x'), VAULT_TOKEN: 'no' };
    const { code } = await silently(['types', '--out', 'secret-names.d.ts'], { cwd, env });
    expect(code).toBe(4);
    expect(await readFile(join(cwd, 'secret-names.d.ts'), 'utf8')).toBe('before');
    const other = await silently(['types', '--out', 'secret-names.d.ts'], { cwd });
    expect(other).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('secret-names.d.ts'),
    });
    expect(await readFile(join(cwd, 'secret-names.d.ts'), 'utf8')).toBe('before');
    const nowhere = await silently(['types', '--out', 'none/x.d.ts'], { cwd });
    expect(nowhere).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('none/x.d.ts'),
    });
  });
});

/** Installs a package in a folder, as it is built. */
async function install(root: string, name: string): Promise<void> {
  const at = join(root, 'node_modules', name);
  await mkdir(dirname(at), { recursive: true });
  const folder = name === 'keyfall' ? 'cli' : name.replace('@keyfall/', '');
  await symlink(fileURLToPath(new URL(`../../${folder}`, import.meta.url)), at);
}
