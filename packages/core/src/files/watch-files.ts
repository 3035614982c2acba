/**
 * Notices changes of files. Editors write a new file and rename it over the old one, so the folders are watched. Their
 * events only say that it is time to look: one swap of a Kubernetes volume causes a dozen, and touching a file causes one
 * too. What counts is whether the state has changed once the events have stopped.
 */
import { type FSWatcher, realpathSync, statSync, watch } from 'node:fs';
import { dirname } from 'node:path';
import { onAbort } from '../calls/on-abort.ts';
import { errnoOf } from './store-file.ts';

/** How long without an event before a look, and how long events can delay it at most. Milliseconds. */
const calm = 50;
const longestDelay = 500;

/** What is watched. */
export interface Watched {
  /** The folders in which an event occurs when it changes. They may differ from look to look. */
  readonly folders: () => readonly string[];
  /** A text that changes when it does. */
  readonly state: () => string;
}

/**
 * Calls `onChange` once for each change of the files at `paths` (absolute), until `signal` fires. A
 * missing file is watched for too. Watches from the moment of the call.
 *
 * @throws what `fs.watch` throws, if the system has no watch left
 */
export function watchFiles(
  paths: readonly string[],
  onChange: () => void,
  signal: AbortSignal,
): Promise<void> {
  const watched = {
    folders: () => paths.flatMap(foldersOf),
    state: () => paths.map(identityOf).join(),
  };
  return watchState(watched, onChange, signal);
}

/**
 * Calls `onChange` once for each new state, until `signal` fires. Watches from the moment of the call.
 *
 * @throws what `fs.watch` throws, if the system has no watch left
 */
export async function watchState(
  watched: Watched,
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
    else if (performance.now() - firstEvent > longestDelay) return;
    clearTimeout(timer);
    timer = setTimeout(look, calm);
    timer.unref();
  };
  const arm = () => {
    const wanted = new Map(watched.folders().map((path) => [identityOf(path), path]));
    for (const [identity, watcher] of watchers)
      if (!wanted.has(identity)) {
        watcher.close();
        watchers.delete(identity);
      }
    for (const [identity, path] of wanted) {
      if (watchers.has(identity)) continue;
      try {
        const watcher = watch(path, { persistent: false }, stirred);
        // The folder is gone: the one above it has its own event.
        watcher.on('error', stirred);
        watchers.set(identity, watcher);
      } catch (error) {
        // Removed since the look, or not readable: the folder above it is watched.
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
    const now = watched.state();
    if (now === state) return;
    state = now;
    onChange();
  };

  let state: string;
  try {
    arm();
    state = watched.state();
    await new Promise<void>((resolve, reject) => {
      fail = reject;
      onAbort(signal, resolve);
    });
  } finally {
    clearTimeout(timer);
    for (const watcher of watchers.values()) watcher.close();
  }
}

/** The folder of the file, the folder of a link's target, or the nearest existing one. */
function foldersOf(path: string): string[] {
  const folders: string[] = [];
  const real = realPathNow(path);
  if (real !== undefined) folders.push(dirname(real));
  let above = dirname(path);
  // A folder that is removed has no event of its own on every system: the one above it has.
  folders.push(dirname(above));
  while (realPathNow(above) === undefined && above !== dirname(above)) above = dirname(above);
  return [...folders, above];
}

/** The identity of the folder at `path`, or of the file and its state, permissions included. */
export function identityOf(path: string): string {
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

/** The real path, or `undefined` if nothing is there. */
export function realPathNow(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
