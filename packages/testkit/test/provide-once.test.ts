import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { provideOnce } from '../src/servers/provide-once.ts';

test('a program is provided into folders that are not there yet, once for all that ask', async () => {
  const folder = await testFolder();
  const cache = join(folder, 'cache', 'program');
  const target = join(cache, '1.0', 'bin', 'program');
  let provided = 0;
  async function provide(): Promise<void> {
    provided += 1;
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, '#!/bin/sh\n', { mode: 0o755 });
  }

  await Promise.all(
    [1, 2, 3].map(() => provideOnce({ what: 'a program', cache, target, provide })),
  );

  expect(provided).toBe(1);
  expect(await readdir(dirname(cache))).toEqual(['program']);
  expect(await readdir(cache)).toEqual(['1.0']);
});
