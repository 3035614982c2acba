/**
 * The age key of the user, and what is said of one that was made.
 */
import { isInside } from '@keyfall/core/provider/files';
import type { AgeKeyPlace, OwnAgeKey } from '@keyfall/provider-sops';
import { currentFolder } from '../config/find-config.ts';
import { notice, printable, report } from '../terminal/terminal.ts';

/** @throws as `ownAgeKey` */
export async function announcedKey(
  place: AgeKeyPlace | undefined,
  signal: AbortSignal,
): Promise<OwnAgeKey> {
  const { ownAgeKey } = await import('@keyfall/provider-sops');
  const key = await ownAgeKey({ place, signal });
  const { madeFile, madeCommand, missing } = key;
  if (madeFile === undefined) {
    if (place !== undefined) notice('you have an age key already, which stays where it is.');
    return key;
  }
  const file = printable(madeFile);
  const copy = 'Keep a copy of it in a safe place: without it the secrets cannot be read.';
  if (madeCommand !== undefined) {
    report(`made an age key for you in the keychain, to which ${file} refers. ${copy}`);
    report(`\`${madeCommand}\` prints the key, and is what sops needs as SOPS_AGE_KEY_CMD.`);
    return key;
  }
  const because = missing === undefined ? 'no keychain took it' : `the keychain ${missing}`;
  const why = place === undefined ? `, since ${because}` : '';
  report(`made an age key for you in ${file}${why}. ${copy}`);
  if (isInside(currentFolder(), madeFile)) notice(`${file} is in this folder: do not commit it.`);
  return key;
}
