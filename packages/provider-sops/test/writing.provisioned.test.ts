import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decryptSopsFile, encryptSopsFile, sopsProvider } from '../src/index.ts';
import { sealDataKey } from '../src/keys/data-key.ts';
import { fixturePath, keyPath, nowhere, recipientOf } from './fixtures.ts';
import { sops, toolPath } from './real-sops.ts';
import { context, valuesOf } from './store.ts';

// Both directions, against the real sops: it reads what we write, we read what it writes.

const keys = { ageKeyFile: keyPath('one.txt'), environment: nowhere };
const ageRecipients = [recipientOf('one.txt')];
const formats = ['yaml', 'json', 'env', 'ini'] as const;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'keyfall-sops-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What the real sops reads in a file. */
function bySops(path: string): Record<string, unknown> {
  const { status, output } = sops(['decrypt', '--output-type', 'json', path]);
  expect(status, `sops refuses ${path}`).toBe(0);
  return JSON.parse(output);
}

/** A nested document's values by their joined names. */
function flat(document: unknown, path: readonly string[] = []): [string, unknown][] {
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    return [[path.join('.'), document]];
  return Object.entries(document).flatMap(([name, value]) => flat(value, [...path, name]));
}

const value = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: 'grapheme', maxLength: 30 }) },
  fc.string({ unit: 'binary', maxLength: 20 }).filter((text) => !/\p{Surrogate}/u.test(text)),
  fc.constantFrom(
    '',
    ' ',
    'a\nb',
    'true',
    'null',
    '017',
    '1e3',
    '2024-01-02',
    "it's",
    '"',
    '#',
    '\\n',
  ),
);
const name = fc.oneof(
  fc.stringMatching(/^[A-Za-z_][\w-]{0,12}$/),
  fc.stringMatching(/^[a-z]{1,5}(\.[a-z]{1,5}){1,3}$/),
  fc.constantFrom(
    'true',
    '017',
    'ключ',
    '🔑',
    'with space',
    '__proto__',
    '- x',
    '? y',
    '<<',
    'a: b',
  ),
);
// Few and large: what costs is the start of a sops.
const pairs = fc.uniqueArray(fc.tuple(name, value), { maxLength: 20, selector: ([key]) => key });
/** Names of which none is a group of others, and none is one of sops's own. */
const distinct = pairs
  .map((list) =>
    list.filter(
      ([key]) => !key.startsWith('sops') && !list.some(([other]) => other.startsWith(`${key}.`)),
    ),
  )
  .filter((list) => list.length > 0);

describe.each(formats)('%s', (format) => {
  test('the real sops reads every file that we make, and every change to it', async () => {
    const path = join(folder, `made.${format}`);
    await fc.assert(
      fc.asyncProperty(distinct, distinct, async (first, second) => {
        const usable = (list: [string, string][]) =>
          list.filter(([key, text]) => {
            if (format === 'env') return !/[=\n]|^#/.test(key);
            return format !== 'ini' || !/^[#;[]|^\s|\s$|\n/.test(key + text.slice(0, 0));
          });
        const values = new Map(usable(first));
        await encryptSopsFile(path, values, { ageRecipients });
        expect(asNames(format, bySops(path))).toEqual(sortedPairs(values));

        const provider = sopsProvider({ path, ...keys });
        const [gone] = values.keys();
        const changes = new Map<string, string | null>(usable(second));
        for (const [key] of changes) if (clashes(key, values)) changes.delete(key);
        if (gone !== undefined) changes.set(gone, null);
        await provider.write?.({ entries: changes }, context());
        for (const [key, text] of changes)
          if (text === null) values.delete(key);
          else values.set(key, text);
        expect(asNames(format, bySops(path))).toEqual(sortedPairs(values));
        expect(valuesOf(await provider.read('all', context()))).toEqual(
          Object.assign(Object.create(null), Object.fromEntries(values)),
        );
      }),
      { numRuns: 15 },
    );
  }, 300_000);

  test('the real sops reads a snapshot, and leaves the mark out where it writes', async () => {
    const path = join(folder, `snapshot.${format}`);
    const values = new Map([['TOKEN', 'canary']]);
    const found: string[] = [];
    const save = () =>
      encryptSopsFile(path, values, {
        ageRecipients,
        asSnapshot: true,
        replacing: ({ kind, names }) => found.push(`${kind} ${names}`),
      });
    await save();
    expect(asNames(format, bySops(path))).toEqual(sortedPairs(values));
    await save();
    expect(sops(['rotate', '--in-place', path], {}).status).toBe(0);
    await save();
    expect(found).toEqual(['snapshot TOKEN', 'sops TOKEN']);
  });

  test('`sops edit` keeps working on what we wrote', async () => {
    const path = join(folder, `edited.${format}`);
    copyFileSync(fixturePath(`all.${format}`), path);
    const provider = sopsProvider({ path, ...keys });
    await provider.write?.({ entries: new Map([['database.password', 'by us']]) }, context());
    const editor = join(folder, 'editor.sh');
    writeFileSync(
      editor,
      '#!/bin/sh\nsed -i s/hunter2-canary/edited/\\;s/s3cret-canary/edited/\\;s/no.section/edited/ "$1"\n',
    );
    chmodSync(editor, 0o755);
    const { status } = sops(['edit', path], { env: { EDITOR: editor } });
    expect(status).toBe(0);
    const values = valuesOf(await provider.read('all', context()));
    expect(values['database.password']).toBe('by us');
    expect(Object.values(values)).toContain(format === 'ini' ? 'in edited' : 'edited');
    await provider.write?.({ entries: new Map([['database.password', 'again']]) }, context());
    expect(JSON.stringify(bySops(path))).toContain('again');
  });
});

/** The names under which we show what sops shows as a document. */
function asNames(format: string, document: Record<string, unknown>): [string, unknown][] {
  if (format === 'env') return sortedPairs(Object.entries(document));
  const names = flat(document).filter(([, held]) => held !== undefined);
  const own = names.map(([key, held]): [string, unknown] => [
    format === 'ini' ? key.replace(/^DEFAULT\./, '') : key,
    held,
  ]);
  return sortedPairs(own);
}

function sortedPairs(list: Iterable<readonly [string, unknown]>): [string, unknown][] {
  return [...list]
    .map(([key, held]): [string, unknown] => [key, held])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

function clashes(key: string, values: ReadonlyMap<string, string>): boolean {
  return [...values.keys()].some(
    (held) => held !== key && (held.startsWith(`${key}.`) || key.startsWith(`${held}.`)),
  );
}

const scalar = fc.oneof(
  value,
  fc.integer(),
  fc.boolean(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter((number) => !Object.is(number, -0)),
);
const { tree } = fc.letrec((tie) => ({
  tree: fc.dictionary(
    fc
      .oneof(name, fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6 }))
      .filter((key) => key !== 'sops' && key !== '<<' /* sops cannot read its own */)
      .filter((key) => !/[\u2028\u2029]/.test(key) /* refused in YAML: docs/providers/sops.md */),
    fc.oneof(
      { maxDepth: 3 },
      scalar,
      tie('tree'),
      fc.array(fc.oneof(scalar, tie('tree')), { maxLength: 3 }),
    ),
    { maxKeys: 10 },
  ),
}));

test.each(['json', 'yaml'])(
  'we read every tree that the real sops encrypts as %s',
  async (type) => {
    const path = join(folder, `tree.${type}`);
    await fc.assert(
      fc.asyncProperty(tree, async (document) => {
        const args = ['encrypt', '--age', ageRecipients[0] ?? '', '--input-type', 'json'];
        const name = ['--filename-override', path, '--output-type', type];
        const { status, output } = sops([...args, ...name], { input: JSON.stringify(document) });
        expect(status).toBe(0);
        writeFileSync(path, output);
        const ours = await decryptSopsFile(path, keys);
        const theirs = sops(['decrypt', '--output-type', 'json', path]);
        expect(theirs.status).toBe(0);
        expect(JSON.parse(JSON.stringify(ours))).toEqual(JSON.parse(theirs.output));
      }),
      { numRuns: 40 },
    );
  },
  300_000,
);

test.each(['one.txt', 'ed25519.pub', 'rsa.pub'])(
  'age itself opens the data key that we wrap for %s',
  async (name) => {
    const key = randomBytes(32);
    const sealed = await sealDataKey(key, recipientOf(name));
    const identity = keyPath(name.replace('.pub', ''));
    const { stdout } = spawnSync('age', ['--decrypt', '--identity', identity], {
      input: sealed ?? '',
    });
    expect(stdout.equals(key)).toBe(true);
  },
);

test('the smallest example of the page works', async () => {
  const page = readFileSync(new URL('../../../docs/providers/sops.md', import.meta.url), 'utf8');
  const commands = /```sh no-test=needs-sops\n(.*?)```/s.exec(page)?.[1] ?? '';
  const cwd = mkdtempSync(join(folder, 'example-'));
  const { status } = spawnSync('sh', ['-e', '-c', commands], {
    cwd,
    env: { ...process.env, PATH: toolPath },
  });
  expect(status).toBe(0);
  const options = { path: join(cwd, 'secrets.enc.yaml'), ageKeyFile: join(cwd, 'keys.txt') };
  const batch = await sopsProvider(options).read('all', context());
  expect({ ...valuesOf(batch) }).toEqual({ 'database.password': 'correct horse' });
});

interface Commented {
  readonly comments: readonly string[];
  readonly value: string | readonly string[] | readonly Commented[];
}

const comment = fc.constantFrom('# sops:enc', '# open', '# of something', '#');
const { level } = fc.letrec<{ level: readonly Commented[] }>((tie) => ({
  level: fc.array(
    fc.record({
      comments: fc.array(comment, { maxLength: 2 }),
      value: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        fc.constantFrom('text', '"quoted"', '17', 'true', 'null', '2020-01-02', '|\n  lines\n'),
        fc.array(fc.constantFrom('one', '2', '# sops:enc', '# open'), {
          minLength: 1,
          maxLength: 4,
        }),
        tie('level'),
      ),
    }),
    { minLength: 1, maxLength: 4 },
  ),
}));

/** A plain file as somebody writes it by hand, with the names of its values. */
function written(items: readonly Commented[], path: readonly string[] = []): string {
  const indent = '  '.repeat(path.length);
  const lines = items.flatMap(({ comments, value }, index) => {
    const name = `n${index}`;
    const above = comments.map((text) => `${indent}${text}`);
    if (typeof value === 'string')
      return [...above, `${indent}${name}: ${value.replaceAll('\n', `\n${indent}`)}`];
    const isItem = (each: unknown): each is string => typeof each === 'string';
    const body = value.every(isItem)
      ? value.map((item) => `${indent}  ${item.startsWith('#') ? item : `- ${item}`}`).join('\n')
      : written(value as readonly Commented[], [...path, name]);
    return [...above, `${indent}${name}:`, body];
  });
  return lines.join('\n');
}

test.each([
  ['unencrypted_suffix: _open'],
  ['encrypted_comment_regex: sops:enc'],
  ['unencrypted_comment_regex: open'],
])(
  'the real sops reads on after any change to a file with comments: %s',
  async (rule) => {
    const path = join(folder, 'commented.yaml');
    const config = join(folder, 'commented.sops.yaml');
    writeFileSync(config, `creation_rules:\n  - age: ${ageRecipients[0]}\n    ${rule}\n`);
    const provider = sopsProvider({ path, ...keys });
    const read = async () => valuesOf(await provider.read('all', context()));
    await fc.assert(
      fc.asyncProperty(level, fc.nat(), fc.nat(2), async (items, pick, verb) => {
        const args = ['--config', config, 'encrypt', '--filename-override', path];
        const made = sops([...args, '--input-type', 'yaml'], { input: `${written(items)}\n` });
        fc.pre(made.status === 0);
        writeFileSync(path, made.output);
        // some of what it writes with comments it does not read itself
        fc.pre(sops(['decrypt', path]).status === 0);
        const before = await read();
        const names = Object.keys(before);
        const name = names[pick % Math.max(names.length, 1)] ?? 'n0';
        const added = [...name.split('.').slice(0, -1), 'added'].join('.');
        const [changed, value] = verb === 0 ? [name, null] : [verb === 1 ? name : added, 'new'];
        const wrote = await Promise.resolve(
          provider.write?.({ entries: new Map([[changed, value]]) }, context()),
        ).then(
          () => true,
          (error: { code: string }) => {
            expect(error.code).toBe('ERR_SECRET_UNSUPPORTED');
            return false;
          },
        );
        if (!wrote) expect(readFileSync(path, 'utf8')).toBe(made.output);
        else if (value === null) delete before[changed];
        else before[changed] = value;
        expect(await read()).toEqual(before);
        bySops(path);
      }),
      { numRuns: 25 },
    );
  },
  300_000,
);

test.each([
  ['unencrypted_suffix: _open'],
  ['encrypted_comment_regex: sops:enc'],
  ['unencrypted_comment_regex: open'],
])(
  'the real sops reads a file with comments as before, for those who are left of its recipients: %s',
  async (rule) => {
    const path = join(folder, 'shared.yaml');
    const config = join(folder, 'shared.sops.yaml');
    const two = recipientOf('two.txt');
    writeFileSync(config, `creation_rules:\n  - age: ${ageRecipients[0]},${two}\n    ${rule}\n`);
    const asTwo = { env: { SOPS_AGE_KEY_FILE: keyPath('two.txt') } };
    await fc.assert(
      fc.asyncProperty(level, async (items) => {
        const args = ['--config', config, 'encrypt', '--filename-override', path];
        const made = sops([...args, '--input-type', 'yaml'], { input: `${written(items)}\n` });
        fc.pre(made.status === 0);
        writeFileSync(path, made.output);
        const before = sops(['decrypt', path], asTwo);
        fc.pre(before.status === 0);
        await sopsProvider({ path, ...keys }).share({ remove: [two] });
        expect(sops(['decrypt', path])).toEqual(before);
        expect(sops(['decrypt', path], asTwo).status).toBe(128);
      }),
      { numRuns: 15 },
    );
  },
  300_000,
);
