/**
 * What was found, as text and as an exit code.
 */
import { exitCodes } from '../terminal/exit-code.ts';
import { type Cell, formatTable, type Style, styled } from '../terminal/layout.ts';
import { printable } from '../terminal/terminal.ts';
import type { Diagnosis, Finding } from './finding.ts';

/** The words of the first column: what a colour says is said without it too. */
const verdicts: Readonly<Record<Finding['state'], readonly [string, Style]>> = {
  ready: ['ok', 'good'],
  unknown: ['unknown', 'unsure'],
  failing: ['failing', 'bad'],
};

/** A heading for each provider, and a line for each finding; with `fixes`, under it what fixes it. */
export function formatDiagnoses(
  diagnoses: readonly Diagnosis[],
  { fixes, width }: { readonly fixes: boolean; readonly width?: number },
): string {
  return diagnoses
    .map(
      ({ about, findings }) =>
        `${styled('heading', printable(about))}\n${formatTable(
          findings.flatMap((finding) => rowsOf(finding, fixes)),
          { indent: '  ', width },
        )}`,
    )
    .join('');
}

function rowsOf({ subject, state, message, hint, command }: Finding, fixes: boolean) {
  const [word, style] = verdicts[state];
  const rows: Cell[][] = [
    [{ text: word, style }, { text: printable(subject) }, { text: printable(message) }],
  ];
  if (!fixes) return rows;
  if (hint !== undefined)
    rows.push([{ text: '' }, { text: '' }, { text: printable(hint), style: 'aside' }]);
  if (command !== undefined)
    rows.push([
      { text: '' },
      { text: '' },
      { text: `$ ${printable(command)}`, style: 'heading', isCommand: true },
    ]);
  return rows;
}

/** 0 if every provider can be read; else what a `get` from the first that cannot would end with. */
export function exitCodeOf(diagnoses: readonly Diagnosis[]): number {
  const code = diagnoses.find((diagnosis) => diagnosis.code !== undefined)?.code;
  return code === undefined ? 0 : exitCodes[code];
}
