/**
 * dotenv as sops reads it (stores/dotenv/store.go), which is simpler than the package of that name: lines of `NAME=value`
 * without quotes, line breaks as `\n`, and comments that begin in the first column.
 */
import { valueText } from '../tree/sops-cipher.ts';
import { type Branch, InvalidSops, type Leaf, type Pair, type Scalar } from '../tree/sops-tree.ts';
import { flatAge, flattened, isFlatAge, unflatten } from './flat-metadata.ts';
import type { ParsedFile, SopsFormat } from './sops-format.ts';

const ownPrefix = 'sops_';

export const dotenvFormat: SopsFormat = {
  name: 'dotenv',
  nested: false,

  parse(text): ParsedFile {
    const root: Branch = { kind: 'branch', items: [], start: 0, end: text.length };
    const fields: Pair[] = [];
    for (let start = 0; start <= text.length; ) {
      const newline = text.indexOf('\n', start);
      const end = newline === -1 ? text.length : newline;
      const line = text.slice(start, end);
      const equals = line.indexOf('=');
      if (line.startsWith('#')) root.items.push({ kind: 'comment', text: line.slice(1) });
      else if (line !== '') {
        if (equals === -1) throw new InvalidSops('has a line that is neither a pair nor a comment');
        const key = line.slice(0, equals);
        const stored = line.slice(equals + 1).replaceAll('\\n', '\n');
        const value: Leaf = { kind: 'leaf', stored, start: start + equals + 1, end };
        const pair: Pair = { kind: 'pair', key, value, start, end };
        if (key.startsWith(ownPrefix)) fields.push({ ...pair, key: key.slice(ownPrefix.length) });
        else root.items.push(pair);
      }
      start = end + 1;
    }
    const metadata = fields.length === 0 ? undefined : unflatten(fields);
    return { text, roots: [root], metadata, fields, sops: [fields[0]] };
  },

  replace: (_file, { start, end }, stored) => ({ start, end, text: lineText(stored) }),

  add({ text, sops: [own] }, branch, additions) {
    const last = branch.items.findLast((item) => item.kind === 'pair');
    const lines = [...additions].map(([key, value]) =>
      value instanceof Map ? '' : `${key}=${lineText(value as Scalar)}\n`,
    );
    const start = last === undefined ? (own?.start ?? text.length) : last.end + 1;
    return { start, end: start, text: lines.join('') };
  },

  remove: (_file, _branch, { start, end }) => ({ start, end: end + 1, text: '' }),

  shareWith: ({ fields }, age) =>
    fields.filter(isFlatAge).map(({ start, end }, index) => ({
      start,
      end: end + 1,
      text: index === 0 ? ownLines(flatAge(age)) : '',
    })),

  empty: (metadata) => ownLines(flattened(metadata)),
};

function ownLines(fields: readonly (readonly [name: string, value: string])[]): string {
  return fields.map(([name, value]) => `${ownPrefix}${name}=${value}\n`).join('');
}

function lineText(stored: Scalar): string {
  return valueText(stored).replaceAll('\n', '\\n');
}
