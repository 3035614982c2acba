/**
 * Masks byte patterns in a stream. The time is linear in the length of the stream, whatever the number of patterns.
 * While no match is in progress, text in which no pattern can begin is skipped.
 */
import { createPatterns } from './patterns.ts';

/** A set of patterns. */
export interface Matcher {
  /** The number of bytes that are kept for the patterns. */
  readonly size: number;
  /** Adds a pattern of at least the matcher's width. A known pattern costs one look-up. */
  insert(pattern: Uint8Array): void;
  /** Removes every pattern, also for texts that have begun. */
  clear(): void;
  /**
   * Begins a text. The returned function takes the next `chunk`, and whether it is the `last`. It returns the
   * output that is certain so far: views of the chunk and of text that was held back, and `mask` itself in place of
   * each match. Overlapping matches become one mask. Only text that may still become a match is held back.
   */
  begin(mask: Uint8Array): (chunk: Uint8Array, last: boolean) => Uint8Array[];
}

/**
 * Makes a matcher for patterns of at least `width` bytes. `width` must be 4 or more.
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
      // positions are relative to the chunk: text that was held back has negative ones
      let node = 0;
      let seen = generation;
      /** The automaton that `node` belongs to. */
      let current = patterns;
      /** Everything before this position has been returned. It lies beyond the certain text if a mask reaches there. */
      let done = 0;
      /** The start and the end of each match, in order. Matches do not overlap. */
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
          // a pattern was added since the last chunk: text that was held back may contain it, and the links between
          // nodes were dropped
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
          // a match that begins before `done` continues a mask that was returned already
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
