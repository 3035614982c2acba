/**
 * From arguments to exit code: runs the command that they name, and turns whatever goes wrong into a
 * line on stderr.
 */

import { type PlainRun, plainRun } from './commands/plain-run.ts';
import { runWithSecrets } from './commands/run.ts';
import { assertNodeIsNew } from './terminal/node-version.ts';
import { reportError } from './terminal/report-error.ts';
import { beQuiet } from './terminal/terminal.ts';

/** Runs the command line, `argv` as `process.argv`, and returns the exit code. Never rejects. */
export async function main(argv: readonly string[]): Promise<number> {
  const plain = plainRun(argv);
  if (plain !== undefined) return runPlainly(plain);
  const { runProgram } = await import('./program.ts');
  return runProgram(argv);
}

async function runPlainly({ options, command }: PlainRun): Promise<number> {
  try {
    assertNodeIsNew();
    if (options.quiet) beQuiet();
    return await runWithSecrets(command, options);
  } catch (error) {
    return reportError(error, options.debug === true);
  }
}
