/**
 * The layout of text for people: columns that fit the terminal, and colours if the terminal has them.
 */
import { isatty } from 'node:tty';
import { columnsOf } from './terminal.ts';
import { linesOf, widthOf, wrapped } from './wrapping.ts';

/**
 * The colours by their meaning: the code that begins each, and the one that ends it (ECMA-48). Node's `styleText` decides by
 * itself whether a terminal has colours, and differently in each release.
 */
/** Columns of a terminal: a cell that takes more does not widen its column for all rows. */
const widestColumn = 60;

const styles = {
  good: [32, 39],
  bad: [31, 39],
  unsure: [33, 39],
  heading: [1, 22],
  aside: [2, 22],
} as const;

/** The meaning of a text, for its colour. */
export type Style = keyof typeof styles;

/** Text for stdout in a colour, if stdout is a terminal and `NO_COLOR` is not set. */
export function styled(style: Style, text: string): string {
  if (text === '' || !hasColours()) return text;
  const [begin, end] = styles[style];
  return `\u001b[${begin}m${text}\u001b[${end}m`;
}

/** By https://no-color.org an empty `NO_COLOR` counts as unset. */
function hasColours(): boolean {
  return isatty(1) && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb';
}

/** A cell of a table. */
export interface Cell {
  readonly text: string;
  readonly style?: Style;
  /** Whether it is a command, which is never broken into lines: a user who copies half of it would run half of it. */
  readonly isCommand?: boolean;
}

/** How a table is laid out. */
export interface TableOptions {
  /** Columns of the terminal; 0 if it has no size. Default: those of stdout if it is a terminal, else no limit. */
  readonly width?: number | undefined;
  /** Text before each line. */
  readonly indent?: string;
}

/** Text for stdout, in lines that fit the terminal. */
export function fitted(text: string): string {
  const width = terminalWidth();
  return width === undefined ? text : wrapped(text, width - 1);
}

/** The columns of stdout, if it is a terminal. */
function terminalWidth(): number | undefined {
  return isatty(1) ? columnsOf(process.stdout) : undefined;
}

/**
 * Rows in columns two spaces apart, each line with a line end. The last column is broken between words where it would leave
 * the terminal, and continues under itself. Nothing is cut off: what is too long for a column moves the rest of its own row.
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
    Math.max(
      0,
      ...cells
        .map((row) => (at < row.length - 1 ? widthOf(row[at]?.text ?? '') : 0))
        .filter((taken) => taken <= widestColumn),
    ),
  );
  return cells.map((row) => formatRow(row)).join('');

  function formatRow(row: readonly Cell[]): string {
    const before = row.slice(0, -1);
    const last: Cell = row.at(-1) ?? { text: '' };
    const gaps = before.map(({ text }, at) => Math.max(0, (widths[at] ?? 0) - widthOf(text)) + 2);
    const start = before.map((cell, at) => `${shown(cell)}${' '.repeat(gaps[at] ?? 0)}`).join('');
    const used = before.reduce(
      (sum, { text }, at) => sum + widthOf(text) + (gaps[at] ?? 0),
      indent.length,
    );
    // if the other columns leave very little room, long lines are easier to read than broken ones
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
