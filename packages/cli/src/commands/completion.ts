/**
 * `keyfall completion SHELL`: the script that has a shell complete our commands and options.
 */
import { printData } from '../terminal/terminal.ts';
import type { Command } from './command.ts';
import { completionScript, type Shell } from './completion-scripts.ts';

/** `keyfall completion SHELL`. */
export const completionCommand: Command = {
  name: 'completion',
  summary: 'Print a script that completes commands and options in a shell.',
  arguments: [{ name: '<shell>', choices: ['bash', 'zsh', 'fish'] }],
  examples: ['source <(keyfall completion bash)', 'keyfall completion fish | source'],
  async run([shell], _options, { program }) {
    await printData(completionScript(shell as Shell, program));
    return 0;
  },
};
