/**
 * Tells when the files of some folders become others. Events of the file system only say that it is
 * time to look: one swap of a Kubernetes volume is a dozen of them, and a touched file is one too. So
 * after the events have calmed down the state is taken, and only a new state counts.
 */
import { type FSWatcher, readdirSync, readlinkSync, realpathSync, statSync, watch } from 'node:fs';
import { dirname, join } from 'node:path';
import { errnoOf } from './file-errors.ts';

/** How long without an event until we look, and the longest that events put it off. Milliseconds. */
const calm = 50;
const patience = 500;

/** A folder to watch: its absolute path, and which files count. */
export interface WatchedFolder {
  readonly path: string;
  readonly names: readonly string[] | 'all';
}

/**
 * Calls `onChange` once for each change, until `signal` fires. A folder that is not there is watched
 * for from the nearest folder above it. Watches from the moment it is called.
 *
 * @throws what `fs.watch` throws, if the system has no watch left
 */
export async function watchFolders(
  folders: readonly WatchedFolder[],
  onChange: () => void,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) return;
  const watchers = new Map<string, FSWatcher>();
  let timer: NodeJS.Timeout | undefined;
  let firstEvent = 0;

  const arm = () => {
    const wanted = new Map(folders.flatMap(placesOf).map((path) => [identityOf(path), path]));
    for (const [identity, watcher] of watchers)
      if (!wanted.has(identity)) {
        watcher.close();
        watchers.delete(identity);
      }
    for (const [identity, path] of wanted) {
      if (watchers.has(identity)) continue;
      try {
        const watcher = watch(path, { persistent: false }, stirred);
        // The folder is gone: the one above it has an event of its own.
        watcher.on('error', stirred);
        watchers.set(identity, watcher);
      } catch (error) {
        // Gone since it was looked for, or not to be read: there is something above it.
        if (!['ENOENT', 'EACCES', 'EPERM'].includes(errnoOf(error))) throw error;
      }
    }
  };
  const look = () => {
    timer = undefined;
    try {
      arm();
    } catch (error) {
      fail(error);
      return;
    }
    const now = stateOf(folders);
    if (now === state) return;
    state = now;
    onChange();
  };
  const stirred = () => {
    if (timer === undefined) firstEvent = performance.now();
    else if (performance.now() - firstEvent > patience) return;
    clearTimeout(timer);
    timer = setTimeout(look, calm);
    timer.unref();
  };

  let fail: (error: unknown) => void = () => {};
  let state: string;
  try {
    arm();
    state = stateOf(folders);
    await new Promise<void>((resolve, reject) => {
      fail = reject;
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  } finally {
    clearTimeout(timer);
    for (const watcher of watchers.values()) watcher.close();
  }
}

/** The folders in which something happens when the files of this one change. */
function placesOf({ path, names }: WatchedFolder): string[] {
  const above = dirname(path);
  const real = realPath(path);
  if (real === undefined) return above === path ? [path] : placesOf({ path: above, names: [] });
  const places = [above, dirname(real), real];
  // A link inside leads to a file that changes elsewhere. What leads through `..data` does not.
  if (dataOf(real) === undefined)
    for (const name of namesOf(real, names)) {
      const file = realPath(join(real, name));
      if (file !== undefined) places.push(dirname(file));
    }
  return places;
}

/** A text that is another one when the files are others. */
function stateOf(folders: readonly WatchedFolder[]): string {
  return folders
    .map(({ path, names }) => {
      const real = realPath(path);
      if (real === undefined) return 'missing';
      // What is below `..data` is never changed, only replaced.
      const data = dataOf(real);
      if (data !== undefined) return data;
      return namesOf(real, names)
        .map((name) => `${name}/${identityOf(join(real, name))}`)
        .join('//');
    })
    .join('///');
}

/** Where `..data` leads, as the link has it: to resolve it could meet the version being removed. */
function dataOf(folder: string): string | undefined {
  try {
    return readlinkSync(join(folder, '..data'));
  } catch {
    return undefined;
  }
}

function namesOf(folder: string, names: readonly string[] | 'all'): readonly string[] {
  if (names !== 'all') return names;
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Which file or folder is at `path`; for a file also at which state, with its permissions. */
function identityOf(path: string): string {
  try {
    const stat = statSync(path, { bigint: true });
    const { dev, ino, size, mtimeNs, ctimeNs } = stat;
    return stat.isDirectory()
      ? `${path} ${dev} ${ino}`
      : `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
  } catch (error) {
    return errnoOf(error);
  }
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
