/**
 * Whether two stores are one: by the facts of where they are, and never by their display text, which may be put
 * better in any release, and which the same file has twice under a relative and an absolute path.
 */
import type { SecretProvider, StorePlace } from '@keyfall/core/provider';
import { realPathOf } from '../files/real-path.ts';

/** Where a provider's store is. One that does not say it is known by its name, of which a chain has one. */
export function placeOf({ place, name }: SecretProvider): StorePlace {
  return place ?? { kind: name };
}

/** Whether both are the same place, however their files are reached. */
export async function isSameStore(one: StorePlace, other: StorePlace): Promise<boolean> {
  return (await factsOf(one)) === (await factsOf(other));
}

/** Whether a file holds values of both, perhaps in another format or beside other files. */
export async function sharesFile(one: StorePlace, other: StorePlace): Promise<boolean> {
  const theirs = await realFilesOf(other);
  return (await realFilesOf(one)).some((file) => theirs.includes(file));
}

async function factsOf(place: StorePlace): Promise<string> {
  const { kind, address, paths } = place;
  return JSON.stringify([kind, address, paths, await realFilesOf(place)]);
}

function realFilesOf({ files = [] }: StorePlace): Promise<readonly string[]> {
  return Promise.all(files.map(realPathOf));
}
