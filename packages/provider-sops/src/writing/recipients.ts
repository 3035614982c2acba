/**
 * The public keys of those who can open a file, and its data key for each of them.
 */
import { SecretError } from '@keyfall/core/provider';
import { sealDataKey } from '../keys/data-key.ts';
import type { SopsSource } from '../reading/open-sops.ts';
import type { AgeKey } from '../tree/sops-metadata.ts';

/** What makes a public key the same: of a line of SSH, its comment does not count. */
export function keyIn(recipient: string): string {
  const [type = '', key = ''] = recipient.trim().split(/\s+/);
  return type.startsWith('ssh-') ? `${type} ${key}` : type;
}

/** The comment of an SSH key, which says whose it is. */
export function commentIn(recipient: string): string | undefined {
  return /^ssh-\S+\s+\S+\s+(.*\S)\s*$/.exec(recipient)?.[1];
}

/** Those that are not among `age`, each once, in the form in which they stand in a file. */
export function newAmong(add: readonly string[], age: readonly AgeKey[]): string[] {
  const known = new Set(age.map(({ recipient }) => keyIn(recipient)));
  const added: string[] = [];
  for (const given of add) {
    const key = keyIn(given);
    if (known.has(key)) continue;
    known.add(key);
    const comment = commentIn(given);
    // any other comment could mean something to a format, or to sops, whose lists have commas
    added.push(comment && /^[\w.@+:/ -]+$/.test(comment) ? `${key} ${comment}` : key);
  }
  return added;
}

/**
 * The data key, encrypted for each of `recipients`.
 *
 * @throws `ERR_SECRET_CONFIG` if one of them is no public key of age or of SSH. It is not quoted, since it may be a
 *   secret key
 */
export async function sealedFor(
  source: SopsSource,
  key: Uint8Array,
  recipients: readonly string[],
): Promise<AgeKey[]> {
  const age: AgeKey[] = [];
  for (const given of recipients) {
    const recipient = given.trim();
    const enc = await sealDataKey(key, recipient);
    if (enc === undefined)
      throw new SecretError(
        'ERR_SECRET_CONFIG',
        'a recipient is neither a public key of age nor an SSH key',
        {
          provider: source.provider,
          hint: 'It must begin with `age1`, `ssh-ed25519` or `ssh-rsa`, without a typing error; an RSA key has 2,048 bits or more.',
        },
      );
    age.push({ recipient, enc });
  }
  return age;
}
