/**
 * Programs that tests need and that are fetched once into the user's cache.
 */
import { constants } from 'node:fs';
import { access, mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { deadlineIn } from '@keyfall/core/provider';
import { lockFile } from '@keyfall/core/provider/files/write';

/** A folder in the user's cache: under `XDG_CACHE_HOME`, else under `~/.cache`. */
export function cacheFolder(name: string): string {
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'keyfall', name);
}

/** Whether `file` can be run. */
export async function isProgram(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** The program of that name on PATH. */
export async function onPath(name: string): Promise<string | undefined> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const file = join(folder, process.platform === 'win32' ? `${name}.exe` : name);
    if (folder !== '' && (await isProgram(file))) return file;
  }
  return undefined;
}

/** Those of the names that are no program on PATH. */
export async function notOnPath(names: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(names.map(onPath));
  return names.filter((_, index) => found[index] === undefined);
}

/** What to provide, and where. */
export interface Provision {
  /** What it is, for the error. */
  readonly what: string;
  /** A folder of its own. */
  readonly cache: string;
  /** The program that is there once it is provided. */
  readonly target: string;
  /** Must make `target` appear whole, as by a rename at its end. */
  readonly provide: () => Promise<void>;
}

/** Milliseconds: a download over a slow line. */
const longestFetch = 15 * 60_000;

/**
 * Provides a program unless it is there. Test workers start in parallel: the one that takes the lock provides it, and
 * the others wait.
 */
export async function provideOnce({ what, cache, target, provide }: Provision): Promise<void> {
  if (await isProgram(target)) return;
  await mkdir(cache, { recursive: true });
  // The lock stands beside the folder: the one that will hold the program may not be there yet.
  const release = await lockFile({ path: cache, shown: cache, provider: what }, cache, {
    signal: new AbortController().signal,
    remainingTimeout: deadlineIn(longestFetch),
  });
  try {
    // another worker may have provided it while this one waited
    if (!(await isProgram(target))) await provide();
  } finally {
    await release();
  }
}
