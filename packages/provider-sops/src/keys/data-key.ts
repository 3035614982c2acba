/**
 * The key of a file's values: unwrapped by age for one group of recipients, or combined from the shares of several groups
 * (sops.go, `GetDataKeyWithKeyServices`).
 */
import type { AgeKey, SopsMetadata } from '../tree/sops-metadata.ts';
import { InvalidSops } from '../tree/sops-tree.ts';
import type { AgeKeys } from './age-keys.ts';
import { combineShares } from './shamir.ts';
import { sshRecipient } from './ssh-keys.ts';

/** A data key for one recipient has a few hundred characters. Each stanza costs milliseconds. */
const longestEnc = 64 * 1024;

/**
 * The data key, or `undefined` if these keys do not open enough of it, or not before the signal fires.
 *
 * @throws `InvalidSops` if what they open is not a key
 */
export async function openDataKey(
  { groups, threshold }: Pick<SopsMetadata, 'groups' | 'threshold'>,
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
      // not for these keys, or broken: in both cases sops tries the next recipient
    }
  }
  return undefined;
}

/** AES has keys of 16, 24 or 32 bytes; sops makes 32, and reads all of them. */
function checkLength(key: Uint8Array): Uint8Array {
  if (![16, 24, 32].includes(key.length))
    throw new InvalidSops('holds a data key of the wrong length');
  return key;
}

/** Encrypts a data key for one recipient, as sops stores it; `undefined` if that is neither a public key of age nor of SSH. */
export async function sealDataKey(key: Uint8Array, recipient: string): Promise<string | undefined> {
  const { armor, Encrypter, Stanza } = await import('age-encryption');
  const ssh = sshRecipient(recipient, (args, body) => new Stanza(args, body));
  // like sops: a recipient with a second 1 is for a plugin, or for a kind of key that sops cannot read
  if (ssh === undefined && recipient.lastIndexOf('1') !== 'age'.length) return undefined;
  try {
    const encrypter = new Encrypter();
    encrypter.addRecipient(ssh ?? recipient);
    return armor.encode(await encrypter.encrypt(key));
  } catch {
    // not a recipient of age, or a wrong checksum
  }
  return undefined;
}
