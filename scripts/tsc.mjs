/**
 * Runs the TypeScript compiler, by Node and its file: on Windows what stands in `node_modules/.bin` is a script of the
 * command line there, which cannot be started as a program.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const compiler = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url));

/** Runs `tsc` with these arguments in the working folder; throws if it finds an error, which it has printed. */
export function tsc(...args) {
  execFileSync(process.execPath, [compiler, ...args], { stdio: 'inherit' });
}
