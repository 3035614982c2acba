/**
 * The copies in plain text that migrations leave: listed, removed, and named by doctor.
 */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { folderWith, keyfall } from './keyfall.ts';
import { onTerminal } from './on-terminal.ts';

/** A folder with a `.env` that was migrated twice, and one migration that was undone and one interrupted. */
async function migrated() {
  const cwd = await folderWith('A=1\n');
  const to = ['--yes', '--to', 'dotenv:store.env'];
  const migrate = async () => {
    const { code, stdout } = await keyfall(['migrate', ...to, '--json'], { cwd });
    expect(code).toBe(0);
    return JSON.parse(stdout).backup as string;
  };
  const undone = await migrate();
  expect((await keyfall(['migrate', '--restore', undone, ...to], { cwd })).code).toBe(0);
  const done = await migrate();
  await writeFile(join(cwd, '.env'), 'A=1\nB=2\n');
  const interrupted = await migrate();
  const journal = join(cwd, `${interrupted}.journal`);
  await writeFile(journal, (await readFile(journal, 'utf8')).replace('"done"', '"planned"'));
  await writeFile(join(cwd, '.env.backup.of-mine'), 'A=1\n');
  return { cwd, undone, done, interrupted };
}

const copies = async (cwd: string) =>
  (await readdir(cwd)).filter((name) => name.startsWith('.env.backup.')).sort();

test('each backup is listed with what needs it', async () => {
  const { cwd, undone, done, interrupted } = await migrated();
  const { stdout } = await keyfall(['migrate', '--list-backups', '--json'], { cwd });
  expect(
    JSON.parse(stdout).map(({ path, use }: { path: string; use: string }) => [path, use]),
  ).toEqual([
    [undone, 'nothing'],
    [done, 'undoes'],
    [interrupted, 'needed'],
  ]);
  const listed = await keyfall(['migrate', '--list-backups', '.env'], { cwd });
  const rows = listed.stdout.split('\n').map((line) => line.split(/ {2,}/));
  expect(new Set(rows.slice(0, 3).map(([, state]) => state)).size).toBe(3);
  expect(rows[2]?.[0]).toBe(interrupted);
  const none = await keyfall(['migrate', '--list-backups', 'store.env'], { cwd });
  expect(none).toMatchObject({ code: 0, stdout: '' });
});

test('--clean keeps what an interrupted migration needs, and what is not ours', async () => {
  const { cwd, interrupted } = await migrated();
  const refused = await keyfall(['migrate', '--clean'], { cwd });
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') });
  expect(await copies(cwd)).toHaveLength(7);
  const asked = await onTerminal(
    ['migrate', '--clean'],
    [['Remove 2 copies in plain text? One migration can then not be undone', 'n']],
    { cwd, columns: 200 },
  );
  expect(asked.code).toBe(130);
  expect(await copies(cwd)).toHaveLength(7);
  const cleaned = await keyfall(['migrate', '--clean', '--yes', '--json'], { cwd });
  expect(cleaned.code).toBe(0);
  expect(JSON.parse(cleaned.stdout).removed).toHaveLength(2);
  const left = ['.env.backup.of-mine', interrupted, `${interrupted}.journal`];
  expect(await copies(cwd)).toEqual(left.sort());
  const again = await keyfall(['migrate', '--clean'], { cwd });
  expect(again).toMatchObject({
    code: 0,
    stdout: '',
    stderr: expect.stringMatching(/^keyfall: .*\.env .*\n$/),
  });
});

test('--list-backups and --clean refuse options that do not apply to them', async () => {
  const cwd = await folderWith('A=1\n');
  for (const args of [
    ['--clean', '--dry-run'],
    ['--list-backups', '--purge'],
    ['--clean', '--list-backups'],
  ])
    expect((await keyfall(['migrate', ...args], { cwd })).code).toBe(2);
});

test('doctor counts the backups, and names the command that removes them', async () => {
  const { cwd, interrupted } = await migrated();
  const looked = async () => {
    const { stdout } = await keyfall(['doctor', '--json'], { cwd });
    const all = JSON.parse(stdout) as { findings: { code?: string }[] }[];
    return all
      .flatMap(({ findings }) => findings)
      .find((one) => one.code === 'copies-in-plain-text');
  };
  expect(await looked()).toMatchObject({
    state: 'unknown',
    message: expect.stringMatching(/^4 /),
    command: 'keyfall migrate --clean',
  });
  for (const name of await copies(cwd)) await rm(join(cwd, name));
  expect(interrupted).not.toBe('');
  expect(await looked()).toBeUndefined();
});
