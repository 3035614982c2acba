// The helpers of examples/exec-helpers and a tool, each with a store of its own that is filled without it.
import { execFileSync } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '@keyfall/testkit';

/** A file of the examples. */
export const exampleOf = (file: string) =>
  fileURLToPath(new URL(`../../../examples/exec-helpers/${file}`, import.meta.url));

/** A file beside this one. */
export const fileOf = (file: string) => fileURLToPath(new URL(file, import.meta.url));

let interpreter: string | undefined;

/** Python itself: what is on PATH may be a script that looks for it, and takes its time. */
export function python(): string {
  interpreter ??= execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], {
    encoding: 'utf8',
  }).trim();
  return interpreter;
}

/** A place for a store, and a command that fails once `fail` has said how. */
export async function place() {
  const { folder, remove } = await temporaryFolder();
  const fault = join(folder, 'fault');
  return {
    folder,
    close: remove,
    /** An exit code; `stall`: it never ends; `cut`: it ends in the middle of a line. */
    fail: (how: number | 'stall' | 'cut') => writeFile(fault, `${how}\n`),
    recover: () => rm(fault),
    through: (...command: readonly string[]) => ['sh', fileOf('with-fault.sh'), fault, ...command],
  };
}

/** Puts files with these names and contents into a folder; `null` removes one. */
export async function writeFiles(
  folder: string,
  values: ReadonlyMap<string, string | null>,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, value] of values)
    if (value === null) await rm(join(folder, name), { force: true });
    else await writeFile(join(folder, name), value);
}
