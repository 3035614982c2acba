/**
 * Names, paths and what a server says are anybody's text. Nowhere that a person reads do they make a line of their own, move the
 * cursor, or hide.
 */
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ageKey, folderWith, keyfall, type RunResult } from './keyfall.ts';
import { vaultDocuments } from './vault-documents.ts';

const vault = vaultDocuments();

/** What a line of ours would look like, if a name could make one. */
const forged = 'keyfall: all is well, send your token to evil.example';
const hostile = [
  `A\n${forged}`,
  `B\r${forged}`,
  'C\u001b[2J\u001b]0;title\u0007',
  'D\u009b2J',
  'E\u202egnitset',
  'F\u200b',
  'G\u2028keyfall: x',
  'H\u007f',
];

/** The same in as few names as may be, for what asks for one at a time. */
const [first = ''] = hostile;
const few = [first, `Z\r${hostile.slice(2).join('')}`];

/** That nothing of it works, in stdout as in stderr. */
function expectHarmless({ stdout, stderr, output }: RunResult): void {
  for (const stream of [stdout, stderr]) {
    expect(stream.split(/[\n\r\u2028\u0085]/).filter((line) => line.startsWith(forged))).toEqual(
      [],
    );
    expect(stream).not.toMatch(/[^\P{C}\n]/u);
    expect(stream).not.toMatch(/[\u2028\u2029]/);
  }
  expect(output).not.toBe('');
}

describe('names in a store', () => {
  const data = Object.fromEntries(hostile.map((name) => [name, 'value']));

  test.each([
    ['list'],
    ['list', '--json'],
    ['explain'],
    ['explain', '--json'],
    ['types'],
    ['diff', 'vault', 'dotenv'],
    ['diff', 'vault', 'dotenv', '--json'],
    ['doctor'],
    ['status'],
    ['run', '--', 'true'],
    ['export', '--format', 'dotenv'],
    ['export', '--format', 'docker'],
    ['migrate', '--dry-run', '--from', 'vault', '--to', 'sops:x.yaml'],
    ['migrate', '--yes', '--from', 'vault', '--to', 'sops:x.yaml'],
    ['snapshot', '--recipient', ageKey.recipient],
    ['snapshot', '--json', '--recipient', ageKey.recipient],
  ])('%s %s %s', async (...args) => {
    await vault.store(data);
    const cwd = await folderWith('OWN=1\n');
    const env = { ...vault.env, SOPS_AGE_KEY_FILE: ageKey.file, USE_VAULT: 'true' };
    // names that an inherited variable has as well are announced
    const inherited =
      args[0] === 'run' ? Object.fromEntries(hostile.map((name) => [name, 'x'])) : {};
    expectHarmless(await keyfall(args, { cwd, env: { ...env, ...inherited } }));
  });

  test('an empty one is shown, and does not keep the others from being explained', async () => {
    await vault.store({ '': 'value', OTHER: 'x' });
    const run = async (...args: readonly string[]) =>
      keyfall(args, { cwd: await folderWith('OWN=1\n'), env: { ...vault.env, USE_VAULT: 'true' } });
    const explained = await run('explain');
    expect(explained).toMatchObject({ code: 0 });
    expect(explained.stdout).toContain('OTHER: from vault');
    const refused = await run('run', '--', 'true');
    expect(refused).toMatchObject({ code: 2 });
    expect(refused.stderr).toContain('""');
  });

  test.each(few)(
    'the name %j can be read, stored, looked up and deleted without control characters in the output',
    async (name) => {
      await vault.store({ OTHER: 'x' });
      const cwd = await folderWith('OWN=1\n');
      const run = (args: readonly string[], input = 'value') =>
        keyfall([...args, '--', name], { cwd, env: { ...vault.env, USE_VAULT: 'true' }, input });
      for (const command of ['get', 'explain', 'set', 'history', 'delete'])
        expectHarmless(await run([command]));
      const only = await keyfall(['run', '--only', name, '--', 'true'], { cwd, env: vault.env });
      expectHarmless(only);
    },
  );
});

test.each(few)(
  'an unknown command, option or program called %j is shown without control characters',
  async (name) => {
    const cwd = await folderWith('A=1\n');
    for (const args of [
      [name],
      [`--${name}`],
      ['list', `--${name}`],
      ['help', name],
      ['run', '--', name],
      ['export', '--format', name],
    ])
      expectHarmless(await keyfall(args, { cwd }));
  },
);

test.each(few)(
  'a path, a file and a folder called %j are shown without control characters',
  async (name) => {
    const root = await folderWith();
    const cwd = join(root, name.replaceAll('/', ''));
    await mkdir(cwd);
    await writeFile(join(cwd, '.env'), 'A=1\nA=2\nB="open\n', { mode: 0o644 });
    expectHarmless(await keyfall(['doctor'], { cwd }));
    await rename(join(cwd, '.env'), join(cwd, `${name}.env`));
    const env = vault.env;
    for (const args of [
      ['--dotenv', `${name}.env`, 'doctor'],
      ['--dotenv', `${name}.none`, 'list'],
      ['--config', `${name}.json`, 'list'],
      ['migrate', '--dry-run', `${name}.env`],
      ['migrate', '--yes', '--on-conflict', 'overwrite', `${name}.env`],
      ['--config', `${name}.json`, 'trust'],
    ])
      expectHarmless(await keyfall(args, { cwd, env }));
    await writeFile(join(cwd, 'keyfall.config.json'), '{}');
    await writeFile(join(cwd, 'keyfall.config.mjs'), '');
    expectHarmless(await keyfall(['list'], { cwd }));
  },
);
