import { readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { conformanceTests } from '@keyfall/testkit';
import dotenv from 'dotenv';
import { test } from 'vitest';
import { dotenvProvider } from '../src/index.ts';
import { deny, pairOf, seed, temporaryFolder } from './store.ts';

const tests = conformanceTests({
  async create(values) {
    const { folder, remove } = await temporaryFolder();
    const path = join(folder, '.env');
    await seed(path, values);
    const undo: (() => Promise<void>)[] = [];
    const close = async () => {
      for (const each of undo) await each();
      await remove();
    };
    return { provider: dotenvProvider({ path }), path, values, undo, close };
  },
  capabilities: { writes: 'store', conditionalWrites: true, bag: true },
  faults: {
    // Linux answers a read at the start of a process's memory with EIO.
    async unavailable({ path }) {
      await rm(path);
      await symlink('/proc/self/mem', path);
    },
    async denied({ path, undo }) {
      undo.push(await deny(path));
    },
    async invalid({ path }) {
      await writeFile(path, Buffer.from('\uFEFFALPHA=1\n', 'utf16le'));
    },
    missingDocument: ({ path }) => rm(path),
    stalled: 'impossible',
    unauthenticated: 'impossible',
  },
  async change({ path }, changes) {
    const values = new Map(Object.entries(dotenv.parse(await readFile(path))));
    for (const [name, value] of changes)
      if (value === null) values.delete(name);
      else values.set(name, value);
    await seed(path, values);
  },
  async recover({ path, values }) {
    await rm(path);
    await seed(path, values);
  },
  canHold: (name, value) => !value.includes('\0') && pairOf(name, value) !== undefined,
  hostileNames: ['export', 'A=B', 'A: B', '#A', "'A'"],
});

for (const { name, run } of tests) test(name, run);
