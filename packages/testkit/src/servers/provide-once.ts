/**
 * Programs that tests need and that are fetched once into the user's cache.
 */
import { constants } from 'node:fs';
import { access, mkdir, open, readFile, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

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

/**
 * Provides a program unless it is there. Test workers start in parallel: the one that makes the lock
 * file provides it, the others wait.
 */
export async function provideOnce({ what, cache, target, provide }: Provision): Promise<void> {
  if (await isProgram(target)) return;
  await mkdir(cache, { recursive: true });
  const lock = join(cache, 'lock');
  const deadline = Date.now() + 15 * 60_000;
  while (!(await isProgram(target))) {
    if (await takeLock(lock)) {
      try {
        // the previous owner may have finished between our look and our lock
        if (!(await isProgram(target))) await provide();
      } finally {
        await rm(lock, { force: true });
      }
    } else if (await ownerIsGone(lock)) await rm(lock, { force: true });
    else if (Date.now() > deadline)
      throw new Error(`Another process has been fetching ${what} for 15 minutes; see ${lock}.`);
    else await wait(100);
  }
}

async function takeLock(lock: string): Promise<boolean> {
  try {
    const handle = await open(lock, 'wx');
    await handle.writeFile(String(process.pid));
    await handle.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** If two waiters both take over from a dead owner, both download; the rename stays atomic. */
async function ownerIsGone(lock: string): Promise<boolean> {
  const owner = Number(await readFile(lock, 'utf8').catch(() => ''));
  if (!owner) return false; // released, or not yet written: look again
  try {
    process.kill(owner, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
