/**
 * JSON as Go reads it, with positions. `JSON.parse` has no positions, and loses what sops keeps: the order of names that
 * are numbers, and names that occur twice.
 */
import { formatFloat, parseFloat64, parseInt64 } from '../tree/go-text.ts';
import { booleanField, markField, numberField, type RawValue } from '../tree/sops-metadata.ts';
import {
  type Branch,
  InvalidSops,
  type Leaf,
  type Node,
  type Pair,
  pairsOf,
  type Scalar,
} from '../tree/sops-tree.ts';
import {
  type Additions,
  formatVersion,
  isAdditions,
  noTime,
  type ParsedFile,
  removedFrom,
  type SopsFormat,
  withoutMetadata,
} from './sops-format.ts';

/** Deeper files are refused, since stacks are limited. Go allows 10,000. */
const deepest = 1000;

export const jsonFormat: SopsFormat = {
  name: 'json',
  nested: true,

  parse(text): ParsedFile {
    const root = parseJson(text);
    if (root.kind !== 'branch') throw new InvalidSops('is not a JSON object');
    return withoutMetadata(text, [root], fieldIn(text));
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
    // sops's own pair may be the neighbour
    const own = sops[roots.indexOf(branch)];
    return removedFrom([...pairsOf(branch), ...(own ? [own] : [])], pair);
  },

  shareWith({ text, roots, fields }, age) {
    return fields
      .filter(({ key }) => key === 'age')
      .map(({ start: lineOf, value: { start, end } }) => {
        const indent = indentOf(text, lineOf);
        const step = indent === undefined ? undefined : stepOf(text, roots);
        const list = JSON.stringify(age, null, step);
        return { start, end, text: list.replaceAll('\n', `\n${indent ?? ''}`) };
      });
  },

  empty({ age, rule: [rule, value], mark }) {
    const own = mark === undefined ? {} : { [markField]: mark };
    const times = { lastmodified: noTime, mac: '' };
    const sops = { age, ...own, ...times, [rule]: value, version: formatVersion };
    return `${JSON.stringify({ sops }, null, '\t')}\n`;
  },
};

/** A file of any other kind: to sops one text named `data`, in JSON. */
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

/** The indentation of what is first on its line; `undefined` if it is not the first. */
function indentOf(text: string, at: number): string | undefined {
  return /\n([ \t]*)$/.exec(text.slice(Math.max(0, at - 1000), at))?.[1];
}

function stepOf(text: string, [root]: readonly Branch[]): string {
  return /^\s*\{\s*?\n([ \t]+)/.exec(text.slice(root?.start ?? 0))?.[1] ?? '\t';
}

/** A field as Go decodes it: only a string is text. */
function fieldIn(text: string) {
  return ({ stored, start, end }: Leaf, field: string): RawValue => {
    if (stored === null || typeof stored === 'string') return stored ?? undefined;
    // to Go `2.0` is not a whole number
    if (field === numberField) return parseInt64(text.slice(start, end)) ?? 'wrong';
    // the caller refuses a number where a text is required
    return field === booleanField && typeof stored === 'boolean' ? stored : 0n;
  };
}

/**
 * Reads a JSON text as Go does: numbers become `float64`, and half a pair of surrogates the replacement character.
 *
 * @param integers - whether whole numbers stay whole
 * @throws `InvalidSops` if it is not JSON
 */
export function parseJson(text: string, integers = false): Node {
  try {
    JSON.parse(text);
  } catch {
    throw new InvalidSops('is not valid JSON'); // the error of the parser quotes the text
  }
  // from here on each character is where the grammar wants it
  let at = 0;
  const skip = () => {
    while (' \t\r\n,:'.includes(text.charAt(at))) at++;
  };
  const string = (): string => {
    const start = at;
    do at += text.charAt(at) === '\\' ? 2 : 1;
    while (text.charAt(at) !== '"');
    const token = text.slice(start, ++at);
    return (JSON.parse(token) as string).replace(/\p{Surrogate}/gu, '\uFFFD');
  };
  const word = (): Scalar => {
    const start = at;
    while (/[\w.+-]/.test(text.charAt(at))) at++;
    const token = text.slice(start, at);
    const known = { true: true, false: false, null: null }[token];
    if (known !== undefined) return known;
    const number = (integers ? parseInt64(token) : undefined) ?? parseFloat64(token);
    if (number === undefined) throw new InvalidSops('holds a number that is too large');
    return number;
  };
  const node = (depth: number): Node => {
    if (depth > deepest) throw new InvalidSops('is nested too deeply');
    const start = at;
    const first = text.charAt(at);
    if (first === '{')
      return { kind: 'branch', items: items('}', () => pair(depth)), start, end: at };
    if (first === '[')
      return { kind: 'list', items: items(']', () => node(depth + 1)), start, end: at };
    return { kind: 'leaf', stored: first === '"' ? string() : word(), start, end: at };
  };
  const pair = (depth: number): Pair => {
    const start = at;
    const key = string();
    skip();
    const value = node(depth + 1);
    return { kind: 'pair', key, value, start, end: at };
  };
  const items = <Item>(close: string, item: () => Item): Item[] => {
    const found: Item[] = [];
    at++;
    for (skip(); text.charAt(at) !== close; skip()) found.push(item());
    at++;
    return found;
  };
  skip();
  return node(0);
}
