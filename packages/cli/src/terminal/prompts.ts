/**
 * The questions of clack, with two manners of ours: Ctrl-D takes one back, as Ctrl-C and Esc do (left to
 * itself it ends the input, and with it the process, with the question unanswered), and a terminal whose
 * size is not known is one of 80 columns and 24 rows.
 */
import { updateSettings } from '@clack/prompts';
import { columnsOf } from './terminal.ts';

export { confirm, isCancel, multiselect, select, text } from '@clack/prompts';

// clack takes a terminal at its word that it has no columns and no rows: it puts each character on a
// line of its own, and leaves most of a list out
for (const stream of [process.stdout, process.stderr]) {
  if (stream.columns === 0) stream.columns = columnsOf(stream);
  if (stream.rows === 0) stream.rows = 24;
}

updateSettings({ aliases: { '\u0004': 'cancel' } });
