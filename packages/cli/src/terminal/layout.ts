/**
 * How text for a person is laid out: columns that fit the terminal, and colours where a terminal
 * shows them.
 */
import { isatty } from 'node:tty';
import { columnsOf } from './terminal.ts';
import { linesOf, widthOf, wrapped } from './wrapping.ts';

/**
 * The colours in use, by what they mean: what begins each and what ends it (ECMA-48). Node's own
 * `styleText` decides by itself whether a terminal has colours, in each release otherwise.
 */
const styles = {
  good: [32, 39],
  bad: [31, 39],
  unsure: [33, 39],
  heading: [1, 22],
  aside: [2, 22],
} as const;

/** What a text means, for its colour. */
export type Style = keyof typeof styles;

/** Text on stdout in a colour, where stdout is a terminal and nobody asked for none (`NO_COLOR`). */
export function styled(style: Style, text: string): string {
  if (text === '' || !hasColours()) return text;
  const [begin, end] = styles[style];
  return `\u001b[${begin}m${text}\u001b[${end}m`;
}

/** https://no-color.org: set, and not to nothing. */
function hasColours(): boolean {
  return isatty(1) && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb';
}

/** A cell of a table. */
export interface Cell {
  readonly text: string;
  readonly style?: Style;
  /** Whether it is a command: one line, also where that is longer than the terminal, since who copies half of it runs half of it. */
  readonly isCommand?: boolean;
}

/** How a table is laid out. */
export interface TableOptions {
  /** Columns of the terminal; 0 if it tells none. Default: those of stdout if it is one, else no limit. */
  readonly width?: number | undefined;
  /** Text before each line. */
  readonly indent?: string;
}

/** Text for a person on stdout, in lines that end where the terminal does, if it is one. */
export function fitted(text: string): string {
  const width = terminalWidth();
  return width === undefined ? text : wrapped(text, width - 1);
}

/** The columns of the terminal that stdout is, if it is one. */
function terminalWidth(): number | undefined {
  return isatty(1) ? columnsOf(process.stdout) : undefined;
}

/**
 * Rows in columns two spaces apart, each line with a line end. The last column is broken between words
 * where it would leave the terminal, and goes on under itself; nothing is ever cut off.
 */
export function formatTable(
  rows: readonly (readonly (Cell | string)[])[],
  { width: given = terminalWidth(), indent = '' }: TableOptions = {},
): string {
  const width = given === undefined ? undefined : columnsOf({ columns: given });
  const cells = rows.map((row) =>
    row.map((cell) => (typeof cell === 'string' ? { text: cell } : cell)),
  );
  const columns = Math.max(0, ...cells.map((row) => row.length));
  const widths = Array.from({ length: columns - 1 }, (_, at) =>
    Math.max(0, ...cells.map((row) => (at < row.length - 1 ? widthOf(row[at]?.text ?? '') : 0))),
  );
  return cells.map((row) => formatRow(row)).join('');

  function formatRow(row: readonly Cell[]): string {
    const before = row.slice(0, -1);
    const last: Cell = row.at(-1) ?? { text: '' };
    const used = indent.length + before.reduce((sum, _, at) => sum + (widths[at] ?? 0) + 2, 0);
    const start = before
      .map((cell, at) => `${shown(cell)}${' '.repeat((widths[at] ?? 0) - widthOf(cell.text) + 2)}`)
      .join('');
    // where next to nothing is left beside the others, a broken line would read worse than a long one
    const left = width === undefined || width - used < 20 ? Number.POSITIVE_INFINITY : width - used;
    return last.text
      .split('\n')
      .flatMap((line) => (last.isCommand ? [line] : linesOf(line, left)))
      .map((text, at) => {
        const head = at === 0 ? indent + start : ' '.repeat(used);
        return `${(head + shown({ ...last, text })).trimEnd()}\n`;
      })
      .join('');
  }
}

function shown({ text, style }: Cell): string {
  return style === undefined ? text : styled(style, text);
}
