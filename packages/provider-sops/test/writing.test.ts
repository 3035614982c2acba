import { chmod, lstat, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecrets } from '@keyfall/core';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { valuesOfField } from '../src/formats/sops-format.ts';
import { decryptSopsFile, encryptSopsFile, type FoundFile, sopsProvider } from '../src/index.ts';
import { dataKeyOf, openSops, readSops } from '../src/reading/open-sops.ts';
import { loadedSource, unloadedSource } from '../src/reading/sops-source.ts';
import { editSops } from '../src/writing/edit-sops.ts';
import { fixture, keyPath, nowhere, recipientOf } from './fixtures.ts';
import { context, valuesOf } from './store.ts';

const keys = { ageKeyFile: keyPath('one.txt'), environment: nowhere };

let folder: string;
let count = 0;
beforeEach(async () => {
  folder = await testFolder();
});

/** A copy of a fixture to write to. */
async function copyOf(name: string) {
  const path = join(folder, `${count++}.${name}`);
  await writeFile(path, fixture(name), { mode: 0o640 });
  const provider = sopsProvider({ path, ...keys });
  const write = (entries: Record<string, string | null>, warn = (_: string): void => {}) =>
    provider.write?.({ entries: new Map(Object.entries(entries)) }, context({ warn }));
  const read = async () => valuesOf(await provider.read('all', context()));
  return { path, provider, write, read, text: () => readFile(path, 'utf8') };
}

/** The lines that are not the same, without those of the MAC and its time. */
function difference(before: string, after: string): string[] {
  const lines = (text: string) =>
    text.split('\n').filter((line) => !/^\W*(sops_)?(mac|lastmodified)\b/.test(line));
  const [old, now] = [lines(before), lines(after)];
  const short = (line: string) => line.replace(/ENC\[.*\]/, 'ENC');
  return [
    ...old.filter((line) => !now.includes(line)).map((line) => `- ${short(line)}`),
    ...now.filter((line) => !old.includes(line)).map((line) => `+ ${short(line)}`),
  ];
}

const cases = [
  {
    name: 'all.yaml',
    set: 'database.password',
    add: 'database.nested.other',
    fresh: 'new.place',
    gone: 'database.after',
    lines: [
      '-     password: ENC',
      '-     after: ENC',
      '+     password: ENC',
      '+         other: ENC',
      '+ new:',
      '+     place: ENC',
    ],
  },
  {
    name: 'all.json',
    set: 'database.password',
    add: 'database.other',
    fresh: 'new.place',
    gone: 'token',
    lines: [
      '- \t"token": "ENC",',
      '- \t\t"password": "ENC",',
      '+ \t\t"password": "ENC",',
      '+ \t\t"other": "ENC"',
      '+ \t"new": {',
      '+ \t\t"place": "ENC"',
    ],
  },
  {
    name: 'all.env',
    set: 'TOKEN',
    add: 'OTHER',
    fresh: 'new.place',
    gone: 'EQUALS',
    lines: ['- TOKEN=ENC', '- EQUALS=ENC', '+ TOKEN=ENC', '+ OTHER=ENC', '+ new.place=ENC'],
  },
  {
    name: 'all.ini',
    set: 'database.password',
    add: 'database.other',
    fresh: 'new.place',
    gone: 'database.port',
    lines: [
      '- password         = ENC',
      '- port             = ENC',
      '+ password         = ENC',
      '+ other = ENC',
      '+ [new]',
      '+ place = ENC',
    ],
  },
];

describe.each(cases)('a write to $name', ({ name, set, add, fresh, gone, lines }) => {
  test('changes the names in it, and no other byte', async () => {
    const file = await copyOf(name);
    const before = await file.read();
    await file.write({ [set]: 'changed', [add]: 'added\nlines', [fresh]: 'made', [gone]: null });
    const { [gone]: _, ...rest } = before;
    expect(await file.read()).toEqual({
      ...rest,
      [set]: 'changed',
      [add]: 'added\nlines',
      [fresh]: 'made',
    });
    const found = difference(fixture(name), await file.text());
    // a comma more in JSON makes another line
    expect(found.filter((line) => !/^[-+]\s+(}|"deep|])/.test(line))).toEqual(
      expect.arrayContaining(lines),
    );
    expect(found.length).toBeLessThanOrEqual(lines.length + 5);
  });

  test('that changes nothing leaves every byte', async () => {
    const file = await copyOf(name);
    const value = (await file.read())[set] ?? '';
    await file.write({ [set]: value, 'not there': null });
    expect(await file.text()).toBe(fixture(name));
  });

  test('keeps the rest of the lines in their order', async () => {
    const file = await copyOf(name);
    await file.write({ [set]: 'changed' });
    const stable = (text: string) =>
      text.split('\n').filter((line) => !/^\W*(sops_)?(mac|lastmodified)\b/.test(line));
    const [old, now] = [stable(fixture(name)), stable(await file.text())];
    const changed = old.flatMap((line, index) => (line === now[index] ? [] : [index]));
    expect(now).toHaveLength(old.length);
    expect(changed).toHaveLength(1);
  });
});

test.each([
  ['all.yaml', 'database.password'],
  ['all.json', 'database.password'],
  ['all.ini', 'database.password'],
])('a changed line of %s keeps the line end of Windows', async (name, changed) => {
  const file = await copyOf(name);
  await writeFile(file.path, fixture(name).replaceAll('\n', '\r\n'));
  const before = await file.read();
  await file.write({ [changed]: 'changed' });
  expect(await file.read()).toEqual({ ...before, [changed]: 'changed' });
  expect((await file.text()).match(/(?<!\r)\n/g)).toBeNull();
});

test('a number stays a number, and a boolean a boolean, if the new text is one', async () => {
  const file = await copyOf('all.yaml');
  await file.write({ port: '5433', ratio: '2.25', off: 'true', octal: 'eight', none: 'something' });
  const document = await decryptSopsFile(file.path, keys);
  expect(document).toMatchObject({ port: 5433, ratio: 2.25, off: true, octal: 'eight' });
  expect(document['none']).toBe('something');
});

test('a value that the rules leave unencrypted is written so, with a warning', async () => {
  const file = await copyOf('all.yaml');
  const warnings: string[] = [];
  await file.write({ open_unencrypted: 'seen\u2028"x"' }, (message) => warnings.push(message));
  expect(await file.text()).toContain('open_unencrypted: "seen\\u2028\\"x\\""');
  expect(warnings).toEqual([expect.stringMatching(new RegExp(`^open_unencrypted .*${file.path}`))]);
});

test.each([
  'encrypted-comment.yaml',
  'unencrypted-comment.yaml',
  'groups.yaml',
  'mac-only.env',
  'groups.ini',
  'ed25519.yaml',
])('the rules and groups of %s are kept by a write', async (name) => {
  const file = await copyOf(name);
  const provider = sopsProvider({
    path: file.path,
    environment: nowhere,
    ageKeyFile: keyPath(name.startsWith('ed') ? 'ed25519' : 'one.txt'),
  });
  const before = valuesOf(await provider.read('all', context()));
  const nested = name.endsWith('yaml') && 'nested.password' in before;
  const changes = nested
    ? { 'nested.password': 'changed', 'nested.added': 'too' }
    : { added: 'too' };
  await provider.write?.({ entries: new Map(Object.entries(changes)) }, context());
  expect(valuesOf(await provider.read('all', context()))).toEqual({ ...before, ...changes });
});

test('a comment that a removed name leaves behind does not apply to a new name', async () => {
  const file = await copyOf('encrypted-comment.yaml');
  const before = await file.read();
  const inside = { 'nested.plain': null, 'nested.list': null, 'nested.new': 'secret-canary' };
  await file.write(inside);
  await file.write({ nothing: null, flag: null, port: null, open: 'visible-canary' });
  const {
    'nested.plain': _p,
    'nested.list': _l,
    nothing: _n,
    flag: _f,
    port: _o,
    ...rest
  } = before;
  expect(await file.read()).toEqual({
    ...rest,
    'nested.new': 'secret-canary',
    open: 'visible-canary',
  });
});

test.each(['yaml', 'json', 'env', 'ini'])(
  'the caller who replaces a %s file learns whether it is a snapshot',
  async (format) => {
    const path = join(folder, `found.${format}`);
    const found: FoundFile[] = [];
    const save = (name: string, asSnapshot: boolean) =>
      encryptSopsFile(path, new Map([[name, 'canary']]), {
        ageRecipients: [recipientOf('one.txt')],
        asSnapshot,
        replacing: (there) => found.push(there),
      });
    await save('A', true);
    await save('B', false);
    await save('C', true);
    await sopsProvider({ path, ...keys }).write?.({ entries: new Map([['D', 'x']]) }, context());
    await save('E', true);
    await writeFile(path, 'plain text');
    await save('F', true);
    expect(found).toEqual([
      { kind: 'snapshot', names: ['A'] },
      { kind: 'sops', names: ['B'] },
      { kind: 'sops', names: ['C', 'D'] },
      { kind: 'other', names: [] },
    ]);
    const before = await readFile(path);
    const refused = encryptSopsFile(path, new Map([['G', '1']]), {
      ageRecipients: [recipientOf('one.txt')],
      replacing: () => {
        throw new Error('stays');
      },
    });
    await expect(refused).rejects.toThrow('stays');
    expect(await readFile(path)).toEqual(before);
  },
);

test('a comment before a name stays with it', async () => {
  const path = join(folder, 'next.yaml');
  const values = new Map([
    ['a.b.c', '1'],
    ['z.y.x', '2'],
  ]);
  await encryptSopsFile(path, values, { ageRecipients: [recipientOf('one.txt')] });
  const made = await readFile(path, 'utf8');
  await writeFile(path, made.replace(/^z:/m, '            # of c\n# about z\n\n# more\nz:'));
  const write = (name: string, value: string | null) =>
    sopsProvider({ path, ...keys }).write?.({ entries: new Map([[name, value]]) }, context());
  await write('a.b.d', '3');
  await write('a.e', '4');
  const shape = async () => (await readFile(path, 'utf8')).replace(/ENC.*/g, 'ENC');
  const after = '# about z\n\n# more\nz:\n    y:\n        x: ENC\nsops:';
  expect(await shape()).toContain(
    `a:\n    b:\n        c: ENC\n            # of c\n        d: ENC\n    e: ENC\n${after}`,
  );
  for (const name of ['a.b.c', 'a.b.d', 'a.e']) await write(name, null);
  expect((await shape()).startsWith(after)).toBe(true);
});

test('a list and a group of names cannot be set as a value, and a list can be deleted', async () => {
  const file = await copyOf('all.yaml');
  for (const name of ['list', 'database', 'database.nested', 'sops', 'sops.mac'])
    await expect(file.write({ [name]: 'x' })).rejects.toMatchObject({
      code: 'ERR_SECRET_UNSUPPORTED',
      secretName: name,
    });
  expect(await file.text()).toBe(fixture('all.yaml'));
  await file.write({ list: null });
  expect(Object.keys(await file.read())).not.toContain('list');
});

test("sops's own names cannot be set, and the error names them", async () => {
  for (const [file, name] of [
    ['all.env', 'sops_note'],
    ['all.yaml', 'sops.note'],
  ] as const) {
    const { write, text } = await copyOf(file);
    const before = await text();
    await expect(write({ [name]: 'x' })).rejects.toMatchObject({
      code: 'ERR_SECRET_UNSUPPORTED',
      secretName: name,
    });
    expect(await text()).toBe(before);
  }
});

test('a name below a value is stored with the separator in it', async () => {
  const file = await copyOf('all.yaml');
  await file.write({ 'token.old': 'kept' });
  expect(await decryptSopsFile(file.path, keys)).toMatchObject({ 'token.old': 'kept' });
  expect((await file.read())['token.old']).toBe('kept');
});

test('the last name of a group is deleted with its group', async () => {
  const file = await copyOf('all.yaml');
  await file.write({ 'database.nested.deep': null });
  expect(await decryptSopsFile(file.path, keys)).toMatchObject({
    database: { password: 'hunter2-canary', after: 1 },
  });
});

/** Names none of which is a group of others, and many of which share one. */
const related = fc.constantFrom('k', 'l', 'h.a', 'h.b', 'h.i.a', 'h.i.b', 'h.j.a', 'g.a', 'g.i.a');
const texts = fc.constantFrom('', 'one line', 'two\nlines\n', '# no comment', '17');
const changesOf = <Text>(text: fc.Arbitrary<Text>) =>
  fc.uniqueArray(fc.tuple(related, text), { selector: ([name]) => name, maxLength: 6 });

test.each(['yaml', 'json', 'env', 'ini'])(
  'any changes at once to names that share groups are made in a %s file',
  async (format) => {
    const path = join(folder, `related.${format}`);
    const provider = sopsProvider({ path, ...keys });
    const changes = fc.array(changesOf(fc.option(texts)), { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(changesOf(texts), changes, async (first, later) => {
        const values = new Map(first);
        await encryptSopsFile(path, values, { ageRecipients: [recipientOf('one.txt')] });
        for (const change of later) {
          await provider.write?.({ entries: new Map(change) }, context());
          for (const [name, text] of change)
            if (text === null) values.delete(name);
            else values.set(name, text);
          expect(valuesOf(await provider.read('all', context()))).toEqual(
            Object.fromEntries(values),
          );
        }
      }),
      { numRuns: 60 },
    );
  },
);

test('names in flow style and in quotes are edited where they stand', async () => {
  const path = join(folder, 'flow.yaml');
  await encryptSopsFile(path, new Map([['a', '1']]), { ageRecipients: [recipientOf('one.txt')] });
  const provider = sopsProvider({ path, ...keys });
  const flow = (await readFile(path, 'utf8')).replace(/^a: (.*)$/m, '"a": "$1"\nflow: {}');
  await writeFile(path, flow); // an empty mapping is not in the MAC
  const write = (entries: [string, string | null][]) =>
    provider.write?.({ entries: new Map(entries) }, context());
  await write([
    ['flow.b', 'two'],
    ['flow.c', 'three'],
  ]);
  await write([
    ['flow.b', 'again'],
    ['a', 'one'],
  ]);
  await write([['flow.b', null]]);
  expect(valuesOf(await provider.read('all', context()))).toEqual({ a: 'one', 'flow.c': 'three' });
  expect(await readFile(path, 'utf8')).toMatch(/^"a": "ENC.*\nflow: \{"c": "ENC.*"\}\nsops:/m);
});

test('the mode stays, a link stays a link, and nothing is left behind', async () => {
  const file = await copyOf('all.yaml');
  await chmod(file.path, 0o640);
  const link = join(folder, 'link.yaml');
  await symlink(file.path, link);
  await sopsProvider({ path: link, ...keys }).write?.(
    { entries: new Map([['token', 'changed']]) },
    context(),
  );
  expect((await lstat(link)).isSymbolicLink()).toBe(true);
  expect((await stat(file.path)).mode & 0o777).toBe(0o640);
  expect((await file.read())['token']).toBe('changed');
  expect((await readdir(folder)).filter((name) => name.includes('keyfall'))).toEqual([]);
});

test('a new file is encrypted for the keys at hand, or for the recipients that are named', async () => {
  const own = join(folder, 'own.yaml');
  const secrets = createSecrets({ providers: [sopsProvider({ path: own, ...keys })] });
  await secrets.set('database.password', 'first');
  expect(await decryptSopsFile(own, keys)).toEqual(
    Object.assign(Object.create(null), { database: { password: 'first' } }),
  );
  expect((await stat(own)).mode & 0o777).toBe(0o600);
  await secrets.close();

  const others = join(folder, 'others.env');
  const ageRecipients = [
    recipientOf('two.txt'),
    recipientOf('ed25519.pub'),
    recipientOf('rsa.pub'),
  ];
  const provider = sopsProvider({ path: others, ageRecipients, environment: nowhere });
  await provider.write?.({ entries: new Map([['A', 'b']]) }, context());
  for (const key of ['two.txt', 'ed25519', 'rsa'])
    expect(
      await decryptSopsFile(others, { ageKeyFile: keyPath(key), environment: nowhere }),
    ).toMatchObject({ A: 'b' });
  await expect(decryptSopsFile(others, keys)).rejects.toMatchObject({
    code: 'ERR_SECRET_UNAUTHENTICATED',
  });

  const keyless = sopsProvider({ path: join(folder, 'keyless.yaml'), environment: nowhere });
  await expect(
    keyless.write?.({ entries: new Map([['A', 'b']]) }, context()),
  ).rejects.toMatchObject({ code: 'ERR_SECRET_CONFIG' });
  // the command for the key failed, and that is the reason
  const failing = { ...nowhere, PATH: process.env['PATH'] ?? '', SOPS_AGE_KEY_CMD: 'false' };
  const locked = sopsProvider({ path: join(folder, 'keyless.yaml'), environment: failing });
  await expect(locked.write?.({ entries: new Map([['A', 'b']]) }, context())).rejects.toMatchObject(
    { code: 'ERR_SECRET_UNAVAILABLE' },
  );
});

test('a new file encrypts even names that sops leaves open, and replaces what was there', async () => {
  const path = join(folder, 'snapshot.yaml');
  await writeFile(path, 'not of sops');
  const values = new Map([
    ['a.b_unencrypted', 'canary-one'],
    ['a.c', 'canary-two'],
  ]);
  await encryptSopsFile(path, values, { ageRecipients: [recipientOf('one.txt')] });
  expect(await readFile(path, 'utf8')).not.toMatch(/canary/);
  expect(valuesOf(await sopsProvider({ path, ...keys }).read('all', context()))).toEqual(
    Object.fromEntries(values),
  );
});

test.each([[], ['age1qqqq'], ['nonsense'], ['ssh-ed25519 AAAA'], ['']])(
  'invalid recipients are refused: %j',
  async (...ageRecipients) => {
    const path = join(folder, 'refused.yaml');
    await expect(encryptSopsFile(path, new Map(), { ageRecipients })).rejects.toMatchObject({
      code: 'ERR_SECRET_CONFIG',
    });
    await expect(stat(path)).rejects.toThrow();
  },
);

test.each(['all.yaml', 'all.json', 'all.env', 'all.ini'])(
  'a write to %s is read back with its MAC before the file is replaced, and refused if that fails',
  async (name) => {
    // a format that writes a MAC which does not belong to the file: no fault of ours is known that does
    const source = await loadedSource(unloadedSource(name, 'sops', keys));
    const broken = {
      ...source,
      format: {
        ...source.format,
        replace: (...[file, node, stored]: Parameters<typeof source.format.replace>) =>
          valuesOfField(file, 'mac').includes(node as never)
            ? { start: node.start, end: node.start, text: '' }
            : source.format.replace(file, node, stored),
      },
    };
    const read = await readSops(source, fixture(name));
    const key = await dataKeyOf(source, read.metadata, new AbortController().signal);
    if (key === 'sops') throw new Error('the key is not ours');
    const opened = await openSops(source, read, key);
    const changes = new Map([['added', 'new-canary']]);
    const edited = editSops(broken, opened, changes, () => {});
    await expect(edited).rejects.toMatchObject({ code: 'ERR_SECRET_UNSUPPORTED' });
    expect(await editSops(source, opened, changes, () => {})).not.toBe(fixture(name));
  },
);
