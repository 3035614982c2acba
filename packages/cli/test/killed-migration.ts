/**
 * A migration, or a restore, that is killed (SIGKILL) at one of its steps: before a change to the disk or a request, in
 * the middle of a write, or before an answer. What must hold afterwards is asserted here.
 */
import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, vi } from 'vitest';
import { runMigration } from '../src/commands/migrate.ts';
import type { MigrationJournal } from '../src/migration/journal.ts';
import { restoreCommand } from '../src/migration/restore.ts';
import { bin, finished, folderWith, install } from './keyfall.ts';
import { type VaultDocuments, vaultDocuments } from './vault-documents.ts';

const theirs = { DB_PASS: 'theirs', OTHER: 'kept' };
const migrated = { TOKEN: 'canary-5b1e', DB_PASS: 'canary-77aa', OTHER: 'kept' };
const values = ['canary-5b1e', 'canary-77aa'];
const before = (path: string) =>
  `# shop\nTOKEN='canary-5b1e'\nVAULT_SECRET_PATH=${path}\nDB_PASS=canary-77aa\nUSE_VAULT=false\n`;
const after = (path: string) => `# shop\nVAULT_SECRET_PATH=${path}\nUSE_VAULT=true\n`;

/** Where the documents of the tests are. */
export type KilledMigrations = Pick<VaultDocuments, 'server' | 'mount'>;

/** Makes a mount for the tests of the file, and has this process use it. */
export function killedMigrations(): KilledMigrations {
  const where = vaultDocuments();
  beforeAll(() => {
    for (const [name, value] of Object.entries(settingsOf(where))) vi.stubEnv(name, value);
  });
  afterAll(() => {
    vi.unstubAllEnvs();
  });
  return where;
}

/** The settings of all of them, for this process too; the path stands in each `.env`. */
function settingsOf({ server, mount }: KilledMigrations): Record<string, string> {
  return { VAULT_ADDR: server.address, VAULT_TOKEN: server.token, VAULT_MOUNT_POINT: mount };
}

let started = 0;

const options = ['--yes', '--on-conflict', 'overwrite', '--activate', '--purge'];

/** A shop before its migration: a folder, and a document that holds something else. */
async function shop({ server, mount }: KilledMigrations) {
  started += 1;
  const path = `killed-${started}`;
  const cwd = await folderWith(before(path));
  await server.request('POST', `${mount}/data/${path}`, { data: theirs });
  const stored = async () =>
    (await server.request('GET', `${mount}/data/${path}`)).body.data?.['data'];
  return { cwd, path, stored };
}

/** Runs `keyfall migrate` to that step; 0: to its end, with a log of its steps. */
async function killedAt(
  where: KilledMigrations,
  cwd: string,
  step: number,
  args: readonly string[] = options,
): Promise<number> {
  const preload = new URL('./kill-at.mjs', import.meta.url).href;
  const { code } = await finished(
    spawn(process.execPath, ['--import', preload, bin, 'migrate', ...args], {
      cwd,
      env: {
        PATH: process.env['PATH'],
        HOME: cwd,
        KILL_AT: String(step),
        ...(step === 0 && { KILL_LOG: join(cwd, 'log') }),
        ...settingsOf(where),
      },
    }),
  );
  return code;
}

async function logOf(cwd: string): Promise<readonly string[]> {
  return (await readFile(join(cwd, 'log'), 'utf8')).trim().split('\n');
}

/** What a file holds; of a lock, which may be a link to nowhere, where it points. */
async function textOf(path: string): Promise<string> {
  return readlink(path).catch(() => readFile(path, 'utf8'));
}

/** The steps of a migration that is left alone. */
export async function stepsOf(where: KilledMigrations): Promise<readonly string[]> {
  const { cwd } = await shop(where);
  expect(await killedAt(where, cwd, 0)).toBe(0);
  return logOf(cwd);
}

/** The steps of a restore that is left alone. */
export async function restoreStepsOf(where: KilledMigrations): Promise<readonly string[]> {
  const { cwd, backup } = await migratedShop(where);
  expect(await killedAt(where, cwd, 0, ['--restore', backup, '--yes'])).toBe(0);
  return logOf(cwd);
}

async function migratedShop(where: KilledMigrations) {
  const made = await shop(where);
  const file = join(made.cwd, '.env');
  await runMigration({ yes: true, onConflict: 'overwrite', activate: true, purge: true, file });
  const [backup = ''] = (await readdir(made.cwd)).filter((name) => /\.backup\.\w+$/.test(name));
  return { ...made, file, backup };
}

/** Kills a restore at the step, and runs it again. */
export async function restoreSurvives(where: KilledMigrations, step: number): Promise<void> {
  const { cwd, path, file, backup, stored } = await migratedShop(where);
  expect(await killedAt(where, cwd, step, ['--restore', backup, '--yes'])).toBe(137);
  expect([before(path), after(path)]).toContain(await readFile(file, 'utf8'));
  expect([theirs, migrated]).toContainEqual(await stored());
  expect(await restoreCommand(join(cwd, backup), { yes: true })).toBe(0);
  expect(await stored()).toEqual(theirs);
  expect(await readFile(file, 'utf8')).toBe(before(path));
  expect(await readFile(join(cwd, backup), 'utf8')).toBe(before(path));
}

/** Kills a migration at the step, runs it again, and restores. */
export async function survives(where: KilledMigrations, step: number): Promise<void> {
  const { cwd, path, stored } = await shop(where);
  expect(await killedAt(where, cwd, step)).toBe(137);
  const file = join(cwd, '.env');
  const texts = new Map<string, string>();
  for (const name of await readdir(cwd)) texts.set(name, await textOf(join(cwd, name)));
  // nothing is lost, and no journal or lock holds a value
  expect([before(path), after(path)]).toContain(texts.get('.env'));
  const everywhere = [...texts.values(), JSON.stringify(await stored())].join('\n');
  for (const value of values) expect(everywhere).toContain(value);
  for (const [name, text] of texts)
    if (/journal|lock/.test(name)) expect(text).not.toMatch(/canary|theirs/);

  const again = { yes: true, onConflict: 'overwrite', activate: true, purge: true, file } as const;
  expect(await runMigration(again)).toBe(0);
  expect(await stored()).toEqual(migrated);
  expect(await readFile(file, 'utf8')).toBe(after(path));
  const left = (await readdir(cwd)).filter((name) => name !== '.env').sort();
  // a writer that is killed while it takes or gives back a lock leaves a file without values
  const [backup = '', ...others] = left.filter((name) => !/\.keyfall-lock(\.|$)/.test(name));
  expect(others).toEqual([`${backup}.journal`]);
  expect(await readFile(join(cwd, backup), 'utf8')).toBe(before(path));
  expect(JSON.parse(await readFile(join(cwd, `${backup}.journal`), 'utf8'))).toMatchObject({
    state: 'done',
    created: ['TOKEN'],
    overwritten: [{ name: 'DB_PASS', version: '1' }],
  });

  expect(await restoreCommand(join(cwd, backup), { yes: true })).toBe(0);
  expect(await stored()).toEqual(theirs);
  expect(await readFile(file, 'utf8')).toBe(before(path));
}

/** Kills a migration at the step, and undoes it at once. */
export async function isUndone(where: KilledMigrations, step: number): Promise<void> {
  const { cwd, path, stored } = await shop(where);
  expect(await killedAt(where, cwd, step)).toBe(137);
  const journal = (await readdir(cwd)).find((name) => name.endsWith('.journal'));
  if (journal !== undefined) {
    const { state } = JSON.parse(await readFile(join(cwd, journal), 'utf8'));
    const restored = restoreCommand(join(cwd, journal.replace(/\.journal$/, '')), { yes: true });
    // what it wrote may be half of a backup, and must not come in the place of the whole
    if (state === 'started')
      await expect(restored).rejects.toMatchObject({ code: 'ERR_SECRET_CONFLICT' });
    else expect(await restored).toBe(0);
  }
  expect(await stored()).toEqual(theirs);
  expect(await readFile(join(cwd, '.env'), 'utf8')).toBe(before(path));
}

const move = ['--from', 'vault', '--to', 'dotenv:out.env', '--yes'];
const moved = 'OLD=1\nDB_PASS=theirs\nOTHER=kept\n';

/** A folder from which what Vault holds is moved into another `.env`. */
async function movingFolder(where: KilledMigrations): Promise<string> {
  const { path } = await shop(where);
  const cwd = await folderWith(`VAULT_SECRET_PATH=${path}\n`);
  await writeFile(join(cwd, 'out.env'), 'OLD=1\n', { mode: 0o600 });
  return cwd;
}

/** The steps of a migration between stores that is left alone. */
export async function moveStepsOf(where: KilledMigrations): Promise<readonly string[]> {
  const cwd = await movingFolder(where);
  expect(await killedAt(where, cwd, 0, move)).toBe(0);
  return logOf(cwd);
}

/** Kills a migration between stores at the step, runs it again, and restores. */
export async function moveSurvives(where: KilledMigrations, step: number): Promise<void> {
  const cwd = await movingFolder(where);
  const out = () => readFile(join(cwd, 'out.env'), 'utf8');
  expect(await killedAt(where, cwd, step, move)).toBe(137);
  expect(['OLD=1\n', moved]).toContain(await out());
  expect(await killedAt(where, cwd, 0, move)).toBe(0);
  expect(await out()).toBe(moved);
  const left = (await readdir(cwd)).filter((name) => !['.env', 'out.env', 'log'].includes(name));
  const [journal = '', ...others] = left.filter((name) => !/\.keyfall-lock(\.|$)/.test(name));
  expect(others).toEqual([]);
  expect(await readFile(join(cwd, journal), 'utf8')).not.toMatch(/theirs|kept/);
  expect(await killedAt(where, cwd, 0, ['--restore', journal, ...move])).toBe(0);
  expect(await out()).toBe('OLD=1\n');
}

/** Kills a migration at the step, and runs it again on a file that was edited since. */
export async function isRunAgainEdited(
  where: KilledMigrations,
  step: number,
): Promise<{ readonly stored: unknown; readonly journals: readonly MigrationJournal[] }> {
  const { cwd, path, stored } = await shop(where);
  expect(await killedAt(where, cwd, step)).toBe(137);
  const file = join(cwd, '.env');
  await writeFile(file, `${before(path)}EXTRA=1\n`);
  expect(await runMigration({ yes: true, onConflict: 'overwrite', file })).toBe(0);
  return { stored: await stored(), journals: await journalsOf(cwd) };
}

/** What one that is left alone leaves in the store. */
export const allMigrated: Readonly<Record<string, string>> = migrated;

const fromFiles = ['--from', 'files:secrets', '--to', 'vault', '--yes'];

/** Kills a migration from a folder of secrets to Vault while it reads back, and changes one of them. */
export async function changedWhileKilled(where: KilledMigrations) {
  const folder = async () => {
    const { path, stored } = await shop(where);
    const cwd = await folderWith(`VAULT_SECRET_PATH=${path}\n`);
    await install(cwd, '@keyfall/provider-files');
    await mkdir(join(cwd, 'secrets'));
    for (const [name, value] of [
      ['A', 'canary-first'],
      ['GONE', 'canary-gone'],
    ] as const)
      await writeFile(join(cwd, 'secrets', name), value);
    return { cwd, stored };
  };
  const complete = await folder();
  expect(await killedAt(where, complete.cwd, 0, fromFiles)).toBe(0);
  const readBack = (await logOf(complete.cwd)).lastIndexOf('request') + 1;
  const { cwd, stored } = await folder();
  expect(await killedAt(where, cwd, readBack, fromFiles)).toBe(137);
  expect(await stored()).toEqual({ ...theirs, A: 'canary-first', GONE: 'canary-gone' });
  await writeFile(join(cwd, 'secrets', 'A'), 'canary-second');
  await rm(join(cwd, 'secrets', 'GONE'));
  const journal = (await readdir(cwd)).find((name) => name.endsWith('.journal')) ?? '';
  return {
    stored,
    readJournal: () => readFile(join(cwd, journal), 'utf8'),
    runAgain: (...more: string[]) => killedAt(where, cwd, 0, [...fromFiles, ...more]),
    restore: () => killedAt(where, cwd, 0, ['--restore', journal, ...fromFiles]),
  };
}

/** What a document holds before anything is migrated. */
export const heldBefore: Readonly<Record<string, string>> = theirs;

async function journalsOf(cwd: string): Promise<readonly MigrationJournal[]> {
  const names = (await readdir(cwd)).filter((name) => name.endsWith('.journal')).sort();
  return Promise.all(
    names.map(async (name) => JSON.parse(await readFile(join(cwd, name), 'utf8'))),
  );
}
