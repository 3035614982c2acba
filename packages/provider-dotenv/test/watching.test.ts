import { appendFile, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecrets } from '@keyfall/core';
import { beforeAll, describe, expect, test } from 'vitest';
import { dotenvProvider } from '../src/index.ts';
import { folder, folderForEachTest, path } from './folder.ts';
import { context } from './store.ts';

folderForEachTest();
// a watch begins when its code is loaded, and what changes before that has no event: of the first one, too, it is loaded here
beforeAll(() => import('@keyfall/core/provider/files'));

/** Counts the calls of a watch, and waits for the next one. */
function watched(options: Parameters<typeof dotenvProvider>[0] = { path }) {
  const stop = new AbortController();
  let calls = 0;
  let taken = 0;
  let wake = () => {};
  const ended = dotenvProvider(options).watch?.(() => {
    calls += 1;
    wake();
  }, stop.signal);
  return {
    calls: () => calls,
    async next() {
      while (calls === taken)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      taken += 1;
    },
    async end() {
      stop.abort();
      await ended;
    },
  };
}

describe('a watch', () => {
  test('watch fires once each time an editor renames a new file over the old one', async () => {
    await writeFile(path, 'A=0\n');
    const watch = watched();
    for (let round = 1; round <= 5; round++) {
      // vim: the old one becomes the backup, the new one takes its place.
      await writeFile(join(folder, '4913'), '');
      await rm(join(folder, '4913'));
      await rename(path, `${path}~`);
      await writeFile(path, `A=${round}\n`);
      await rm(`${path}~`);
      await watch.next();
      expect(watch.calls()).toBe(round);
    }
    await watch.end();
    expect(watch.calls()).toBe(5);
  });

  test('watch fires when the file is written, removed or created', async () => {
    const watch = watched();
    await writeFile(path, 'A=1\n');
    await watch.next();
    await appendFile(path, 'B=1\n');
    await watch.next();
    await rm(path);
    await watch.next();
    await watch.end();
  });

  test("watch fires for the provider's own write, and for no other file of the folder", async () => {
    await writeFile(path, 'A=1\n');
    const watch = watched();
    await writeFile(join(folder, 'server.log'), 'x');
    const changes = { entries: new Map([['A', '2']]) };
    await dotenvProvider({ path }).write?.(changes, context());
    await watch.next();
    expect(watch.calls()).toBe(1);
    await watch.end();
  });

  test('watch waits for a missing folder', async () => {
    const watch = watched({ path: join(folder, 'a', 'b', '.env') });
    await mkdir(join(folder, 'a', 'b'), { recursive: true });
    await writeFile(join(folder, 'a', 'b', '.env'), 'A=1\n');
    await watch.next();
    await watch.end();
  });

  test('watch follows a link to its file, and to another one', async () => {
    for (const name of ['one', 'two']) {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, 'env'), `A=${name}\n`);
    }
    await symlink(join('one', 'env'), path);
    const watch = watched();
    await writeFile(join(folder, 'one', 'env'), 'A=changed\n');
    await watch.next();
    await symlink(join('two', 'env'), `${path}.new`);
    await rename(`${path}.new`, path);
    await watch.next();
    await writeFile(join(folder, 'two', 'env'), 'A=changed\n');
    await watch.next();
    await watch.end();
  });

  test('watch covers every file of the provider', async () => {
    await writeFile(path, 'A=1\n');
    const watch = watched({ path, profile: 'dev' });
    await writeFile(`${path}.local`, 'A=2\n');
    await watch.next();
    await watch.end();
  });

  test('watch does not begin with an aborted signal', async () => {
    await dotenvProvider({ path }).watch?.(() => expect.unreachable(), AbortSignal.abort());
  });
});

test('a chain reports the new value once the file is replaced', async () => {
  await writeFile(path, 'A=1\n');
  const secrets = createSecrets({ providers: [dotenvProvider({ path })] });
  const change = secrets.watch('A').next();
  await secrets.view(['A']); // by now the watch has begun as well
  await writeFile(`${path}.new`, 'A=2\n');
  await rename(`${path}.new`, path);
  expect((await change).value).toMatchObject({ name: 'A', provider: 'dotenv' });
  expect(await secrets.get('A')).toBe('2');
  await secrets.close();
});
