// Rights that are taken away, be the tests run by root or not, and given back as they were.
import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { denyAccess } from '../src/index.ts';

test('a file that is denied cannot be read, and gets its mode back afterwards', async () => {
  const folder = await testFolder();
  await chmod(folder, 0o755);
  const file = join(folder, 'file');
  await writeFile(file, 'text', { mode: 0o640 });
  const restore = await denyAccess(file);
  const denied = await readFile(file).catch((error) => error.code);
  await restore();
  expect(denied).toBe('EACCES');
  expect(await readFile(file, 'utf8')).toBe('text');
  expect((await stat(file)).mode & 0o777).toBe(0o640);
});
