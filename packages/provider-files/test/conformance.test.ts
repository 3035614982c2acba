import { chmod, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ConformanceHarness, conformanceTests } from '@keyfall/testkit';
import { test } from 'vitest';
import { filesProvider } from '../src/index.ts';
// @ts-expect-error: it is run as a program too, and so has no types
import { writeVolume } from './kubernetes-volume.mjs';
import { deny, seed, temporaryFolder } from './store.ts';

type Write = (folder: string, values: ReadonlyMap<string, string | null | Uint8Array>) => unknown;

/** The same rules for a plain folder and for a Kubernetes volume. */
function harness(put: Write): ConformanceHarness<Awaited<ReturnType<typeof subject>>> {
  const subjectOf = (values: ReadonlyMap<string, string>) => subject(values, put);
  return {
    create: subjectOf,
    capabilities: { writes: 'none', bag: false, list: true, check: true },
    faults: {
      // What a disk says that fails as a whole cannot be had; one file of it: files-provider.test.ts.
      unavailable: 'impossible',
      async denied({ folder, undo }) {
        undo.push(await deny(folder));
      },
      async invalid({ folder, values }) {
        await put(folder, new Map([...values.keys()].map((name) => [name, Buffer.of(0xff)])));
      },
      missingDocument: ({ folder }) => rm(folder, { recursive: true }),
      stalled: 'impossible',
      unauthenticated: 'impossible',
      http: 'impossible',
      oneName: {
        async denied({ folder, undo }, name) {
          await chmod(folder, 0o755);
          undo.push(await deny(join(folder, name)));
        },
        unavailable: 'impossible',
        async invalid({ folder }, name) {
          await put(folder, new Map([[name, Buffer.of(0xff)]]));
        },
      },
    },
    async change({ folder }, changes) {
      await put(folder, changes);
    },
    canHold: (name, value) =>
      !value.includes('\0') && /^(?!\.\.)(?!\.$)[^/\0]{1,255}$/su.test(name),
    hostileNames: [
      '..data',
      '..data/ALPHA',
      'x/../../y',
      'x/../ALPHA',
      './ALPHA',
      '',
      'l'.repeat(300),
    ],
  };
}

async function subject(values: ReadonlyMap<string, string>, put: Write) {
  const { folder, remove } = await temporaryFolder();
  await put(folder, values);
  const undo: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const each of undo) await each();
    await remove();
  };
  return { provider: filesProvider({ directory: folder }), folder, values, undo, close };
}

const plain: Write = async (folder, values) => {
  for (const [name, value] of values)
    if (value === null) await unlink(join(folder, name));
    else if (typeof value === 'string') await seed(folder, [[name, value]]);
    else await writeFile(join(folder, name), value);
};

const volumes = new Map<string, Map<string, string | Uint8Array>>();
const volume: Write = (folder, values) => {
  const held = volumes.get(folder) ?? new Map();
  volumes.set(folder, held);
  for (const [name, value] of values)
    if (value === null) held.delete(name);
    else held.set(name, typeof value === 'string' ? `${value}\n` : value);
  writeVolume(folder, held);
};

for (const { name, run } of conformanceTests(harness(plain))) test(`a folder: ${name}`, run);
for (const { name, run } of conformanceTests(harness(volume)))
  test(`a Kubernetes volume: ${name}`, run);
