/**
 * Masks many byte patterns in a stream of bytes, in time linear in the stream whatever their number:
 * the automaton of Aho and Corasick (CACM 18(6), 1975), whose links are worked out only where text
 * leads, so that a pattern can be inserted at any time for its own length. Where no match is under
 * way, the shift table of Wu and Manber (TR 94-17, 1994) leaps over text that begins none.
 */

/** A growing set of patterns. */
export interface Matcher {
  /** Adds a pattern of at least the matcher's width; known ones cost a look-up. */
  insert(pattern: Uint8Array): void;
  /**
   * Begins a text. The function it returns takes the next `chunk`, and whether it is the `last`; it
   * returns what is certain so far: views of the chunk and of held text, and `mask` itself where
   * matches were. Matches that overlap are one mask. Held back is only what may still become a match.
   */
  begin(mask: Uint8Array): (chunk: Uint8Array, last: boolean) => Uint8Array[];
}

// a node is five numbers in a row; node 0 is the root
const SIZE = 5;
const BYTE = 0;
const PARENT = 1;
/** The node of its longest proper suffix, plus one; 0 is not known yet. */
const LINK = 2;
/** Length of the longest pattern that ends here; complete only when LINK is known. */
const LONGEST = 3;
const DEPTH = 4;

/** Bytes that one look into the shift table takes in. */
const GRAM = 4;

/**
 * A matcher for patterns of at least `width` bytes, itself at least 4.
 */
export function createMatcher(width: number): Matcher {
  const farthest = Math.min(width - GRAM, 254);
  let nodes = new Int32Array(SIZE << 8);
  let count = 1;
  /** Children that don't follow their parent in `nodes`, by parent * 256 + byte. */
  const branches = new Map<number, number>();
  /** Nodes whose LINK is known, to be forgotten when the patterns change. */
  let linked: number[] = [];
  let generation = 0;

  /** How far a text may leap at least, by its four bytes that end a window. */
  const grams = new Map<number, number>();
  let bits = 12;
  let leaps = new Uint8Array(1 << bits).fill(farthest + 1);

  // every index below is in range, which the compiler cannot see
  const get = (node: number, field: number) => nodes[node * SIZE + field] as number;

  function lowerLeap(leap: number, gram: number): void {
    const slot = slotOf(gram, 32 - bits);
    leaps[slot] = Math.min(leaps[slot] as number, leap);
  }

  function childOf(node: number, byte: number): number {
    const next = node + 1;
    return get(next, PARENT) === node && get(next, BYTE) === byte && next < count
      ? next
      : (branches.get(node * 256 + byte) ?? 0);
  }

  /** The node after `byte`. The LINK of `from`, and of all its ancestors, must be known. */
  function step(from: number, byte: number): number {
    let child = childOf(from, byte);
    while (child === 0 && from !== 0) {
      from = get(from, LINK) - 1;
      child = childOf(from, byte);
    }
    if (child !== 0 && get(child, LINK) === 0) {
      const link = from === 0 ? 0 : step(get(from, LINK) - 1, byte);
      nodes[child * SIZE + LINK] = link + 1;
      if (get(child, LONGEST) === 0) nodes[child * SIZE + LONGEST] = get(link, LONGEST);
      linked.push(child);
    }
    return child;
  }

  /** The text that leads to `node`. */
  function spell(node: number): Uint8Array {
    const text = new Uint8Array(get(node, DEPTH));
    for (let at = text.length - 1; at >= 0; at -= 1) {
      text[at] = get(node, BYTE);
      node = get(node, PARENT);
    }
    return text;
  }

  /** The first place from `at` on where a pattern may begin, or where the window is too short. */
  function leap(text: DataView, at: number): number {
    const table = leaps;
    const shift = 32 - bits;
    const end = text.byteLength - GRAM - farthest;
    while (at <= end) {
      const distance = table[slotOf(gramAt(text, at + farthest), shift)] as number;
      // the window may end a beginning: does its own beginning occur in one?
      if (distance === 0 && (table[slotOf(gramAt(text, at), shift)] as number) <= farthest) break;
      at += distance || 1;
    }
    return at;
  }

  return {
    insert(pattern) {
      let node = 0;
      for (const [index, byte] of pattern.entries()) {
        let child = childOf(node, byte);
        if (child === 0) {
          child = count++;
          if ((count + 1) * SIZE > nodes.length) {
            const larger = new Int32Array(nodes.length * 2);
            larger.set(nodes);
            nodes = larger;
          }
          nodes[child * SIZE + BYTE] = byte;
          nodes[child * SIZE + PARENT] = node;
          nodes[child * SIZE + DEPTH] = index + 1;
          if (child !== node + 1) branches.set(node * 256 + byte, child);
        }
        node = child;
      }
      for (const known of linked) {
        nodes[known * SIZE + LINK] = 0;
        if (get(known, LONGEST) < get(known, DEPTH)) nodes[known * SIZE + LONGEST] = 0;
      }
      linked = [];
      generation += 1;
      nodes[node * SIZE + LONGEST] = pattern.length;

      const text = viewOf(pattern);
      for (let at = 0; at <= farthest; at += 1) {
        const gram = gramAt(text, at);
        const distance = Math.min(farthest - at, grams.get(gram) ?? 255);
        grams.set(gram, distance);
        lowerLeap(distance, gram);
      }
      if (grams.size * 16 > leaps.length) {
        bits += 2;
        leaps = new Uint8Array(1 << bits).fill(farthest + 1);
        grams.forEach(lowerLeap);
      }
    },

    begin(mask) {
      // places are relative to the chunk: what was held back lies before 0
      let node = 0;
      let seen = generation;
      /** Everything before it has been given out, and a mask may reach beyond what is certain. */
      let done = 0;
      /** From, to, from, to: matches in order, apart from one another. */
      let marks: number[] = [];

      function visit(byte: number, end: number): void {
        node = step(node, byte);
        const longest = get(node, LONGEST);
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
        let held: Uint8Array | undefined;
        if (seen !== generation) {
          // a pattern came since: what is held back may hold it, and links were forgotten
          seen = generation;
          held = spell(before);
          marks = [];
          node = 0;
          for (const [index, byte] of held.entries()) visit(byte, index + 1 - held.length);
        }
        const text = viewOf(chunk);
        for (let at = 0; at < size; ) {
          if (node === 0) at = leap(text, at);
          if (at < size) visit(chunk[at] as number, ++at);
        }

        const certain = last ? size : size - get(node, DEPTH);
        const pieces: Uint8Array[] = [];
        const give = (to: number) => {
          if (done < Math.min(to, 0)) {
            held ??= spell(before);
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

/** Four bytes as one number. */
function gramAt(text: DataView, at: number): number {
  return text.getInt32(at, true);
}

/** Multiplicative hashing (Knuth, TAOCP 3, 6.4): the upper bits of the product. */
function slotOf(gram: number, shift: number): number {
  return Math.imul(gram, 0x9e3779b1) >>> shift;
}
