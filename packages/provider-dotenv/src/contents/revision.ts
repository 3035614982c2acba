/**
 * The revision of files shows a writer whether they still hold what they held when they were read. It is not derived from
 * their content, since the values of a short file can be guessed from a hash: the content is compared with the last
 * one. Besides, `node:crypto` takes longer to load than a `.env` takes to read.
 */
import type { Content } from './dotenv-contents.ts';
import type { DotenvFile } from './dotenv-file.ts';

type Bytes = Content['bytes'] | undefined;

/** What the same files held last, by their paths, and how many different contents they have had. */
const seen = new Map<string, { readonly held: readonly Bytes[]; readonly count: number }>();

// so that a revision of another process never matches
const ours = Math.random().toString(36).slice(2);

/** The revision of `sources` while they hold `contents`. */
export function revisionOf(
  sources: readonly DotenvFile[],
  contents: readonly (Pick<Content, 'bytes'> | undefined)[],
): string {
  const held = contents.map((content) => content?.bytes);
  if (held.every((bytes) => bytes === undefined)) return `${ours}-none`;
  const files = sources.map(({ path }) => path).join('\0');
  const last = seen.get(files);
  const isOther =
    last === undefined || held.some((bytes, index) => !equal(bytes, last.held[index]));
  const count = (last?.count ?? 0) + (isOther ? 1 : 0);
  seen.set(files, { held, count });
  return `${ours}-${count}`;
}

function equal(some: Bytes, others: Bytes): boolean {
  return some === others || (some !== undefined && others !== undefined && some.equals(others));
}
