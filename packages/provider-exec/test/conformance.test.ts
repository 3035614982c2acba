import { execFileSync } from 'node:child_process';
import { readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type ConformanceHarness,
  type ConformanceSubject,
  conformanceTests,
} from '@keyfall/testkit';
import { test } from 'vitest';
import { execProvider } from '../src/index.ts';
import { exampleOf, fileOf, place, python, writeFiles } from './helpers.ts';

const isPlainName = (name: string) => !/\p{Cc}/u.test(name);

/** A helper in Python over a file of JSON: all names at once, with revisions. */
async function jsonFile(values: ReadonlyMap<string, string>) {
  const here = await place();
  const file = join(here.folder, 'secrets.json');
  const put = (held: ReadonlyMap<string, string>) =>
    writeFile(file, JSON.stringify(Object.fromEntries(held)));
  await put(values);
  const helper = [python(), '-I', '-S', exampleOf('json-file.py'), file];
  const command = here.through(...helper);
  const provider = execProvider({ command, lists: true, writes: 'conditional' });
  return { ...here, provider, file, put };
}

const jsonFileHarness: ConformanceHarness<Awaited<ReturnType<typeof jsonFile>>> = {
  create: jsonFile,
  capabilities: {
    writes: 'store',
    conditionalWrites: true,
    bag: true,
    list: true,
    check: true,
  },
  faults: {
    unavailable: {
      'its file cannot be opened': async ({ file }) => {
        await rm(file);
        await symlink('secrets.json', file);
      },
      'exit code 75': ({ fail }) => fail(75),
    },
    stalled: async ({ file }) => {
      await rm(file);
      execFileSync('mkfifo', [file]);
    },
    denied: ({ fail }) => fail(77),
    unauthenticated: ({ fail }) => fail(67),
    invalid: {
      'its file is broken': ({ file }) => writeFile(file, '{"ALPHA":'),
      'its answer is cut': ({ fail }) => fail('cut'),
      'it fails in an unknown way': ({ fail }) => fail(1),
    },
    missingDocument: ({ file }) => rm(file),
    http: 'impossible',
    oneName: 'impossible',
  },
  async change({ file, put }, changes) {
    const values = new Map(Object.entries<string>(JSON.parse(await readFile(file, 'utf8'))));
    for (const [name, value] of changes)
      if (value === null) values.delete(name);
      else values.set(name, value);
    await put(values);
  },
  canHold: (name, value) => isPlainName(name) && !/\p{Surrogate}/u.test(value),
  // a list has no pages here
  manyNames: 30,
};

/** A helper in sh over a folder of files: name by name. */
async function folderOfFiles(values: ReadonlyMap<string, string>) {
  const here = await place();
  const files = join(here.folder, 'secrets');
  await writeFiles(files, values);
  const command = here.through('sh', exampleOf('folder.sh'), files);
  const provider = execProvider({ command, lists: true, writes: 'name' });
  return { ...here, provider, files };
}

const folderHarness: ConformanceHarness<Awaited<ReturnType<typeof folderOfFiles>>> = {
  create: folderOfFiles,
  capabilities: { writes: 'name', bag: false, writesMakeDocument: false, list: true, check: true },
  faults: {
    unavailable: ({ fail }) => fail(69),
    stalled: ({ fail }) => fail('stall'),
    denied: ({ fail }) => fail(77),
    unauthenticated: ({ fail }) => fail(67),
    invalid: ({ fail }) => fail('cut'),
    missingDocument: ({ files }) => rm(files, { recursive: true }),
    http: 'impossible',
    oneName: {
      denied: 'impossible',
      unavailable: 'impossible',
      async invalid({ files }, name) {
        await rm(join(files, name));
        // a file that can be opened and not read
        await symlink('/proc/self/mem', join(files, name));
      },
    },
  },
  recover: ({ recover }) => recover(),
  change: ({ files }, changes) => writeFiles(files, changes),
  canHold: (name, value) =>
    /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}$/.test(name) &&
    !/\p{Surrogate}/u.test(value) &&
    // biome-ignore lint/suspicious/noControlCharactersInRegex: those that JSON has no letter for
    !/[\0-\x07\x0b\x0e-\x1f]/.test(value),
  manyNames: 30,
};

/** A tool that prints one value. */
async function tool(values: ReadonlyMap<string, string>) {
  const here = await place();
  const files = join(here.folder, 'secrets');
  const lines = [...values].map(([name, value]) => [name, `${value}\n`] as const);
  await writeFiles(files, new Map(lines));
  const provider = execProvider({
    command: here.through('sh', fileOf('tool.sh'), files, '{name}'),
    names: [...values.keys(), 'NOBODY'],
    exitCodes: {
      missing: [4],
      unauthenticated: [5],
      denied: [6],
      unavailable: [7, 8],
      invalid: [9],
    },
  });
  return { ...here, provider, files };
}

const toolHarness: ConformanceHarness<Awaited<ReturnType<typeof tool>>> = {
  create: tool,
  capabilities: { writes: 'none', bag: false, check: true },
  faults: {
    unavailable: ({ fail }) => fail(7),
    stalled: ({ fail }) => fail('stall'),
    denied: ({ fail }) => fail(6),
    unauthenticated: ({ fail }) => fail(5),
    invalid: {
      'an exit code of it': ({ fail }) => fail(9),
      'an unknown one': ({ fail }) => fail(1),
    },
    // it says the same as for a name that it does not hold
    missingDocument: 'impossible',
    http: 'impossible',
    oneName: {
      denied: ({ files }, name) => writeFile(join(files, `${name}.fault`), '6'),
      unavailable: ({ files }, name) => writeFile(join(files, `${name}.fault`), '8'),
      invalid: ({ files }, name) => writeFile(join(files, `${name}.fault`), '1'),
    },
  },
  recover: ({ recover }) => recover(),
  canHold: (name, value) =>
    isPlainName(name) && !/^-|^\.\.?$|^$|\//.test(name) && !/\p{Surrogate}/u.test(value),
  manyNames: 30,
};

function describeStore<Subject extends ConformanceSubject>(
  what: string,
  harness: ConformanceHarness<Subject>,
): void {
  for (const { name, run } of conformanceTests(harness)) test(`${what}: ${name}`, run);
}

describeStore('json-file.py', jsonFileHarness);
describeStore('folder.sh', folderHarness);
describeStore('a tool', toolHarness);
