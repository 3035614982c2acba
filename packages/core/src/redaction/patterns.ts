/**
 * The patterns that a matcher looks for, in the automaton of Aho and Corasick (CACM 18(6), 1975) with the shift
 * table of Wu and Manber (TR 94-17, 1994). A pattern needs one byte for each byte that it does not share with the
 * beginning of another pattern, and about 30 more. Links between nodes are computed, and kept, only for nodes that
 * a text reaches.
 */

/** A growing set of patterns as an automaton. Its nodes are numbers; 0 is where a text begins. */
export interface Patterns {
  /** The number of bytes that are kept for the patterns. */
  readonly size: number;
  /** Adds a pattern of at least `width` bytes of UTF-8. A known pattern costs one look-up. */
  insert(pattern: Uint8Array): void;
  /** Returns the first position from `at` on where a pattern may begin, or where too few bytes are left to decide. */
  leap(text: DataView, at: number): number;
  /** Returns the node after `byte`. `from` must be 0 or a result of `step` since the last `insert`. */
  step(from: number, byte: number): number;
  /** Returns the length of the longest pattern that ends in `node`, a result of `step`; 0 if none does. */
  longest(node: number): number;
  /** Returns the number of bytes that lead to `node`. */
  depth(node: number): number;
  /** Returns the bytes that lead to `node`. */
  spell(node: number): Uint8Array;
}

/** Separates two runs of nodes. This byte does not occur in UTF-8. */
const BREAK = 0xff;

/** Links are stored in pages of 2 to the power of this many nodes. */
const PAGE = 8;
const WITHIN = (1 << PAGE) - 1;

/** The number of bytes that select an entry of the shift table. */
const GRAM = 4;

/** The shift table has at most 2 to the power of this many entries, of one byte each. */
const mostBits = 24;

/** Makes an empty set for patterns of at least `width` bytes. `width` must be 4 or more. */
export function createPatterns(width: number): Patterns {
  // nodes that were inserted together follow one another: a run of nodes is a run of bytes
  let cells = new Uint8Array(256);
  let count = 1;
  // runs are in the order of their nodes, and the first one begins with the root
  let starts = new Int32Array(16);
  let parents = new Int32Array(16);
  /** The depth of the first node of each run. */
  let depths = new Int32Array(16);
  let runs = 1;
  /** A hash table of runs by their parent and first byte, with open addressing; 0 marks a free slot. */
  let table = new Int32Array(64);
  /** The same for the root, which is looked up most often. */
  const first = new Int32Array(256);
  /** The nodes in which a pattern ends, without the last node of each run: a pattern always ends there. */
  const ends = new Set<number>();

  /** By node: the node of its longest proper suffix, plus one, and the length of the longest pattern that ends there. */
  const pages: (Int32Array | undefined)[] = [];
  let linked: number[] = [];

  const farthest = Math.min(width - GRAM, 254);
  /** How far a text can be skipped, by the four bytes at the end of a window. */
  let leaps = new Uint8Array(1 << 12).fill(farthest + 1);
  let shift = 32 - 12;
  let grams = 0;

  // every index below is in range, which the compiler cannot see
  const at = (array: Int32Array | Uint8Array, index: number) => array[index] as number;

  function childOf(node: number, byte: number): number {
    if (byte === BREAK) return 0;
    const next = node + 1;
    if (next < count && cells[next] === byte) return next;
    if (node === 0) return at(first, byte);
    for (let slot = slotOf(node, byte); ; slot = (slot + 1) & (table.length - 1)) {
      const run = at(table, slot);
      if (run === 0) return 0;
      const start = at(starts, run);
      if (parents[run] === node && cells[start] === byte) return start;
    }
  }

  function slotOf(parent: number, byte: number): number {
    const mixed = Math.imul(parent, 0x9e3779b1) + Math.imul(byte, 0x85ebca6b);
    return (mixed ^ (mixed >>> 15)) & (table.length - 1);
  }

  function enter(run: number): void {
    const parent = at(parents, run);
    const byte = at(cells, at(starts, run));
    let slot = slotOf(parent, byte);
    while (table[slot] !== 0) slot = (slot + 1) & (table.length - 1);
    table[slot] = run;
  }

  /** Adds a run that begins after `parent`. Its first node is `count`. */
  function newRun(parent: number, byte: number): void {
    const depth = depthOf(parent) + 1;
    cells = grown(cells, count + 1);
    cells[count++] = BREAK;
    starts = grown(starts, runs);
    parents = grown(parents, runs);
    depths = grown(depths, runs);
    starts[runs] = count;
    parents[runs] = parent;
    depths[runs] = depth;
    const run = runs++;
    cells[count] = byte;
    if (parent === 0) first[byte] = count;
    else if (runs * 2 <= table.length) enter(run);
    else {
      table = new Int32Array(table.length * 2);
      for (let each = 1; each < runs; each += 1) if (parents[each] !== 0) enter(each);
    }
  }

  function runOf(node: number): number {
    let low = 0;
    for (let high = runs; high - low > 1; ) {
      const middle = (low + high) >>> 1;
      if (at(starts, middle) <= node) low = middle;
      else high = middle;
    }
    return low;
  }

  function depthOf(node: number): number {
    const run = runOf(node);
    return at(depths, run) + node - at(starts, run);
  }

  function spell(node: number): Uint8Array {
    const text = new Uint8Array(depthOf(node));
    for (let left = text.length; left > 0; ) {
      const run = runOf(node);
      // the root has no byte
      const from = Math.max(at(starts, run), 1);
      left -= node + 1 - from;
      text.set(cells.subarray(from, node + 1), left);
      node = at(parents, run);
    }
    return text;
  }

  function isEnd(node: number): boolean {
    return node + 1 === count || cells[node + 1] === BREAK || ends.has(node);
  }

  function linkOf(node: number): number {
    const page = pages[node >> PAGE];
    return page === undefined ? -1 : at(page, (node & WITHIN) * 2) - 1;
  }

  function longestOf(node: number): number {
    const page = pages[node >> PAGE];
    return page === undefined ? 0 : at(page, (node & WITHIN) * 2 + 1);
  }

  function setLink(node: number, link: number): void {
    const number = node >> PAGE;
    let page = pages[number];
    if (page === undefined) {
      page = new Int32Array(2 << PAGE);
      pages[number] = page;
      linked.push(number);
    }
    page[(node & WITHIN) * 2] = link + 1;
    page[(node & WITHIN) * 2 + 1] = isEnd(node) ? depthOf(node) : longestOf(link);
  }

  function lowerLeaps(beginning: Uint8Array): void {
    const view = new DataView(beginning.buffer, beginning.byteOffset, beginning.length);
    for (let place = 0; place <= farthest; place += 1) {
      const slot = gramSlot(view.getInt32(place, true), shift);
      leaps[slot] = Math.min(at(leaps, slot), farthest - place);
    }
  }

  return {
    get size() {
      return count;
    },

    insert(pattern) {
      let node = 0;
      let length = 0;
      for (; length < pattern.length; length += 1) {
        const child = childOf(node, at(pattern, length));
        if (child === 0) break;
        node = child;
      }
      for (const number of linked) pages[number] = undefined;
      linked = [];
      if (length === pattern.length) {
        if (!isEnd(node)) ends.add(node);
        return;
      }
      if (node !== count - 1) newRun(node, at(pattern, length));
      else if (node !== 0) ends.add(node);
      const rest = pattern.subarray(length);
      cells = grown(cells, count + rest.length);
      cells.set(rest, count);
      count += rest.length;

      if (length >= width) return; // another pattern with the same beginning has set these entries
      lowerLeaps(pattern);
      grams += farthest + 1;
      if (grams * 16 <= leaps.length || shift === 32 - mostBits) return;
      shift -= 2;
      leaps = new Uint8Array(leaps.length * 4).fill(farthest + 1);
      for (let run = 0; run < runs; run += 1) {
        const past = run + 1 < runs ? at(starts, run + 1) - 1 : count;
        const end = at(starts, run) + width - at(depths, run);
        if (end >= at(starts, run) && end < past) lowerLeaps(spell(end));
      }
    },

    leap(text, place) {
      const jumps = leaps;
      const by = shift;
      const last = text.byteLength - GRAM - farthest;
      while (place <= last) {
        const distance = at(jumps, gramSlot(text.getInt32(place + farthest, true), by));
        // the end of the window occurs at the beginning of a pattern: check whether its start does, too
        if (distance === 0 && at(jumps, gramSlot(text.getInt32(place, true), by)) <= farthest)
          break;
        place += distance || 1;
      }
      return place;
    },

    step(from, byte) {
      let child = childOf(from, byte);
      while (child === 0 && from !== 0) {
        from = linkOf(from);
        child = childOf(from, byte);
      }
      if (child === 0 || linkOf(child) >= 0) return child;
      // the link of a node is the child of its parent's link for the same byte, whose own link may be unknown, too
      const unknown: number[] = [];
      let known = child;
      do {
        unknown.push(known);
        if (from === 0) known = 0;
        else
          do {
            from = linkOf(from);
            known = childOf(from, byte);
          } while (known === 0 && from !== 0);
      } while (known !== 0 && linkOf(known) < 0);
      for (let node = unknown.pop(); node !== undefined; node = unknown.pop()) {
        setLink(node, known);
        known = node;
      }
      return child;
    },

    longest: longestOf,
    depth: depthOf,
    spell,
  };
}

/** Returns the array, or a larger copy with room for more than `length` elements. */
function grown<A extends Uint8Array<ArrayBuffer> | Int32Array<ArrayBuffer>>(
  array: A,
  length: number,
): A {
  if (length < array.length) return array;
  const Kind = array.constructor as new (length: number) => A;
  const larger = new Kind(Math.max(length + 1, array.length + (array.length >> 1)));
  larger.set(array);
  return larger;
}

/** Multiplicative hashing (Knuth, TAOCP 3, 6.4): the upper bits of the product. */
function gramSlot(gram: number, shift: number): number {
  return Math.imul(gram, 0x9e3779b1) >>> shift;
}
