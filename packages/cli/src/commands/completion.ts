/**
 * `keyfall completion SHELL`: the script that has a shell complete our commands and options.
 */
import type { Command } from 'commander';
import { printData } from '../terminal/terminal.ts';
import { completionScript, type Shell } from './completion-scripts.ts';

/** Prints the script. */
export async function completionCommand(shell: Shell, program: Command): Promise<number> {
  await printData(completionScript(shell, program));
  return 0;
}
