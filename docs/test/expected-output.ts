/**
 * Compares what a command printed with what a document shows. In the document `…` stands for the
 * rest of a line, or on a line by itself for any number of lines; the width of columns is left open.
 */

/** What differs, or `undefined` if the output is as shown. */
export function differenceFrom(expected: string, actual: string): string | undefined {
  const pattern = expected
    .trim()
    .split('\n')
    .map((line) =>
      line.trim() === '…'
        ? '(?:.*\n)*?'
        : `${line.trimEnd().split('…').map(escapeRegExp).join('.*').replaceAll(/ {2,}/g, ' +')} *\n`,
    )
    .join('');
  const printed = `${actual.trim()}\n`;
  if (new RegExp(`^${pattern}$`).test(printed)) return undefined;
  return `shown in the document:\n${expected}\n\nprinted:\n${printed}`;
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
