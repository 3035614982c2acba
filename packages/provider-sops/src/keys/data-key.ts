/**
 * The key that a file's values are encrypted with: unwrapped by age for one group of recipients, or
 * put together from the shares of several (sops.go, `GetDataKeyWithKeyServices`).
 */

import type { AgeKey, SopsMetadata } from '../tree/sops-metadata.ts';
import { InvalidSops } from '../tree/sops-tree.ts';
import type { AgeKeys } from './age-keys.ts';
import { combineShares } from './shamir.ts';
import { sshRecipient } from './ssh-keys.ts';

/** A data key for one recipient takes a few hundred characters; each stanza in it costs milliseconds. */
const longestEnc = 64 * 1024;

/**
 * The data key, or `undefined` if these keys do not open enough of it, or not before the signal fires.
 *
 * @throws `InvalidSops` if what they open is no key
 */
export async function openDataKey(
  { groups, threshold }: SopsMetadata,
  keys: Pick<AgeKeys, 'identities'>,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  const shares: Uint8Array[] = [];
  for (const group of groups) {
    const share = await openFirst(group.age, keys, signal);
    if (share !== undefined) shares.push(share);
  }
  if (groups.length === 1) return shares[0] && checkLength(shares[0]);
  if (shares.length < threshold || shares.length === 0) return undefined;
  return checkLength(combineShares(shares));
}

async function openFirst(
  ageKeys: readonly AgeKey[],
  { identities }: Pick<AgeKeys, 'identities'>,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  for (const { enc } of ageKeys) {
    if (signal.aborted) break;
    if (enc.length > longestEnc) continue;
    const { armor, Decrypter } = await import('age-encryption');
    try {
      const decrypter = new Decrypter();
      for (const identity of identities) decrypter.addIdentity(identity);
      return await decrypter.decrypt(armor.decode(enc));
    } catch {
      // Not for these keys, or broken: sops asks the next recipient in either case.
    }
  }
  return undefined;
}

/** AES takes keys of 16, 24 or 32 bytes; sops makes 32, and reads them all. */
function checkLength(key: Uint8Array): Uint8Array {
  if (![16, 24, 32].includes(key.length))
    throw new InvalidSops('holds a data key of the wrong length');
  return key;
}

/**
 * Encrypts a data key for one recipient, as sops stores it; `undefined` if it is none: an age
 * public key (`age1…`) or an SSH one.
 */
export async function sealDataKey(key: Uint8Array, recipient: string): Promise<string | undefined> {
  const { armor, Encrypter, Stanza } = await import('age-encryption');
  const ssh = sshRecipient(recipient, (args, body) => new Stanza(args, body));
  // as sops tells them apart: with a second 1 it is for a plugin, or for a key that sops itself cannot read
  if (ssh === undefined && recipient.lastIndexOf('1') !== 'age'.length) return undefined;
  try {
    const encrypter = new Encrypter();
    encrypter.addRecipient(ssh ?? recipient);
    return armor.encode(await encrypter.encrypt(key));
  } catch {
    // None that age knows, or a checksum that does not fit.
  }
  return undefined;
}
