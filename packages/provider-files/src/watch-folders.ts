/**
 * Notices changes of the files in some folders.
 */
import { readdirSync, readlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { identityOf, realPathNow, watchState } from '@keyfall/core/provider/files';

/** A folder to watch: its absolute path, and which files count. */
export interface WatchedFolder {
  readonly path: string;
  readonly names: readonly string[] | 'all';
}

/**
 * Calls `onChange` once for each change, until `signal` fires, from the moment of the call. For a missing folder the
 * nearest existing folder above it is watched.
 *
 * @throws what `fs.watch` throws, if the system has no watch left
 */
export function watchFolders(
  folders: readonly WatchedFolder[],
  onChange: () => void,
  signal: AbortSignal,
): Promise<void> {
  const watched = { folders: () => folders.flatMap(placesOf), state: () => stateOf(folders) };
  return watchState(watched, onChange, signal);
}

/** The folders in which an event occurs when the files of this one change. */
function placesOf({ path, names }: WatchedFolder): string[] {
  const above = dirname(path);
  const real = realPathNow(path);
  if (real === undefined) return above === path ? [path] : placesOf({ path: above, names: [] });
  const places = [above, dirname(real), real];
  // A link inside leads to a file that changes elsewhere. What leads through `..data` does not.
  if (dataOf(real) === undefined)
    for (const name of namesOf(real, names)) {
      const file = realPathNow(join(real, name));
      if (file !== undefined) places.push(dirname(file));
    }
  return places;
}

/** A text that changes when the files do. */
function stateOf(folders: readonly WatchedFolder[]): string {
  return folders
    .map(({ path, names }) => {
      const real = realPathNow(path);
      if (real === undefined) return 'missing';
      // Files below `..data` are never changed, only replaced.
      const data = dataOf(real);
      if (data !== undefined) return data;
      return namesOf(real, names)
        .map((name) => `${name}/${identityOf(join(real, name))}`)
        .join('//');
    })
    .join('///');
}

/** Where `..data` leads, as the link says: to resolve it could hit the version that is being removed. */
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
