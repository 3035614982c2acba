/**
 * Tells when one of some files becomes another. Editors write a new file and rename it over the old
 * one, so it is the folders that are watched. Their events only say that it is time to look: what
 * counts is that a file is another one once they have calmed down.
 */
import { type FSWatcher, realpathSync, statSync, watch } from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf } from './dotenv-file.ts';

/** How long without an event until we look, and the longest that events put it off. Milliseconds. */
const calm = 50;
const patience = 500;

/**
 * Calls `onChange` once for each change of the files at `paths` (absolute), until `signal` fires. A
 * file that is not there is watched for. Watches from the moment it is called.
 *
 * @throws what `fs.watch` throws, if the system has no watch left
 */
export async function watchFiles(
  paths: readonly string[],
  onChange: () => void,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) return;
  const watchers = new Map<string, FSWatcher>();
  let timer: NodeJS.Timeout | undefined;
  let firstEvent = 0;
  let fail: (error: unknown) => void = () => {};

  const stirred = () => {
    if (timer === undefined) firstEvent = performance.now();
    else if (performance.now() - firstEvent > patience) return;
    clearTimeout(timer);
    timer = setTimeout(look, calm);
    timer.unref();
  };
  const arm = () => {
    const folders = new Map(
      paths.flatMap(foldersOf).map((folder) => [`${folder} ${inodeOf(folder)}`, folder]),
    );
    for (const [key, watcher] of watchers)
      if (!folders.has(key)) {
        watcher.close();
        watchers.delete(key);
      }
    for (const [key, folder] of folders) {
      if (watchers.has(key)) continue;
      try {
        const watcher = watch(folder, { persistent: false }, stirred);
        watcher.on('error', stirred); // the folder is gone: the next look finds the one above it
        watchers.set(key, watcher);
      } catch (error) {
        if (!['ENOENT', 'EACCES', 'EPERM'].includes(errnoOf(error))) throw error;
      }
    }
  };
  const stateNow = () => paths.map(stateOf).join();
  const look = () => {
    timer = undefined;
    try {
      arm();
    } catch (error) {
      fail(error);
      return;
    }
    const now = stateNow();
    if (now === state) return;
    state = now;
    onChange();
  };

  let state: string;
  try {
    arm();
    state = stateNow();
    await new Promise<void>((resolve, reject) => {
      fail = reject;
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  } finally {
    clearTimeout(timer);
    for (const watcher of watchers.values()) watcher.close();
  }
}

/** The folder that has the file, that of the file a link leads to, or the nearest one there is. */
function foldersOf(path: string): string[] {
  const folders: string[] = [];
  const real = realPath(path);
  if (real !== undefined) folders.push(dirname(real));
  let above = dirname(path);
  // A folder that is removed has no event of its own on every system: the one above it has.
  folders.push(dirname(above));
  while (realPath(above) === undefined && above !== dirname(above)) above = dirname(above);
  return [...folders, above];
}

function stateOf(path: string): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
  } catch (error) {
    return errnoOf(error);
  }
}

function inodeOf(folder: string): string {
  try {
    const { dev, ino } = statSync(folder, { bigint: true });
    return `${dev} ${ino}`;
  } catch {
    return '';
  }
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
