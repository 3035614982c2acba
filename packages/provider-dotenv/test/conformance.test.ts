import { readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { conformanceTests } from '@keyfall/testkit';
import dotenv from 'dotenv';
import { test } from 'vitest';
import { dotenvProvider } from '../src/index.ts';
import { escapeReferences } from '../src/readers/expand-dotenv.ts';
import { deny, pairOf, seed, temporaryFolder } from './store.ts';

/** The rules for a provider that expands, or does not: then `$` has to be written in its own way. */
const testsOf = (expand: boolean) =>
  conformanceTests({
    async create(held) {
      const { folder, remove } = await temporaryFolder();
      const path = join(folder, '.env');
      const values = new Map([...held].map(([name, value]) => [name, textOf(value, expand)]));
      await seed(path, values);
      const undo: (() => Promise<void>)[] = [];
      const close = async () => {
        for (const each of undo) await each();
        await remove();
      };
      return { provider: dotenvProvider({ path, expand }), path, values, undo, close };
    },
    capabilities: { writes: 'store', conditionalWrites: true, bag: true, check: true },
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
      http: 'impossible',
      oneName: 'impossible',
    },
    async change({ path }, changes) {
      const values = new Map(Object.entries(dotenv.parse(await readFile(path))));
      for (const [name, value] of changes)
        if (value === null) values.delete(name);
        else values.set(name, textOf(value, expand));
      await seed(path, values);
    },
    async recover({ path, values }) {
      await rm(path);
      await seed(path, values);
    },
    canHold: (name, value) =>
      !value.includes('\0') && pairOf(name, textOf(value, expand)) !== undefined,
    hostileNames: ['export', 'A=B', 'A: B', '#A', "'A'"],
  });

const textOf = (value: string, expand: boolean) => (expand ? escapeReferences(value) : value);

for (const { name, run } of testsOf(false)) test(name, run);
for (const { name, run } of testsOf(true)) test(`expanding: ${name}`, run);
