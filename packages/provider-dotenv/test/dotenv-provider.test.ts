import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ReadContext } from '@keyfall/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { dotenvProvider } from '../src/index.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keyfall-dotenv-'));
});
afterEach(() => rm(folder, { recursive: true }));

const context: ReadContext = {
  signal: new AbortController().signal,
  timeLeft: () => 2500,
  warn: () => undefined,
};

test('later files win, in the order .env, .env.<profile>, .env.local', async () => {
  const path = join(folder, '.env');
  await writeFile(path, 'A=1\nB=1\nC=1\n');
  await writeFile(`${path}.dev`, 'B=2\nC=2\n');
  await writeFile(`${path}.local`, 'C=3\n');
  const { entries } = await dotenvProvider({ path, profile: 'dev' }).read('all', context);
  expect([...entries]).toEqual([
    ['A', { value: '1' }],
    ['B', { value: '2' }],
    ['C', { value: '3' }],
  ]);
});
