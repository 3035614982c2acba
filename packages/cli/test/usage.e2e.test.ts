import { spawn } from 'node:child_process';
import { open, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { bin, finished, folderWith, keyfall, start } from './keyfall.ts';

const canary = 'canary-c0ffee';

describe('a command line that cannot be understood', () => {
  test.each([
    [[], 'Usage: keyfall'],
    [['lst'], 'list?'],
    [['help', 'lst'], 'list?'],
    [['list', '--jsn'], '--json?'],
    [['run', '--wach', '--', 'true'], '--watch?'],
    [['set', 'A', '--alow-empty'], '--allow-empty?'],
    [['set', 'A', '--qiet'], '--quiet?'],
    [['run', '--only', ' , ', '--', 'true'], '--only'],
    [['migrate', '--select', ''], '--select'],
    [['get'], "'name'"],
    [['get', 'A', 'B'], "'get'"],
    [['get', ''], 'name'],
    [['export', '--format', 'xml'], 'dotenv, json, yaml, shell, docker, github'],
    [['export', '--json', '--format', 'yaml'], '--format yaml'],
    [['migrate', '--on-conflict', 'ask'], 'fail, keep, overwrite'],
  ])('%j is refused with exit code 2, naming %s', async (args, why) => {
    const result = await keyfall(args, { cwd: await folderWith() });
    expect(result).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(why) });
  });

  test.each([
    [['set', 'A', canary]],
    [['set', 'A', `-${canary}`]],
    [['set', 'A', `--value=${canary}`]],
    [['set', `A=${canary}`]],
    [['set', 'A', '--', canary]],
    [['set', `-p${canary}`]],
    [['set', '-p', '--', canary]],
    [['set', `-q${canary}`]],
    [['set', `--${canary}`]],
    [['get', `--token=${canary}`, 'A']],
    [['get', `-p${canary}`]],
    [['get', `A=${canary}`]],
    [['explain', `A=${canary}`]],
    [['run', '--only', `B,A=${canary}`, '--', 'true']],
    [[`A=${canary}`]],
  ])('%j is refused, and what may be a value not repeated', async (args) => {
    const result = await keyfall([...args, '--debug'], { cwd: await folderWith(), input: 'x' });
    expect(result.code).toBe(2);
    expect(result.output).not.toContain(canary);
  });
});

test('help and version go to stdout', async () => {
  const cwd = await folderWith();
  for (const args of [
    ['run', '--help'],
    ['help', 'run'],
  ]) {
    const help = await keyfall(args, { cwd });
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toContain('$ keyfall run -- node server.js');
  }
  const version = await keyfall(['--version'], { cwd });
  expect(version).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+/) });
});

test('values are data on stdout, bare', async () => {
  const cwd = await folderWith(`A="two\nlines"\n`);
  expect((await keyfall(['get', 'A'], { cwd })).stdout).toBe('two\nlines\n');
  expect((await keyfall(['get', '-n', 'A'], { cwd })).stdout).toBe('two\nlines');
  expect(JSON.parse((await keyfall(['get', 'A', '--json'], { cwd })).stdout)).toEqual({
    name: 'A',
    value: 'two\nlines',
  });
});

test('settings are neither listed nor exported', async () => {
  const cwd = await folderWith(
    'A=1\nUSE_VAULT=false\nVAULT_TOKEN=t\nBAO_ADDR=x\nKEYFALL_TTL=1m\nVAULT_DB_PASSWORD=p\n',
  );
  expect((await keyfall(['list'], { cwd })).stdout).toBe('A\nVAULT_DB_PASSWORD\n');
  expect(JSON.parse((await keyfall(['list', '--json'], { cwd })).stdout)).toEqual([
    'A',
    'VAULT_DB_PASSWORD',
  ]);
  const { stdout } = await keyfall(['export', '--json'], { cwd });
  expect(JSON.parse(stdout)).toEqual({ A: '1', VAULT_DB_PASSWORD: 'p' });
  expect((await keyfall(['get', 'VAULT_TOKEN'], { cwd })).code).toBe(2);
});

test('--dotenv stands before or after the command', async () => {
  const cwd = await folderWith('A=1\n');
  await writeFile(join(cwd, 'other.env'), 'A=2\n');
  expect((await keyfall(['--dotenv', '.env', 'get', 'A'], { cwd })).stdout).toBe('1\n');
  expect((await keyfall(['get', 'A', '--dotenv', 'other.env'], { cwd })).stdout).toBe('2\n');
});

test('a file that was named must be there, unless it is to be written', async () => {
  const cwd = await folderWith('A=1\n');
  for (const args of [['get', 'A'], ['list'], ['run', '--', 'touch', 'started']])
    expect(await keyfall(['--dotenv', 'no.env', ...args], { cwd })).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^keyfall: no\.env .*\n$/),
    });
  expect(await readdir(cwd)).toEqual(['.env']);
  const set = await keyfall(['--dotenv', 'no.env', 'set', 'A'], { cwd, input: '2' });
  expect(set.code).toBe(0);
  expect((await keyfall(['--dotenv', 'no.env', 'get', 'A'], { cwd })).stdout).toBe('2\n');
});

test('keyfall alone shows how to move a .env into Vault', async () => {
  const { stderr } = await keyfall([], { cwd: await folderWith() });
  expect(stderr).toMatch(/From a \.env to Vault:\n.*export VAULT_ADDR=(.*\n)+.*keyfall run --/);
});

test('the settings that Vault lacks are named together, by their variables', async () => {
  const cwd = await folderWith('USE_VAULT=true\n');
  const stderrOf = async (env: Record<string, string>, ...args: string[]) =>
    (await keyfall(args, { cwd, env })).stderr;
  expect(await stderrOf({}, 'list')).toMatch(
    /^keyfall: .*USE_VAULT=true.* VAULT_SECRET_PATH and VAULT_TOKEN .*\.env\.\n$/,
  );
  expect(await stderrOf({ VAULT_TOKEN: 't' }, 'migrate')).toMatch(
    /^keyfall: .*VAULT_ADDR and VAULT_SECRET_PATH /m,
  );
  expect(await stderrOf({ BAO_SECRET_PATH: 'x', VAULT_TOKEN: ' ' }, 'list')).toMatch(
    /^keyfall: (?!.*VAULT_SECRET_PATH).*\bVAULT_TOKEN .* --token-helper .*`bao login`\.\n$/,
  );
});

test('without Vault, set and delete edit the .env and say so', async () => {
  const cwd = await folderWith('# shop\nA=1 # one\nB=2\n');
  const set = await keyfall(['set', 'A'], { cwd, input: canary });
  expect(set).toMatchObject({
    code: 0,
    output: expect.stringMatching(/^keyfall: .*\bA .* dotenv \(\.env\)\.\n$/),
  });
  const deleted = await keyfall(['delete', 'B'], { cwd });
  expect(deleted).toMatchObject({
    code: 0,
    output: expect.stringMatching(/^keyfall: .*\bB .* dotenv \(\.env\)\.\n$/),
  });
  expect(await readFile(join(cwd, '.env'), 'utf8')).toBe(`# shop\nA=${canary} # one\n`);
  expect((await keyfall(['delete', 'B'], { cwd })).code).toBe(1);
  const odd = await keyfall(['set', '--', '-n'], { cwd, input: canary });
  expect(odd).toMatchObject({ code: 0, stderr: expect.stringContaining(' -n ') });
  const refused = await keyfall(['set', 'USE_VAULT'], { cwd, input: 'true' });
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('Keyfall itself') });
});

test('set makes a .env that only its owner reads', async () => {
  const cwd = await folderWith();
  expect((await keyfall(['set', 'A'], { cwd, input: canary })).code).toBe(0);
  expect((await stat(join(cwd, '.env'))).mode & 0o777).toBe(0o600);
  expect((await keyfall(['get', 'A'], { cwd })).stdout).toBe(`${canary}\n`);
});

describe('a write that cannot be', () => {
  const configured = async (...providers: readonly object[]) => {
    const cwd = await folderWith('A=1\n');
    await writeFile(join(cwd, 'keyfall.config.json'), JSON.stringify({ providers }));
    return cwd;
  };

  test('because an earlier provider holds the name is a conflict: 1', async () => {
    const cwd = await configured({ provider: 'env' }, { provider: 'dotenv' });
    const result = await keyfall(['set', 'A'], { cwd, env: { A: '0' }, input: canary });
    expect(result).toMatchObject({ code: 1, stderr: expect.stringContaining('env') });
    expect(result.output).not.toContain(canary);
    expect(await readFile(join(cwd, '.env'), 'utf8')).toBe('A=1\n');
  });

  test('because no provider can write is not supported: 2', async () => {
    const cwd = await configured({ provider: 'env' });
    for (const args of [
      ['set', 'B'],
      ['delete', 'A'],
    ]) {
      const result = await keyfall(args, { cwd, env: { A: '0' }, input: canary });
      expect(result).toMatchObject({ code: 2, stderr: expect.stringMatching(/can(not)? write/) });
      expect(result.output).not.toContain(canary);
    }
  });
});

test('explain says who answered, and its exit code is that of get', async () => {
  const cwd = await folderWith('A=1\n');
  expect(await keyfall(['explain', 'A'], { cwd })).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^A: .*dotenv \(\.env\)\n {2}1\. dotenv \(\.env\) .*\n$/),
  });
  expect((await keyfall(['explain', 'NOPE'], { cwd })).code).toBe(1);
});

test('an empty value is stored on demand alone: what fails in front of a pipe gives one too', async () => {
  const cwd = await folderWith('A=1\n');
  for (const input of ['', '\n']) {
    const result = await keyfall(['set', 'A'], { cwd, input });
    expect(result).toMatchObject({ code: 2, stderr: expect.stringContaining('--allow-empty') });
  }
  expect(await readFile(join(cwd, '.env'), 'utf8')).toBe('A=1\n');
  expect((await keyfall(['set', 'A', '--allow-empty'], { cwd, input: '' })).code).toBe(0);
  expect((await keyfall(['get', 'A'], { cwd })).stdout).toBe('\n');
});

test('a folder as stdin is refused as a value', async () => {
  const cwd = await folderWith('A=1\n');
  const { PATH = '' } = process.env;
  const command = ['-c', '"$@" < .', 'sh', process.execPath, bin, 'set', 'A', '--allow-empty'];
  const result = await finished(spawn('sh', command, { cwd, env: { PATH, HOME: cwd } }));
  expect(result).toMatchObject({ code: 2, stderr: expect.stringContaining('stdin') });
  expect(await readFile(join(cwd, '.env'), 'utf8')).toBe('A=1\n');
});

test('a command that is proposed can be typed', async () => {
  const cwd = await folderWith('TOKEN=1\n');
  for (const [name, word] of [
    ['no such', "'no such'"],
    ['$(id)', "'$(id)'"],
    ['-n', '-- -n'],
    ['NOPE', 'NOPE'],
  ] as const) {
    const { stderr } = await keyfall(['get', '--', name], { cwd });
    expect(stderr).toContain(`\`keyfall set ${word}\`.`);
  }
  const run = await keyfall(['run', '--only', "don't", '--', 'true'], { cwd });
  expect(run.stderr).toContain("`keyfall set 'don'\\''t'`.");
  const near = await keyfall(['get', 'TOKEN '], { cwd });
  expect(near.stderr).toMatch(/ TOKEN\? .*`keyfall set 'TOKEN '`\./);
});

test('a full disk behind stdout is reported, and is not a defect of ours', async () => {
  const cwd = await folderWith('A=1\n');
  for (const args of [
    ['get', 'A'],
    ['list'],
    ['export'],
    ['--help'],
    ['--version'],
    ['help', 'run'],
  ]) {
    const full = await open('/dev/full', 'w');
    onTestFinished(() => full.close());
    const child = start(args, { cwd, stdout: full.fd });
    expect(await finished(child)).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/^keyfall: stdout .*\(ENOSPC\)\.\n$/),
    });
  }
});

test.each([[['get', 'A']], [['--help']], [['--version']]])(
  'a reader of the stdout of %j that goes away is no error',
  async (args) => {
    const cwd = await folderWith(`A=${'x'.repeat(1_000_000)}\n`);
    const child = start(args, { cwd });
    child.stdout?.destroy();
    expect(await finished(child)).toMatchObject({ code: 0, stderr: '' });
  },
);

test.each([[[]], [['lst']], [['get']], [['get', 'NOPE']]])(
  'a stderr that takes nothing changes no exit code: %j',
  async (args) => {
    const cwd = await folderWith();
    const [full, well] = [await open('/dev/full', 'w'), await keyfall(args, { cwd })];
    onTestFinished(() => full.close());
    expect((await finished(start(args, { cwd, stderr: full.fd }))).code).toBe(well.code);
    expect([1, 2]).toContain(well.code);
  },
);
