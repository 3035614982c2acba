/**
 * From arguments to exit code: runs the command that they name, and turns whatever goes wrong into a
 * line on stderr.
 */
import { CommanderError } from 'commander';
import { usageExitCode } from './exit-code.ts';
import { createProgram } from './program.ts';
import { reportError } from './report-error.ts';

/** Runs the command line, `argv` as `process.argv`, and returns the exit code. Never rejects. */
export async function main(argv: readonly string[]): Promise<number> {
  let exitCode = 0;
  const program = createProgram((code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(argv);
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : usageExitCode;
    return reportError(error, program.opts<{ debug?: boolean }>().debug === true);
  }
}
