/**
 * What a conditional write of a document names: the version and when it was written, since a document that is
 * removed with its metadata and written again starts at version 1 again.
 */
import { momentOf } from './kv-metadata.ts';

/** The revision of a version. `0`: there is none. */
export function revisionOf(version: number, createdTime: unknown): string {
  return version === 0 ? '0' : `${version}@${String(createdTime)}`;
}

/**
 * Which of two revisions of a document is the newer one. Numbers alone do not tell: a document that is
 * removed with its metadata begins at 1 again, and nodes write the time by clocks of their own. So
 * where number and time disagree, or there was nothing yet, it is not known. A deletion has no number of its
 * own.
 */
export function compareRevisions(one: string, other: string): 'older' | 'newer' | undefined {
  const [first, second] = [partsOf(one), partsOf(other)];
  // 0 where they are the same or disagree, and NaN of what is not known
  const sum = Math.sign(first.number - second.number) + Math.sign(first.moment - second.moment);
  if (!sum) return undefined;
  return sum < 0 ? 'older' : 'newer';
}

function partsOf(revision: string): { readonly number: number; readonly moment: number } {
  const [number, time] = revision.split('@');
  return { number: Number(number), moment: momentOf(time) ?? Number.NaN };
}
