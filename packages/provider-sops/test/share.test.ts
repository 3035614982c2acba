import { copyFile, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { decryptSopsFile, encryptSopsFile, type FoundFile, sopsProvider } from '../src/index.ts';
import { dataKeyOf, openSops, readSops } from '../src/reading/open-sops.ts';
import { loadedSource, unloadedSource } from '../src/reading/sops-source.ts';
import {
  expectedText,
  fixture,
  fixtureNames,
  fixturePath,
  keyPath,
  keyText,
  nowhere,
  recipientOf,
  secretOf,
} from './fixtures.ts';
import { context, valuesOf } from './store.ts';

const [one, two, three] = ['one.txt', 'two.txt', 'three.txt'].map(recipientOf) as [
  string,
  string,
  string,
];
const ed25519 = recipientOf('ed25519.pub');
const rsa = recipientOf('rsa.pub');

let folder: string;
beforeEach(async () => {
  folder = await testFolder();
});

const withKey = (key: string) => ({ ageKeyFile: keyPath(key), environment: nowhere });

/** A copy of a fixture, as a provider with one key of the tests. */
async function copyOf(name: string, key = 'one.txt') {
  const path = join(folder, name);
  await copyFile(fixturePath(name), path);
  return { path, provider: sopsProvider({ path, ...withKey(key) }) };
}

const document = (path: string, key: string) => decryptSopsFile(path, withKey(key));
/** What stands before the metadata. */
const contentOf = (text: string) => text.split(/^(?:sops[:_]|\[sops\]|\s+"sops":)/m)[0];
const ciphertexts = (text: string): string[] => text.match(/ENC\[[^\]]+\]/g) ?? [];

/** The fixtures that one recipient or several can open, each by itself. */
const shareable = fixtureNames.filter(
  (name) => !/groups|documents|pgp/.test(name) && name !== 'large.yaml',
);
const ownKey = (name: string) =>
  name === 'ed25519.yaml' || name === 'rsa.yaml' ? name.replace('.yaml', '') : 'one.txt';

describe.each(shareable)('%s', (name) => {
  test('a recipient that is added opens it, and nothing else in it changes', async () => {
    const { path, provider } = await copyOf(name, ownKey(name));
    const before = await document(path, ownKey(name));
    const shared = await provider.share({ add: [three] });
    expect(shared).toMatchObject({ added: [three], removed: [], exposed: [] });
    expect(await document(path, 'three.txt')).toEqual(before);
    expect(await document(path, ownKey(name))).toEqual(before);
    const text = await readFile(path, 'utf8');
    expect(ciphertexts(text)).toEqual(ciphertexts(fixture(name)));
    expect(contentOf(text)).toBe(contentOf(fixture(name)));
    expect((await provider.recipients()).recipients.map(({ isOwn }) => isOwn)).toEqual(
      name === 'two-recipients.yaml' ? [false, true, false] : [true, false],
    );
  });

  test('for one that is removed every value is encrypted again, by another data key', async () => {
    const { path, provider } = await copyOf(name, ownKey(name));
    const before = await document(path, ownKey(name));
    await provider.share({ add: [three] });
    const knew = await dataKey(path, 'three.txt');
    const { exposed } = await provider.share({ remove: [three] });
    expect(await document(path, ownKey(name))).toEqual(before);
    await expect(document(path, 'three.txt')).rejects.toMatchObject({
      code: 'ERR_SECRET_UNAUTHENTICATED',
    });
    const source = await sourceOf(path, ownKey(name));
    const read = await readSops(source, await readFile(path, 'utf8'));
    await expect(openSops(source, read, knew)).rejects.toMatchObject({
      code: 'ERR_SECRET_INVALID',
    });
    const now = ciphertexts(await readFile(path, 'utf8'));
    const old = ciphertexts(fixture(name));
    expect(now).toHaveLength(old.length);
    expect(now.filter((each) => old.includes(each))).toEqual([]);
    expect(exposed.length).toBeGreaterThan(0);
    // the comments too are as they were, of which a document says nothing
    const opened = await openSops(source, read, await dataKey(path, ownKey(name)));
    const original = await sourceOf(fixturePath(name), ownKey(name));
    const first = await openSops(
      original,
      await readSops(original, fixture(name)),
      await dataKey(fixturePath(name), ownKey(name)),
    );
    const texts = (tree: typeof first.tree) => tree.comments.map((comment) => comment.text);
    expect(texts(opened.tree)).toEqual(texts(first.tree));
  });
});

test('the fixtures with encrypted comments have some', async () => {
  const source = await sourceOf(fixturePath('all.yaml'), 'one.txt');
  const read = await readSops(source, fixture('all.yaml'));
  const key = await dataKey(fixturePath('all.yaml'), 'one.txt');
  const { tree } = await openSops(source, read, key);
  expect(tree.comments.length).toBeGreaterThan(1);
});

async function sourceOf(path: string, key: string) {
  return loadedSource(unloadedSource(path, 'sops', withKey(key)));
}

async function dataKey(path: string, key: string): Promise<Uint8Array> {
  const source = await sourceOf(path, key);
  const { metadata } = await readSops(source, await readFile(path, 'utf8'));
  const found = await dataKeyOf(source, metadata, new AbortController().signal);
  if (found === 'sops') throw new Error('only sops opens it');
  return found;
}

test.each(['yaml', 'json', 'env', 'ini'])(
  'a new %s file is shared with keys of SSH, and taken from one by its comment',
  async (format) => {
    const path = join(folder, `made.${format}`);
    const values = new Map([
      ['TOKEN', 'canary-value-a1'],
      ['EMPTY', ''],
      ['OPEN_unencrypted', 'plain'],
    ]);
    await encryptSopsFile(path, values, { ageRecipients: [one] });
    const provider = sopsProvider({ path, ...withKey('one.txt') });
    const valuesBy = async (key: string) => {
      const batch = await sopsProvider({ path, ...withKey(key) }).read('all', context());
      return { ...valuesOf(batch) };
    };
    const [type, blob] = ed25519.split(' ');
    const { added, recipients } = await provider.share({
      add: [`${type} ${blob} ada@laptop`, rsa, `${type} ${blob} again`],
    });
    expect(added).toEqual([`${type} ${blob} ada@laptop`, rsa]);
    expect(recipients).toEqual([one, ...added]);
    for (const key of ['ed25519', 'rsa'])
      expect(await valuesBy(key)).toEqual(Object.fromEntries(values));
    const removed = await provider.share({ remove: ['ada@laptop'] });
    expect(removed).toMatchObject({
      recipients: [one, rsa],
      removed: [`${type} ${blob} ada@laptop`],
      exposed: expect.arrayContaining(['TOKEN']),
    });
    expect(removed.exposed).not.toContain('EMPTY');
    expect(JSON.stringify(removed)).not.toContain('canary');
    await expect(document(path, 'ed25519')).rejects.toMatchObject({
      code: 'ERR_SECRET_UNAUTHENTICATED',
    });
    expect(await valuesBy('rsa')).toEqual(Object.fromEntries(values));
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  },
);

test('an empty comment, which stands for itself, is no obstacle', async () => {
  const { path, provider } = await copyOf('all.yaml');
  await writeFile(path, `#\n${fixture('all.yaml')}`);
  const before = await document(path, 'one.txt');
  await provider.share({ add: [two] });
  await provider.share({ remove: [two] });
  expect(await document(path, 'one.txt')).toEqual(before);
  expect(await readFile(path, 'utf8')).toMatch(/^#\n#ENC/);
});

test('the names that are exposed are those of encrypted values', async () => {
  const { provider } = await copyOf('unencrypted-suffix.yaml');
  await provider.share({ add: [two] });
  const { exposed } = await provider.share({ remove: [two] });
  const plain = /^password: (?!ENC)/m.test(fixture('unencrypted-suffix.yaml'));
  expect(plain).toBe(true);
  expect(exposed).not.toContain('password');
  expect(exposed.length).toBeGreaterThan(0);
});

test('what is so already changes no byte', async () => {
  const { path, provider } = await copyOf('two-recipients.yaml');
  const result = await provider.share({ add: [one, ` ${two}\n`] });
  expect(result).toMatchObject({ added: [], removed: [], recipients: [two, one] });
  expect(await readFile(path, 'utf8')).toBe(fixture('two-recipients.yaml'));
});

test.each<[string, object, string]>([
  ['the last recipient', { remove: [one] }, 'ERR_SECRET_CONFIG'],
  ['the last recipient by force', { remove: [one], force: true }, 'ERR_SECRET_CONFIG'],
  ['one that it does not have', { remove: [two] }, 'ERR_SECRET_CONFIG'],
  ['one by a text that is no key', { remove: ['ada@laptop'] }, 'ERR_SECRET_CONFIG'],
])('to remove %s is refused, and nothing changes', async (_, change, code) => {
  const { path, provider } = await copyOf('all.yaml');
  await expect(provider.share(change)).rejects.toMatchObject({ code });
  expect(await readFile(path, 'utf8')).toBe(fixture('all.yaml'));
});

test('what is no public key is refused, and never shown', async () => {
  const { path, provider } = await copyOf('all.env');
  const weak =
    'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC7lq0kQ0GzVQ0u0tC1l5v0mJ1p2p1Zy5mJ6pQ9v0F0g3k3b5m6oQy1H8m1m3bq5y0f9l2a8r1c4d7e0fA== x';
  for (const key of [secretOf('two.txt'), keyText('ed25519'), 'age1wrong', `${one}x`, weak, '']) {
    const add = { add: [key] };
    const error: { code?: string; message?: string } = await provider.share(add).catch((e) => e);
    expect(error.code).toBe('ERR_SECRET_CONFIG');
    expect(error.message).not.toMatch(/AGE-SECRET|PRIVATE|wrong/);
    const remove: { code?: string; message?: string } = await provider
      .share({ remove: [key] })
      .catch((e) => e);
    expect(remove.code).toBe('ERR_SECRET_CONFIG');
    expect(remove.message).not.toMatch(/AGE-SECRET|PRIVATE|wrong/);
  }
  expect(await readFile(path, 'utf8')).toBe(fixture('all.env'));
});

test('the removal of every own key has to be forced', async () => {
  const { path, provider } = await copyOf('two-recipients.yaml');
  await expect(provider.share({ remove: [one] })).rejects.toMatchObject({
    code: 'ERR_SECRET_CONFIG',
  });
  expect(await readFile(path, 'utf8')).toBe(fixture('two-recipients.yaml'));
  // with another key of one's own it is no loss
  const both = sopsProvider({
    path,
    ageKey: `${secretOf('one.txt')}\n${secretOf('two.txt')}`,
    environment: nowhere,
  });
  await both.share({ add: [three] });
  expect(await both.share({ remove: [one] })).toMatchObject({ recipients: [two, three] });
  expect(await both.share({ remove: [two], force: true })).toMatchObject({ recipients: [three] });
  expect(JSON.stringify(await document(path, 'three.txt'))).toBe(
    JSON.stringify(JSON.parse(expectedText('two-recipients.yaml'))),
  );
});

test.each<[string, object]>([
  ['groups.yaml', { add: [three] }],
  ['groups.env', { remove: [one] }],
  ['all-groups.yaml', { add: [three] }],
  ['pgp.yaml', { add: [three] }],
  ['pgp-or-age.yaml', { remove: [one], force: true }],
  ['documents.yaml', { add: [three] }],
])('%s is refused where its meaning could not be kept: %j', async (name, change) => {
  const { path, provider } = await copyOf(name);
  await expect(provider.share(change)).rejects.toMatchObject({ code: 'ERR_SECRET_UNSUPPORTED' });
  expect(await readFile(path, 'utf8')).toBe(fixture(name));
});

test('a recipient is added to a file that other services open as well', async () => {
  const { path, provider } = await copyOf('pgp-or-age.yaml');
  await provider.share({ add: [three] });
  expect(await document(path, 'three.txt')).toEqual(await document(path, 'one.txt'));
  expect(await provider.recipients()).toEqual({
    recipients: [
      { recipient: one, isOwn: true },
      { recipient: three, isOwn: false },
    ],
    others: ['pgp'],
  });
});

test('recipients are listed without a key, and not for a file of groups', async () => {
  const { path } = await copyOf('ed25519.yaml');
  const provider = sopsProvider({ path, environment: nowhere });
  expect(await provider.recipients()).toEqual({
    recipients: [{ recipient: ed25519, isOwn: false }],
    others: [],
  });
  const groups = await copyOf('groups.json');
  await expect(groups.provider.recipients()).rejects.toMatchObject({
    code: 'ERR_SECRET_UNSUPPORTED',
  });
  const none = sopsProvider({ path: join(folder, 'none.yaml'), environment: nowhere });
  await expect(none.recipients()).rejects.toMatchObject({ code: 'ERR_SECRET_CONFIG' });
  await expect(none.share({ add: [one] })).rejects.toMatchObject({ code: 'ERR_SECRET_CONFIG' });
});

test('a file that was tampered with is not shared', async () => {
  const { path, provider } = await copyOf('all.yaml');
  const text = fixture('all.yaml').replace(/^(\s*lastmodified: ")\d{4}/m, '$12001');
  await writeFile(path, text);
  for (const change of [{ add: [two] }, { remove: [one], force: true, add: [two] }])
    await expect(provider.share(change)).rejects.toMatchObject({ code: 'ERR_SECRET_INVALID' });
  expect(await readFile(path, 'utf8')).toBe(text);
});

test.each(['yaml', 'json', 'env', 'ini'])(
  'a snapshot in %s stays one when it is shared',
  async (format) => {
    const path = join(folder, `snapshot.${format}`);
    const found: FoundFile['kind'][] = [];
    const save = () =>
      encryptSopsFile(path, new Map([['TOKEN', 'canary']]), {
        ageRecipients: [one],
        asSnapshot: true,
        replacing: ({ kind }) => found.push(kind),
      });
    await save();
    const provider = sopsProvider({ path, ...withKey('one.txt') });
    await provider.share({ add: [two] });
    await save();
    await provider.share({ add: [two] });
    await provider.share({ remove: [two] });
    await save();
    expect(found).toEqual(['snapshot', 'snapshot']);
  },
);

test('two who share a file at once both count', async () => {
  const { provider } = await copyOf('all.env');
  await Promise.all([provider.share({ add: [two] }), provider.share({ add: [three] })]);
  const { recipients } = await provider.recipients();
  expect(recipients.map(({ recipient }) => recipient).sort()).toEqual([one, three, two].sort());
});

test('a .sops.yaml with other recipients is named, and is not changed', async () => {
  await mkdir(join(folder, 'config'));
  const path = join(folder, 'config', 'all.env');
  await copyFile(fixturePath('all.env'), path);
  const provider = sopsProvider({ path, ...withKey('one.txt') });
  const config = join(folder, '.sops.yaml');
  const rules = (...keys: string[]) =>
    writeFile(config, `creation_rules:\n  - age: >-\n      ${keys.join(',')}\n`);
  const said = async (change: object) => (await provider.share(change)).sopsConfig;
  expect(await said({ add: [two] })).toBeUndefined();
  await rules(one, two);
  expect(await said({ add: [two] })).toBeUndefined();
  expect(await said({ add: [ed25519] })).toBe(config);
  expect(await said({ remove: [two] })).toBe(config);
  await rules(one);
  expect(await said({ remove: [ed25519] })).toBeUndefined();
  // of other files
  await rules(three);
  expect(await said({ add: [two] })).toBeUndefined();
  expect(await readFile(config, 'utf8')).toContain(three);
});

test('options that are not known are refused', async () => {
  const { provider } = await copyOf('all.env');
  const wrong = [{ added: [two] }, { add: two }, { force: 'yes' }] as object[];
  for (const change of wrong)
    await expect(provider.share(change)).rejects.toMatchObject({ code: 'ERR_SECRET_CONFIG' });
});

test('without a path both calls say so', async () => {
  const provider = sopsProvider({ path: undefined });
  const isMissing = { code: 'ERR_SECRET_CONFIG', setting: { option: 'path', isMissing: true } };
  await expect(provider.recipients()).rejects.toMatchObject(isMissing);
  await expect(provider.share({})).rejects.toMatchObject(isMissing);
});
