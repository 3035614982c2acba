// Why a file is not opened: which key was missing, by its public part alone, and what to do.
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
  if (!(error instanceof SecretError)) throw new Error('did not reject with a SecretError');
  return error;
}

describe('a key that is not here', () => {
  test('with one other key, with several, and with none', async () => {
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
      hint: `It is encrypted for ${recipientOf('one.txt')}.`,
    });
    expect(one.reason).toMatch(/^the age key does not open .*all\.yaml$/);
    const two = await failureOf(
      dataKeyOf(
        await sourceOf('all.yaml', { ageKey: `${secretOf('two.txt')}\n${secretOf('three.txt')}` }),
        await metadataOf('all.yaml'),
        never,
      ),
    );
    expect(two.code).toBe('ERR_SECRET_UNAUTHENTICATED');
    expect(two.reason).toMatch(/^none of the 2 age keys opens .*all\.yaml$/);
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

  test('what is wrong with the place of a key goes before that none fits', async () => {
    const source = await sourceOf('all.yaml', { ageKeyFile: keyPath('missing.txt') });
    const error = await failureOf(dataKeyOf(source, await metadataOf('all.yaml'), never));
    expect(error.code).toBe('ERR_SECRET_CONFIG');
    expect(error.reason).toContain('missing.txt');
  });

  test('recipients are told once each, five at the most, cut and printable', async () => {
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
    expect(await hintOf([['a', 'b', 'a', 'c', 'd', 'e', 'f']])).toBe(
      'It is encrypted for a, b, c, d, e.',
    );
    expect(await hintOf([['a'], ['b'], ['c']])).toBe('It is encrypted for 3 groups of a, b, c.');
    expect(await hintOf([['a'], ['b'], ['c']], 2)).toBe('It is encrypted for 2 groups of a, b, c.');
    expect(await hintOf([['\u001b[2Ja\nb+/=@. -_']])).toBe('It is encrypted for ??2Ja?b+/=@. -_.');
    expect(await hintOf([['x'.repeat(80), 'y'.repeat(81)]])).toBe(
      `It is encrypted for ${'x'.repeat(80)}, ${'y'.repeat(80)}….`,
    );
  });

  test('a signal that fires ends it, whatever the keys are', async () => {
    const source = await sourceOf('all.yaml', { ageKey: secretOf('two.txt') });
    const error = await failureOf(
      dataKeyOf(source, await metadataOf('all.yaml'), AbortSignal.abort()),
    );
    expect(error.code).toBe('ERR_SECRET_ABORTED');
  });

  test('only the real sops may have it, where another service or a plugin holds a share', async () => {
    const other = await sourceOf('pgp-or-age.yaml', { ageKey: secretOf('two.txt') });
    expect(await dataKeyOf(other, await metadataOf('pgp-or-age.yaml'), never)).toBe('sops');
    const { groups, ...metadata } = await metadataOf('all.yaml');
    const besides = { ...metadata, groups: [...groups, { age: [], others: ['pgp'] }] };
    expect(await dataKeyOf(other, besides, never)).toBe('sops');
    const plugin = await sourceOf('all.yaml', { ageKey: 'AGE-PLUGIN-YUBIKEY-1QQQQ' });
    expect(await dataKeyOf(plugin, await metadataOf('all.yaml'), never)).toBe('sops');
  });

  test('a data key of the wrong length is a fault of the file', async () => {
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

describe('a file that is none', () => {
  const failing = async (thrown: unknown, name = 'all.yaml') => {
    const source = await sourceOf(name);
    const parse = () => {
      throw thrown;
    };
    return readSops({ ...source, format: { ...source.format, parse } }, '');
  };

  test('says what sops finds wrong with it, and what to do', async () => {
    expect(await failureOf(failing(new InvalidSops('is odd', 'Do so.')))).toMatchObject({
      code: 'ERR_SECRET_INVALID',
      hint: 'Do so.',
      provider: 'sops',
    });
    const error = await failureOf(failing(new InvalidSops('is odd', 'Do so.'), 'token'));
    expect(error.hint).toContain('set the option format');
  });

  test('is nested too deeply where the stack ends, and what is a fault of ours stays one', async () => {
    const deep = await failureOf(failing(new RangeError('canary')));
    expect(deep.code).toBe('ERR_SECRET_INVALID');
    expect(deep.reason).toContain('is nested too deeply');
    const own = new SecretError('ERR_SECRET_UNSUPPORTED', 'is not read');
    expect(await failureOf(failing(own))).toBe(own);
    const fault = new TypeError('a fault');
    await expect(failing(fault)).rejects.toBe(fault);
  });

  test('is not encrypted', async () => {
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

  test.each<[string, (metadata: SopsMetadata) => Partial<SopsMetadata>, string]>([
    ['of another time', () => ({ lastModified: '2020-01-01T00:00:00Z' }), 'its key does not open'],
    ['that is no ciphertext', () => ({ mac: 'ENC[' }), 'its key does not open'],
    ['that is empty', () => ({ mac: '' }), 'its MAC does not match'],
    [
      'that is a comment',
      ({ mac }) => ({ mac: mac.replace(/type:str]$/, 'type:comment]') }),
      'its key does not open',
    ],
  ])('%s is refused', async (_, change, reason) => {
    const error = await failureOf(opened(change));
    expect(error.code).toBe('ERR_SECRET_INVALID');
    expect(error.reason).toContain(reason);
  });

  test('that matches gives the tree', async () => {
    expect((await opened(() => ({}))).tree.leaves.size).toBeGreaterThan(20);
  });
});
