// The key of a file is opened by a recipient, or put together from shares: never from too few of them.
import {
  armor,
  generateHybridIdentity,
  generateX25519Identity,
  identityToRecipient,
} from 'age-encryption';
import { beforeAll, describe, expect, test } from 'vitest';
import type { AgeKeys } from '../src/keys/age-keys.ts';
import { openDataKey, sealDataKey } from '../src/keys/data-key.ts';
import type { SopsMetadata } from '../src/tree/sops-metadata.ts';
import { InvalidSops } from '../src/tree/sops-tree.ts';
import { keyText, recipientOf } from './fixtures.ts';

const dataKey = Uint8Array.from({ length: 32 }, (_, index) => index);
const never = new AbortController().signal;
type Keys = Pick<AgeKeys, 'identities'>;
const keysOf = (...identities: Keys['identities']): Keys => ({ identities });
const metadataOf = (
  groups: readonly (readonly { recipient: string; enc: string }[])[],
  threshold = 0,
): SopsMetadata =>
  ({ groups: groups.map((age) => ({ age, others: [] })), threshold }) as unknown as SopsMetadata;

let mine: string;
let mineToo: string;
let theirs: string;
let none: Keys;
const sealedFor = async (identity: string, bytes: Uint8Array) => {
  const recipient = await identityToRecipient(identity);
  return { recipient, enc: (await sealDataKey(bytes, recipient)) ?? '' };
};
beforeAll(async () => {
  mine = await generateX25519Identity();
  mineToo = await generateX25519Identity();
  theirs = await generateX25519Identity();
  none = keysOf();
});

/** The shares of the key: on a line for each byte, at the places 1, 2 and 3. */
const shares = [1, 2, 3].map((place) =>
  Uint8Array.from([...dataKey].map((byte) => byte ^ product(place)).concat(place)),
);
function product(place: number): number {
  const slope = 0x53;
  return [0, slope, slope << 1, slope ^ (slope << 1)][place] ?? 0;
}

describe('a file with one group', () => {
  test('of recipients opens the key for each of them, in any order, and for no other', async () => {
    const [own, other] = [await sealedFor(mine, dataKey), await sealedFor(theirs, dataKey)];
    for (const group of [[own], [other, own], [own, other]]) {
      expect(await openDataKey(metadataOf([group]), keysOf(mineToo, mine), never)).toEqual(dataKey);
      expect(await openDataKey(metadataOf([group]), keysOf(mineToo), never)).toBeUndefined();
      expect(await openDataKey(metadataOf([group]), none, never)).toBeUndefined();
    }
    expect(await openDataKey(metadataOf([[]]), keysOf(mine), never)).toBeUndefined();
  });

  test('has a broken or too long recipient passed over', async () => {
    const own = await sealedFor(mine, dataKey);
    const long = { ...own, enc: own.enc + ' '.repeat(64 * 1024 + 1 - own.enc.length) };
    for (const bad of [{ ...own, enc: '' }, { ...own, enc: own.enc.slice(0, -40) }, long])
      expect(await openDataKey(metadataOf([[bad, own]]), keysOf(mine), never)).toEqual(dataKey);
    expect(await openDataKey(metadataOf([[long]]), keysOf(mine), never)).toBeUndefined();
    const longest = { ...long, enc: long.enc.slice(0, -1) };
    expect(await openDataKey(metadataOf([[longest]]), keysOf(mine), never)).toEqual(dataKey);
  });

  test.each([0, 15, 16, 17, 24, 31, 32, 33])(
    'has a key that is accepted by its length: %i bytes',
    async (length) => {
      const opening = openDataKey(
        metadataOf([[await sealedFor(mine, new Uint8Array(length).fill(1))]]),
        keysOf(mine),
        never,
      );
      if ([16, 24, 32].includes(length)) expect((await opening)?.length).toBe(length);
      else await expect(opening).rejects.toThrow(InvalidSops);
    },
  );

  test('is not asked once the signal has fired', async () => {
    const metadata = metadataOf([[await sealedFor(mine, dataKey)]]);
    expect(await openDataKey(metadata, keysOf(mine), AbortSignal.abort())).toBeUndefined();
  });
});

describe('a file with several groups, and keys for', () => {
  /** Groups of which these places are ours. */
  const groups = (ours: readonly number[], of = 3) =>
    Promise.all(
      shares
        .slice(0, of)
        .map(async (share, at) => [await sealedFor(ours.includes(at) ? mine : theirs, share)]),
    );

  test.each<[string, number[], number, 'key' | 'closed']>([
    ['all three', [0, 1, 2], 3, 'key'],
    ['two of three, where two are enough', [0, 2], 2, 'key'],
    ['all of three, where two are enough', [0, 1, 2], 2, 'key'],
    ['two of three, where it takes three', [0, 1], 3, 'closed'],
    ['one of three, where it takes two', [1], 2, 'closed'],
    ['no group', [], 2, 'closed'],
    ['no group, where no number is given', [], 0, 'closed'],
  ])('%s opens as many as it takes', async (_, ours, threshold, expected) => {
    const opened = await openDataKey(
      metadataOf(await groups(ours), threshold),
      keysOf(mine),
      never,
    );
    expect(opened).toEqual(expected === 'key' ? dataKey : undefined);
  });

  test('one share alone is refused as a key, whatever number the file gives, and whatever its length', async () => {
    for (const threshold of [0, 1])
      for (const share of [shares[0] ?? dataKey, dataKey]) {
        const given = [[await sealedFor(mine, share)], [await sealedFor(theirs, dataKey)]];
        await expect(
          openDataKey(metadataOf(given, threshold), keysOf(mine), never),
        ).rejects.toThrow(InvalidSops);
      }
  });

  test('shares that give no key of a valid length are refused', async () => {
    const given = await Promise.all(
      [1, 2].map(async (place) => [await sealedFor(mine, Uint8Array.from([1, 2, 3, place]))]),
    );
    await expect(openDataKey(metadataOf(given, 2), keysOf(mine), never)).rejects.toThrow(
      InvalidSops,
    );
  });
});

describe('a key that is sealed for a recipient', () => {
  test('is a file of age, for keys of age and of SSH', async () => {
    const recipient = await identityToRecipient(mine);
    const enc = (await sealDataKey(dataKey, recipient)) ?? '';
    expect(enc).toMatch(/^-----BEGIN AGE ENCRYPTED FILE-----\n/);
    expect(armor.decode(enc).length).toBeGreaterThan(32);
    expect(await sealDataKey(dataKey, keyText('ed25519.pub').trim())).toMatch(/^-----BEGIN AGE/);
  });

  test('is refused for a text that is not a recipient, or has a typing error', async () => {
    const recipient = recipientOf('one.txt');
    const typo = recipient.slice(0, -1) + (recipient.endsWith('q') ? 'p' : 'q');
    for (const none of [
      '',
      'age1',
      typo,
      ` ${recipient}`,
      `${recipient} `,
      `x${recipient}`,
      `${recipient}q`,
      recipient.toUpperCase(),
      `${recipient}\n`,
      'age1yubikey1qqqq',
      'ssh-ed25519 AAAA',
      ` ${keyText('ed25519.pub').trim()}`,
      'ssh-dss AAAA',
    ])
      expect(await sealDataKey(dataKey, none), none).toBeUndefined();
  });

  test('is refused for a post-quantum key, which sops itself cannot read', async () => {
    const hybrid = await identityToRecipient(await generateHybridIdentity());
    expect(hybrid).toMatch(/^age1/);
    expect(await sealDataKey(dataKey, hybrid)).toBeUndefined();
  });
});
