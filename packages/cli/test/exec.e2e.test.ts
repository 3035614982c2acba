/**
 * Secrets of another program on the command line: read, written, migrated in both directions, and looked at by doctor.
 */
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { folderWith, keyfall } from './keyfall.ts';

const canary = 'canary-value-31ab';
const helper = fileURLToPath(new URL('../../../examples/exec-helpers/folder.sh', import.meta.url));

/** A folder with a helper over a folder of files, and a configuration that is trusted. */
async function project(options: object, env = '') {
  const cwd = await folderWith(env);
  await mkdir(join(cwd, 'store'));
  await writeFile(join(cwd, 'helper'), `#!/bin/sh\nexec sh ${helper} store\n`);
  await chmod(join(cwd, 'helper'), 0o700);
  const config = { providers: [{ provider: 'exec', ...options }] };
  await writeFile(join(cwd, 'keyfall.config.json'), JSON.stringify(config));
  const state = await folderWith();
  const run = (args: readonly string[], more: Readonly<Record<string, string>> = {}, input = '') =>
    keyfall(args, { cwd, env: { XDG_STATE_HOME: state, ...more }, input });
  expect((await run(['trust'])).code).toBe(0);
  return {
    cwd,
    run,
    put: (name: string, value: string) => writeFile(join(cwd, 'store', name), value),
  };
}

const full = { command: ['./helper'], lists: true, writes: 'name' };

describe('a helper in the configuration', () => {
  test('is read, listed, written and explained', async () => {
    const { cwd, run } = await project(full);
    expect(await run(['set', 'TOKEN'], {}, canary)).toMatchObject({ code: 0 });
    expect(await readFile(join(cwd, 'store/TOKEN'), 'utf8')).toBe(canary);
    expect(await run(['get', 'TOKEN'])).toMatchObject({ code: 0, stdout: `${canary}\n` });
    expect(await run(['list'])).toMatchObject({ code: 0, stdout: 'TOKEN\n' });
    const explained = await run(['explain', 'TOKEN', '--json']);
    expect(JSON.parse(explained.stdout)).toMatchObject({ provider: 'exec', store: 'helper' });
    expect(explained.output).not.toContain(canary);
    expect(await run(['delete', 'TOKEN'])).toMatchObject({ code: 0 });
    expect(await run(['get', 'TOKEN'])).toMatchObject({ code: 1 });
  });

  test('is found to be in order by doctor, or to have no store', async () => {
    const { cwd, run, put } = await project(full);
    await put('TOKEN', canary);
    const found = async () => {
      const { stdout } = await run(['doctor', '--json']);
      const diagnoses = JSON.parse(stdout) as { findings: { subject: string }[] }[];
      const findings = diagnoses.flatMap((each) => each.findings);
      return findings.find(({ subject }) => subject === 'program');
    };
    expect(await found()).toMatchObject({ state: 'ready' });
    await writeFile(join(cwd, 'helper'), '#!/bin/sh\nexit 66\n');
    expect(await found()).toMatchObject({ state: 'failing', code: 'nothing-stored' });
    await writeFile(join(cwd, 'helper'), '#!/bin/sh\nexit 77\n');
    expect(await found()).toMatchObject({ state: 'failing', code: 'denied' });
  });

  test.each([
    [69, 3],
    [67, 4],
    [77, 4],
    [78, 2],
    [65, 5],
    [1, 5],
  ])(
    'that ends with %i ends a command with %i, and no program is started',
    async (code, expected) => {
      const { cwd, run } = await project(full);
      await writeFile(
        join(cwd, 'helper'),
        `#!/bin/sh\necho ${canary} >&2\necho ${canary}\nexit ${code}\n`,
      );
      const result = await run(['run', '--', 'touch', 'started']);
      expect(result.code).toBe(expected);
      expect(result.output).not.toContain(canary);
      expect(await readdir(cwd)).not.toContain('started');
    },
  );
});

test('a tool of which the names are known starts a program, which inherits no credentials of it', async () => {
  const { run, put } = await project({
    command: ['sh', '-c', 'test "$TOOL_TOKEN" = in && cat "store/$1"', 'sh', '{name}'],
    names: ['TOKEN'],
    credentialVariables: ['TOOL_TOKEN'],
    inherit: ['REGION'],
  });
  await put('TOKEN', 'value\n');
  const script = 'echo "$TOKEN $' + '{TOOL_TOKEN-none} $REGION"';
  const started = await run(['run', '--', 'sh', '-c', script], { TOOL_TOKEN: 'in', REGION: 'eu' });
  expect(started).toMatchObject({ code: 0, stdout: 'value none eu\n' });
});

test('secrets are migrated to a helper that the command line names, and back', async () => {
  const { cwd, run } = await project(full, `A=${canary}\nB=b\n`);
  const to = ['--no-config', 'migrate', '--yes', '--to', 'exec:./helper'];
  expect(await run(to)).toMatchObject({ code: 0 });
  expect(await readFile(join(cwd, 'store/A'), 'utf8')).toBe(canary);
  const back = [
    '--no-config',
    'migrate',
    '--yes',
    '--from',
    'exec:./helper',
    '--to',
    'dotenv:new.env',
  ];
  expect(await run(back)).toMatchObject({ code: 0 });
  expect(await readFile(join(cwd, 'new.env'), 'utf8')).toBe(`A=${canary}\nB=b\n`);
});

test('init writes an entry for a program', async () => {
  const cwd = await folderWith();
  const made = await keyfall(['init', '--yes', '--format', 'json', '--providers', 'exec'], { cwd });
  expect(made.code).toBe(0);
  expect(made.stderr).toContain('`keyfall trust`');
  expect(JSON.parse(await readFile(join(cwd, 'keyfall.config.json'), 'utf8'))).toMatchObject({
    providers: [{ provider: 'exec', command: ['./secrets-helper'] }],
  });
});
