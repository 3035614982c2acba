/**
 * The revision of files: for whoever writes, whether they hold now what they held when they were read.
 * Nothing is made of what is in them, since a hash of a short file can be guessed, and with it the
 * values; they are compared with what they held last. That needs no `node:crypto` either, which takes
 * longer to load than a `.env` to read.
 */
import type { Content, Source } from './dotenv-contents.ts';

type Bytes = Content['bytes'] | undefined;

/** What the same files held last, by their paths, and how many other contents were seen of them. */
const seen = new Map<string, { readonly held: readonly Bytes[]; readonly count: number }>();

// so that a revision means nothing to another process
const ours = Math.random().toString(36).slice(2);

/** The revision of `sources` while they hold `contents`. */
export function revisionOf(
  sources: readonly Source[],
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
