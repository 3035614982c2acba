// What a program may do, and what never comes of it.
import { spawnSync } from 'node:child_process';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecrets } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import { assertNoLeak, callContext, leaksOf } from '@keyfall/testkit';
import { rolldown } from 'rolldown';
import { describe, expect, test, vi } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { type ExecProviderOptions, execProvider } from '../src/index.ts';
import { exampleOf, fileOf, python } from './helpers.ts';

const canary = 'canary-value-77f0';

/** A tool of one line of sh, in which `$1` is the name. */
const toolOf = (script: string, more: Partial<ExecProviderOptions> = {}) =>
  execProvider({ command: ['sh', '-c', script, 'sh', '{name}'], ...more });

/** A helper of one line of sh, which reads the request first. */
const helperOf = (script: string, more: Partial<ExecProviderOptions> = {}) =>
  execProvider({ command: ['sh', '-c', `cat >/dev/null; ${script}`], ...more });

const errorOf = (call: Promise<unknown> | undefined) =>
  (call ?? Promise.resolve()).then(
    () => undefined,
    (error: unknown) => error,
  );

const entryOf = async (provider: SecretProvider, name = 'ALPHA') =>
  (await provider.read([name], callContext())).entries.get(name);

const isRunning = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('a tool that prints one value', () => {
  test.each([
    ['printf "v"', 'v'],
    ['printf "v\n"', 'v'],
    ['printf "v\r\n"', 'v'],
    ['printf "v\n\n"', 'v\n'],
    ['echo', ''],
    ['echo "$1"', 'ALPHA'],
  ])('%j has the value %j', async (script, value) => {
    expect(await entryOf(toolOf(script))).toEqual({ value });
  });

  test('an exit code says what exitCodes says of it, and without that it is never "not here"', async () => {
    const exitCodes = {
      missing: [1, 2],
      unauthenticated: [3],
      denied: [4],
      unavailable: [5],
      invalid: [6],
      misconfigured: [7],
    };
    const provider = toolOf('exit "$1"', { exitCodes });
    const { entries, complete } = await provider.read(
      ['1', '2', '3', '4', '6', '7', '8'],
      callContext(),
    );
    expect(complete).toBe(false);
    expect([...entries].sort()).toMatchObject([
      ['3', { code: 'ERR_SECRET_UNAUTHENTICATED', secretName: '3' }],
      ['4', { code: 'ERR_SECRET_DENIED' }],
      ['6', { code: 'ERR_SECRET_INVALID' }],
      ['7', { code: 'ERR_SECRET_CONFIG', setting: { option: 'command' } }],
      ['8', { code: 'ERR_SECRET_INVALID', setting: { option: 'exitCodes' } }],
    ]);
    await expect(provider.read(['5'], callContext())).rejects.toMatchObject({
      code: 'ERR_SECRET_UNAVAILABLE',
    });
  });

  test('a tool that cannot be asked now is not started for every other name', async () => {
    const folder = await testFolder();
    const script = `if [ "$1" = N0 ]; then echo v; else touch ${folder}/$1; exit 5; fi`;
    const names = Array.from({ length: 20 }, (_, index) => `N${index}`);
    const provider = toolOf(script, { exitCodes: { unavailable: [5] } });
    const { entries } = await provider.read(names, callContext());
    expect(entries.size).toBe(20);
    expect(entries.get('N0')).toEqual({ value: 'v' });
    expect(entries.get('N19')).toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE', secretName: 'N19' });
    expect((await readdir(folder)).length).toBeLessThan(10);
  });

  test('a program that is killed from outside could not be asked', async () => {
    await expect(entryOf(toolOf('kill -9 $$'))).rejects.toMatchObject({
      code: 'ERR_SECRET_UNAVAILABLE',
    });
  });

  test('a program that prints nothing at all has not answered', async () => {
    expect(await entryOf(toolOf('true'))).toMatchObject({ code: 'ERR_SECRET_INVALID' });
  });

  test('what is no UTF-8 is an error of that name', async () => {
    const provider = toolOf('if [ "$1" = ALPHA ]; then printf "\\377"; else printf v; fi');
    const { entries } = await provider.read(['ALPHA', 'BETA'], callContext());
    expect(entries.get('ALPHA')).toMatchObject({ code: 'ERR_SECRET_INVALID' });
    expect(entries.get('BETA')).toEqual({ value: 'v' });
  });

  test('a program that prints without end is stopped, and takes no other name with it', async () => {
    const folder = await testFolder();
    const pid = join(folder, 'pid');
    const provider = toolOf(
      `if [ "$1" = BETA ]; then printf v; else echo $$ >${pid}; exec yes; fi`,
    );
    const { entries } = await provider.read(['ALPHA', 'BETA'], callContext());
    expect(entries.get('ALPHA')).toMatchObject({ code: 'ERR_SECRET_INVALID' });
    expect(entries.get('BETA')).toEqual({ value: 'v' });
    const started = Number(await readFile(pid, 'utf8'));
    await vi.waitFor(() => expect(isRunning(started)).toBe(false));
  });

  test('a read of everything asks for the names that there are, and without them says so', async () => {
    const provider = toolOf('echo "value of $1"', { names: ['A', 'B'] });
    const batch = await provider.read('all', callContext());
    expect(batch).toMatchObject({ complete: true });
    expect([...batch.entries].sort()).toEqual([
      ['A', { value: 'value of A' }],
      ['B', { value: 'value of B' }],
    ]);
    const secrets = createSecrets({ providers: [toolOf('echo v')] });
    await expect(secrets.getAll()).rejects.toMatchObject({
      code: 'ERR_SECRET_UNSUPPORTED',
      setting: { option: 'names' },
    });
    expect(await secrets.get('ANY')).toBe('v');
    await secrets.close();
  });

  test('a name that is not among names is not here, and the program is not started for it', async () => {
    const folder = await testFolder();
    const provider = toolOf(`touch ${folder}/started`, { names: ['A'] });
    expect(await entryOf(provider, 'B')).toBeUndefined();
    await expect(readFile(join(folder, 'started'))).rejects.toThrow();
  });

  test('of many names a few are asked for at once', async () => {
    const folder = await testFolder();
    const script = `touch ${folder}/$1.run; ls ${folder} | wc -l; sleep 0.05; rm ${folder}/$1.run`;
    const names = Array.from({ length: 12 }, (_, index) => `N${index}`);
    const { entries } = await toolOf(script).read(names, callContext());
    const atOnce = [...entries.values()].map((entry) => Number('value' in entry && entry.value));
    expect(atOnce).toHaveLength(12);
    expect(Math.max(...atOnce)).toBeLessThanOrEqual(5);
    expect(Math.min(...atOnce)).toBeGreaterThan(0);
  });
});

describe('a name never becomes an option, another path or a program', () => {
  const arguments_ = async (command: readonly string[], name: string) => {
    const shown = execProvider({
      command: [python(), '-c', 'import sys; print(sys.argv[1:])', ...command],
    });
    const entry = await entryOf(shown, name);
    return entry && ('value' in entry ? entry.value : entry.code);
  };

  test.each([
    ['$(id) `id` ; | & * ~', ['{name}'], "['$(id) `id` ; | & * ~']"],
    ['two words', ['{name}'], "['two words']"],
    ['A', ['x/{name}/y', '{name}'], "['x/A/y', 'A']"],
    ['item/field with space', ['op://{name}'], "['op://item/field with space']"],
    ['$&', ['{name}'], "['$&']"],
    ['{name}', ['{name}'], "['{name}']"],
    ['-rf', ['--', '{name}'], "['--', '-rf']"],
    ['-rf', ['op://{name}'], "['op://-rf']"],
    ['-rf', ['{name}'], 'ERR_SECRET_UNSUPPORTED'],
    ['-rf', ['{name}', '--', '{name}'], 'ERR_SECRET_UNSUPPORTED'],
    ['-rf', ['{name}=x'], 'ERR_SECRET_UNSUPPORTED'],
    ['', ['{name}'], 'ERR_SECRET_UNSUPPORTED'],
    ['../up', ['{name}'], 'ERR_SECRET_UNSUPPORTED'],
    ['a/../../b', ['op://x/{name}'], 'ERR_SECRET_UNSUPPORTED'],
    ['a\\..\\b', ['{name}'], 'ERR_SECRET_UNSUPPORTED'],
    ['.', ['{name}'], 'ERR_SECRET_UNSUPPORTED'],
    ['/a', ['op://x/{name}'], 'ERR_SECRET_UNSUPPORTED'],
    ['a//b', ['op://x/{name}'], 'ERR_SECRET_UNSUPPORTED'],
    ['a?attribute=otp', ['op://x/{name}'], 'ERR_SECRET_UNSUPPORTED'],
    ['a#b', ['op://x/{name}'], 'ERR_SECRET_UNSUPPORTED'],
    ['a%2fb', ['op://x/{name}'], 'ERR_SECRET_UNSUPPORTED'],
    ['new\nline', ['{name}'], 'ERR_SECRET_UNSUPPORTED'],
    ['nul\0byte', ['{name}'], 'ERR_SECRET_UNSUPPORTED'],
    ['\u009b', ['{name}'], 'ERR_SECRET_UNSUPPORTED'],
    ['half \ud800', ['{name}'], 'ERR_SECRET_UNSUPPORTED'],
  ])('%j in %j gives %s', async (name, command, expected) => {
    expect(await arguments_(command, name)).toBe(expected);
  });

  test.each(['new\nline', 'nul\0byte', 'half \ud800'])(
    'a helper is not asked for %j, and nothing is written under it',
    async (name) => {
      const folder = await testFolder();
      const provider = helperOf(`touch ${folder}/started; exit 1`, { writes: 'store' });
      expect(await entryOf(provider, name)).toMatchObject({ code: 'ERR_SECRET_UNSUPPORTED' });
      const write = provider.write?.({ entries: new Map([[name, 'x']]) }, callContext());
      expect(await errorOf(write)).toMatchObject({ code: 'ERR_SECRET_UNSUPPORTED', applied: 'no' });
      await expect(readFile(join(folder, 'started'))).rejects.toThrow();
    },
  );
});

describe('the program', () => {
  test('has the variables that are usual or named, and no others', async () => {
    const env = {
      PATH: process.env['PATH'],
      HOME: '/nowhere',
      DB_PASS: canary,
      VAULT_TOKEN: canary,
      NODE_OPTIONS: canary,
      LD_PRELOAD: canary,
      GNUPGHOME: '/keys',
      OP_SERVICE_ACCOUNT_TOKEN: 'token',
    };
    const provider = toolOf('env | cut -d= -f1 | grep -vx -e PWD -e SHLVL -e _ -e OLDPWD | sort', {
      env,
      inherit: ['GNUPGHOME', 'NOT_SET'],
      credentialVariables: ['OP_SERVICE_ACCOUNT_TOKEN'],
    });
    expect(await entryOf(provider)).toEqual({
      value: 'GNUPGHOME\nHOME\nOP_SERVICE_ACCOUNT_TOKEN\nPATH',
    });
    expect(provider.credentialVariables).toEqual(new Set(['OP_SERVICE_ACCOUNT_TOKEN']));
  });

  test('has nothing to read, and no terminal, where it is a tool', async () => {
    expect(
      await entryOf(toolOf('cat; if (: </dev/tty) 2>/dev/null; then echo tty; fi; echo over')),
    ).toEqual({
      value: 'over',
    });
  });

  test('is ended with all that it has started when the call is over', async () => {
    const folder = await testFolder();
    const pids = join(folder, 'pids');
    const script = `sleep 1000 & echo $! >${pids}.tmp; echo $$ >>${pids}.tmp; mv ${pids}.tmp ${pids}; wait`;
    for (const provider of [toolOf(script), helperOf(script)]) {
      const stop = new AbortController();
      const read = errorOf(provider.read(['ALPHA'], callContext({ signal: stop.signal })));
      const started = await vi.waitFor(() => readFile(pids, 'utf8'), 10_000);
      stop.abort(new Error(canary));
      const error = await read;
      expect(error).toMatchObject({ code: 'ERR_SECRET_ABORTED', provider: 'exec' });
      assertNoLeak([canary], error);
      for (const pid of started.trim().split('\n'))
        await vi.waitFor(() => expect(isRunning(Number(pid))).toBe(false), 10_000);
      await rm(pids);
    }
  });

  test('is ended when the time of the chain is over, and could not be asked then', async () => {
    const folder = await testFolder();
    const pid = join(folder, 'pid');
    const provider = toolOf(`echo $$ >${pid}; exec sleep 1000`);
    const secrets = createSecrets({ providers: [{ provider, timeout: 500 }] });
    const error = await errorOf(secrets.get('ALPHA'));
    expect(error).toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE' });
    const started = Number(await readFile(pid, 'utf8'));
    await vi.waitFor(() => expect(isRunning(started)).toBe(false), 10_000);
    await secrets.close();
  });

  test('is ended when its parent ends in the middle of a call', async () => {
    const folder = await testFolder();
    const pid = join(folder, 'pid');
    const bundle = await rolldown({
      input: fileOf('../src/index.ts'),
      platform: 'node',
      resolve: { conditionNames: ['@keyfall/source'] },
    });
    await bundle.write({ file: join(folder, 'provider.mjs') });
    await writeFile(
      join(folder, 'parent.mjs'),
      `import { existsSync, readFileSync } from 'node:fs';
      import { execProvider } from './provider.mjs';
      const command = ['sh', '-c', 'echo $$ >${pid}.tmp; mv ${pid}.tmp ${pid}; exec sleep 1000', 'sh', '{name}'];
      const signal = new AbortController().signal;
      execProvider({ command }).read(['A'], { signal, remainingTimeout: () => 1, warn() {} });
      setInterval(() => existsSync('${pid}') && process.exit(7), 5);`,
    );
    const parent = spawnSync(process.execPath, [join(folder, 'parent.mjs')]);
    expect(parent.status).toBe(7);
    const started = Number(await readFile(pid, 'utf8'));
    await vi.waitFor(() => expect(isRunning(started)).toBe(false), 10_000);
  });

  test('shows nothing of its stderr, neither in an error nor on ours', async () => {
    const stderr = vi.spyOn(process.stderr, 'write');
    for (const provider of [
      toolOf(`echo ${canary} >&2; echo ${canary}; exit 1`),
      helperOf(`echo ${canary} >&2; echo ${canary}; exit 1`),
    ]) {
      const batch = provider.read(['ALPHA'], callContext());
      const error = await batch.then(
        ({ entries }) => entries.get('ALPHA'),
        (thrown) => thrown,
      );
      expect(error).toMatchObject({ code: 'ERR_SECRET_INVALID' });
      expect(leaksOf([canary], error)).toEqual([]);
    }
    expect(leaksOf([canary], stderr.mock.calls)).toEqual([]);
    stderr.mockRestore();
  });

  test('is called by its name alone in what is shown, since its arguments may be anything', () => {
    const provider = execProvider({ command: ['/opt/bin/tool', `--token=${canary}`, '{name}'] });
    expect(provider.store).toBe('tool');
    assertNoLeak([canary], provider, JSON.stringify(provider.place));
    expect(provider.place).toMatchObject({ kind: 'exec', address: '/opt/bin/tool' });
    const other = execProvider({ command: ['/opt/bin/tool', '{name}'] });
    expect(other.place).not.toEqual(provider.place);
  });

  test.each([
    ['that is not on PATH', 'no-such-program-77f0'],
    ['that is not there', './no-such-program'],
    ['that may not be executed', fileOf('tool.sh')],
    ['that is a folder', '/'],
  ])('one %s is a wrong command, and no outage', async (_, file) => {
    const provider = execProvider({ command: [file], writes: 'store', lists: true });
    const wrong = { code: 'ERR_SECRET_CONFIG', provider: 'exec', setting: { option: 'command' } };
    expect(await errorOf(provider.read(['ALPHA'], callContext()))).toMatchObject(wrong);
    const write = provider.write?.({ entries: new Map([['A', 'x']]) }, callContext());
    expect(await errorOf(write)).toMatchObject({ ...wrong, applied: 'no' });
    expect(await provider.check?.(callContext())).toMatchObject([
      { state: 'failing', code: 'config' },
    ]);
  });

  test('a path is relative to the working directory at the time the provider is made', async () => {
    const folder = await testFolder();
    await writeFile(join(folder, 'tool'), '#!/bin/sh\npwd\n', { mode: 0o755 });
    const before = process.cwd();
    process.chdir(folder);
    const provider = execProvider({ command: ['./tool', '{name}'] });
    process.chdir(before);
    expect(await entryOf(provider)).toEqual({ value: folder });
  });
});

describe('a helper', () => {
  const answering = (...lines: readonly unknown[]) =>
    helperOf(
      `printf '%s' '${lines.map((line) => (typeof line === 'string' ? line : `${JSON.stringify(line)}\n`)).join('')}'`,
    );
  const done = { done: true };

  test('is asked by lines that docs/providers/exec.md has', async () => {
    const folder = await testFolder();
    const file = join(folder, 'request');
    const command = [
      'sh',
      '-c',
      `cat >${file}; echo '{"done":true,"complete":true,"revision":"2"}'`,
    ];
    const provider = execProvider({ command, lists: true, writes: 'conditional' });
    const request = () => readFile(file, 'utf8');
    await provider.read(['A', 'a"b'], callContext());
    expect(await request()).toBe('{"keyfall":1,"action":"read"}\n{"name":"A"}\n{"name":"a\\"b"}\n');
    await provider.read('all', callContext());
    expect(await request()).toBe('{"keyfall":1,"action":"read-all"}\n');
    await provider.list?.(callContext());
    expect(await request()).toBe('{"keyfall":1,"action":"list"}\n');
    const entries = new Map([
      ['A', 'value'],
      ['B', null],
    ]);
    await provider.write?.({ entries }, callContext());
    const changes = '{"name":"A","value":"value"}\n{"name":"B","value":null}\n';
    expect(await request()).toBe(`{"keyfall":1,"action":"write"}\n${changes}`);
    const receipt = await provider.write?.({ entries, ifRevision: '1' }, callContext());
    expect(await request()).toBe(`{"keyfall":1,"action":"write","ifRevision":"1"}\n${changes}`);
    expect(receipt).toEqual({ conditional: true, revision: '2' });
  });

  test('answers a name with a value, base64, missing or an error', async () => {
    const provider = answering(
      { name: 'A', value: 'v', version: '3', createdAt: 1, expiresAt: 2, more: [] },
      { name: 'B', base64: 'w6k=' },
      { name: 'C', missing: true },
      { name: 'D', error: 'denied' },
      { name: 'E', base64: 'w6', error: 'unavailable' },
      { name: 'F', base64: 'w6' },
      { name: 'G', value: 1 },
      { name: 'H', value: 'x', missing: true },
      { name: 'I', error: canary },
      { name: 'J', value: 'x', createdAt: 'now' },
      { name: 'K', value: '\ud800' },
      { name: 'L', base64: '/w==' },
      done,
    );
    const { entries, complete } = await provider.read([...'ABCDEFGHIJKL'], callContext());
    expect(complete).toBe(false);
    expect(entries.get('A')).toEqual({ value: 'v', version: '3', createdAt: 1, expiresAt: 2 });
    expect(entries.get('B')).toEqual({ value: 'é' });
    expect(entries.has('C')).toBe(false);
    expect(entries.get('D')).toMatchObject({ code: 'ERR_SECRET_DENIED', secretName: 'D' });
    expect(entries.get('E')).toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE', secretName: 'E' });
    for (const name of 'FGHIJKL')
      expect(entries.get(name)).toMatchObject({ code: 'ERR_SECRET_INVALID', secretName: name });
    assertNoLeak([canary], ...entries.values());
  });

  test.each<[string, ...(readonly unknown[])]>([
    ['nothing'],
    ['no last line', { name: 'ALPHA', value: canary }],
    ['a last line that says something else', { name: 'ALPHA', value: canary }, { done: 1 }],
    ['a line after the last', done, { name: 'ALPHA', value: canary }],
    ['half a line', `{"name":"ALPHA","value":"${canary}`],
    ['the value alone', `${canary}\n`],
    ['a list', `["${canary}"]\n`, done],
    ['null', 'null\n', done],
    ['an empty line', '\n', done],
    ['a line without a name', { value: canary }, done],
    ['a name twice', { name: 'ALPHA', missing: true }, { name: 'ALPHA', value: canary }, done],
    ['not the name that was asked for', { name: 'BETA', value: canary }, done],
    ['nothing for the name that was asked for', done],
    ['a web page', '<!doctype html>\n'],
  ])('that answers %s is broken, and no name is missing for it', async (_, ...lines) => {
    const provider = answering(...lines);
    const error = await errorOf(provider.read(['ALPHA'], callContext()));
    expect(error).toMatchObject({ code: 'ERR_SECRET_INVALID', provider: 'exec' });
    assertNoLeak([canary], error);
  });

  test.each([
    [64, 'ERR_SECRET_UNSUPPORTED', 'no'],
    [65, 'ERR_SECRET_INVALID', 'unknown'],
    [66, 'ERR_SECRET_NOT_FOUND', 'no'],
    [67, 'ERR_SECRET_UNAUTHENTICATED', 'no'],
    [69, 'ERR_SECRET_UNAVAILABLE', 'unknown'],
    [73, 'ERR_SECRET_CONFLICT', 'no'],
    [75, 'ERR_SECRET_UNAVAILABLE', 'unknown'],
    [77, 'ERR_SECRET_DENIED', 'no'],
    [78, 'ERR_SECRET_CONFIG', 'no'],
    [1, 'ERR_SECRET_INVALID', 'unknown'],
    [127, 'ERR_SECRET_INVALID', 'unknown'],
  ])(
    'whose write ends with %i is %s, and what became of it: %s',
    async (code, expected, applied) => {
      const provider = helperOf(`echo '{"done":true}'; exit ${code}`, { writes: 'conditional' });
      const write = provider.write?.({ entries: new Map([['A', canary]]) }, callContext());
      const error = await errorOf(write);
      expect(error).toMatchObject({ code: expected, applied });
      assertNoLeak([canary], error);
      const read = await errorOf(provider.read(['A'], callContext()));
      if (code !== 66) expect(read).toMatchObject({ code: expected, applied: undefined });
      else expect(read).toBeUndefined();
    },
  );

  test.each([
    ['cut short', `echo '{"done":'`],
    ['killed', 'kill -9 $$'],
  ])('whose answer to a write is %s may have written', async (_, script) => {
    const write = helperOf(script, { writes: 'store' }).write?.(
      { entries: new Map([['A', canary]]) },
      callContext(),
    );
    expect(await errorOf(write)).toMatchObject({ applied: 'unknown' });
  });

  test('without conditional writes is not asked for one', async () => {
    const provider = helperOf('exit 1', { writes: 'store' });
    const entries = new Map([['A', 'x']]);
    const write = provider.write?.({ entries, ifRevision: '1' }, callContext());
    expect(await errorOf(write)).toMatchObject({ code: 'ERR_SECRET_UNSUPPORTED', applied: 'no' });
    const half = provider.write?.({ entries: new Map([['A', '\ud800']]) }, callContext());
    expect(await errorOf(half)).toMatchObject({ code: 'ERR_SECRET_UNSUPPORTED', applied: 'no' });
  });

  test('with conditional writes has a revision in each answer', async () => {
    const provider = helperOf(`echo '{"done":true}'`, { writes: 'conditional' });
    expect(await errorOf(provider.read('all', callContext()))).toMatchObject({
      code: 'ERR_SECRET_INVALID',
    });
  });

  test('that ends before it has read its input is judged by how it ends', async () => {
    const entries = new Map([['A', 'x'.repeat(1024 * 1024)]]);
    const provider = execProvider({ command: ['sh', '-c', 'exit 77'], writes: 'store' });
    expect(await errorOf(provider.write?.({ entries }, callContext()))).toMatchObject({
      code: 'ERR_SECRET_DENIED',
    });
  });

  test('has only the names of the option names, also where it lists and holds more', async () => {
    const lines = ['A', 'B'].map((name) => JSON.stringify({ name, value: `v${name}` })).join('\n');
    const more = { names: ['A'], lists: true, writes: 'store' } as const;
    const provider = helperOf(`printf '%s\n' '${lines}' '{"done":true,"complete":true}'`, more);
    expect([...(await provider.read('all', callContext())).entries.keys()]).toEqual(['A']);
    expect([...(await provider.read(['A', 'B'], callContext())).entries.keys()]).toEqual(['A']);
    expect(await provider.list?.(callContext())).toEqual(['A']);
    const write = provider.write?.({ entries: new Map([['B', 'x']]) }, callContext());
    expect(await errorOf(write)).toMatchObject({ code: 'ERR_SECRET_UNSUPPORTED', applied: 'no' });
  });
});

describe('check', () => {
  const findings = async (provider: SecretProvider) =>
    (await provider.check?.(callContext())) ?? [];

  test('says how many names a helper answers', async () => {
    const provider = helperOf(`printf '%s\n' '{"name":"A","value":"${canary}"}' '{"done":true}'`);
    const found = await findings(provider);
    expect(found).toMatchObject([{ subject: 'program', state: 'ready' }]);
    assertNoLeak([canary], found);
  });

  test('says that a store is not there, and what failed for one name', async () => {
    expect(await findings(helperOf('exit 66'))).toMatchObject([
      { state: 'failing', code: 'nothing-stored' },
    ]);
    expect(
      await findings(toolOf('exit 4', { names: ['A'], exitCodes: { denied: [4] } })),
    ).toMatchObject([{ state: 'failing', code: 'denied' }]);
  });

  test('does not know of a tool without names whether it can be asked', async () => {
    expect(await findings(toolOf('exit 1'))).toMatchObject([
      { state: 'unknown', code: 'names-unknown' },
    ]);
  });
});

describe('options', () => {
  test.each<[object, string | undefined]>([
    [{}, 'command'],
    [{ command: undefined }, 'command'],
    [{ command: [] }, 'command'],
    [{ command: [''] }, 'command'],
    [{ command: 'op read {name}' }, 'command'],
    [{ command: ['op', 1] }, 'command'],
    [{ command: ['op', 'a\0b'] }, 'command'],
    [{ command: ['{name}'] }, 'command'],
    [{ command: ['sh', '-c', 'pass show {name}'] }, 'command'],
    [{ command: ['/bin/bash', '-ec', '{name}'] }, 'command'],
    [{ command: ['cmd.exe', '/c', '{name}'] }, 'command'],
    [{ command: ['node', '-e', '{name}'] }, 'command'],
    [{ command: ['python3.12', '-c', 'print("{name}")'] }, 'command'],
    [{ command: ['bash', '-c', '-e', '--', 'x {name}'] }, 'command'],
    [{ command: ['sh', '{name}'] }, 'command'],
    [{ command: ['env', 'A=1', 'sh', '-c', '{name}'] }, 'command'],
    [{ command: ['ssh', 'host', 'cat', '{name}'] }, 'command'],
    [{ command: ['su', '-c', 'cat {name}', 'shop'] }, 'command'],
    [{ command: ['sudo', '/bin/bash', '-eu', '-c', 'x {name}'] }, 'command'],
    [{ command: ['perl', '-w', 'bin/{name}'] }, 'command'],
    [{ command: ['op', '{name}'], exitCodes: { missing: 1 } }, 'exitCodes'],
    [{ command: ['op', '{name}'], exitCodes: { missing: [0] } }, 'exitCodes'],
    [{ command: ['op', '{name}'], exitCodes: { missing: [256] } }, 'exitCodes'],
    [{ command: ['op', '{name}'], exitCodes: { absent: [1] } }, 'exitCodes'],
    [{ command: ['op', '{name}'], exitCodes: { missing: [1], denied: [1] } }, 'exitCodes'],
    [{ command: ['helper'], exitCodes: { missing: [1] } }, 'exitCodes'],
    [{ command: ['op', '{name}'], writes: 'name' }, 'writes'],
    [{ command: ['op', '{name}'], lists: true }, 'lists'],
    [{ command: ['helper'], writes: 'all' }, 'writes'],
    [{ command: ['helper'], names: 'A' }, 'names'],
    [{ command: ['helper'], inherit: [1] }, 'inherit'],
    [{ command: ['helper'], credentialVariables: {} }, 'credentialVariables'],
    [{ command: ['helper'], env: 1 }, 'env'],
    [{ command: ['helper'], name: 1 }, 'name'],
  ])('%j are refused, and the error names %s', (options, option) => {
    expect(() => execProvider(options as ExecProviderOptions)).toThrow(
      expect.objectContaining({
        code: 'ERR_SECRET_CONFIG',
        setting: expect.objectContaining({ option }),
      }),
    );
  });

  test.each([
    [['sh', '-c', 'pass show -- "$1"', 'sh', '{name}']],
    [['python3', 'tool.py', '-p', '{name}']],
    [['node', '--no-warnings', 'tool.mjs', '-e', '{name}']],
    [['env', 'A=1', 'python3', 'tool.py', '{name}']],
    [['cat', 'sh', '{name}']],
  ])('%j may have the name as an argument', (command) => {
    expect(() => execProvider({ command })).not.toThrow();
  });

  test('a list that is changed later changes nothing', async () => {
    const command = ['sh', '-c', 'echo v', 'sh', '{name}'];
    const provider = execProvider({ command });
    command[0] = 'no-such-program';
    expect(await entryOf(provider)).toEqual({ value: 'v' });
  });
});

test('the example in Python is one that says how it is used', async () => {
  const provider = execProvider({ command: [python(), exampleOf('json-file.py')] });
  expect(await errorOf(provider.read(['A'], callContext()))).toMatchObject({
    code: 'ERR_SECRET_INVALID',
  });
});
