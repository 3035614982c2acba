/**
 * A file that can be read and written, and yet not be replaced: a mount of its own, as Docker makes one of a
 * single file, and the writable file of another user. Both need root to be made.
 */
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { memoryProvider } from '@keyfall/core';
import { withoutPrivileges } from '@keyfall/testkit';
import { expect, onTestFinished, test, vi } from 'vitest';
import { type MigrateOptions, migrate } from '../src/migration/migrate.ts';
import { restoreCommand } from '../src/migration/restore.ts';
import { readSource } from '../src/migration/source.ts';
import { openTarget } from '../src/migration/target.ts';
import { folderWith } from './keyfall.ts';

vi.mock('../src/terminal/terminal.ts', async (original) => ({
  ...(await original<typeof import('../src/terminal/terminal.ts')>()),
  notice: () => {},
  writeLine: () => {},
}));
const store = vi.hoisted(() => ({ provider: undefined as unknown }));
vi.mock('../src/migration/endpoints.ts', async (original) => ({
  ...(await original<typeof import('../src/migration/endpoints.ts')>()),
  resolveDestination: async () => store.provider,
}));

const asRoot = (...command: string[]) => {
  const [program = '', ...args] = process.geteuid?.() === 0 ? command : ['sudo', '-n', ...command];
  execFileSync(program, args);
};

/** A folder with a blank in its name, and in it a `.env` that is mounted from elsewhere. */
async function mounted(): Promise<string> {
  const cwd = await folderWith();
  const folder = join(cwd, 'a b');
  await mkdir(folder);
  await writeFile(join(cwd, 'real'), 'A=1\n');
  await writeFile(join(folder, '.env'), '');
  asRoot('mount', '--bind', join(cwd, 'real'), join(folder, '.env'));
  onTestFinished(() => asRoot('umount', join(folder, '.env')));
  return folder;
}

/** A folder of this user, or of nobody, with a `.env` of another one that everybody may write. */
async function ofAnother(): Promise<string> {
  const folder = await folderWith('A=1\n');
  if (process.geteuid?.() === 0) asRoot('chown', '65534', folder);
  asRoot('chown', '1:1', join(folder, '.env'));
  asRoot('chmod', '666', join(folder, '.env'));
  return folder;
}

const edits: readonly MigrateOptions[] = [
  { activate: true },
  { purge: true },
  { activate: true, purge: true },
];

test.each([
  [
    'a mount of its own',
    mounted,
    'ERR_SECRET_UNSUPPORTED',
    /\.env .* mount\b.* --activate and --purge\.$/,
  ],
  [
    'a file of another user',
    ofAnother,
    'ERR_SECRET_DENIED',
    /\.env .* user\b.* --activate and --purge\.$/,
  ],
])('%s stops a migration before the store is written', async (_, make, code, message) => {
  const folder = await make();
  const target = openTarget(memoryProvider());
  const source = await readSource(join(folder, '.env'));
  for (const options of edits) {
    const regain = make === ofAnother ? withoutPrivileges() : () => {};
    const error = await migrate(source, target, { yes: true, ...options })
      .catch((thrown) => thrown)
      .finally(regain);
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    expect([...(await target.read()).values]).toEqual([]);
    expect(await readdir(folder)).toEqual(['.env']);
  }
  expect(await readFile(join(folder, '.env'), 'utf8')).toBe('A=1\n');
  expect(await migrate(source, target, { yes: true })).toMatchObject({ written: 1 });
});

test('a migration is not undone in the store if the file cannot be restored', async () => {
  const folder = await mounted();
  const provider = memoryProvider();
  store.provider = provider;
  const target = openTarget(provider);
  const source = await readSource(join(folder, '.env'));
  const { backup = '' } = await migrate(source, target, { yes: true });
  await writeFile(join(folder, '.env'), 'B=2\n');
  await expect(restoreCommand(backup, { yes: true })).rejects.toMatchObject({
    code: 'ERR_SECRET_UNSUPPORTED',
  });
  expect(Object.fromEntries((await openTarget(provider).read()).values)).toEqual({ A: '1' });
});
