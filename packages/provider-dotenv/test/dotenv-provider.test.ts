import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { chmod, mkdir, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createSecrets, isSecretError, type SecretErrorCode } from '@keyfall/core';
import { assertNoLeak } from '@keyfall/testkit';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type DotenvProviderOptions, dotenvProvider } from '../src/index.ts';
import { folder, folderForEachTest, path } from './folder.ts';
import { context, deny } from './store.ts';

// the moment between looking at a file and reading it, at which another program may write it
const reads = vi.hoisted(() => ({ before: () => {} }));
vi.mock('node:fs', async (importOriginal) => {
  const fs = await importOriginal<typeof import('node:fs')>();
  const { promisify } = await import('node:util');
  const readAsPromised = promisify(fs.read);
  const read = {
    [promisify.custom](...args: Parameters<typeof readAsPromised>) {
      reads.before();
      return readAsPromised(...args);
    },
  };
  return { ...fs, read: Object.assign(fs.read.bind(fs), read) };
});

folderForEachTest();

const canary = 'c4n4ry-7f3a9e';

async function valuesOf(options: Parameters<typeof dotenvProvider>[0]) {
  const { entries } = await dotenvProvider(options).read('all', context());
  return Object.fromEntries(
    [...entries].map(([name, entry]) => [name, isSecretError(entry) ? entry.code : entry.value]),
  );
}

describe('which files are read', () => {
  test('later files win, in the order .env, .env.<profile>, .env.local', async () => {
    await writeFile(path, 'A=1\nB=1\nC=1\n');
    await writeFile(`${path}.dev`, 'B=2\nC=2\n');
    await writeFile(`${path}.local`, 'C=3\n');
    expect(await valuesOf({ path, profile: 'dev' })).toEqual({ A: '1', B: '2', C: '3' });
  });

  test('without a profile .env.local is not read', async () => {
    await writeFile(path, 'A=1\n');
    await writeFile(`${path}.local`, 'A=2\n');
    expect(await valuesOf({ path })).toEqual({ A: '1' });
  });

  test('of several paths the later one wins, and a missing one holds nothing', async () => {
    await writeFile(path, 'A=1\n');
    await writeFile(`${path}.more`, 'A=2\n');
    const paths = [path, join(folder, 'missing.env'), `${path}.more`];
    expect(await valuesOf({ path: paths })).toEqual({ A: '2' });
  });

  test('the default is .env in the working directory at the time the provider is made', async () => {
    await writeFile(path, 'A=1\n');
    const before = process.cwd();
    process.chdir(folder);
    const provider = dotenvProvider();
    process.chdir(before);
    expect(provider.store).toBe('.env');
    expect((await provider.read('all', context())).entries.get('A')).toEqual({ value: '1' });
  });

  test.each<[string, object, string]>([
    ['an empty path', { path: '' }, 'path'],
    ['an empty list of paths', { path: [] }, 'path'],
    ['a zero byte in a path', { path: 'a\0b' }, 'path'],
    ['a path that is not text', { path: 5 }, 'path'],
    ['a path of null', { path: null }, 'path'],
    ['a profile that leaves the folder', { profile: '../prod' }, 'profile'],
    ['an empty profile', { profile: '' }, 'profile'],
    ['a profile of null', { profile: null }, 'profile'],
    ['a name that is not text', { name: {} }, 'name'],
    ['a text for true', { mustExist: 'false' }, 'mustExist'],
    ['a number for true', { expand: 1 }, 'expand'],
    ['an unknown reader', { reader: 'pyton' }, 'reader'],
    ['expand with another reader', { reader: 'python', expand: true }, 'expand'],
    ['variables that are not an object', { variables: 'x' }, 'variables'],
  ])('%s is refused when the provider is made', (_, options, option) => {
    expect(() => dotenvProvider(options as DotenvProviderOptions)).toThrow(
      expect.objectContaining({
        code: 'ERR_SECRET_CONFIG',
        setting: { option },
      }),
    );
  });

  test('a path in place of the options is refused', () => {
    for (const given of ['.env.production', null])
      expect(() => dotenvProvider(given as never)).toThrow(
        expect.objectContaining({ code: 'ERR_SECRET_CONFIG' }),
      );
  });
});

describe('a missing file', () => {
  test('a missing file is an optional missing document', async () => {
    const batch = await dotenvProvider({ path }).read('all', context());
    expect(batch.missingDocument).toEqual({ description: expect.any(String), optional: true });
    expect([batch.entries.size, batch.complete]).toEqual([0, true]);
  });

  test('a missing file is no missing document if another file exists', async () => {
    await writeFile(`${path}.local`, '');
    const batch = await dotenvProvider({ path, profile: 'dev' }).read('all', context());
    expect(batch.missingDocument).toBeUndefined();
  });

  test('a missing file is a configuration error under mustExist, except the files of a profile', async () => {
    const options = { path, profile: 'dev', mustExist: true };
    await expect(valuesOf(options)).rejects.toMatchObject({
      code: 'ERR_SECRET_CONFIG',
      setting: { option: 'path' },
    });
    await writeFile(path, 'A=1\n');
    expect(await valuesOf(options)).toEqual({ A: '1' });
  });

  test('the error of the chain names the path of a missing file', async () => {
    const secrets = createSecrets({ providers: [dotenvProvider({ path })] });
    await expect(secrets.get('TOKEN')).rejects.toThrow(`dotenv (${path}) `);
    await secrets.close();
  });
});

const hostile: [string, SecretErrorCode, () => Promise<unknown>][] = [
  ['a folder', 'ERR_SECRET_CONFIG', () => mkdir(path)],
  ['a link to nothing', 'ERR_SECRET_INVALID', () => symlink('no', path)],
  ['a link to itself', 'ERR_SECRET_INVALID', () => symlink('.env', path)],
  [
    'a FIFO without a writer',
    'ERR_SECRET_INVALID',
    async () => execFileSync('sh', ['-c', 'mkfifo "$0"', path]),
  ],
  ['a device', 'ERR_SECRET_INVALID', () => symlink('/dev/zero', path)],
  ['a file whose disk fails', 'ERR_SECRET_UNAVAILABLE', () => symlink('/proc/self/mem', path)],
  [
    'UTF-16',
    'ERR_SECRET_INVALID',
    () => writeFile(path, Buffer.from(`\uFEFFA=${canary}\n`, 'utf16le')),
  ],
  [
    'UTF-16 without a mark',
    'ERR_SECRET_INVALID',
    () => writeFile(path, Buffer.from(`A=${canary}\n`, 'utf16le')),
  ],
  [
    'Latin-1',
    'ERR_SECRET_INVALID',
    () => writeFile(path, Buffer.from(`A=${canary}\xe9\n`, 'latin1')),
  ],
  [
    '50 MB',
    'ERR_SECRET_INVALID',
    async () => {
      await writeFile(path, `A=${canary}\n`);
      await truncate(path, 50_000_000);
    },
  ],
];

describe('another thing in place of the file', () => {
  test.each(hostile)('%s is %s, for reading and for writing', async (_, code, put) => {
    await put();
    const provider = dotenvProvider({ path });
    for (const call of [
      () => provider.read('all', context()),
      () => provider.write?.({ entries: new Map([['B', canary]]) }, context()),
    ]) {
      const error: unknown = await Promise.resolve(call()).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code, provider: 'dotenv' });
      expect(String(error).replaceAll(path, 'FILE')).toMatchSnapshot();
      assertNoLeak([canary], error);
    }
  });

  test('a socket is invalid', async () => {
    const server = createServer();
    await new Promise<void>((listening) => server.listen(path, listening));
    await expect(valuesOf({ path })).rejects.toMatchObject({ code: 'ERR_SECRET_INVALID' });
    await new Promise((closed) => server.close(closed));
  });

  describe('a file that is written into while it is read', () => {
    const version = (digit: number) =>
      `A=${digit}\nFILL=${'x'.repeat(200_000 + digit)}\nB=${digit}\n`;
    afterEach(() => {
      reads.before = () => {};
    });

    test('a file that is written while it is read is read again', async () => {
      await writeFile(path, version(1));
      let count = 0;
      reads.before = () => {
        if (++count === 1) writeFileSync(path, version(2));
      };
      expect(await valuesOf({ path })).toMatchObject({ A: '2', B: '2' });
    });

    test('a file that keeps being written is unavailable', async () => {
      await writeFile(path, version(1));
      let count = 0;
      reads.before = () => writeFileSync(path, version(++count % 10));
      await expect(valuesOf({ path })).rejects.toMatchObject({
        code: 'ERR_SECRET_UNAVAILABLE',
        reason: expect.stringContaining(path),
      });
    });
  });

  test('a path below a file is a configuration error', async () => {
    await writeFile(path, 'A=1\n');
    await expect(valuesOf({ path: join(path, 'x') })).rejects.toMatchObject({
      code: 'ERR_SECRET_CONFIG',
    });
  });

  test('a file that may not be read is denied, not missing', async () => {
    await writeFile(path, `A=${canary}\n`);
    await chmod(folder, 0o755);
    const allow = await deny(path);
    const error: unknown = await valuesOf({ path }).catch((thrown: unknown) => thrown);
    await allow();
    expect(error).toMatchObject({
      code: 'ERR_SECRET_DENIED',
      reason: expect.stringContaining(path),
    });
    assertNoLeak([canary], error);
  });

  test('a folder that may not be entered is denied, not missing', async () => {
    await writeFile(path, 'A=1\n');
    const allow = await deny(folder);
    const error: unknown = await valuesOf({ path }).catch((thrown: unknown) => thrown);
    await allow();
    expect(error).toMatchObject({ code: 'ERR_SECRET_DENIED' });
  });
});

describe('the values', () => {
  test('a byte order mark, CRLF and duplicates are read as dotenv reads them', async () => {
    await writeFile(path, '\uFEFFA=1\r\nB="x\r\ny"\r\nA=2\r\n');
    expect(await valuesOf({ path })).toEqual({ A: '2', B: 'x\ny' });
  });

  test('an empty value is a value; $NAME is not expanded', async () => {
    await writeFile(path, 'A=\nB=$A\n');
    expect(await valuesOf({ path })).toEqual({ A: '', B: '$A' });
  });

  test('__proto__ is lost, as in dotenv, and other members of objects are not', async () => {
    await writeFile(path, '__proto__=x\nconstructor=y\n');
    const { entries } = await dotenvProvider({ path }).read('all', context());
    expect([...entries]).toEqual([['constructor', { value: 'y' }]]);
  });

  test('the revision changes with the file and comes back with it', async () => {
    const provider = dotenvProvider({ path });
    const revision = async () => (await provider.read('all', context())).revision;
    const missing = await revision();
    await writeFile(path, '');
    const empty = await revision();
    await writeFile(path, 'A=1\n');
    const held = await revision();
    await rm(path);
    expect(new Set([missing, empty, held]).size).toBe(3);
    expect(await revision()).toBe(missing);
  });
});
