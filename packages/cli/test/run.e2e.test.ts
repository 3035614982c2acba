import { chmod, mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { finished, folderWith, intoHead, keyfall, printed, start } from './keyfall.ts';

/** A chain of these values, whatever is in them. */
async function configure(cwd: string, values: Readonly<Record<string, string>>): Promise<void> {
  const entries = JSON.stringify(Object.entries(values).map(([name, value]) => [name, { value }]));
  const read = `async read() { return { entries: new Map(${entries}), complete: true }; }`;
  const config = `export default { providers: [{ name: 'made', store: 'made', ${read} }] };`;
  await writeFile(join(cwd, 'keyfall.config.mjs'), config);
}

/** Of a program that this machine could start, the beginning. */
async function nodesHeader(): Promise<Buffer> {
  const file = await open(process.execPath);
  const { buffer } = await file.read(Buffer.alloc(64));
  await file.close();
  return buffer;
}

test('look-ups of names are bounded in our process, and in that of the program as the user has them', async () => {
  const cwd = await folderWith();
  const read = `async read() { return { entries: new Map([['OURS', { value: process.env.RES_OPTIONS }]]), complete: true }; }`;
  const config = `export default { providers: [{ name: 'made', store: 'made', ${read} }] };`;
  await writeFile(join(cwd, 'keyfall.config.mjs'), config);
  const show = ['run', '--', 'sh', '-c', 'echo "$OURS / $(printenv RES_OPTIONS || echo unset)"'];
  expect((await keyfall(show, { cwd })).stdout).toBe('timeout:1 attempts:2 / unset\n');
  const env = { RES_OPTIONS: 'timeout:3' };
  expect((await keyfall(show, { cwd, env })).stdout).toBe('timeout:3 / timeout:3\n');
});

describe('the exit code', () => {
  test.each([0, 1, 7, 255])('of the program is ours: %i', async (code) => {
    const cwd = await folderWith();
    expect((await keyfall(['run', '--', 'sh', '-c', `exit ${code}`], { cwd })).code).toBe(code);
  });

  test('is 128+n if a signal ends the program', async () => {
    const cwd = await folderWith();
    const kill = (signal: string) =>
      keyfall(['run', '--', 'sh', '-c', `kill -${signal} $$`], { cwd });
    expect((await kill('KILL')).code).toBe(137);
    expect((await kill('TERM')).code).toBe(143);
  });

  test.each([
    ['no-such-program', 127],
    ['./no-such-program', 127],
    ['', 127],
    ['./text', 126],
    ['./folder', 126],
    ['./lost', 127],
    ['./broken', 126],
    ['./foreign', 126],
  ])('of %j is %i', async (file, code) => {
    const cwd = await folderWith('A=1\n');
    await writeFile(join(cwd, 'text'), 'text');
    await writeFile(join(cwd, 'lost'), '#!/no/such/interpreter\n');
    await chmod(join(cwd, 'lost'), 0o755);
    await mkdir(join(cwd, 'folder'));
    await writeFile(join(cwd, 'broken'), await nodesHeader(), { mode: 0o755 });
    // a shell would run its second line
    const foreign = Buffer.concat([
      (await nodesHeader()).fill(8, 18, 19),
      Buffer.from('\necho ran\n'),
    ]);
    await writeFile(join(cwd, 'foreign'), foreign, { mode: 0o755 });
    const result = await keyfall(['run', '--', file], { cwd });
    expect(result).toMatchObject({ code, stdout: '' });
    expect(result.stderr).toMatchSnapshot();
  });
});

describe('signals', () => {
  const trap = (signal: string) =>
    `trap 'echo got ${signal}; exit 3' ${signal}; echo ready; while :; do sleep 0.05; done`;

  test.each(['TERM', 'HUP', 'QUIT', 'USR1', 'USR2', 'CONT', 'INT'])(
    '%s is handed on where we stay beside the program',
    async (signal) => {
      const cwd = await folderWith();
      const child = start(['run', '--kill-after', '1m', '--', 'sh', '-c', trap(signal)], { cwd });
      const result = finished(child);
      await printed(child, 'ready');
      child.kill(`SIG${signal}` as NodeJS.Signals);
      expect(await result).toMatchObject({ code: 3, stdout: `ready\ngot ${signal}\n` });
    },
  );

  test.each([
    ['as on its own', []],
    ['where we stay beside it', ['--kill-after', '1m']],
  ])('a program without a handler dies of one, %s', async (_, options) => {
    const cwd = await folderWith();
    const script = 'echo ready; exec sleep 60';
    const child = start(['run', ...options, '--', 'sh', '-c', script], { cwd });
    const result = finished(child);
    await printed(child, 'ready');
    child.kill('SIGTERM');
    expect((await result).code).toBe(143);
  });

  test('the program starts with every signal at its default', async () => {
    const cwd = await folderWith();
    const { stdout } = await keyfall(['run', '--', 'grep', 'SigIgn', '/proc/self/status'], { cwd });
    expect(stdout).toBe('SigIgn:\t0000000000000000\n');
  });
});

describe('the program gets', () => {
  test('its arguments as they are, ours among them', async () => {
    const cwd = await folderWith();
    const args = ['--json', '--', '$HOME', 'a b', '', '--debug', '-V'];
    const { stdout } = await keyfall(['run', '--', 'printf', '[%s]', ...args], { cwd });
    expect(stdout).toBe(args.map((arg) => `[${arg}]`).join(''));
  });

  test('stdin as it is', async () => {
    const cwd = await folderWith();
    expect((await keyfall(['run', '--', 'cat'], { cwd, input: 'a\0b' })).stdout).toBe('a\0b');
  });

  test('values with line ends and quotes, in any language', async () => {
    const cwd = await folderWith(`KEY="-----BEGIN-----\nabc'\n-----END-----\n"\n`);
    const script = 'import os; print(repr(os.environ["KEY"]))';
    const { stdout } = await keyfall(['run', '--', 'python3', '-c', script], { cwd });
    expect(stdout).toBe(`"-----BEGIN-----\\nabc'\\n-----END-----\\n"\n`);
  });

  test('every character that an environment can hold, in three languages', async () => {
    const cwd = await folderWith();
    const all = Array.from({ length: 0x24f }, (_, code) => String.fromCharCode(code + 1)).join('');
    const value = `${all}\r\n\t"'\`$\\ \u{1f511}\u{10ffff}\ufeff\uffff`;
    await configure(cwd, { VALUE: value });
    const hex = Buffer.from(value).toString('hex');
    const python = 'import os; print(os.environb[b"VALUE"].hex())';
    const node = 'console.log(Buffer.from(process.env.VALUE).toString("hex"))';
    const sh = 'printf %s "$VALUE" | od -An -v -tx1 | tr -d " \\n"';
    for (const command of [
      ['python3', '-c', python],
      [process.execPath, '-e', node],
      ['sh', '-c', sh],
    ]) {
      const { stdout } = await keyfall(['run', '--', ...command], { cwd });
      expect(stdout.trim()).toBe(hex);
    }
  });

  test.each([
    ['canary\0', /^keyfall: A .*\bNUL\b/],
    ['canary\ud83d', /^keyfall: A .*\bsurrogate\b/],
  ])('nothing of %j, which is refused by name', async (value, why) => {
    const cwd = await folderWith();
    await configure(cwd, { A: value, B: '1' });
    const result = await keyfall(['run', '--', 'echo', 'started'], { cwd });
    expect(result).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(why) });
    expect(result.output).not.toContain('canary');
  });

  test('a pipe whose reader goes away, as without us', async () => {
    const cwd = await folderWith('A=1\n');
    expect(await intoHead(['run', '--', 'yes'], { cwd })).toMatchObject({
      code: 141,
      stdout: 'y\n',
      stderr: '',
    });
  });

  test('a program found in the PATH that it is given', async () => {
    const cwd = await folderWith();
    await mkdir(join(cwd, 'bin'));
    await writeFile(join(cwd, 'bin', 'mine'), '#!/bin/sh\necho mine $0\n');
    await chmod(join(cwd, 'bin', 'mine'), 0o755);
    const env = { PATH: `${join(cwd, 'bin')}:/usr/bin:/bin` };
    const { stdout } = await keyfall(['run', '--', 'mine'], { cwd, env });
    expect(stdout).toBe(`mine ${join(cwd, 'bin', 'mine')}\n`);
  });

  test("a .env's values, which never replace an inherited variable", async () => {
    const cwd = await folderWith('A=file\nB=file\n');
    const env = { A: 'inherited' };
    const result = await keyfall(['run', '--', 'sh', '-c', 'echo $A $B $USE_VAULT'], { cwd, env });
    expect(result).toMatchObject({ stdout: 'inherited file false\n', stderr: '' });
  });

  test('an environment of 200 kB', async () => {
    const names = Array.from({ length: 200 }, (_, index) => `NAME_${index}`);
    const cwd = await folderWith(names.map((name) => `${name}=${'x'.repeat(1_000)}\n`).join(''));
    const { stdout } = await keyfall(['run', '--', 'sh', '-c', 'env | grep -c NAME_'], { cwd });
    expect(stdout).toBe('200\n');
  });

  test('an environment too large for the system is said, and the exit code is 126', async () => {
    const cwd = await folderWith(`BIG=${'canary'.repeat(50_000)}\n`);
    const { code, output } = await keyfall(['run', '--', 'sh', '-c', 'echo started'], { cwd });
    expect(code).toBe(126);
    expect(output).toMatch(/^keyfall: sh: .*\(E2BIG\)\n$/);
  });
});

test('a program that gets no secret at all is started, and that is said', async () => {
  const cwd = await folderWith();
  const result = await keyfall(['run', '--', 'echo', 'runs'], { cwd });
  expect(result).toMatchObject({
    code: 0,
    stdout: 'runs\n',
    stderr: expect.stringMatching(/^keyfall: echo /),
  });
  const quiet = await keyfall(['run', '--quiet', '--', 'echo', 'runs'], { cwd });
  expect(quiet).toMatchObject({ code: 0, stdout: 'runs\n', stderr: '' });
});

describe('what starts nothing', () => {
  const marker = ['sh', '-c', 'echo started'];

  test.each([
    ['a name of --only that is missing', 'A=1\n', ['--only', 'A,NOPE'], 1, 'NOPE'],
    ['several', 'A=1\n', ['--only', 'X', '--only', 'Y'], 1, 'X and Y'],
    ['a name that could take over', 'NODE_OPTIONS=-r evil\n', [], 2, 'NODE_OPTIONS'],
    ['a setting in --only', 'VAULT_TOKEN=x\n', ['--only', 'VAULT_TOKEN'], 2, 'VAULT_TOKEN'],
    ['USE_VAULT that is neither', 'USE_VAULT=ture\n', [], 2, 'USE_VAULT'],
    ['Vault without a path', 'USE_VAULT=true\nVAULT_TOKEN=t\n', [], 2, 'VAULT_SECRET_PATH'],
    ['a .env that is no text', 'A=\xff', [], 5, '.env'],
  ])('%s starts no program', async (_, dotenv, options, code, why) => {
    const cwd = await folderWith(Buffer.from(dotenv, 'latin1'));
    const result = await keyfall(['run', ...options, '--', ...marker], { cwd });
    expect(result).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(why) });
  });

  test('a program that does not stand after -- is not started', async () => {
    const cwd = await folderWith();
    for (const args of [['run', ...marker], ['run', 'sh', '--', 'x'], ['run']]) {
      const result = await keyfall(args, { cwd });
      expect(result).toMatchObject({ code: 2, stdout: '' });
      expect(result.stderr).toContain('keyfall run -- node server.js');
    }
  });
});

test('--only gives these names alone, from lists and repetitions', async () => {
  const cwd = await folderWith('A=1\nB=2\nC=3\nD=4\nPATH=ignored\n');
  const args = ['run', '--only', 'A, B', '--only=C', '--', 'sh', '-c', 'echo $A$B$C$D'];
  expect((await keyfall(args, { cwd })).stdout).toBe('123\n');
});

test('--pristine leaves out inherited variables, and --pass-bootstrap keeps our settings', async () => {
  const cwd = await folderWith('A=1\n');
  const env = { OTHER: 'x', VAULT_TOKEN: 'token' };
  const script = 'echo A=$A OTHER=$OTHER VAULT_TOKEN=$VAULT_TOKEN';
  const run = async (option: string) =>
    (await keyfall(['run', option, '--', 'sh', '-c', script], { cwd, env })).stdout;
  expect(await run('--pristine')).toBe('A=1 OTHER= VAULT_TOKEN=\n');
  expect(await run('--pass-bootstrap')).toBe('A=1 OTHER=x VAULT_TOKEN=token\n');
});
