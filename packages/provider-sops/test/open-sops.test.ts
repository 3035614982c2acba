// The error for a file that is not opened names the missing key by its public part alone, and what to do.
import { SecretError } from '@keyfall/core';
import { assertNoLeak } from '@keyfall/testkit';
import { describe, expect, test } from 'vitest';
import { dataKeyOf, openSops, readSops, type SopsSource } from '../src/reading/open-sops.ts';
import { loadedSource, unloadedSource } from '../src/reading/sops-source.ts';
import type { SopsMetadata } from '../src/tree/sops-metadata.ts';
import { InvalidSops } from '../src/tree/sops-tree.ts';
import { fixture, fixturePath, keyPath, nowhere, recipientOf, secretOf } from './fixtures.ts';

const never = new AbortController().signal;
const sourceOf = (
  name: string,
  keys: { ageKey?: string; ageKeyFile?: string } = { ageKeyFile: keyPath('one.txt') },
): Promise<SopsSource> =>
  loadedSource(unloadedSource(fixturePath(name), 'sops', { ...keys, environment: nowhere }));
const metadataOf = async (name: string): Promise<SopsMetadata> =>
  (await readSops(await sourceOf(name), fixture(name))).metadata;

async function failureOf(call: Promise<unknown>): Promise<SecretError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  const secrets = ['one.txt', 'two.txt', 'three.txt'].map(secretOf);
  assertNoLeak(['canary', ...secrets], error);
  if (!(error instanceof SecretError)) throw new Error('no SecretError');
  return error;
}

describe('a key that is missing', () => {
  test('is reported with the recipients, for one other key, for several, and for none', async () => {
    const one = await failureOf(
      dataKeyOf(
        await sourceOf('all.yaml', { ageKey: secretOf('two.txt') }),
        await metadataOf('all.yaml'),
        never,
      ),
    );
    expect(one).toMatchObject({
      code: 'ERR_SECRET_UNAUTHENTICATED',
      provider: 'sops',
      hint: expect.stringContaining(recipientOf('one.txt')),
    });
    expect(one.reason).toMatch(/all\.yaml$/);
    const two = await failureOf(
      dataKeyOf(
        await sourceOf('all.yaml', { ageKey: `${secretOf('two.txt')}\n${secretOf('three.txt')}` }),
        await metadataOf('all.yaml'),
        never,
      ),
    );
    expect(two.code).toBe('ERR_SECRET_UNAUTHENTICATED');
    expect(two.reason).toMatch(/\b2\b.*all\.yaml$/);
    const none = await failureOf(
      dataKeyOf(
        await sourceOf('all.yaml', { ageKey: '# none\n' }),
        await metadataOf('all.yaml'),
        never,
      ),
    );
    expect(none.code).toBe('ERR_SECRET_CONFIG');
    expect(none.hint).toContain(recipientOf('one.txt'));
  });

  test('is reported after an error of the place of a key', async () => {
    const source = await sourceOf('all.yaml', { ageKeyFile: keyPath('missing.txt') });
    const error = await failureOf(dataKeyOf(source, await metadataOf('all.yaml'), never));
    expect(error.code).toBe('ERR_SECRET_CONFIG');
    expect(error.reason).toContain('missing.txt');
  });

  test('has its recipients named once each, five at the most, cut and printable', async () => {
    const source = await sourceOf('all.yaml', { ageKey: secretOf('two.txt') });
    const hintOf = async (groups: readonly (readonly string[])[], threshold = 0) => {
      const metadata = {
        groups: groups.map((recipients) => ({
          age: recipients.map((recipient) => ({ recipient, enc: '' })),
          others: [],
        })),
        threshold,
      } as unknown as SopsMetadata;
      return (await failureOf(dataKeyOf(source, metadata, never))).hint;
    };
    expect(await hintOf([['a', 'b', 'a', 'c', 'd', 'e', 'f']])).toMatch(/ a, b, c, d, e\. \S/);
    expect(await hintOf([['a'], ['b'], ['c']])).toMatch(/ 3 .* a, b, c\.$/);
    expect(await hintOf([['a'], ['b'], ['c']], 2)).toMatch(/ 2 .* a, b, c\.$/);
    expect(await hintOf([['\u001b[2Ja\nb+/=@. -_']])).toMatch(/ \?\?2Ja\?b\+\/=@\. -_\. /);
    expect(await hintOf([['x'.repeat(80), 'y'.repeat(81)]])).toMatch(/ x{80}, y{80}…\. /);
  });

  test('is not looked for once the signal has fired', async () => {
    const source = await sourceOf('all.yaml', { ageKey: secretOf('two.txt') });
    const error = await failureOf(
      dataKeyOf(source, await metadataOf('all.yaml'), AbortSignal.abort()),
    );
    expect(error.code).toBe('ERR_SECRET_ABORTED');
  });

  test('is left to the real sops if another service or a plugin may hold it', async () => {
    const other = await sourceOf('pgp-or-age.yaml', { ageKey: secretOf('two.txt') });
    expect(await dataKeyOf(other, await metadataOf('pgp-or-age.yaml'), never)).toBe('sops');
    const { groups, ...metadata } = await metadataOf('all.yaml');
    const besides = { ...metadata, groups: [...groups, { age: [], others: ['pgp'] }] };
    expect(await dataKeyOf(other, besides, never)).toBe('sops');
    const plugin = await sourceOf('all.yaml', { ageKey: 'AGE-PLUGIN-YUBIKEY-1QQQQ' });
    expect(await dataKeyOf(plugin, await metadataOf('all.yaml'), never)).toBe('sops');
  });

  test('is an error of the file if it has the wrong length', async () => {
    const source = await sourceOf('groups.yaml', { ageKey: secretOf('two.txt') });
    const metadata = await metadataOf('groups.yaml');
    const [first] = metadata.groups.filter(({ age }) =>
      age.some(({ recipient }) => recipient === recipientOf('two.txt')),
    );
    const alone = { ...metadata, groups: first ? [first] : [] };
    expect(await failureOf(dataKeyOf(source, alone, never))).toMatchObject({
      code: 'ERR_SECRET_INVALID',
      provider: 'sops',
    });
  });
});

describe('a file that sops cannot have written', () => {
  const failing = async (thrown: unknown, name = 'all.yaml') => {
    const source = await sourceOf(name);
    const parse = () => {
      throw thrown;
    };
    return readSops({ ...source, format: { ...source.format, parse } }, '');
  };

  test('is refused with the reason of its format, and what to do', async () => {
    expect(await failureOf(failing(new InvalidSops('is odd', 'Do so.')))).toMatchObject({
      code: 'ERR_SECRET_INVALID',
      hint: 'Do so.',
      provider: 'sops',
    });
    const error = await failureOf(failing(new InvalidSops('is odd', 'Do so.'), 'token'));
    expect(error.hint).toMatch(/\bformat\b/);
  });

  test('is invalid if it is nested too deeply, and a defect of ours stays one', async () => {
    const deep = await failureOf(failing(new RangeError('canary')));
    expect(deep.code).toBe('ERR_SECRET_INVALID');
    expect(deep.reason).toContain('all.yaml');
    const own = new SecretError('ERR_SECRET_UNSUPPORTED', 'ours');
    expect(await failureOf(failing(own))).toBe(own);
    const fault = new TypeError('a fault');
    await expect(failing(fault)).rejects.toBe(fault);
  });

  test('is refused if it is not encrypted', async () => {
    const error = await failureOf(readSops(await sourceOf('all.yaml'), 'a: plain-canary\n'));
    expect(error).toMatchObject({ code: 'ERR_SECRET_INVALID' });
    expect(error.hint).toContain('sops encrypt');
  });
});

describe('a MAC', () => {
  const opened = async (change: (metadata: SopsMetadata) => Partial<SopsMetadata>) => {
    const source = await sourceOf('all.yaml');
    const read = await readSops(source, fixture('all.yaml'));
    const key = await dataKeyOf(source, read.metadata, never);
    if (key === 'sops') throw new Error('the key is not ours');
    const metadata = { ...read.metadata, ...change(read.metadata) };
    return openSops(source, { ...read, metadata }, key);
  };

  test.each<[string, (metadata: SopsMetadata) => Partial<SopsMetadata>]>([
    ['of another time', () => ({ lastModified: '2020-01-01T00:00:00Z' })],
    ['that is not a ciphertext', () => ({ mac: 'ENC[' })],
    ['that is empty', () => ({ mac: '' })],
    ['that is a comment', ({ mac }) => ({ mac: mac.replace(/type:str]$/, 'type:comment]') })],
  ])('%s is refused', async (_, change) => {
    const error = await failureOf(opened(change));
    expect(error.code).toBe('ERR_SECRET_INVALID');
    expect(error.reason.replace(fixturePath('all.yaml'), 'FILE')).toMatchSnapshot();
  });

  test('that matches gives the tree', async () => {
    expect((await opened(() => ({}))).tree.leaves.size).toBeGreaterThan(20);
  });
});
