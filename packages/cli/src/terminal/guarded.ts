/**
 * What must hold while code of others runs in our process, a configuration or a provider: nothing that it throws is
 * printed as it is, and its end is not taken for ours.
 */
import { defectExitCode } from './exit-code.ts';
import { reportError } from './report-error.ts';
import { notice } from './terminal.ts';

/** Does the work. A process that ends before it is done says so, with an exit code that is not 0. */
export async function guarded<Result>(work: () => Promise<Result>): Promise<Result> {
  process.on('uncaughtException', thrownPast);
  process.on('exit', unfinished);
  try {
    return await work();
  } finally {
    process.off('exit', unfinished);
    process.off('uncaughtException', thrownPast);
  }
}

// what a dependency throws past everybody would be printed with its text, which may hold anything
function thrownPast(error: unknown): void {
  process.off('exit', unfinished);
  process.exit(reportError(error, false));
}

// A configuration that ends the process, or that never settles and leaves nothing to wait for, must not
// pass for success.
function unfinished(): void {
  notice('ended before it was done: a configuration or a provider stopped, or never answers.');
  process.exitCode = defectExitCode;
}
