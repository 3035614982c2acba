// One file, read whole, and what is no text. What may stand in a file's place is tested with each provider.
import { constants } from 'node:fs';
import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import {
  decodeText,
  errnoOf,
  problem,
  readBytes,
  readWhole,
  unreadable,
} from '../../src/files/index.ts';
import { SecretError } from '../../src/index.ts';
import { folderOfTests } from './folder.ts';

const newFile = folderOfTests();

test('a file of exactly the limit is read, one byte more is invalid', async () => {
  const file = await newFile();
  await writeFile(file.path, 'x'.repeat(200_000));
  expect(await readBytes(file, 200_000)).toHaveLength(200_000);
  await expect(readBytes(file, 199_999)).rejects.toMatchObject({ code: 'ERR_SECRET_INVALID' });
});

test('a file that claims to be empty is read, and its limit kept', async () => {
  const file = { ...(await newFile()), path: '/proc/self/environ' };
  const environ = Object.entries(process.env).length > 0;
  expect(((await readBytes(file, 8_000_000))?.length ?? 0) > 0).toBe(environ);
  await expect(readBytes(file, 1)).rejects.toMatchObject({ code: 'ERR_SECRET_INVALID' });
});

test.each([
  ['below a file', 'x', 'ERR_SECRET_CONFIG'],
  ['longer than a name can be', 'x'.repeat(300), 'ERR_SECRET_CONFIG'],
])('a path %s is wrong, and the file not missing', async (what, name, code) => {
  const file = await newFile();
  await writeFile(file.path, 'x');
  const path = what === 'below a file' ? join(file.path, name) : join(file.path, '..', name);
  await expect(readBytes({ ...file, path }, 100)).rejects.toMatchObject({ code });
});

test('a file is missing where its folder is', async () => {
  const file = await newFile();
  expect(await readBytes({ ...file, path: join(file.path, 'none', 'x') }, 100)).toBeUndefined();
});

test('a link is refused where the caller says so', async () => {
  const file = await newFile();
  await writeFile(`${file.path}.real`, 'x');
  await symlink(`${file.path}.real`, file.path);
  const options = { limit: 100, flags: constants.O_NOFOLLOW };
  const error = await readWhole(file.path, file, options).catch((thrown: unknown) => thrown);
  expect(errnoOf(error)).toBe('ELOOP');
});

describe('text', () => {
  const file = { shown: 'secrets', provider: 'store', secretName: 'DB_PASS' };
  const canary = 'canary-value-0e6a';
  test('keeps its byte order mark, and every character', () => {
    const text = `\uFEFF${canary} é 🔑\r\n\0`;
    expect(decodeText(file, Buffer.from(text))).toBe(text);
    expect(decodeText(file, Buffer.alloc(0))).toBe('');
  });

  test.each([
    ['UTF-16, the low byte first', Buffer.from(`\uFEFF${canary}`, 'utf16le'), 'is UTF-16 text'],
    [
      'UTF-16, the high byte first',
      Buffer.from(`\uFEFF${canary}`, 'utf16le').swap16(),
      'is UTF-16 text',
    ],
    ['Latin-1', Buffer.from(`${canary}é`, 'latin1'), 'is not valid UTF-8 text'],
    [
      'cut inside a character',
      Buffer.from(`${canary}é`).subarray(0, -1),
      'is not valid UTF-8 text',
    ],
    ['half a surrogate pair', Buffer.from([0xed, 0xa0, 0x80]), 'is not valid UTF-8 text'],
    ['a slash of two bytes', Buffer.from([0xc0, 0xaf]), 'is not valid UTF-8 text'],
  ])('in %s is invalid', (_, bytes, reason) => {
    const decode = () => decodeText(file, bytes, 'Do this.');
    expect(decode).toThrow(
      expect.objectContaining({
        code: 'ERR_SECRET_INVALID',
        reason: `secrets ${reason}`,
        secretName: 'DB_PASS',
        hint: 'Do this.',
      }),
    );
    expect(decode).not.toThrow(canary);
  });
});

test('only the errno of a system error is shown, and an error of ours is passed on', () => {
  const file = { shown: 'secrets', provider: 'store' };
  const thrown = (code: string) => Object.assign(new Error('/a/path'), { code });
  expect(unreadable(file, thrown('EMFILE')).reason).toMatch(/^secrets .*\(EMFILE\)$/);
  for (const strange of [thrown('ERR_canary'), thrown('E canary'), 'canary', null])
    expect(unreadable(file, strange).reason).not.toMatch(/canary|\(/);
  const own = problem(file, 'ERR_SECRET_CONFIG', 'is wrong');
  expect(unreadable(file, own)).toBe(own);
  expect(own).toBeInstanceOf(SecretError);
});

test.each([
  ['Deno', { name: 'NotCapable' }],
  ['node --permission', { code: 'ERR_ACCESS_DENIED' }],
])('what the permissions of %s refuse is denied, and no outage', async (_, facts) => {
  const error = unreadable(await newFile(), Object.assign(new Error('canary'), facts));
  expect(error).toMatchObject({ code: 'ERR_SECRET_DENIED' });
  expect(error.message).toMatch(/--allow-fs-read .*--allow-read/);
  expect(error.message).not.toContain('canary');
});

test('the errno of an error of another realm, as Node throws them under Jest', () => {
  expect(errnoOf(runInNewContext("Object.assign(new Error(''), { code: 'ENOENT' })"))).toBe(
    'ENOENT',
  );
});
