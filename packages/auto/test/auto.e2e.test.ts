import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { assertNoLeak, freePort, startVaultServer, type VaultServer } from '@keyfall/testkit';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import {
  environmentOf,
  install,
  keyfall,
  makeRepository,
  printed,
} from '../../cli/test/keyfall.ts';
import { applicationOf, auto, type Files, node } from './start.ts';

const canary = 'canary-value-8b2e';
const canaryToken = 'hvs.canary-token-31d0';

let server: VaultServer;
let mount: string;
let token: string;
beforeAll(async () => {
  server = await startVaultServer({ external: false });
  mount = await server.mountKv({ version: 2 });
  await server.request('POST', `${mount}/data/shop`, { data: { TOKEN: `${canary}-vault` } });
  await server.request('POST', `${mount}/data/evil`, { data: { NODE_OPTIONS: canary } });
  const policy = await server.createPolicy(`path "${mount}/data/+" { capabilities = ["read"] }`);
  ({ token } = await server.createToken({ policies: [policy] }));
});
afterAll(() => server?.stop());

function settings(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    USE_VAULT: 'true',
    VAULT_ADDR: server.address,
    VAULT_TOKEN: token,
    VAULT_MOUNT_POINT: mount,
    VAULT_SECRET_PATH: 'shop',
    ...more,
  };
}

/** Prints what it was started with, from the first line of the file that it imports first. */
const esm: Files = {
  'first.mjs': 'export const seen = [process.env.TOKEN, process.env.A];',
  'app.mjs':
    "import { seen } from './first.mjs'; console.log(JSON.stringify([...seen, process.env.VAULT_TOKEN, process.env.USE_VAULT]));",
};
const commonJs: Files = {
  'first.cjs': 'exports.seen = [process.env.TOKEN, process.env.A];',
  'app.cjs':
    "const { seen } = require('./first.cjs'); console.log(JSON.stringify([...seen, process.env.VAULT_TOKEN, process.env.USE_VAULT]));",
};

describe.each([
  ['an ES module', 'app.mjs', esm],
  ['CommonJS', 'app.cjs', commonJs],
])('an application that is %s', (_, file, files) => {
  test('has what Vault holds before its first line, then what .env holds, and no credential', async () => {
    const cwd = await applicationOf(files, `TOKEN=${canary}-file\nA=1\n`);
    const result = await auto(file, cwd, settings());
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(result.stdout)).toEqual([`${canary}-vault`, '1', null, 'false']);
  });

  test('has what .env holds where no Vault is to be asked', async () => {
    const cwd = await applicationOf(files, `TOKEN=${canary}-file\nA=1\n`);
    const result = await auto(file, cwd);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(result.stdout)).toEqual([`${canary}-file`, '1', null, 'false']);
  });

  test('falls back to .env while Vault is down, and says so', async () => {
    const cwd = await applicationOf(files, `TOKEN=${canary}-file\n`);
    const down = settings({ VAULT_ADDR: `http://127.0.0.1:${await freePort()}` });
    const result = await auto(file, cwd, down);
    expect(result).toMatchObject({ code: 0, stderr: expect.stringMatching(/^keyfall: vault /) });
    expect(JSON.parse(result.stdout)).toEqual([`${canary}-file`, null, null, 'false']);
    assertNoLeak([canary, token], result.stderr);
  });

  test('keeps its exit code', async () => {
    const cwd = await applicationOf({ ...files, 'exit.cjs': 'process.exit(7)' }, 'A=1\n');
    expect(await auto('exit.cjs', cwd)).toMatchObject({ code: 7, stdout: '', stderr: '' });
  });
});

describe('as with keyfall run', () => {
  const show: Files = { 'app.mjs': 'console.log(process.env.TOKEN, process.env.A);' };

  /** What both print and end with. */
  async function both(cwd: string, env: Readonly<Record<string, string>>, options = '') {
    const flags = options === '' ? [] : options.split(' ');
    const given = options === '' ? env : { ...env, KEYFALL_AUTO_OPTIONS: options };
    const ours = await auto('app.mjs', cwd, given);
    const run = await keyfall(['run', ...flags, '--', process.execPath, 'app.mjs'], { cwd, env });
    assertNoLeak([canary, canaryToken, token], ours.stderr);
    expect(ours).toEqual(run);
    return ours;
  }

  test('a secret from a store wins over an inherited variable, and is named', async () => {
    const cwd = await applicationOf(show);
    const env = settings({ TOKEN: 'inherited' });
    expect(await both(cwd, env)).toMatchObject({
      stdout: `${canary}-vault undefined\n`,
      stderr: expect.stringMatching(/^keyfall: TOKEN /),
    });
    expect(await both(cwd, env, '--preserve-env')).toMatchObject({
      stdout: 'inherited undefined\n',
      stderr: '',
    });
  });

  test('a value from a .env never replaces an inherited variable', async () => {
    const cwd = await applicationOf(show, 'TOKEN=file\nA=file\n');
    const result = await both(cwd, { TOKEN: 'inherited' });
    expect(result).toMatchObject({ stdout: 'inherited file\n', stderr: '' });
  });

  test('--only takes these names alone, and each must be there', async () => {
    const cwd = await applicationOf(show, 'A=1\n');
    expect(await both(cwd, settings(), '--only A')).toMatchObject({ stdout: 'undefined 1\n' });
    const missing = await both(cwd, settings(), '--only A,NOPE');
    expect(missing).toMatchObject({ code: 1, stdout: '' });
    expect(missing.stderr).toContain('NOPE');
  });

  test('a required name of the configuration that is missing starts nothing', async () => {
    const cwd = await applicationOf(show, 'A=1\n');
    const config = { providers: [{ provider: 'dotenv', path: '.env' }], names: ['A', 'NOPE'] };
    await writeFile(join(cwd, 'keyfall.config.json'), JSON.stringify(config));
    const result = await both(cwd, {});
    expect(result).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('NOPE') });
  });

  test('a configuration above, in the same repository, is the one that counts', async () => {
    const root = await applicationOf({
      'keyfall.config.json': JSON.stringify({ providers: [{ provider: 'dotenv' }] }),
      '.env': 'TOKEN=above\n',
    });
    await makeRepository(root);
    const cwd = join(root, 'server');
    await mkdir(cwd);
    await writeFile(join(cwd, 'app.mjs'), show['app.mjs'] ?? '');
    await writeFile(join(cwd, '.env'), 'TOKEN=beside\n');
    expect(await both(cwd, {})).toMatchObject({ code: 0, stdout: 'above undefined\n' });
  });

  test('a token that is denied starts nothing, whatever .env holds', async () => {
    const cwd = await applicationOf(show, `TOKEN=${canary}-file\n`);
    const policy = await server.createPolicy(`path "${mount}/data/x" { capabilities = ["read"] }`);
    const other = await server.createToken({ policies: [policy] });
    const result = await both(cwd, settings({ VAULT_TOKEN: other.token }));
    expect(result).toMatchObject({
      code: 4,
      stdout: '',
      stderr: expect.stringMatching(/^keyfall: denied: /),
    });
    assertNoLeak([other.token], result.output);
  });

  test('a token that Vault does not know starts nothing', async () => {
    const cwd = await applicationOf(show, `TOKEN=${canary}-file\n`);
    const result = await both(cwd, settings({ VAULT_TOKEN: canaryToken }));
    expect(result).toMatchObject({ code: 4, stdout: '' });
  });

  test('a Vault that is down, with no .env to fall back to, starts nothing', async () => {
    const cwd = await applicationOf(show);
    const down = settings({ VAULT_ADDR: `http://127.0.0.1:${await freePort()}` });
    expect(await both(cwd, down)).toMatchObject({ code: 3, stdout: '' });
  });

  test('a Vault that is sealed is an outage', async () => {
    const sealed = await startVaultServer({ external: false });
    try {
      await sealed.request('PUT', 'sys/seal');
      const cwd = await applicationOf(show, 'TOKEN=file\n');
      const env = { ...settings(), VAULT_ADDR: sealed.address, VAULT_TOKEN: sealed.token };
      const result = await both(cwd, env);
      expect(result).toMatchObject({ code: 0, stdout: 'file undefined\n' });
      expect(result.stderr).toMatch(/^keyfall: vault .*sealed/);
    } finally {
      await sealed.stop();
    }
  });

  test('a name that would take over the application is refused, from a store and from a .env', async () => {
    const cwd = await applicationOf(show);
    const result = await both(cwd, settings({ VAULT_SECRET_PATH: 'evil' }));
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toContain('NODE_OPTIONS');
    await writeFile(join(cwd, '.env'), `LD_PRELOAD=${canary}\n`);
    expect(await both(cwd, {})).toMatchObject({ code: 2, stdout: '' });
  });

  test('names that readers of a .env differ on start nothing until a reader is named', async () => {
    const cwd = await applicationOf(show, 'TOKEN=a#b\nA=1\n');
    expect(await both(cwd, {})).toMatchObject({ code: 2, stdout: '' });
    expect(await both(cwd, {}, '--reader python')).toMatchObject({ code: 0, stdout: 'a#b 1\n' });
    expect(await both(cwd, { KEYFALL_READER: 'npm' })).toMatchObject({ code: 0, stdout: 'a 1\n' });
  });

  test('the profile of the environment is the one that counts', async () => {
    const cwd = await applicationOf(show, 'TOKEN=file\n');
    const env = settings({ VAULT_SECRET_PATH: '{profile}', KEYFALL_PROFILE: 'shop' });
    expect(await both(cwd, env)).toMatchObject({ stdout: `${canary}-vault undefined\n` });
  });
});

test('that it starts with no secret at all is said', async () => {
  const cwd = await applicationOf({ 'app.mjs': "console.log('runs')" });
  const result = await auto('app.mjs', cwd);
  expect(result).toMatchObject({
    code: 0,
    stdout: 'runs\n',
    stderr: expect.stringMatching(/^keyfall: the application /),
  });
  const quiet = await auto('app.mjs', cwd, { KEYFALL_AUTO_OPTIONS: '--quiet' });
  expect(quiet).toMatchObject({ code: 0, stdout: 'runs\n', stderr: '' });
});

test.each(['--watch', '--kill-after 1s', '--no-such', 'A', 'run'])(
  'options that it has not are refused without being repeated: %s',
  async (options) => {
    const cwd = await applicationOf({ 'app.mjs': "console.log('runs')" });
    const env = { KEYFALL_AUTO_OPTIONS: `${options} ${canary}` };
    const result = await auto('app.mjs', cwd, env);
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toMatch(/^keyfall: KEYFALL_AUTO_OPTIONS /);
    assertNoLeak([canary], result.stderr);
  },
);

test('an option with a space in its value stands in double quotes', async () => {
  const cwd = await applicationOf({
    'app.mjs': 'console.log(process.env.A)',
    'my settings.env': 'A=1\n',
  });
  const env = { KEYFALL_AUTO_OPTIONS: '--quiet --dotenv="my settings.env"' };
  expect(await auto('app.mjs', cwd, env)).toMatchObject({ code: 0, stdout: '1\n' });
});

test('it cannot be required: the application would start too early', async () => {
  const cwd = await applicationOf({ 'app.cjs': "console.log('runs')" }, `A=${canary}\n`);
  const result = await node(['--require', '@keyfall/auto', 'app.cjs'], cwd);
  expect(result).toMatchObject({ code: 1, stdout: '' });
  expect(result.stderr).toContain('node --import @keyfall/auto app.js');
});

test('a configuration in TypeScript is run before the application', async () => {
  const cwd = await applicationOf(
    {
      'app.cjs': 'console.log(process.env.A)',
      'keyfall.config.ts': `
        import { defineConfig } from 'keyfall';
        const path: string = '.env';
        export default defineConfig({ providers: [{ provider: 'dotenv', path }], names: ['A'] });`,
    },
    'A=1\n',
  );
  await install(cwd, 'keyfall');
  expect(await auto('app.cjs', cwd)).toMatchObject({ code: 0, stdout: '1\n', stderr: '' });
});

describe('a configuration that is a program', () => {
  const provider = (read: string) =>
    `export default { providers: [{ name: 'made', store: 'made', async read() { ${read} } }] };`;
  const show: Files = { 'app.mjs': "console.log('runs')" };

  test('prints to stderr, and leaves stdout and the console to the application', async () => {
    const config = `console.log('in the configuration');\n${provider('return { entries: new Map(), complete: true };')}`;
    const cwd = await applicationOf({ ...show, 'keyfall.config.mjs': config });
    const { stdout, stderr } = await auto('app.mjs', cwd, { KEYFALL_AUTO_OPTIONS: '--quiet' });
    expect({ stdout, stderr }).toEqual({ stdout: 'runs\n', stderr: 'in the configuration\n' });
  });

  test.each([
    ['ends the process', 'process.exit(0);'],
    ['never settles', 'await new Promise(() => {});'],
    [
      'throws past everybody',
      `setTimeout(() => { throw new Error('${canary}') }); await new Promise(() => {});`,
    ],
  ])('that %s does not pass for a start', async (_, code) => {
    const cwd = await applicationOf({
      ...show,
      'keyfall.config.mjs': `${code}\n${provider('return { entries: new Map(), complete: true };')}`,
    });
    const result = await auto('app.mjs', cwd);
    expect(result).toMatchObject({
      code: 70,
      stdout: '',
      stderr: expect.stringMatching(/^keyfall: /),
    });
    assertNoLeak([canary], result.stderr);
  });
});

describe('what the application starts', () => {
  const whatIsSeen =
    'JSON.stringify([process.env.TOKEN, process.env.VAULT_TOKEN, process.env.USE_VAULT])';
  const inherited = JSON.stringify([`${canary}-vault`, null, 'false']);

  test('worker threads have its environment, and nothing is read for them', async () => {
    const cwd = await applicationOf({
      'app.mjs': `
        import { Worker } from 'node:worker_threads';
        import { once } from 'node:events';
        const code = 'console.log(${whatIsSeen})';
        for (const options of [{}, { env: { TOKEN: 'own' } }])
          await once(new Worker(code, { eval: true, ...options }), 'exit');`,
    });
    const result = await auto('app.mjs', cwd, settings());
    const own = JSON.stringify(['own', null, null]);
    expect(result).toMatchObject({ code: 0, stdout: `${inherited}\n${own}\n`, stderr: '' });
  });

  const child: Files = { 'child.mjs': `console.log(${whatIsSeen});` };

  test.each([
    ['by --import', {}],
    ['by NODE_OPTIONS', { NODE_OPTIONS: '--import @keyfall/auto' }],
  ])('child processes have its environment and no credential: %s', async (_, more) => {
    const cwd = await applicationOf({
      ...child,
      'keyfall.config.json': JSON.stringify({
        providers: [{ provider: 'vault', path: 'shop', mount }],
      }),
      'app.mjs': `
        import { fork, spawnSync } from 'node:child_process';
        import { once } from 'node:events';
        await once(fork('child.mjs'), 'exit');
        const { stdout, stderr } = spawnSync(process.execPath, ['child.mjs'], { encoding: 'utf8' });
        process.stdout.write(stdout + stderr);
        const env = spawnSync('env', { encoding: 'utf8' }).stdout;
        const initial = spawnSync('cat', [\`/proc/\${process.pid}/environ\`], { encoding: 'utf8' }).stdout;
        console.log(env.includes('${token}'), initial.includes('${token}'));`,
    });
    const preload = 'NODE_OPTIONS' in more ? [] : ['--import', '@keyfall/auto'];
    const result = await node([...preload, 'app.mjs'], cwd, {
      VAULT_ADDR: server.address,
      VAULT_TOKEN: token,
      ...more,
    });
    expect(result).toMatchObject({
      code: 0,
      stdout: `${inherited}\n${inherited}\nfalse false\n`,
      stderr: '',
    });
  });

  test('a child that is given settings of its own resolves by them', async () => {
    const cwd = await applicationOf({
      ...child,
      'app.mjs': `
        import { fork } from 'node:child_process';
        const env = { ...process.env, KEYFALL_AUTO_OPTIONS: '--only NOPE' };
        fork('child.mjs', { env }).once('exit', (code) => console.log(code));`,
    });
    const result = await auto('app.mjs', cwd, settings());
    expect(result).toMatchObject({
      code: 0,
      stdout: '1\n',
      stderr: expect.stringContaining('NOPE'),
    });
  });

  test('an application of another folder resolves its own', async () => {
    const other = await applicationOf(child, 'TOKEN=other\nVAULT_DB_PASSWORD=other\n');
    const cwd = await applicationOf(
      {
        'app.mjs': `
        import { fork } from 'node:child_process';
        const { TOKEN, ...env } = process.env;
        fork('child.mjs', { cwd: ${JSON.stringify(other)}, env });`,
      },
      'TOKEN=first\n',
    );
    const result = await auto('app.mjs', cwd);
    expect(result).toMatchObject({
      code: 0,
      stdout: `${JSON.stringify(['other', null, 'false'])}\n`,
    });
  });

  test('with --pass-bootstrap it has the credentials, and what it starts can ask as well', async () => {
    const cwd = await applicationOf({
      ...child,
      'app.mjs': `
        import { fork } from 'node:child_process';
        const { TOKEN, ...env } = process.env;
        fork('child.mjs', { env });`,
    });
    const env = { ...settings(), KEYFALL_AUTO_OPTIONS: '--pass-bootstrap' };
    const result = await auto('app.mjs', cwd, env);
    const passed = JSON.stringify([`${canary}-vault`, token, 'true']);
    expect(result).toMatchObject({ code: 0, stdout: `${passed}\n`, stderr: '' });
  });

  test('what keyfall run starts is none of it', async () => {
    const cwd = await applicationOf({ 'app.mjs': 'console.log(process.env.KEYFALL_RESOLVED)' });
    const env = { KEYFALL_RESOLVED: cwd };
    const run = await keyfall(['run', '--quiet', '--', process.execPath, 'app.mjs'], { cwd, env });
    expect(run).toMatchObject({ code: 0, stdout: 'undefined\n' });
  });
});

test('node --watch resolves again with each restart', async () => {
  const code = 'console.log(process.env.A, process.env.VAULT_TOKEN)';
  const cwd = await applicationOf({ 'app.mjs': code }, 'A=first\n');
  const child = spawn(process.execPath, ['--watch', '--import', '@keyfall/auto', 'app.mjs'], {
    cwd,
    env: environmentOf(cwd, { VAULT_TOKEN: canaryToken }),
  });
  const ended = once(child, 'close');
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  await printed(child, 'first undefined\n');
  await writeFile(join(cwd, '.env'), 'A=second\n');
  const next = printed(child, 'second undefined\n');
  await writeFile(join(cwd, 'app.mjs'), `${code};`);
  await next;
});

test('it leaves no timer, socket or listener behind', async () => {
  const cwd = await applicationOf({
    'app.mjs': `
      const listeners = ['exit', 'uncaughtException', 'beforeExit', 'SIGTERM'].map((name) => process.listenerCount(name));
      // Node opens its stderr with the first socket that is closed
      const resources = process.getActiveResourcesInfo().filter((kind) => kind !== 'PipeWrap');
      console.log(JSON.stringify([resources, listeners, process.env.RES_OPTIONS]));`,
  });
  const { stdout } = await auto('app.mjs', cwd, settings());
  const bare = await node(['app.mjs'], cwd);
  expect(stdout).toBe(bare.stdout);
});
