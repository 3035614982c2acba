/**
 * How the command line behaves towards who types at it: help, completion, what it says and what it
 * keeps to itself, colours, and what is seen while one waits.
 */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  assertNoLeak,
  sharedVaultServer,
  startVaultServer,
  type VaultServer,
} from '@keyfall/testkit';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { wholeProgram } from '../src/program.ts';
import { bin, finished, folderWith, keyfall, start } from './keyfall.ts';
import { onTerminal } from './on-terminal.ts';

const canary = 'canary-5a5a-value';
const { commands: all } = await wholeProgram();
const commands = all.map((command) => command.name());

let server: VaultServer;
let env: Readonly<Record<string, string>>;
beforeAll(async () => {
  server = await sharedVaultServer();
  await server.request('POST', 'secret/data/shop', { data: { TOKEN: canary, DB_PASS: canary } });
  env = {
    USE_VAULT: 'true',
    VAULT_ADDR: server.address,
    VAULT_TOKEN: server.token,
    VAULT_SECRET_PATH: 'shop',
  };
});

test.each(commands)('%s has a help text with an example of itself', (name) => {
  let text = '';
  const command = all.find((each) => each.name() === name);
  const writeOut = (part: string): void => {
    text += part;
  };
  command?.configureOutput({ writeOut }).outputHelp();
  expect(text).toMatch(new RegExp(`^Usage: .*${name}`));
  expect(text).toMatch(new RegExp(`\\nExamples:\\n  \\$ .*keyfall ${name}\\b`));
});

describe('a mistyped name', () => {
  test.each([
    [['get', 'TOKN']],
    [['get', 'db-pass']],
    [['explain', 'TOKN']],
    [['delete', 'TOKN']],
    [['history', 'TOKN']],
    [['export', '--only', 'TOKN,DB_PSS']],
    [['run', '--only', 'TOKN', '--', 'true']],
  ])('%j', async (args) => {
    const { code, stderr } = await keyfall(args, { cwd: await folderWith(), env });
    expect(code).toBe(1);
    expect(stderr).toMatch(/ (TOKEN|DB_PASS|TOKEN or DB_PASS)\?/);
  });

  test('nothing is suggested if no name is near, or no provider can be asked', async () => {
    const cwd = await folderWith();
    expect((await keyfall(['get', 'SENTRY_DSN'], { cwd, env })).stderr).not.toContain('mean');
    const down = { ...env, VAULT_ADDR: 'http://127.0.0.1:1' };
    const result = await keyfall(['get', 'TOKN'], { cwd, env: down });
    expect(result).toMatchObject({ code: 3, stderr: expect.not.stringContaining('mean') });
  });
});

describe('--quiet', () => {
  test('leaves out what went well', async () => {
    const cwd = await folderWith();
    const args = ['--quiet', '--dotenv', 'quiet.env'];
    const set = await keyfall(['set', 'A', ...args], { cwd, input: '1' });
    expect(set).toMatchObject({ code: 0, output: '' });
    expect(await keyfall(['delete', 'A', ...args], { cwd })).toMatchObject({ code: 0, output: '' });
    const doctor = await keyfall(['doctor', ...args], { cwd });
    expect(doctor).toMatchObject({ code: 0, stderr: '' });
  });

  test('keeps what must not be silent: falling back, and failing', async () => {
    const cwd = await folderWith();
    await writeFile(join(cwd, '.env'), 'TOKEN=1\n', { mode: 0o600 });
    const down = { ...env, VAULT_ADDR: 'http://127.0.0.1:1' };
    const second = await keyfall(['get', 'TOKEN', '-q'], { cwd, env: down });
    expect(second).toMatchObject({ code: 0, stderr: expect.stringContaining('TOKEN comes from') });
    const missing = await keyfall(['get', 'NOPE', '-q'], { cwd });
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('NOPE') });
  });
});

describe('a value or a token', () => {
  const lines = [
    ['list'],
    ['explain'],
    ['explain', 'TOKEN'],
    ['status'],
    ['doctor'],
    ['diff', 'vault', 'dotenv'],
    ['history', 'TOKEN'],
    ['rollback', 'TOKEN', '--to', '1'],
    ['rollback', 'TOKEN', '--to', '7'],
    ['types'],
    ['get', 'NOPE'],
    ['delete', 'NOPE'],
    ['init', '--yes'],
    ['migrate', '--dry-run', '--on-conflict', 'keep'],
  ];

  test.each(lines.map((args) => [args]))('is not in the output of %j', async (args) => {
    const cwd = await folderWith(`TOKEN=${canary}-other\nSECRET=${canary}\n`);
    const result = await keyfall(args, { cwd, env });
    assertNoLeak([canary, server.token], result);
    expect([0, 1]).toContain(result.code);
  });

  test('is not in an error about a refused token, a broken file or a dead server', async () => {
    const cwd = await folderWith(`TOKEN=${canary}\n`);
    for (const more of [
      { VAULT_TOKEN: canary },
      { VAULT_ADDR: `http://user:${canary}@127.0.0.1:1` },
      { VAULT_ADDR: canary },
      { VAULT_MAX_RETRIES: canary },
    ])
      for (const name of ['doctor', 'history TOKEN', 'diff vault dotenv']) {
        const args = [...name.split(' '), '--debug'];
        const result = await keyfall(args, { cwd, env: { ...env, ...more } });
        assertNoLeak([canary], result);
        expect(result.code).toBeGreaterThan(1);
      }
  });
});

test('what is read can be had as JSON, and nothing else is on stdout then', async () => {
  const cwd = await folderWith('TOKEN=1\n');
  for (const args of [
    ['get', 'TOKEN'],
    ['list'],
    ['export'],
    ['explain'],
    ['status'],
    ['doctor'],
    ['diff', 'vault', 'dotenv'],
    ['history', 'TOKEN'],
    ['types'],
    ['types', '--out', 'names.d.ts'],
  ]) {
    const { stdout } = await keyfall([...args, '--json'], { cwd, env });
    expect(() => JSON.parse(stdout)).not.toThrow();
  }
});

test('every command takes --json but those that only write, and run', () => {
  const without = all
    .filter(({ options }) => !options.some(({ long }) => long === '--json'))
    .map((command) => command.name())
    .filter((name) => name !== 'help');
  expect(without.sort()).toEqual([
    ...['completion', 'delete', 'edit', 'init', 'login', 'rollback', 'run', 'set'],
  ]);
});

describe('on a terminal', () => {
  test('states have colours, but not with NO_COLOR, TERM=dumb or a pipe', async () => {
    const cwd = await folderWith();
    const green = '\u001b[32mok\u001b[39m';
    const screen = async (more: Readonly<Record<string, string>>) =>
      (await onTerminal(['status'], [], { cwd, env: { ...env, ...more } })).stdout;
    expect(await screen({ NO_COLOR: '' })).toContain(green);
    expect(await screen({ NO_COLOR: '1' })).not.toContain('\u001b');
    expect(await screen({ NO_COLOR: '', TERM: 'dumb' })).not.toContain('\u001b');
    expect((await keyfall(['status'], { cwd, env })).stdout).not.toContain('\u001b');
  });

  test('lines are broken where it ends, and go on in their column', async () => {
    const cwd = await folderWith();
    const narrow = await onTerminal(['status'], [], { cwd, env, columns: 60 });
    const lines = narrow.stdout.split('\r\n');
    const at = lines.findLastIndex((line) => line.startsWith('  ok  policy   '));
    const broken = lines.slice(at, at + 3);
    expect(broken.slice(1)).toEqual([
      expect.stringMatching(/^ {15}\S/),
      expect.stringMatching(/^ {15}\S/),
    ]);
    for (const line of broken) expect(line.length).toBeLessThanOrEqual(60);
  });

  test('a wait is shown with its reason, and no trace of it is left', async () => {
    const slow = await startVaultServer({ external: false });
    onTestFinished(() => slow.stop());
    await slow.request('POST', 'secret/data/shop', { data: { TOKEN: canary } });
    const down = { ...env, VAULT_ADDR: slow.address, VAULT_TOKEN: slow.token };
    await slow.pause();
    const cwd = await folderWith();
    await writeFile(join(cwd, '.env'), 'TOKEN=1\n', { mode: 0o600 });
    const waited = await onTerminal(['get', 'TOKEN'], [], { cwd, env: down });
    expect(waited.stdout).toContain('⠋ reading');
    // cleared before anything else is said
    const cleared = '\r\u001b[K';
    expect(waited.stdout).toContain(
      `${cleared}keyfall: vault (${slow.address} secret/shop) could not`,
    );
    expect(waited.stdout.endsWith(`${cleared}1\r\n`)).toBe(true);
    for (const quiet of [
      await onTerminal(['get', 'TOKEN', '--quiet'], [], { cwd, env: down }),
      await keyfall(['get', 'TOKEN'], { cwd, env: down }),
    ])
      expect(quiet.output).not.toContain('reading');
    await slow.resume();
  });

  test('a configuration that takes its time is waited for in sight, unless the terminal is dumb', async () => {
    const config = (wait: string) => `export default {
      providers: async () => { await new Promise((done) => ${wait}); return [{ provider: 'env' }]; },
    };`;
    const cwd = await folderWith();
    const file = join(cwd, 'keyfall.config.mjs');
    // goes on when the driver, which waits for the words, has typed
    await writeFile(file, config("process.stdin.once('data', () => done(process.stdin.pause()))"));
    const typed = [['⠋ reading the configuration', '\n']] as const;
    const seen = await onTerminal(['get', 'TERM'], typed, { cwd });
    expect(seen).toMatchObject({ code: 0, stdout: expect.stringContaining('\r\u001b[Kxterm\r\n') });
    await writeFile(file, config('setTimeout(done, 700)'));
    const dumb = await onTerminal(['get', 'TERM'], [], { cwd, env: { TERM: 'dumb' } });
    expect(dumb.stdout).toBe('dumb\r\n');
  });

  test('a Ctrl-C while it waits ends it with 130', async () => {
    const slow = await startVaultServer({ external: false });
    onTestFinished(() => slow.stop());
    await slow.pause();
    const down = { ...env, VAULT_ADDR: slow.address };
    const { code } = await onTerminal(['status'], [['asking each provider', '\u0003']], {
      cwd: await folderWith(),
      env: down,
    });
    // Python's driver tells a signal as its negative number
    expect([130, 256 - 2]).toContain(code);
    await slow.resume();
  });

  test('init asks for providers, path and names', async () => {
    const cwd = await folderWith();
    const { code, stdout } = await onTerminal(
      ['init'],
      [
        ['Where are the secrets?', '\r'],
        ['Profiles', '\r'],
        ['Path of the secrets in Vault', 'asked\r'],
        ['Names that must be there', 'TOKEN, DB_PASS\r'],
        ['Which form?', '\r'],
      ],
      { cwd },
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/keyfall\.config\.json: vault and dotenv/);
    const made = JSON.parse(
      (await promisify(execFile)('cat', [join(cwd, 'keyfall.config.json')])).stdout,
    );
    expect(made).toEqual({
      names: ['TOKEN', 'DB_PASS'],
      providers: [{ provider: 'vault', path: 'asked' }, { provider: 'dotenv' }],
    });
    const stopped = await onTerminal(['init'], [['Where are the secrets?', '\u0003']], {
      cwd: await folderWith(),
    });
    expect(stopped.code).toBe(130);
  });
});

describe('completion in bash', () => {
  /** What TAB offers after these words. */
  async function offered(...words: readonly string[]): Promise<readonly string[]> {
    const script = `
      source <("$1" "$2" completion bash) || exit
      COMP_WORDS=(keyfall "\${@:3}") COMP_CWORD=$#
      (( COMP_CWORD -= 2 ))
      _keyfall
      printf '%s\\n' "\${COMPREPLY[@]}"
    `;
    const { stdout } = await promisify(execFile)('bash', [
      '-c',
      script,
      'bash',
      process.execPath,
      bin,
      ...words,
    ]);
    return stdout.split('\n').filter((word) => word !== '');
  }

  test('offers commands, options and their choices', async () => {
    expect(await offered('')).toEqual(commands);
    expect(await offered('do')).toEqual(['doctor']);
    expect(await offered('--pro')).toEqual(['--profile']);
    expect(await offered('--profile', 'prod', 'hist')).toEqual(['history']);
    expect(await offered('migrate', '--on-conflict', '')).toEqual(['fail', 'keep', 'overwrite']);
    expect(await offered('export', '--f')).toEqual(['--format']);
    expect(await offered('export', '-f', 'd')).toEqual(['dotenv', 'docker']);
    // what bash makes of --format=ya
    expect(await offered('export', '--format', '=', 'ya')).toEqual(['yaml']);
    expect(await offered('--profile', '=', 'prod', 'hist')).toEqual(['history']);
    expect(await offered('completion', '')).toEqual(['bash', 'zsh', 'fish']);
    expect(await offered('share', '')).toEqual(['list', 'add', 'remove', 'key']);
    expect(await offered('share', 'add', '')).toEqual([]);
    expect(await offered('help', 'ro')).toEqual(['rollback']);
  });

  test('offers nothing of ours for a file, a name or another program', async () => {
    expect(await offered('--dotenv', '')).toEqual([]);
    expect(await offered('migrate', '')).toEqual([]);
    expect(await offered('get', 'T')).toEqual([]);
    expect(await offered('run', '--', 'node', '--')).toEqual([]);
  });

  test('completes the program that run starts', async () => {
    expect(await offered('run', '--', 'printen')).toContain('printenv');
    expect(await offered('run', '--only', 'get', '--', 'printen')).toContain('printenv');
    expect(await offered('get', '--', 'printen')).toEqual([]);
  });

  test('refuses another shell', async () => {
    const refused = await keyfall(['completion', 'csh'], { cwd: await folderWith() });
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('bash, zsh, fish') });
  });
});

test('a reader that goes away is not an error of doctor', async () => {
  const child = start(['doctor'], { cwd: await folderWith() });
  child.stdout?.destroy();
  expect((await finished(child)).code).toBe(0);
});
