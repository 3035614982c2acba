/**
 * The questions of clack, with one manner of ours: Ctrl-D takes one back, as Ctrl-C and Esc do. Left to
 * itself it ends the input, and with it the process, with the question unanswered.
 */
import { updateSettings } from '@clack/prompts';

export { confirm, isCancel, multiselect, password, select, text } from '@clack/prompts';

updateSettings({ aliases: { '\u0004': 'cancel' } });
