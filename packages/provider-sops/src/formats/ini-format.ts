/**
 * ini as gopkg.in/ini.v1 reads it for sops (parser.go): sections of `name = value`, with its quotes, continued lines and
 * comments. Names before the first section belong to a section DEFAULT.
 */
import { valueText } from '../tree/sops-cipher.ts';
import {
  type Branch,
  type Comment,
  InvalidSops,
  type Leaf,
  type Pair,
  pairsOf,
  type Scalar,
} from '../tree/sops-tree.ts';
import { flatAge, flattened, isFlatAge, unflatten } from './flat-metadata.ts';
import { isAdditions, metadataPair, type ParsedFile, type SopsFormat } from './sops-format.ts';

/** The section of names before the first section. */
export const defaultSection = 'DEFAULT';

export const iniFormat: SopsFormat = {
  name: 'ini',
  nested: false,

  parse(text): ParsedFile {
    const document: Branch = {
      kind: 'branch',
      items: sectionsOf(text),
      start: 0,
      end: text.length,
    };
    const own = metadataPair(document);
    const root = { ...document, items: document.items.filter((item) => item !== own) };
    const fields = own?.value.kind === 'branch' ? pairsOf(own.value) : [];
    const metadata = own && unflatten(fields);
    return { text, roots: [root], metadata, fields, sops: [own] };
  },

  replace: (_file, { start, end }, stored) => ({ start, end, text: ` ${valueToken(stored)}` }),

  add({ text, roots: [root] }, branch, additions) {
    const lines = [...additions].map(([name, value]) => {
      if (!isAdditions(value)) return `${nameToken(name)} = ${valueToken(value)}\n`;
      const pairs = [...value].map(([key, inner]) =>
        isAdditions(inner) ? '' : `${nameToken(key)} = ${valueToken(inner)}\n`,
      );
      return `[${name}]\n${pairs.join('')}\n`;
    });
    // a section ends where its last pair ends, or its header
    const last = branch === root ? pairsOf(branch).at(-1)?.value : branch;
    const start = last?.end ?? 0;
    const needsBreak = start > 0 && text.charAt(start - 1) !== '\n' ? '\n' : '';
    return { start, end: start, text: needsBreak + lines.join('') };
  },

  remove: (_file, _branch, { start, end }) => ({ start, end, text: '' }),

  shareWith: ({ fields }, age) =>
    fields.filter(isFlatAge).map(({ start, end }, index) => ({
      start,
      end,
      text: index === 0 ? ownLines(flatAge(age)) : '',
    })),

  empty: (metadata) => `[sops]\n${ownLines(flattened(metadata))}`,
};

function ownLines(fields: readonly (readonly [name: string, value: string])[]): string {
  return fields.map(([name, value]) => `${name} = ${valueToken(value)}\n`).join('');
}

/** A name as ini.v1 writes it. One that it could not read back shows when the result is read again. */
function nameToken(name: string): string {
  if (/["=:]/.test(name)) return `\`${name}\``;
  return name.includes('`') ? `"""${name}"""` : name;
}

function valueToken(value: Scalar): string {
  const text = valueText(value);
  if (/[\n`]/.test(text)) return `"""${text}"""`;
  if (/[#;]/.test(text)) return `\`${text}\``;
  return text.trim() === text ? text : `"${text}"`;
}

function sectionsOf(text: string): Pair[] {
  const sections: Section[] = [];
  let at = text.startsWith('\uFEFF') ? 1 : 0;
  let comment = '';

  /** The line at `at` with its break; moves on to the next. */
  const readLine = () => {
    const newline = text.indexOf('\n', at);
    const line = text.slice(at, newline === -1 ? text.length : newline + 1);
    at += line.length;
    return line;
  };
  const takeComment = (): Comment | undefined => {
    const taken = strippedComment(trimmed(comment));
    comment = '';
    return taken === undefined ? undefined : { kind: 'comment', text: taken };
  };
  const open = (name: string, start: number): Section => {
    const header = takeComment();
    const opened = { name, start, header, end: at, pairs: new Map() };
    sections.push(opened);
    return opened;
  };
  let section = open(defaultSection, at);

  while (at < text.length) {
    const start = at;
    const raw = readLine();
    const line = raw.replace(leadingBlanks, '');
    if (line === '') continue;
    if (line.startsWith('#') || line.startsWith(';')) {
      comment += line;
      continue;
    }
    if (line.startsWith('[')) {
      const close = line.lastIndexOf(']');
      if (close <= 1) throw new InvalidSops('has a section without a name or an end');
      comment += commentIn(line.slice(close + 1));
      section = open(line.slice(1, close), start);
      continue;
    }
    const { name, length } = nameIn(line);
    const valueStart = start + (raw.length - line.length) + length;
    const value = readValue(line.slice(length));
    const end = at;
    comment += value.comment;
    const about = takeComment();
    const leaf: Leaf = {
      kind: 'leaf',
      stored: value.text,
      start: valueStart,
      end: end - (/\r?\n$/.exec(text.slice(Math.max(0, end - 2), end))?.[0].length ?? 0),
    };
    const pair: Pair = { kind: 'pair', key: name, value: leaf, start, end };
    section.pairs.set(name, about === undefined ? [pair] : [pair, about]);
    section.end = end;
  }
  return sections.map(sectionPair);

  function readValue(rest: string): { text: string; comment: string } {
    const line = rest.replace(leadingBlanks, '');
    if (line === '') return { text: '', comment: '' };
    const quote =
      line.length > 3 && line.startsWith('"""') ? '"""' : line.startsWith('`') ? '`' : '';
    if (quote !== '') {
      const inside = line.slice(quote.length);
      const close = inside.lastIndexOf(quote);
      return close === -1
        ? readLines(inside, quote)
        : { text: inside.slice(0, close), comment: '' };
    }
    let value = trimmed(line);
    if (value.endsWith('\\')) return { text: continued(value.slice(0, -1)), comment: '' };
    const cut = value.search(/[#;]/);
    const about = cut === -1 ? '' : value.slice(cut);
    if (cut !== -1) value = trimmed(value.slice(0, cut));
    return { text: unquoted(value), comment: about };
  }

  function readLines(first: string, quote: string): { text: string; comment: string } {
    let value = first;
    for (;;) {
      const next = readLine();
      const close = next.lastIndexOf(quote);
      if (close > -1) {
        const about = trimmed(commentIn(next.slice(close)));
        return { text: value + next.slice(0, close), comment: about };
      }
      value += next;
      if (at >= text.length) throw new InvalidSops('has a quote that is not closed');
    }
  }

  function continued(first: string): string {
    let value = first;
    for (;;) {
      const next = trimmed(readLine());
      if (next === '') return value;
      value += next;
      if (!value.endsWith('\\')) return value;
      value = value.slice(0, -1);
    }
  }
}

/** A section while it is read. */
interface Section {
  readonly name: string;
  readonly start: number;
  readonly header: Comment | undefined;
  end: number;
  /** By name: a name that occurs twice has the later value and comment, in the place of the first. */
  readonly pairs: Map<string, readonly (Pair | Comment)[]>;
}

function sectionPair({ name, start, end, header, pairs }: Section): Pair {
  const items = [...(header ? [header] : []), ...[...pairs.values()].flat()];
  return { kind: 'pair', key: name, value: { kind: 'branch', items, start, end }, start, end };
}

function nameIn(line: string): { name: string; length: number } {
  const quote = line.startsWith('"')
    ? line.length > 6 && line.startsWith('"""')
      ? '"""'
      : '"'
    : line.startsWith('`')
      ? '`'
      : '';
  const malformed = () => new InvalidSops('has a line that is neither a pair nor a comment');
  if (quote !== '') {
    const close = line.indexOf(quote, quote.length);
    const from = close + quote.length;
    const sign = close === -1 ? -1 : line.slice(from).search(/[=:]/);
    if (sign === -1) throw malformed();
    return checkedName(line.slice(quote.length, close), from + sign + 1);
  }
  const sign = line.search(/[=:]/);
  if (sign < 1) throw malformed();
  return checkedName(line.slice(0, sign), sign + 1);

  function checkedName(text: string, length: number) {
    const name = trimmed(text);
    if (name === '') throw malformed();
    // ini.v1 numbers such names by those before; sops writes none
    if (name === '-') throw new InvalidSops('has a name "-", which is not supported');
    return { name, length };
  }
}

// unicode.IsSpace of Go: unlike JavaScript's it has NEL, and not the byte order mark
const leadingBlanks =
  /^[\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;

function trimmed(text: string): string {
  const rest = text.replace(leadingBlanks, '');
  let end = rest.length;
  // an expression would scan a long run of blanks again from each blank
  while (end > 0 && leadingBlanks.test(rest.charAt(end - 1))) end--;
  return rest.slice(0, end);
}

function unquoted(text: string): string {
  const quote = text.charAt(0);
  const surrounded =
    (quote === "'" || quote === '"') &&
    text.length > 1 &&
    text.indexOf(quote, 1) === text.length - 1;
  return surrounded ? text.slice(1, -1) : text;
}

function commentIn(text: string): string {
  const start = text.search(/[#;]/);
  return start === -1 ? '' : text.slice(start);
}

/** A comment as sops reads it, without its sign and the blanks after it; `undefined` if there is none. */
function strippedComment(comment: string): string | undefined {
  if (comment === '') return undefined;
  if (comment.startsWith(';')) return comment.replace(/^[; ]+/, '');
  return comment.startsWith('#') ? comment.replace(/^[# ]+/, '') : comment;
}
