#!/usr/bin/env node
/**
 * The `keyfall` executable.
 */
import { main } from './main.ts';
import { reportError } from './report-error.ts';

// what a dependency throws past everybody would be printed with its text, which may hold anything
process.on('uncaughtException', (error) => process.exit(reportError(error, false)));

process.exitCode = await main(process.argv);
