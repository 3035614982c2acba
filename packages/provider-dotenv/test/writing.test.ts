import { fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { lstatSync, readlinkSync, writeFileSync } from 'node:fs';
import {
  chmod,
  chown,
  link,
  lstat,
  mkdir,
  readdir,
  readFile,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { isSecretError } from '@keyfall/core';
import { assertNoLeak } from '@keyfall/testkit';
import { beforeEach, describe, expect, test } from 'vitest';
import { dotenvProvider } from '../src/index.ts';
import { folder, folderForEachTest, path } from './folder.ts';
import { context, withoutPrivileges } from './store.ts';

folderForEachTest();

const canary = 'c4n4ry-7f3a9e';
const read = (file = path) => readFile(file, 'utf8');

async function write(
  entries: Record<string, string | null>,
  options: Parameters<typeof dotenvProvider>[0] = {},
  overrides: Parameters<typeof context>[0] = {},
) {
  const provider = dotenvProvider({ path, ...options });
  const changes = { entries: new Map(Object.entries(entries)) };
  return provider.write?.(changes, context(overrides));
}

const failure = (call: Promise<unknown>) =>
  call.then(
    () => expect.unreachable('it should have been refused'),
    (error: unknown) => {
      assertNoLeak([canary], error);
      return error;
    },
  );

describe('the file', () => {
  test('a write keeps every other byte, the mode and the owner', async () => {
    await writeFile(path, '\uFEFF# shop\r\nexport A="1" # one\r\n\r\nB=2');
    await chmod(path, 0o640);
    // Only root can give a file away; for anybody else the owner stays by itself.
    if (process.geteuid?.() === 0) await chown(path, 1234, 1234);
    const before = await stat(path);
    await write({ A: 'x', C: 'y' });
    expect(await read()).toBe('\uFEFF# shop\r\nexport A="x" # one\r\n\r\nB=2\r\nC=y\r\n');
    const { mode, uid, gid } = await stat(path);
    expect({ mode, uid, gid }).toEqual({ mode: before.mode, uid: before.uid, gid: before.gid });
  });

  test('a new file belongs to its owner only', async () => {
    await write({ A: '1' });
    expect(await read()).toBe('A=1\n');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test('a file is replaced behind a link, which stays', async () => {
    await mkdir(join(folder, 'real'));
    await writeFile(join(folder, 'real', 'env'), 'A=1\n');
    await symlink(join('real', 'env'), path);
    await write({ A: '2' });
    expect((await lstat(path)).isSymbolicLink()).toBe(true);
    expect(await read(join(folder, 'real', 'env'))).toBe('A=2\n');
  });

  test('a file is replaced and not written into, so that a reader sees the old content', async () => {
    await writeFile(path, 'A=1\n');
    await link(path, join(folder, 'before'));
    await write({ A: '2' });
    expect(await read(join(folder, 'before'))).toBe('A=1\n');
  });

  test('a write without changes neither writes nor creates a file', async () => {
    await write({ A: null });
    expect(await readdir(folder)).toEqual([]);
    await writeFile(path, 'A=1');
    const { ino } = await stat(path);
    await write({ A: '1', B: null });
    expect((await stat(path)).ino).toBe(ino);
  });

  test('a write leaves no other file behind, refused or not', async () => {
    await write({ A: '1' });
    await failure(write({ A: `'"\`#\r\\n${canary}` }));
    await failure(write({ A: canary, 'no name': canary }));
    expect(await readdir(folder)).toEqual(['.env']);
    expect(await read()).toBe('A=1\n');
  });

  test('the leftovers of a killed writer do not stop a write', async () => {
    await writeFile(`${path}.keyfall-tmp`, 'A=half of');
    await write({ A: '1' });
    expect(await read()).toBe('A=1\n');
    expect(await readdir(folder)).toEqual(['.env']);
  });

  test('a file of 8 MiB is edited, and a large quoted value kept', async () => {
    const value = 'x\n'.repeat(4 * 1024 * 1024 - 64);
    await writeFile(path, `A='${value}'\nB=1\n`);
    await write({ B: canary, C: '3' });
    expect((await read()) === `A='${value}'\nB=${canary}\nC=3\n`).toBe(true);
    const { entries } = await dotenvProvider({ path }).read('all', context());
    const entry = entries.get('A');
    expect(entry !== undefined && 'value' in entry && entry.value === value).toBe(true);
  });

  test('a file that would become too large to be read is not written', async () => {
    const error = await failure(write({ A: canary.repeat(700_000) }));
    expect(error).toMatchObject({ code: 'ERR_SECRET_UNSUPPORTED' });
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('a refused write', () => {
  test('a refused write names the file and the name, not the value', async () => {
    const error = await failure(write({ 'no name': canary }));
    expect(error).toMatchObject({
      code: 'ERR_SECRET_UNSUPPORTED',
      provider: 'dotenv',
      secretName: 'no name',
      reason: expect.stringContaining(`${path}: "no name"`),
    });
  });

  test('a write to a read-only folder is denied', async () => {
    await writeFile(path, 'A=1\n');
    await chmod(path, 0o666);
    await chmod(folder, 0o555);
    const regain = withoutPrivileges();
    const error = await failure(write({ A: canary }));
    regain();
    await chmod(folder, 0o700);
    expect(error).toMatchObject({
      code: 'ERR_SECRET_DENIED',
      reason: expect.stringContaining(path),
    });
    expect(await read()).toBe('A=1\n');
  });

  test('a write to a read-only file in a writable folder is denied', async () => {
    await writeFile(path, 'A=1\n');
    await chmod(path, 0o444);
    await chmod(folder, 0o777);
    const regain = withoutPrivileges();
    const error = await failure(write({ A: canary }));
    regain();
    expect(error).toMatchObject({ code: 'ERR_SECRET_DENIED' });
    expect(await readdir(folder)).toEqual(['.env']);
  });

  test('a write to a missing folder is a configuration error', async () => {
    const error = await failure(write({ A: canary }, { path: join(folder, 'no', '.env') }));
    expect(error).toMatchObject({ code: 'ERR_SECRET_CONFIG' });
  });
});

describe('several files', () => {
  const options = { profile: 'dev' };
  beforeEach(async () => {
    await writeFile(path, 'A=1\nB=1\n');
    await writeFile(`${path}.local`, 'B=2\nC=2\n');
  });

  test('a name is changed in the last file that holds it, a new one goes to the first', async () => {
    await write({ B: '3' }, options);
    await write({ D: '4' }, options);
    expect(await read()).toBe('A=1\nB=1\nD=4\n');
    expect(await read(`${path}.local`)).toBe('B=3\nC=2\n');
  });

  test.each([
    ['names of several files', { A: '9', C: canary }],
    ['a deletion of a name that several files hold', { B: null }],
  ])('%s are refused, and nothing changes', async (_, entries) => {
    const error = await failure(write(entries, options));
    expect(error).toMatchObject({
      code: 'ERR_SECRET_UNSUPPORTED',
      reason: expect.stringContaining(`${path}, ${path}.local`),
    });
    expect(await read()).toBe('A=1\nB=1\n');
    expect(await read(`${path}.local`)).toBe('B=2\nC=2\n');
  });

  test('a conditional write notices a change of any of them', async () => {
    const provider = dotenvProvider({ path, profile: 'dev' });
    const { revision = '' } = await provider.read('all', context());
    await writeFile(`${path}.dev`, 'A=8\n');
    const changes = { entries: new Map([['D', canary]]), ifRevision: revision };
    const error = await failure(Promise.resolve(provider.write?.(changes, context())));
    expect(error).toMatchObject({ code: 'ERR_SECRET_CONFLICT' });
    expect(await read()).toBe('A=1\nB=1\n');
  });

  test('two paths to one file do not wait for each other', async () => {
    await symlink('.env', join(folder, 'link'));
    await write({ A: '5' }, { path: [path, join(folder, 'link')] });
    expect(await read()).toBe('A=5\nB=1\n');
  });
});

/** A signal that never fires, and calls back each time the provider looks at it: between its steps. */
function watchedSignal(look: (times: number) => void): AbortSignal {
  const { signal } = new AbortController();
  let times = 0;
  Object.defineProperty(signal, 'aborted', {
    get() {
      look(++times);
      return false;
    },
  });
  return signal;
}

describe('writers at the same time', () => {
  test('none of twenty concurrent writers loses its change', async () => {
    await writeFile(path, '# head\n');
    const names = Array.from({ length: 20 }, (_, index) => `N${index}`);
    await Promise.all(names.map((name) => write({ [name]: name })));
    const lines = (await read()).trimEnd().split('\n');
    expect(lines.sort()).toEqual(['# head', ...names.map((name) => `${name}=${name}`)].sort());
    expect(await readdir(folder)).toEqual(['.env']);
  });

  test('of twenty writers on one revision, one writes and the others get a conflict', async () => {
    const provider = dotenvProvider({ path });
    const { revision = '' } = await provider.read('all', context());
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) =>
        provider.write?.(
          { entries: new Map([['A', `${index}`]]), ifRevision: revision },
          context(),
        ),
      ),
    );
    const refused = results.filter(
      (each) => each.status === 'rejected' && isSecretError(each.reason, 'ERR_SECRET_CONFLICT'),
    );
    expect(refused).toHaveLength(19);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  test('a write waits for another process that holds the lock, and keeps its change', async () => {
    await writeFile(path, 'A=1\n');
    const other = fork(new URL('lock-holder.mjs', import.meta.url), [path]);
    const exited = once(other, 'exit');
    await once(other, 'message');
    const hurried = await failure(write({ A: canary }, {}, { remainingTimeout: () => 0 }));
    expect(hurried).toMatchObject({
      code: 'ERR_SECRET_UNAVAILABLE',
      reason: expect.stringContaining(path),
      hint: expect.stringContaining(`${path}.keyfall-lock`),
    });
    const written = write({ A: '2' });
    other.send('write and release');
    await written;
    await exited;
    expect(await read()).toBe('A=2\nB=other\n');
  });

  test('a caller who aborts stops waiting for the lock', async () => {
    await writeFile(`${path}.keyfall-lock`, '');
    const caller = new AbortController();
    const written = write({ A: canary }, {}, { signal: caller.signal });
    caller.abort();
    expect(await failure(written)).toMatchObject({ code: 'ERR_SECRET_ABORTED' });
    expect(await readdir(folder)).toEqual(['.env.keyfall-lock']);
  });

  test('a change by a program that ignores the lock is merged', async () => {
    await writeFile(path, 'A=1\n');
    // Looked at for the lock, for reading, and for reading once more before the file is replaced.
    const signal = watchedSignal((times) => {
      if (times === 3) writeFileSync(path, 'A=1\nEDITOR=1\n');
    });
    await write({ A: '2' }, {}, { signal });
    expect(await read()).toBe('A=2\nEDITOR=1\n');
  });
});

describe('a lock that was left behind', () => {
  const lock = (owner: object, suffix = '') =>
    symlink(JSON.stringify(owner), `${path}.keyfall-lock${suffix}`);
  /** How this system names where a pid means something: taken from a lock that the provider made. */
  async function ownOwner(): Promise<{ pid: number; place: string; born: string }> {
    let seen = '';
    const signal = watchedSignal(() => {
      const lock = lstatSync(`${path}.keyfall-lock`, { throwIfNoEntry: false });
      if (lock !== undefined) seen = readlinkSync(`${path}.keyfall-lock`);
    });
    await write({ FIRST: '1' }, {}, { signal });
    return JSON.parse(seen);
  }

  test('the lock of a dead process is broken, once for all waiting writers', async () => {
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    await lock({ ...(await ownOwner()), pid });
    await Promise.all(['A', 'B', 'C', 'D'].map((name) => write({ [name]: '1' })));
    expect((await read()).split('\n').sort()).toEqual(['', 'A=1', 'B=1', 'C=1', 'D=1', 'FIRST=1']);
    expect(await readdir(folder)).toEqual(['.env']);
  });

  test('the lock of a process that was killed while breaking a lock is broken', async () => {
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    const dead = { ...(await ownOwner()), pid };
    await lock(dead);
    await lock(dead, '.break');
    await Promise.all(['A', 'B'].map((name) => write({ [name]: '1' })));
    expect(await readdir(folder)).toEqual(['.env']);
  });

  test('a lock in a file, where there are no links, is broken too', async () => {
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    await writeFile(`${path}.keyfall-lock`, JSON.stringify({ ...(await ownOwner()), pid }));
    await write({ A: '1' });
    expect(await readdir(folder)).toEqual(['.env']);
  });

  test('a lock whose pid belongs to another process now is broken', async () => {
    await lock({ ...(await ownOwner()), born: '1' });
    await write({ A: '1' });
    expect(await readdir(folder)).toEqual(['.env']);
  });

  test.each([
    ['a process in another container or on another host', { place: 'elsewhere', pid: 999_999_999 }],
    ['a living process', {}],
  ])('the lock of %s is kept', async (_, other) => {
    await lock({ ...(await ownOwner()), ...other });
    const error = await failure(write({ A: canary }, {}, { remainingTimeout: () => 0 }));
    expect(error).toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE', retryable: true });
    expect(await readdir(folder)).toContain('.env.keyfall-lock');
  });
});
