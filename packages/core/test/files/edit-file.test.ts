// The whole way of a change: read, made, compared, replaced, and once more if somebody came in between.
import { writeFileSync } from 'node:fs';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { editFile } from '../../src/files/write.ts';
import { SecretError } from '../../src/index.ts';
import { context, folderOfTests } from './folder.ts';

const newFile = folderOfTests();
const options = { limit: 100, ...context() };

test('other writers that keep changing it are a conflict, and what they wrote stays', async () => {
  const file = await newFile();
  let edits = 0;
  const edited = editFile(
    file,
    () => {
      edits += 1;
      writeFileSync(file.path, `theirs ${edits}`);
      return Buffer.from('ours');
    },
    options,
  );
  await expect(edited).rejects.toMatchObject({
    code: 'ERR_SECRET_CONFLICT',
    retryable: true,
    reason: expect.stringMatching(/^secrets /),
  });
  expect(edits).toBe(5);
  expect(await readFile(file.path, 'utf8')).toBe('theirs 5');
  expect(await readdir(dirname(file.path))).toEqual(['secrets']);
});

test('an error says what became of the change', async () => {
  const file = await newFile();
  const refused = () => {
    throw new SecretError('ERR_SECRET_INVALID', 'it is refused');
  };
  await expect(editFile(file, refused, options)).rejects.toMatchObject({ applied: 'no' });
  const afterwards = async () => refused();
  const ours = () => Buffer.from('ours');
  const made = editFile(file, ours, { ...options, afterwards });
  await expect(made).rejects.toMatchObject({ applied: 'yes' });
  expect(await readFile(file.path, 'utf8')).toBe('ours');
  // what is so already is not changed
  await expect(editFile(file, ours, { ...options, afterwards })).rejects.toMatchObject({
    applied: 'no',
  });
  const large = () => Buffer.alloc(200);
  await expect(editFile(file, large, options)).rejects.toMatchObject({ applied: 'no' });
  const ended = { ...options, signal: AbortSignal.abort() };
  await expect(editFile(file, ours, ended)).rejects.toMatchObject({ applied: 'no' });
});

test('a file that is made, or removed, in between is one that was changed', async () => {
  const file = await newFile();
  const seen: (string | undefined)[] = [];
  await editFile(
    file,
    (bytes) => {
      seen.push(bytes?.toString());
      if (seen.length === 1) writeFileSync(file.path, 'theirs');
      return Buffer.from('ours');
    },
    options,
  );
  expect(seen).toEqual([undefined, 'theirs']);
  expect(await readFile(file.path, 'utf8')).toBe('ours');
});

test('the edit is given the real path of the file', async () => {
  const file = await newFile();
  const folder = dirname(file.path);
  await mkdir(join(folder, 'real'));
  await symlink(join('real', 'file'), file.path);
  await writeFile(join(folder, 'real', 'file'), 'x');
  await editFile(
    file,
    (_, real) => {
      expect(real.endsWith(join('real', 'file'))).toBe(true);
      return undefined;
    },
    options,
  );
});

test('one over the limit is neither read nor written, and why is said before it is locked', async () => {
  const file = await newFile();
  await writeFile(`${file.path}.keyfall-lock`, 'of somebody');
  await writeFile(file.path, 'x'.repeat(101));
  await expect(
    editFile(file, () => expect.unreachable(), { ...options, ...context(0) }),
  ).rejects.toMatchObject({ code: 'ERR_SECRET_INVALID' });
  expect(await readFile(`${file.path}.keyfall-lock`, 'utf8')).toBe('of somebody');
  expect(await readFile(file.path, 'utf8')).toBe('x'.repeat(101));
  const other = await newFile();
  await expect(
    editFile(other, () => Buffer.alloc(101), { limit: 100, ...context() }),
  ).rejects.toMatchObject({ code: 'ERR_SECRET_UNSUPPORTED' });
  expect(await readdir(dirname(other.path))).toEqual([]);
  expect(await editFile(other, () => Buffer.alloc(100), options)).toBe(true);
});

test('an edit that throws, or changes nothing, leaves no lock', async () => {
  const file = await newFile();
  const bug = new TypeError('a bug');
  await expect(
    editFile(
      file,
      () => {
        throw bug;
      },
      options,
    ),
  ).rejects.toBe(bug);
  expect(await editFile(file, () => undefined, options)).toBe(false);
  expect(await readdir(dirname(file.path))).toEqual([]);
});
