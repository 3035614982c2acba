import { fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { chmod, lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SecretError } from '@keyfall/core';
import { rolldown } from 'rolldown';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { dotenvProvider, editDotenvFile } from '../src/index.ts';
import { context, temporaryFolder } from './store.ts';

let folder: string;
let path: string;
let remove: () => Promise<void>;
beforeEach(async () => {
  ({ folder, remove } = await temporaryFolder());
  path = join(folder, '.env');
});
afterEach(() => remove());

const read = () => readFile(path, 'utf8');

describe('editDotenvFile', () => {
  test('replaces bytes behind a link, with mode and link kept', async () => {
    await mkdir(join(folder, 'real'));
    const real = join(folder, 'real', 'env');
    await writeFile(real, '\uFEFFA=1\r\n');
    await chmod(real, 0o640);
    await symlink(real, path);
    const changed = await editDotenvFile(path, (bytes) => Buffer.from(`${bytes}B=2\r\n`));
    expect(changed).toBe(true);
    expect(await read()).toBe('\uFEFFA=1\r\nB=2\r\n');
    expect((await lstat(path)).isSymbolicLink()).toBe(true);
    expect((await stat(path)).mode & 0o777).toBe(0o640);
    expect(await readdir(join(folder, 'real'))).toEqual(['env']);
  });

  test('makes a file for its owner alone', async () => {
    expect(
      await editDotenvFile(path, (bytes) => {
        expect(bytes).toBeUndefined();
        return Buffer.from('A=1\n');
      }),
    ).toBe(true);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test('leaves the file alone where nothing is to be changed', async () => {
    await writeFile(path, 'A=1\n');
    const { ino } = await stat(path);
    expect(await editDotenvFile(path, () => undefined)).toBe(false);
    expect(await editDotenvFile(path, (bytes) => bytes)).toBe(false);
    expect((await stat(path)).ino).toBe(ino);
  });

  test('passes on what the edit throws, and leaves nothing behind', async () => {
    await writeFile(path, 'A=1\n');
    const refusal = new SecretError('ERR_SECRET_CONFLICT', 'the plan was made from other content');
    await expect(
      editDotenvFile(path, async () => {
        throw refusal;
      }),
    ).rejects.toBe(refusal);
    expect(await readdir(folder)).toEqual(['.env']);
  });

  test('edits again what a program that knows no lock wrote in between', async () => {
    await writeFile(path, 'A=1\n');
    let edits = 0;
    await editDotenvFile(path, (bytes) => {
      if (++edits === 1) writeFileSync(path, 'A=1\nEDITOR=1\n');
      return Buffer.from(`${bytes}B=2\n`);
    });
    expect(edits).toBe(2);
    expect(await read()).toBe('A=1\nEDITOR=1\nB=2\n');
  });

  test('waits for a writer no longer than it is told to', async () => {
    await writeFile(`${path}.keyfall-lock`, '');
    await expect(
      editDotenvFile(path, () => Buffer.from('A=1\n'), { timeout: 0 }),
    ).rejects.toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE' });
    await expect(
      editDotenvFile(path, () => Buffer.from('A=1\n'), { signal: AbortSignal.abort() }),
    ).rejects.toMatchObject({ code: 'ERR_SECRET_ABORTED' });
  });

  test('does not write what could not be read again', async () => {
    const large = Buffer.alloc(8 * 1024 * 1024 + 1, 'x');
    await expect(editDotenvFile(path, () => large)).rejects.toMatchObject({
      code: 'ERR_SECRET_UNSUPPORTED',
    });
    expect(await readdir(folder)).toEqual([]);
  });

  test('takes turns with the writes of a provider', async () => {
    await Promise.all(
      Array.from({ length: 10 }, async (_, index) => {
        await editDotenvFile(path, (bytes = Buffer.of()) => Buffer.from(`${bytes}E${index}=1\n`));
        const entries = new Map([[`P${index}`, '1']]);
        await dotenvProvider({ path }).write?.({ entries }, context());
      }),
    );
    const lines = (await read()).trimEnd().split('\n');
    expect(new Set(lines).size).toBe(20);
    expect(await readdir(folder)).toEqual(['.env']);
  });
});

test('writers in several processes lose nothing of each other', async () => {
  // A process that can run the sources, whatever Node this is.
  const bundle = await rolldown({
    input: fileURLToPath(new URL('../src/index.ts', import.meta.url)),
    platform: 'node',
    resolve: { conditionNames: ['@keyfall/source', 'node', 'import', 'default'] },
  });
  const file = join(folder, 'bundle', 'index.mjs');
  await bundle.write({ file, format: 'esm', codeSplitting: false });
  await bundle.close();
  await writeFile(
    join(folder, 'bundle', 'writer.mjs'),
    `import { dotenvProvider } from './index.mjs';
     const [path, id] = process.argv.slice(2);
     const provider = dotenvProvider({ path });
     const context = { signal: new AbortController().signal, timeLeft: () => 25_000, warn() {} };
     for (let count = 0; count < 10; count++) {
       await provider.write({ entries: new Map([[id + '_' + count, id], ['SHARED', id]]) }, context);
       if (count > 0) await provider.write({ entries: new Map([[id + '_' + (count - 1), null]]) }, context);
     }`,
  );
  await writeFile(path, '# head\nKEPT=1\n');
  const writers = ['A', 'B', 'C', 'D'].map((id) =>
    fork(join(folder, 'bundle', 'writer.mjs'), [path, id]),
  );
  const exits = await Promise.all(writers.map((writer) => once(writer, 'exit')));
  expect(exits).toEqual(writers.map(() => [0, null]));
  const lines = (await read()).trimEnd().split('\n').sort();
  expect(lines).toEqual([
    '# head',
    'A_9=A',
    'B_9=B',
    'C_9=C',
    'D_9=D',
    'KEPT=1',
    expect.stringMatching(/^SHARED=[ABCD]$/),
  ]);
  expect((await readdir(folder)).sort()).toEqual(['.env', 'bundle']);
});
