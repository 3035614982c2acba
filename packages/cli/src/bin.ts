#!/usr/bin/env node
/**
 * The `keyfall` executable.
 */
import { defectExitCode } from './exit-code.ts';
import { main } from './main.ts';
import { reportError } from './report-error.ts';

// what a dependency throws past everybody would be printed with its text, which may hold anything
process.on('uncaughtException', (error) => process.exit(reportError(error, false)));

// for the case that Node finds nothing left to wait for: a configuration that never settles
process.exitCode = defectExitCode;
void main(process.argv).then((exitCode) => {
  process.exitCode = exitCode;
});
