#!/usr/bin/env node
import { boundNameLookUps } from './chain/name-look-ups.ts';
import { main } from './main.ts';
/**
 * The `keyfall` executable.
 */
import { defectExitCode } from './terminal/exit-code.ts';
import { reportError } from './terminal/report-error.ts';
import { notice } from './terminal/terminal.ts';

// what a dependency throws past everybody would be printed with its text, which may hold anything
process.on('uncaughtException', (error) => {
  process.off('exit', unfinished);
  process.exit(reportError(error, false));
});

// A configuration that ends the process, or that never settles and leaves nothing to wait for, must not
// pass for success.
const unfinished = (): void => {
  notice('ended before it was done: a configuration or a provider stopped, or never answers.');
  process.exitCode = defectExitCode;
};
process.on('exit', unfinished);
boundNameLookUps();
void main(process.argv).then((exitCode) => {
  process.off('exit', unfinished);
  // Not by the exit code alone: a timer of a configuration or a read that hangs, which nothing can end, would
  // keep us here. What was to be written has been.
  process.exit(exitCode);
});
