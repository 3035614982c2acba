/**
 * JSON as Go reads it, with the places where things stand. `JSON.parse` tells neither, and loses what
 * sops keeps: the order of digit-only names, and a name that stands twice.
 */
import { formatFloat, parseFloat64, parseInt64 } from '../tree/go-text.ts';
import {
  booleanField,
  markField,
  numberField,
  type RawValue,
  rawMetadata,
} from '../tree/sops-metadata.ts';
import {
  type Branch,
  InvalidSops,
  type Leaf,
  type List,
  type Node,
  type Pair,
  pairsOf,
  type Scalar,
} from '../tree/sops-tree.ts';
import {
  type Additions,
  formatVersion,
  noTime,
  type ParsedFile,
  type SopsFormat,
} from './sops-format.ts';

/** Deeper files are refused, as no stack is endless. Go goes to 10,000. */
const deepest = 1000;

export const jsonFormat: SopsFormat = {
  name: 'json',
  nested: true,

  parse(text): ParsedFile {
    const root = parseJson(text);
    if (root.kind !== 'branch') throw new InvalidSops('is no JSON object');
    const own = pairsOf(root).filter(({ key }) => key === 'sops');
    if (own.length > 1) throw new InvalidSops('has its metadata twice');
    const [sops] = own;
    const stamp = (name: string) =>
      sops?.value.kind === 'branch'
        ? pairsOf(sops.value).flatMap(({ key, value }) =>
            key === name && value.kind === 'leaf' ? [value] : [],
          )
        : [];
    const stamps = { mac: stamp('mac'), lastmodified: stamp('lastmodified') };
    const items = root.items.filter((item) => item !== sops);
    const metadata = sops && rawMetadata(sops.value, fieldIn(text));
    return { text, roots: [{ ...root, items }], metadata, stamps, sops: [sops] };
  },

  replace: (_file, { start, end }, stored) => ({ start, end, text: scalarText(stored) }),

  add({ text, roots, sops }, branch, additions) {
    const own = sops[roots.indexOf(branch)];
    const last = pairsOf(branch).at(-1);
    const neighbour = last ?? own;
    const indent = neighbour && indentOf(text, neighbour.start);
    const body = membersText(additions, indent, stepOf(text, roots));
    const between = indent === undefined ? ', ' : `,\n${indent}`;
    if (last !== undefined) return { start: last.end, end: last.end, text: between + body };
    if (own !== undefined) return { start: own.start, end: own.start, text: body + between };
    return { start: branch.start + 1, end: branch.start + 1, text: body };
  },

  remove({ roots, sops }, branch, pair) {
    // sops's own pair is a neighbour too
    const own = sops[roots.indexOf(branch)];
    const pairs = [...pairsOf(branch), ...(own ? [own] : [])].sort((a, b) => a.start - b.start);
    const index = pairs.findIndex(({ start }) => start === pair.start);
    const [before, after] = [pairs[index - 1], pairs[index + 1]];
    if (after !== undefined) return { start: pair.start, end: after.start, text: '' };
    return { start: before?.end ?? pair.start, end: pair.end, text: '' };
  },

  empty({ age, rule: [rule, value], mark }) {
    const own = mark === undefined ? {} : { [markField]: mark };
    const times = { lastmodified: noTime, mac: '' };
    const sops = { age, ...own, ...times, [rule]: value, version: formatVersion };
    return `${JSON.stringify({ sops }, null, '\t')}\n`;
  },
};

/** What sops knows nothing of but its bytes: one text named `data`, in JSON. */
export const binaryFormat: SopsFormat = { ...jsonFormat, name: 'binary' };

function scalarText(value: Scalar): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') return formatFloat(value);
  return typeof value === 'bigint' || typeof value === 'boolean' ? String(value) : 'null';
}

function membersText(additions: Additions, indent: string | undefined, step: string): string {
  const members = [...additions].map(([key, value]) => {
    if (!isAdditions(value)) return `${JSON.stringify(key)}: ${scalarText(value)}`;
    if (indent === undefined) return `${JSON.stringify(key)}: {${membersText(value, indent, '')}}`;
    const inner = membersText(value, indent + step, step);
    return `${JSON.stringify(key)}: {\n${indent}${step}${inner}\n${indent}}`;
  });
  return members.join(indent === undefined ? ', ' : `,\n${indent}`);
}

/** Whether what is to be added is a branch. */
export function isAdditions(value: Scalar | Additions): value is Additions {
  return value instanceof Map;
}

/** The blanks before what is first in its line; `undefined` if it is not. */
function indentOf(text: string, at: number): string | undefined {
  return /\n([ \t]*)$/.exec(text.slice(Math.max(0, at - 1000), at))?.[1];
}

function stepOf(text: string, [root]: readonly Branch[]): string {
  return /^\s*\{\s*?\n([ \t]+)/.exec(text.slice(root?.start ?? 0))?.[1] ?? '\t';
}

/** A field as Go decodes it: text is text, and nothing else is. */
function fieldIn(text: string) {
  return ({ stored, start, end }: Leaf, field: string): RawValue => {
    if (stored === null || typeof stored === 'string') return stored ?? undefined;
    // Go takes no `2.0` for a whole number.
    if (field === numberField) return parseInt64(text.slice(start, end)) ?? 'wrong';
    // A number where text must be: the caller refuses any value but text there.
    return field === booleanField && typeof stored === 'boolean' ? stored : 0n;
  };
}

/**
 * Reads a JSON text by RFC 8259, as Go does: numbers become `float64`, and what is not a character of
 * Unicode the replacement character.
 *
 * @throws `InvalidSops` if it is not JSON
 */
export function parseJson(text: string, integers = false): Node {
  let at = 0;
  const malformed = () => new InvalidSops('is not valid JSON');
  const skip = () => {
    while (' \t\r\n'.includes(text.charAt(at)) && at < text.length) at++;
  };
  const expect = (char: string) => {
    if (text.charAt(at) !== char) throw malformed();
    at++;
    skip();
  };
  const string = (): string => {
    const match = stringToken(text, at);
    if (match === undefined) throw malformed();
    at += match.length;
    return (JSON.parse(match) as string).replace(/\p{Surrogate}/gu, '\uFFFD');
  };
  const node = (depth: number): Node => {
    if (depth > deepest) throw new InvalidSops('is nested too deeply');
    const start = at;
    const char = text.charAt(at);
    if (char === '{') {
      const items: Pair[] = [];
      expect('{');
      while (text.charAt(at) !== '}') {
        if (items.length > 0) expect(',');
        const from = at;
        const key = string();
        skip();
        expect(':');
        const value = node(depth + 1);
        items.push({ kind: 'pair', key, value, start: from, end: at });
        skip();
      }
      at++;
      return { kind: 'branch', items, start, end: at } satisfies Branch;
    }
    if (char === '[') {
      const items: Node[] = [];
      expect('[');
      while (text.charAt(at) !== ']') {
        if (items.length > 0) expect(',');
        items.push(node(depth + 1));
        skip();
      }
      at++;
      return { kind: 'list', items, start, end: at } satisfies List;
    }
    return leaf(start);
  };
  const leaf = (start: number): Leaf => {
    if (text.charAt(at) === '"') {
      const stored = string();
      return { kind: 'leaf', stored, start, end: at };
    }
    wordToken.lastIndex = at;
    const [word = ''] = wordToken.exec(text) ?? [];
    at += word.length;
    const known = { true: true, false: false, null: null }[word];
    const number = integers ? (parseInt64(word) ?? parseFloat64(word)) : parseFloat64(word);
    const stored: Scalar | undefined = known === undefined ? number : known;
    if (word === '' || stored === undefined) throw malformed();
    return { kind: 'leaf', stored, start, end: at };
  };
  skip();
  const root = node(0);
  skip();
  if (at < text.length) throw malformed();
  return root;
}

const wordToken = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/** The string token at `at`, quotes included. By hand: an expression overflows on a long one. */
function stringToken(text: string, at: number): string | undefined {
  if (text.charAt(at) !== '"') return undefined;
  let end = at + 1;
  for (; end < text.length; end++) {
    const char = text.charAt(end);
    if (char === '"') break;
    if (char < ' ') return undefined;
    if (char !== '\\') continue;
    end++;
    if (!'"\\/bfnrtu'.includes(text.charAt(end) || ' ')) return undefined;
    if (text.charAt(end) === 'u' && !/^[\da-fA-F]{4}$/.test(text.slice(end + 1, end + 5)))
      return undefined;
  }
  return end < text.length ? text.slice(at, end + 1) : undefined;
}
