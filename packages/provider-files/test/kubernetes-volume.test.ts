import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync, rmSync } from 'node:fs';
import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { filesProvider } from '../src/index.ts';
// @ts-expect-error: it is run as a program too, and so has no types
import { versionFiles, writeVolume } from './kubernetes-volume.mjs';
import { answersOf, context } from './store.ts';

let folder: string;
beforeEach(async () => {
  folder = await testFolder();
});

/** Runs `body` while another process replaces the volume without a pause. */
async function whileReplaced(body: () => Promise<void>): Promise<void> {
  const kubelet = fork(new URL('kubernetes-volume.mjs', import.meta.url), [folder]);
  const exited = once(kubelet, 'exit');
  try {
    await body();
  } finally {
    kubelet.send('stop');
    expect(await exited).toEqual([0, null]);
  }
}

/** The version that all values are of. */
function versionOf(values: Record<string, string>): number {
  const version = Number(Object.values(values)[0]?.split('-')[1]);
  expect(values).toEqual(Object.fromEntries(versionFiles(version)));
  return version;
}

describe('a read', () => {
  test('a read never mixes two versions, however often the volume is replaced', async () => {
    writeVolume(folder, versionFiles(0));
    const provider = filesProvider({ directory: folder });
    const seen = new Set<number>();
    await whileReplaced(async () => {
      while (seen.size < 20) seen.add(versionOf(await answersOf(provider)));
    });
    expect([...seen]).toEqual([...seen].sort((a, b) => a - b));
  });

  test('a read by name never mixes two versions, and a name is absent only in versions without it', async () => {
    writeVolume(folder, versionFiles(0));
    const provider = filesProvider({ directory: folder });
    const names = ['even', 'password', 'odd', 'user'];
    const seen = new Set<number>();
    await whileReplaced(async () => {
      while (seen.size < 20) {
        const { host, port, ...rest } = Object.fromEntries(versionFiles(0));
        const values = await answersOf(provider, names);
        const version = Number(values['user']?.split('-')[1]);
        const files = Object.fromEntries(versionFiles(version));
        expect(values).toEqual(
          Object.fromEntries(Object.entries(files).filter(([name]) => names.includes(name))),
        );
        expect(Object.keys(rest)).toHaveLength(3);
        seen.add(version);
      }
    });
  });

  test('files that variables name in one volume are never of two versions', async () => {
    writeVolume(folder, versionFiles(0));
    const variables = ['DB_USER', 'DB_PASS'];
    const env = { DB_USER_FILE: join(folder, 'user'), DB_PASS_FILE: join(folder, 'password') };
    const provider = filesProvider({ variables, env });
    const seen = new Set<string>();
    await whileReplaced(async () => {
      while (seen.size < 20) {
        const { DB_USER, DB_PASS } = await answersOf(provider);
        expect(DB_PASS).toBe(DB_USER?.replace('user', 'password'));
        seen.add(DB_USER ?? '');
      }
    });
  });

  test('a list never mixes the names of two versions', async () => {
    writeVolume(folder, versionFiles(0));
    const provider = filesProvider({ directory: folder });
    const lists = [0, 1].map((version) => [...versionFiles(version).keys()].sort().join());
    const seen = new Map(lists.map((list) => [list, 0]));
    await whileReplaced(async () => {
      while ([...seen.values()].some((count) => count < 20)) {
        const list = (await provider.list?.(context()))?.join() ?? '';
        expect(lists).toContain(list);
        seen.set(list, (seen.get(list) ?? 0) + 1);
      }
    });
  });

  test('a read gives up in time while the files keep being replaced', async () => {
    writeVolume(folder, versionFiles(0));
    const provider = filesProvider({ directory: folder });
    let version = 0;
    // The signal is looked at before each file: there the volume is replaced, every time.
    const { signal } = new AbortController();
    Object.defineProperty(signal, 'aborted', {
      get() {
        writeVolume(folder, versionFiles(++version));
        return false;
      },
    });
    let looks = 5;
    const read = provider.read('all', context({ signal, remainingTimeout: () => --looks }));
    await expect(read).rejects.toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE', retryable: true });
    expect(looks).toBe(0);
  });

  test('folders in the volume are not secrets, and can be read by a provider of their own', async () => {
    writeVolume(
      folder,
      new Map([
        ['A', 'x'],
        ['group/B', 'y'],
      ]),
    );
    expect(await answersOf(filesProvider({ directory: folder }))).toEqual({ A: 'x' });
    const group = filesProvider({ directory: join(folder, 'group') });
    expect(await answersOf(group)).toEqual({ B: 'y' });
  });

  test('a volume whose ..data leads out of it or to nothing is invalid', async () => {
    const directory = join(folder, 'volume');
    await mkdir(directory);
    await mkdir(join(folder, 'elsewhere'));
    await symlink('../elsewhere', join(directory, '..data'));
    await expect(answersOf(filesProvider({ directory }))).rejects.toMatchObject({
      code: 'ERR_SECRET_INVALID',
      reason: expect.stringContaining(`${directory}/..data `),
    });
    rmSync(join(folder, 'elsewhere'), { recursive: true });
    await expect(answersOf(filesProvider({ directory }))).rejects.toMatchObject({
      code: 'ERR_SECRET_INVALID',
      reason: expect.stringContaining(`${directory}/..data `),
    });
  });
});

/** Counts the calls of a watch, and waits for the next one. */
function watched(options: Parameters<typeof filesProvider>[0]) {
  const stop = new AbortController();
  let calls = 0;
  let taken = 0;
  let wake = () => {};
  const ended = filesProvider(options).watch?.(() => {
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
  test('watch fires once for each swap of a volume', async () => {
    writeVolume(folder, versionFiles(0));
    const provider = filesProvider({ directory: folder });
    const watch = watched({ directory: folder });
    for (let version = 1; version <= 10; version++) {
      writeVolume(folder, versionFiles(version));
      await watch.next();
      // One call too many would be taken for the next swap's, and come before it.
      expect(versionOf(await answersOf(provider))).toBe(version);
      expect(watch.calls()).toBe(version);
    }
    await watch.end();
    expect(watch.calls()).toBe(10);
  });

  test('watch fires for a file that is replaced, changed, added or removed', async () => {
    const path = join(folder, 'A');
    await writeFile(path, '1');
    const watch = watched({ directory: folder });
    await writeFile(path, '2');
    await watch.next();
    await writeFile(join(folder, 'A.new'), '3');
    await rename(join(folder, 'A.new'), path);
    await watch.next();
    await writeFile(join(folder, 'B'), '4');
    await watch.next();
    rmSync(path);
    await watch.next();
    await watch.end();
  });

  test('watch waits for a missing folder, and for one that comes back', async () => {
    const directory = join(folder, 'run', 'secrets');
    const watch = watched({ directory });
    for (let round = 0; round < 2; round++) {
      await mkdir(directory, { recursive: true });
      await watch.next();
      await writeFile(join(directory, 'A'), '1');
      await watch.next();
      rmSync(join(folder, 'run'), { recursive: true });
      await watch.next();
    }
    await watch.end();
  });

  test('watch of a folder inside a volume fires once for each swap', async () => {
    const put = (version: number) =>
      writeVolume(
        folder,
        new Map([
          ['A', 'same'],
          ['group/B', `${version}`],
        ]),
      );
    put(0);
    const directory = join(folder, 'group');
    const watch = watched({ directory });
    for (let version = 1; version <= 5; version++) {
      put(version);
      await watch.next();
      expect(await answersOf(filesProvider({ directory }))).toEqual({ B: `${version}` });
      expect(watch.calls()).toBe(version);
    }
    await watch.end();
  });

  test('watch follows the variables that name files', async () => {
    const volume = join(folder, 'volume');
    const env = { A_FILE: join(folder, 'a'), B_FILE: join(volume, 'user') };
    await mkdir(volume);
    await writeFile(env.A_FILE, '1');
    writeVolume(volume, versionFiles(0));
    const watch = watched({ variables: ['A', 'B'], env });
    writeVolume(volume, versionFiles(1));
    await watch.next();
    await writeFile(env.A_FILE, '2');
    await watch.next();
    await watch.end();
  });

  test('watch ends at once with its signal, and leaves nothing behind', async () => {
    const stop = new AbortController();
    stop.abort();
    await filesProvider({ directory: folder }).watch?.(() => expect.unreachable(), stop.signal);
  });
});

test('the volume is laid out as the kubelet lays it out', () => {
  writeVolume(
    folder,
    new Map([
      ['A', 'x'],
      ['group/B', 'y'],
    ]),
  );
  expect(readlinkSync(join(folder, '..data'))).toMatch(/^\.\.\d{4}(_\d\d){5}\.\w+$/);
  expect(readlinkSync(join(folder, 'A'))).toBe('..data/A');
  expect(readlinkSync(join(folder, 'group'))).toBe('..data/group');
});
