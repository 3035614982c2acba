/**
 * Masks many byte patterns in a stream of bytes, in time linear in the stream whatever their number. Where
 * no match is under way it leaps over text that begins none.
 */
import { createPatterns } from './patterns.ts';

/** A set of patterns. */
export interface Matcher {
  /** How many bytes of patterns are kept. */
  readonly size: number;
  /** Adds a pattern of at least the matcher's width; known ones cost a look-up. */
  insert(pattern: Uint8Array): void;
  /** Forgets every pattern, also in texts that have begun. */
  clear(): void;
  /**
   * Begins a text. The function it returns takes the next `chunk`, and whether it is the `last`; it
   * returns what is certain so far: views of the chunk and of held text, and `mask` itself where
   * matches were. Matches that overlap are one mask. Held back is only what may still become a match.
   */
  begin(mask: Uint8Array): (chunk: Uint8Array, last: boolean) => Uint8Array[];
}

/**
 * A matcher for patterns of at least `width` bytes, itself at least 4.
 */
export function createMatcher(width: number): Matcher {
  let patterns = createPatterns(width);
  let generation = 0;

  return {
    get size() {
      return patterns.size;
    },

    insert(pattern) {
      patterns.insert(pattern);
      generation += 1;
    },

    clear() {
      patterns = createPatterns(width);
      generation += 1;
    },

    begin(mask) {
      // places are relative to the chunk: what was held back lies before 0
      let node = 0;
      let seen = generation;
      /** The patterns that `node` is one of. */
      let current = patterns;
      /** Everything before it has been given out, and a mask may reach beyond what is certain. */
      let done = 0;
      /** From, to, from, to: matches in order, apart from one another. */
      let marks: number[] = [];

      function visit(byte: number, end: number): void {
        node = current.step(node, byte);
        const longest = current.longest(node);
        if (longest === 0) return;
        let from = end - longest;
        while ((marks.at(-1) ?? from) > from) {
          marks.pop();
          from = Math.min(from, marks.pop() as number);
        }
        marks.push(from, end);
      }

      return (chunk, last) => {
        const size = chunk.length;
        const before = node;
        const spellers = current;
        let held: Uint8Array | undefined;
        if (seen !== generation) {
          // a pattern came since: what is held back may hold it, and links were forgotten
          seen = generation;
          held = spellers.spell(before);
          current = patterns;
          marks = [];
          node = 0;
          for (const [index, byte] of held.entries()) visit(byte, index + 1 - held.length);
        }
        const text = viewOf(chunk);
        for (let at = 0; at < size; ) {
          if (node === 0) at = current.leap(text, at);
          if (at < size) visit(chunk[at] as number, ++at);
        }

        const certain = last ? size : size - current.depth(node);
        const pieces: Uint8Array[] = [];
        const give = (to: number) => {
          if (done < Math.min(to, 0)) {
            held ??= spellers.spell(before);
            pieces.push(held.subarray(held.length + done, held.length + Math.min(to, 0)));
          }
          if (to > Math.max(done, 0)) pieces.push(chunk.subarray(Math.max(done, 0), to));
          done = Math.max(done, to);
        };
        let next = 0;
        for (; next < marks.length && (marks[next] as number) <= certain; next += 2) {
          // one that begins before `done` goes on where a mask was given out already
          if ((marks[next] as number) >= done) {
            give(marks[next] as number);
            pieces.push(mask);
          }
          done = Math.max(done, marks[next + 1] as number);
        }
        give(certain);
        done -= size;
        marks = marks.slice(next).map((place) => place - size);
        return pieces;
      };
    },
  };
}

function viewOf({ buffer, byteOffset, length }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, length);
}
