/**
 * A program that prints a key, or takes one in. It runs without a shell. What it says on stderr is thrown away, and its command line is
 * never shown, since both may hold a credential.
 */
import { execFile } from 'node:child_process';
import { errnoOf, programFile } from '@keyfall/core/provider/files';

/** What is started. */
export interface KeyProgram {
  /** A path, or a name that is looked up on `PATH`. */
  readonly name: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What it reads on stdin. Default: nothing. */
  readonly input?: string | undefined;
}

/** What was printed; or there is nothing to ask; or it failed, with an exit code if it is a program that ended by itself. */
export type KeyAnswer =
  | { readonly output: string }
  | { readonly output?: undefined; readonly isMissing: boolean; readonly exitCode?: number };

/** Runs it, until the signal fires. Never throws. */
export function runKeyProgram(
  { name, args, environment, input = '' }: KeyProgram,
  signal: AbortSignal,
): Promise<KeyAnswer> {
  const program = programFile(name, environment);
  if (program === undefined) return Promise.resolve({ isMissing: true });
  return new Promise((resolve) => {
    // more than any text of keys has
    const options = { env: environment, signal, maxBuffer: 1024 * 1024 };
    const child = execFile(program, args, options, (error, output) => {
      if (error === null) return resolve({ output });
      const { code: exitCode } = error;
      resolve({
        isMissing: errnoOf(error) === 'ENOENT',
        ...(typeof exitCode === 'number' && { exitCode }),
      });
    });
    // it may end without reading
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}
