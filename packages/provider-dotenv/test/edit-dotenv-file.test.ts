import { fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SecretError } from '@keyfall/core';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { editDotenvFile } from '../src/edit.ts';
import { dotenvProvider } from '../src/index.ts';
import { folder, folderForEachTest, path } from './folder.ts';
import { context } from './store.ts';

folderForEachTest();

const read = () => readFile(path, 'utf8');

describe('editDotenvFile', () => {
  test('editDotenvFile replaces the file behind a link, and keeps mode and link', async () => {
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

  test('a new file belongs to its owner only', async () => {
    expect(
      await editDotenvFile(path, (bytes) => {
        expect(bytes).toBeUndefined();
        return Buffer.from('A=1\n');
      }),
    ).toBe(true);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test('a file without changes is not written', async () => {
    await writeFile(path, 'A=1\n');
    const { ino } = await stat(path);
    expect(await editDotenvFile(path, () => undefined)).toBe(false);
    expect(await editDotenvFile(path, (bytes) => bytes)).toBe(false);
    expect((await stat(path)).ino).toBe(ino);
  });

  test('afterwards is called under the lock, changed or not', async () => {
    const found: unknown[] = [];
    const afterwards = async () => void found.push(await read(), await readdir(folder));
    expect(await editDotenvFile(path, () => Buffer.from('A=1\n'), { afterwards })).toBe(true);
    expect(await editDotenvFile(path, () => undefined, { afterwards })).toBe(false);
    const held = ['A=1\n', ['.env', '.env.keyfall-lock']];
    expect(found).toEqual([...held, ...held]);
    expect(await readdir(folder)).toEqual(['.env']);
  });

  test('an error of the edit is passed on, with applied no, and leaves nothing behind', async () => {
    await writeFile(path, 'A=1\n');
    const refusal = new SecretError('ERR_SECRET_CONFLICT', 'the plan was made from other content');
    await expect(
      editDotenvFile(path, async () => {
        throw refusal;
      }),
    ).rejects.toMatchObject({ code: refusal.code, message: refusal.message, applied: 'no' });
    expect(await readFile(path, 'utf8')).toBe('A=1\n');
    expect(await readdir(folder)).toEqual(['.env']);
  });

  test('a change by a program that ignores the lock is edited again', async () => {
    await writeFile(path, 'A=1\n');
    let edits = 0;
    await editDotenvFile(path, (bytes) => {
      if (++edits === 1) writeFileSync(path, 'A=1\nEDITOR=1\n');
      return Buffer.from(`${bytes}B=2\n`);
    });
    expect(edits).toBe(2);
    expect(await read()).toBe('A=1\nEDITOR=1\nB=2\n');
  });

  test('the timeout limits the waiting for another writer', async () => {
    await writeFile(`${path}.keyfall-lock`, '');
    await expect(
      editDotenvFile(path, () => Buffer.from('A=1\n'), { timeout: 0 }),
    ).rejects.toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE' });
    await expect(
      editDotenvFile(path, () => Buffer.from('A=1\n'), { signal: AbortSignal.abort() }),
    ).rejects.toMatchObject({ code: 'ERR_SECRET_ABORTED' });
  });

  test('content that is too large to be read again is not written', async () => {
    const large = Buffer.alloc(8 * 1024 * 1024 + 1, 'x');
    await expect(editDotenvFile(path, () => large)).rejects.toMatchObject({
      code: 'ERR_SECRET_UNSUPPORTED',
    });
    expect(await readdir(folder)).toEqual([]);
  });

  test('editDotenvFile and a provider take turns', async () => {
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

describe('writers in other processes', () => {
  let bundle: string;
  // What any Node can run.
  beforeAll(async () => {
    bundle = await mkdtemp(join(tmpdir(), 'keyfall-dotenv-bundle-'));
    const made = await rolldown({
      input: fileURLToPath(new URL('../src/index.ts', import.meta.url)),
      platform: 'node',
      resolve: { conditionNames: ['@keyfall/source', 'node', 'import', 'default'] },
    });
    await made.write({ file: join(bundle, 'index.mjs'), format: 'esm', codeSplitting: false });
    await made.close();
  });
  afterAll(() => rm(bundle, { recursive: true }));

  /** A program that has `provider`, over the file, and `context`. */
  async function program(name: string, body: string): Promise<string> {
    const file = join(bundle, `${name}.mjs`);
    const text = `import { dotenvProvider } from './index.mjs';
      const [path, id] = process.argv.slice(2);
      const provider = dotenvProvider({ path });
      const context = { signal: new AbortController().signal, remainingTimeout: () => 25_000, warn() {} };
      ${body}`;
    await writeFile(file, text);
    return file;
  }

  test('concurrent writers lose no change of each other', async () => {
    const writer = await program(
      'writer',
      `for (let count = 0; count < 10; count++) {
         await provider.write({ entries: new Map([[id + '_' + count, id], ['SHARED', id]]) }, context);
         if (count > 0) await provider.write({ entries: new Map([[id + '_' + (count - 1), null]]) }, context);
       }`,
    );
    await writeFile(path, '# head\nKEPT=1\n');
    const writers = ['A', 'B', 'C', 'D'].map((id) => fork(writer, [path, id]));
    const exits = await Promise.all(writers.map((each) => once(each, 'exit')));
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
    expect(await readdir(folder)).toEqual(['.env']);
  });

  test('a writer that is killed at any step leaves the old or the new file, and stops no other writer', async () => {
    const writer = await program(
      'killed',
      `await provider.write({ entries: new Map([['A', 'new']]) }, context);`,
    );
    const preload = new URL('../../cli/test/kill-at.mjs', import.meta.url).href;
    const kill = async (step: number): Promise<string> => {
      const file = join(folder, `${step}`, '.env');
      await mkdir(dirname(file));
      await writeFile(file, '# head\nA=old\nB=1\n');
      const env = { ...process.env, KILL_AT: String(step), KILL_LOG: join(folder, `${step}.log`) };
      const child = fork(writer, [file], { env, execArgv: ['--import', preload] });
      const [, signal] = await once(child, 'exit');
      if (step > 0) expect(signal).toBe('SIGKILL');
      return file;
    };
    await kill(0);
    const steps = (await readFile(join(folder, '0.log'), 'utf8')).trim().split('\n');
    expect(steps).toContain('half of it');
    const seen = new Set<string>();
    await Promise.all(
      steps.map(async (_, index) => {
        const file = await kill(index + 1);
        seen.add(await readFile(file, 'utf8'));
        await dotenvProvider({ path: file }).write?.({ entries: new Map([['B', '2']]) }, context());
        expect(await readFile(file, 'utf8')).toMatch(/^# head\nA=(old|new)\nB=2\n$/);
        expect(await readdir(dirname(file))).toEqual(['.env']);
      }),
    );
    expect([...seen].sort()).toEqual(['# head\nA=new\nB=1\n', '# head\nA=old\nB=1\n']);
  });
});
