import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { assertEditable, backUp, freePath, holding, replaceFile } from '../src/migration/files.ts';
import { folderWith } from './keyfall.ts';

const now = new Date('2026-01-02T03:04:05.678Z');

test('a backup never overwrites another one', async () => {
  const file = join(await folderWith('A=1\n'), '.env');
  const bytes = [Buffer.from([0xff, 0, 13, 10]), Buffer.from('second')] as const;
  const free = () => freePath(`${file}.backup`, now, (path) => `${path}.journal`);
  const first = await free();
  await backUp(first, bytes[0]);
  const second = await free();
  await backUp(second, bytes[1]);
  expect(first).toBe(`${file}.backup.20260102T030405678Z`);
  expect(second).toBe(`${first}-2`);
  expect(await readFile(first)).toEqual(bytes[0]);
  expect(await readFile(second)).toEqual(bytes[1]);
  expect((await stat(first)).mode & 0o777).toBe(0o600);
  await writeFile(`${first}-3.journal`, '');
  expect(await free()).toBe(`${first}-4`);
  await expect(backUp(first, bytes[1])).rejects.toMatchObject({
    code: 'ERR_SECRET_CONFLICT',
    message: expect.stringContaining(first),
  });
  expect(await readFile(first)).toEqual(bytes[0]);
});

test('a backup into no folder says where, and holds no value', async () => {
  const file = join(await folderWith(), 'none', '.env.backup');
  await expect(backUp(file, Buffer.from('canary'))).rejects.toMatchObject({
    code: 'ERR_SECRET_CONFIG',
    message: expect.stringMatching(/^(?!.*canary).*none\/\.env\.backup /),
  });
});

test('a run that is stopped while another one holds the file has done nothing', async () => {
  const file = join(await folderWith('A=1\n'), '.env');
  const done: string[] = [];
  const afterwards = async () => {
    done.push('afterwards');
  };
  const controller = new AbortController();
  await holding(
    file,
    async (bytes) => {
      const second = holding(
        file,
        async () => {
          done.push('second');
          return undefined;
        },
        afterwards,
        controller.signal,
      );
      controller.abort();
      await expect(second).rejects.toMatchObject({ code: 'ERR_SECRET_ABORTED' });
      done.push(`${bytes}`);
      return Buffer.from('A=2\n');
    },
    afterwards,
    undefined,
  );
  expect(done).toEqual(['A=1\n', 'afterwards']);
  expect(await readFile(file, 'utf8')).toBe('A=2\n');
});

test('what another program writes meanwhile is not overwritten, and nothing is done twice', async () => {
  const file = join(await folderWith('A=1\n'), '.env');
  let times = 0;
  const work = async () => {
    times += 1;
    await writeFile(file, 'A=theirs\n');
    return Buffer.from('A=2\n');
  };
  await expect(holding(file, work, async () => {}, undefined)).rejects.toMatchObject({
    code: 'ERR_SECRET_CONFLICT',
    message: expect.stringContaining(file),
  });
  expect(times).toBe(1);
  expect(await readFile(file, 'utf8')).toBe('A=theirs\n');
});

test('what keeps a file from being edited is said with what to do, and what else there is', async () => {
  const file = join(await folderWith('A=1\n'), '.env');
  await mkdir(`${file}.keyfall-tmp`);
  for (const [otherwise, expected] of [
    ['', ''],
    ['Or not.', ' Or not.'],
  ] as const)
    await expect(assertEditable(file, Buffer.from('A=2\n'), otherwise)).rejects.toMatchObject({
      code: 'ERR_SECRET_CONFIG',
      hint: expect.stringMatching(new RegExp(`\\.${expected}$`)),
    });
  expect(await readFile(file, 'utf8')).toBe('A=1\n');
});

test('a file is replaced whole, with its mode', async () => {
  const file = join(await folderWith('old'), '.env');
  await chmod(file, 0o640);
  await replaceFile(file, Buffer.from('new'));
  expect(await readFile(file, 'utf8')).toBe('new');
  expect((await stat(file)).mode & 0o777).toBe(0o640);
});
