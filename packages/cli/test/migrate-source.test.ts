/**
 * What a migration moves, as it is read from a file or a store, and what may surprise about it.
 */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the readers' own notation
import { join } from 'node:path';
import { memoryProvider, SecretError } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { readSource, readStoreSource, surprises } from '../src/migration/source.ts';
import { folderWith } from './keyfall.ts';
import { transcript } from './transcript.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});
beforeEach(() => {
  vi.stubEnv('HOST', undefined);
});
async function fileOf(text: string | Buffer, options?: Parameters<typeof readSource>[1]) {
  const path = join(await folderWith(text), '.env');
  return { path, source: await readSource(path, options) };
}

test('a file is read with its bytes and the values of its reader', async () => {
  const text = '\ufeffA="x\\ty"\r\nB=${HOST}\n';
  const { path, source } = await fileOf(text);
  expect(source).toMatchObject({
    kind: 'file',
    label: path,
    path,
    place: { kind: 'dotenv', files: [path] },
    reader: 'npm',
  });
  expect(source.bytes.equals(Buffer.from(text))).toBe(true);
  expect(source.values.get('A')).toBe('x\\ty');
  const { source: other } = await fileOf('A="x\\ty"\nB=${HOST}\n', {
    reader: 'python',
    variables: { HOST: 'db' },
  });
  expect(Object.fromEntries(other.values)).toEqual({ A: 'x\ty', B: 'db' });
  // unless it is said, a reference is to the environment
  vi.stubEnv('HOST', 'own');
  const { source: own } = await fileOf('B=${HOST}\n', { reader: 'python' });
  expect(own.values.get('B')).toBe('own');
});

test.each<[string, Buffer | undefined, string]>([
  ['not there', undefined, 'ERR_SECRET_CONFIG'],
  ['no text', Buffer.from([0x41, 0x3d, 0xff, 0xfe]), 'ERR_SECRET_INVALID'],
])('a file that is %s is refused as a source', async (_, bytes, code) => {
  const path = join(await folderWith(bytes), '.env');
  await expect(readSource(path)).rejects.toMatchObject({ code });
});

test('a store is read by name, and closed', async () => {
  const close = vi.fn(async () => {});
  const store = { ...memoryProvider({ A: 'a' }), name: 'shop', store: 'shop\nx', close };
  expect(await readStoreSource(store)).toEqual({
    kind: 'store',
    label: expect.not.stringContaining('\n'),
    place: { kind: 'memory' },
    store: 'shop\nx',
    values: new Map([['A', 'a']]),
  });
  expect(close).toHaveBeenCalledTimes(1);
});

describe('a store to migrate from', () => {
  test('a document that does not exist is refused, unless it may be missing', async () => {
    const missingDocument = { description: 'has nothing at shop', optional: false };
    const none: SecretProvider = {
      ...memoryProvider(),
      read: async () => ({ entries: new Map(), complete: true, missingDocument }),
    };
    await expect(readStoreSource(none)).rejects.toMatchObject({
      code: 'ERR_SECRET_NOT_FOUND',
      message: expect.stringMatching(/^memory \(this process\) .*\bshop\b.* --from\b/),
    });
    const source = await readStoreSource(none, { mayBeMissing: true });
    expect([source.kind, source.label, source.values.size]).toEqual([
      'store',
      'memory (this process)',
      0,
    ]);
  });

  test('one unreadable name is an error: no value is left behind unnoticed', async () => {
    for (const code of ['ERR_SECRET_INVALID', 'ERR_SECRET_DENIED'] as const) {
      const close = vi.fn(async () => {});
      const failing = new SecretError(code, 'it cannot be given');
      const broken: SecretProvider = {
        ...memoryProvider(),
        close,
        read: async () => ({
          entries: new Map<string, SecretError | { value: string }>([
            ['A', { value: 'a' }],
            ['B', failing],
          ]),
          complete: true,
        }),
      };
      await expect(readStoreSource(broken)).rejects.toMatchObject({ code });
      expect(close).toHaveBeenCalledTimes(1);
    }
  });
});

test('a store is refused if readers differ on one of its values', async () => {
  const differing = (...readers: string[][]): SecretProvider => ({
    ...memoryProvider({ A: 'canary' }),
    readings: async () => [{ name: 'A', readers, variables: [] }],
  });
  await expect(readStoreSource(differing(['npm'], ['node']))).rejects.toMatchObject({
    code: 'ERR_SECRET_CONFIG',
    message: expect.stringMatching(/^(?!.*canary).*: A \(npm against node\)/),
  });
  await readStoreSource(differing());
});

test('surprises are reported with their names, and no values', async () => {
  const { source: plain } = await fileOf('A=1\n');
  expect(surprises(plain)).toEqual([]);
  const one = await fileOf('A=1\nA=2\nnothing\nE=$A\nmy.key=3\nPATH=/x\n');
  const more = await fileOf(
    'A=1\nA=2\nB=1\nB=2\nno\nno\nE=$A\nF=$A\nx.y=3\nx.z=3\nPATH=/\nLD_PRELOAD=x\n',
  );
  const read = await fileOf('U=${HOST}\nV=a\n!\n', { reader: 'python' });
  const both = await fileOf('U=${HOST}\nV=${HOST}\n', { reader: 'python' });
  // of a store only the names can be odd
  const store = {
    path: 'none',
    source: await readStoreSource(memoryProvider({ 'a-b': '$A', PATH: 'x', ok_1: '' })),
  };
  for (const { path, source } of [one, more, read, both, store])
    expect(transcript(surprises(source), { FILE: path })).toMatchSnapshot();
});
