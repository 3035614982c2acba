/**
 * YAML as sops reads it: the syntax of `yaml-syntax.ts` as a tree, with the scalars of `yaml-scalar.ts`.
 */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type ParsedNode,
  Scalar as YamlScalar,
} from 'yaml';
import { valueText } from '../tree/sops-cipher.ts';
import {
  type AgeKey,
  booleanField,
  markField,
  numberField,
  type RawValue,
} from '../tree/sops-metadata.ts';
import {
  type Branch,
  InvalidSops,
  type Leaf,
  type Node,
  type Pair,
  pairsOf,
  type Scalar,
  type Span,
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
import { placeComments } from './yaml-comments.ts';
import { yamlScalar } from './yaml-scalar.ts';
import { composed, lineStart, refuseMerges, refuseNode } from './yaml-syntax.ts';

/** Deeper files are refused, since stacks are limited. Go allows 10,000. */
const deepest = 500;
/** More nodes are refused: an alias is short to write, but costs all that it names to read. */
const mostNodes = 200_000;

export const yamlFormat: SopsFormat = {
  name: 'yaml',
  nested: true,

  parse(text): ParsedFile {
    const { documents, comments } = composed(text);
    const columnOf = (offset: number) => offset - lineStart(text, offset);
    const read = { text, nodes: 0, anchors: new Map() };
    const roots = documents.map((document) => rootOf(document, read));
    refuseRepeated(roots[0]);
    placeComments(roots, comments, columnOf);
    return withoutMetadata(text, roots, fieldIn(text));
  },

  replace({ text }, { start, end }, stored) {
    const blank = /[\s:]/.test(text.charAt(start - 1)) && text.charAt(start - 1) !== ':' ? '' : ' ';
    // the text of a block ends with a line break
    const newline = end > start && text.charAt(end - 1) === '\n' ? '\n' : '';
    // in flow style an unquoted ciphertext would end at its first comma, so that quotes must stay
    const keepsQuotes = text.charAt(start) === '"' && typeof stored === 'string';
    const token = keepsQuotes ? quoted(stored) : valueToken(stored);
    return { start, end, text: blank + token + newline };
  },

  add({ text, roots, sops }, branch, additions) {
    const own = sops[roots.indexOf(branch)];
    const last = pairsOf(branch).at(-1);
    if (text.charAt(branch.start) === '{') {
      const body = flowText(additions);
      const start = last?.end ?? branch.start + 1;
      return { start, end: start, text: last === undefined ? body : `, ${body}` };
    }
    const neighbour = pairsOf(branch)[0] ?? own;
    if (neighbour === undefined) throw new InvalidSops('has no place for a new name');
    const indent = ' '.repeat(neighbour.start - lineStart(text, neighbour.start));
    const lines = blockText(additions, indent);
    const start = last === undefined ? lineStart(text, neighbour.start) : endOfPair(text, last);
    const newline = start > 0 && text.charAt(start - 1) !== '\n' ? '\n' : '';
    return { start, end: start, text: newline + lines };
  },

  remove({ text }, branch, pair) {
    if (text.charAt(branch.start) === '{') return removedFrom(pairsOf(branch), pair);
    return { start: lineStart(text, pair.start), end: endOfPair(text, pair), text: '' };
  },

  shareWith({ text, fields }, age) {
    return fields
      .filter(({ key }) => key === 'age')
      .map((pair) => {
        const { start, value } = pair;
        // JSON is YAML in flow style
        if (text.charAt(value.start) === '[')
          return { start: value.start, end: value.end, text: JSON.stringify(age) };
        const column = value.start - lineStart(text, value.start);
        return { start, end: endOfPair(text, pair), text: `age:\n${ageText(age, column)}` };
      });
  },

  empty({ age, rule: [rule, value], mark }) {
    return [
      'sops:\n    age:\n',
      ageText(age, 8),
      mark === undefined ? '' : `    ${markField}: ${valueToken(mark)}\n`,
      `    lastmodified: "${noTime}"\n`,
      '    mac: ""\n',
      `    ${rule}: ${valueToken(value)}\n`,
      `    version: ${formatVersion}\n`,
    ].join('');
  },
};

/** The list of age keys, in a column. */
function ageText(age: readonly AgeKey[], column: number): string {
  const indent = ' '.repeat(column);
  const keys = age.map(
    ({ recipient, enc }) =>
      `${indent}- recipient: ${valueToken(recipient)}\n${indent}  enc: |\n${enc.replace(/^(?=.)/gm, `${indent}    `)}`,
  );
  return keys.join('');
}

/** The end of the line of an offset, after its break. */
function endOfLine(text: string, offset: number): number {
  if (offset > 0 && text.charAt(offset - 1) === '\n') return offset;
  const newline = text.indexOf('\n', offset);
  return newline === -1 ? text.length : newline + 1;
}

/** The end of a pair's lines, and of the comments below it that are indented further: those belong to it. */
function endOfPair(text: string, { start, end }: Span): number {
  const column = start - lineStart(text, start);
  const comment = /(?:[ \t]*\r?\n)*([ \t]*)#.*(?:\n|$)/y;
  let after = endOfLine(text, end);
  for (;;) {
    comment.lastIndex = after;
    const found = comment.exec(text);
    if (found === null || (found[1] ?? '').length <= column) return after;
    after = comment.lastIndex;
  }
}

function blockText(additions: Additions, indent: string): string {
  const lines = [...additions].map(([key, value]) =>
    isAdditions(value)
      ? `${indent}${keyToken(key)}:\n${blockText(value, `${indent}    `)}`
      : `${indent}${keyToken(key)}: ${valueToken(value)}\n`,
  );
  return lines.join('');
}

function flowText(additions: Additions): string {
  const pairs = [...additions].map(
    ([key, value]) =>
      `${quoted(key)}: ${isAdditions(value) ? `{${flowText(value)}}` : typeof value === 'string' ? quoted(value) : valueText(value)}`,
  );
  return pairs.join(', ');
}

function keyToken(key: string): string {
  return /^[A-Za-z_][\w.-]*$/.test(key) && typeof yamlScalar(key, true) === 'string'
    ? key
    : quoted(key);
}

function valueToken(value: Scalar): string {
  if (typeof value !== 'string') return valueText(value);
  // sops's own form needs no quotes in a block; the words and numbers of YAML do
  const bare =
    /^(ENC\[[\w:,+/=]+\]|age1[a-z0-9]+|ssh-[a-z0-9-]+( [\w.@+/=-]+)+|[A-Za-z_][\w.-]*)$/.test(
      value,
    );
  return bare && typeof yamlScalar(value, true) === 'string' ? value : quoted(value);
}

/** A string of JSON is one of YAML too, except for characters that go-yaml accepts only escaped. */
function quoted(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\u00a0\u2028\u2029\ufeff\ufffe\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

interface Reading {
  readonly text: string;
  nodes: number;
  /** The latest node of each anchor's name. */
  readonly anchors: Map<string, ParsedNode>;
}

function rootOf(document: Document.Parsed, read: Reading): Branch {
  const { contents } = document;
  const end = document.range[1];
  if (contents === null || (isScalar(contents) && scalarOf(contents) === null))
    return { kind: 'branch', items: [], start: end, end };
  refuseMerges(contents);
  const root = nodeOf(contents as ParsedNode, read, 0);
  if (root.kind !== 'branch') throw new InvalidSops('is not a YAML mapping');
  return root;
}

function nodeOf(node: ParsedNode, read: Reading, depth: number): Node {
  if (++read.nodes > mostNodes) throw new InvalidSops('has too many values');
  if (depth > deepest) throw new InvalidSops('is nested too deeply');
  const [start, end] = node.range;
  if (isAlias(node)) {
    const target = read.anchors.get(node.source);
    if (target === undefined) throw new InvalidSops('names an anchor that does not exist');
    // each use is a value of its own, at the place of the alias
    return { ...nodeOf(target, read, depth + 1), start, end };
  }
  if (node.anchor !== undefined) read.anchors.set(node.anchor, node);
  refuseNode(node, read.text);
  if (isScalar(node)) return { kind: 'leaf', stored: scalarOf(node), start, end };
  if (isSeq(node)) {
    const items = node.items.map((item) => nodeOf(item as ParsedNode, read, depth + 1));
    return { kind: 'list', items, start, end: endOf(node, items) };
  }
  if (!isMap(node)) throw new InvalidSops('is not valid YAML');
  const items = node.items.map(({ key, value }): Pair => {
    const name = nodeOf(key as ParsedNode, read, depth + 1);
    if (name.kind !== 'leaf') throw new InvalidSops('holds a name that is not text');
    // a name alone has no value in the syntax, and null in the tree
    const held: Node =
      value === null
        ? { kind: 'leaf', stored: null, start: name.end, end: name.end }
        : nodeOf(value as ParsedNode, read, depth + 1);
    return { kind: 'pair', key: name.stored, value: held, start: name.start, end: held.end };
  });
  return { kind: 'branch', items, start, end: endOf(node, items) };
}

/** The package counts comments behind a block as part of it, but they may belong to what follows. */
function endOf({ flow, range }: ParsedNode & { flow?: boolean }, items: readonly Span[]): number {
  return (flow ? undefined : items.at(-1)?.end) ?? range[1];
}

function scalarOf(node: YamlScalar): Scalar {
  const plain = node.type === undefined || node.type === YamlScalar.PLAIN;
  return yamlScalar(String(node.value ?? ''), plain, node.tag);
}

/** go-yaml refuses repeated names only where it reads the metadata: among the outermost names of the first document. */
function refuseRepeated(root: Branch | undefined): void {
  const names = root === undefined ? [] : pairsOf(root).map(({ key }) => key);
  if (new Set(names).size < names.length) throw new InvalidSops('has the same name twice');
}

/** A field as go-yaml decodes it: any scalar can be read as text, as it is written. */
function fieldIn(text: string) {
  return ({ stored, start, end }: Leaf, field: string): RawValue => {
    if (stored === null) return undefined;
    if (field === numberField && typeof stored !== 'string')
      return typeof stored === 'number' && Number.isSafeInteger(stored)
        ? BigInt(stored)
        : typeof stored === 'bigint'
          ? stored
          : 'wrong';
    if (field === booleanField) {
      if (typeof stored === 'boolean') return stored;
      if (stored === 'y' || stored === 'Y' || stored === 'yes' || stored === 'on') return true;
      return stored === 'n' || stored === 'N' || stored === 'no' || stored === 'off'
        ? false
        : 'wrong';
    }
    if (typeof stored === 'string') return stored;
    // a scalar that YAML does not read as text is a plain one, and stands in the file as it is
    return text.slice(start, end);
  };
}
