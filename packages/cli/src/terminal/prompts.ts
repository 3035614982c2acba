/**
 * The questions of clack, with two changes: Ctrl-D cancels a question like Ctrl-C and Esc (by default it ends the input, and
 * with it the process), and a terminal of unknown size has 80 columns and 24 rows.
 */
import { updateSettings } from '@clack/prompts';
import { columnsOf } from './terminal.ts';

export { confirm, isCancel, multiselect, select, text } from '@clack/prompts';

// in a terminal of 0 columns and rows clack puts each character on a line of its own, and leaves out most of a list
for (const stream of [process.stdout, process.stderr]) {
  if (stream.columns === 0) stream.columns = columnsOf(stream);
  if (stream.rows === 0) stream.rows = 24;
}

updateSettings({ aliases: { '\u0004': 'cancel' } });
