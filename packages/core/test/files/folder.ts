import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import type { StoreFile } from '../../src/files/index.ts';

/** Plenty of time, unless told otherwise. */
export function context(remainingTimeout = 20_000) {
  return { signal: new AbortController().signal, remainingTimeout: () => remainingTimeout };
}

/** Makes paths in a folder that is there as long as the tests of the file are: each in one of its own. */
export function folderOfTests(): () => Promise<StoreFile> {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'keyfall-files-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  return async () => ({
    path: join(await mkdtemp(join(folder, 'test-')), 'secrets'),
    shown: 'secrets',
    provider: 'store',
  });
}
