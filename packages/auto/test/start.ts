/**
 * An application that is started with `--import @keyfall/auto`, as its user starts it: a Node process of its own, in a
 * folder where the package is installed.
 */
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  environmentOf,
  finished,
  folderWith,
  install,
  type RunResult,
} from '../../cli/test/keyfall.ts';

/** The files of an application, by name. */
export type Files = Readonly<Record<string, string>>;

/** A folder with these files in it, and the package installed. */
export async function applicationOf(files: Files, dotenv?: string): Promise<string> {
  const cwd = await folderWith(dotenv);
  await install(cwd, '@keyfall/auto');
  for (const [name, text] of Object.entries(files)) await writeFile(join(cwd, name), text);
  return cwd;
}

/** Runs `node` with these arguments in the folder, to its end. */
export function node(
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<RunResult> {
  return finished(spawn(process.execPath, args, { cwd, env: environmentOf(cwd, env) }));
}

/** Runs a file of the folder with the package preloaded. */
export function auto(
  file: string,
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<RunResult> {
  return node(['--import', '@keyfall/auto', file], cwd, env);
}
