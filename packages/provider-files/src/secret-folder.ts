/**
 * A folder with one file a secret, and where its files are at one moment.
 *
 * Kubernetes replaces a volume by renaming one link: `..data` points to a folder with all files of a
 * version, and each name in the volume is a link through it. The kubelet then removes the old
 * version. So `..data` is resolved once a read, the files are read where it leads, and if it leads elsewhere
 * afterwards, they are read again: so no answer holds files of two versions.
 */
import { lstat, readdir, realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { SecretError } from '@keyfall/core/provider';
import {
  errnoOf,
  isInside,
  problem,
  type StoreFile,
  unreadable,
} from '@keyfall/core/provider/files';

/** A folder with more entries is not one of secrets, but `/usr/bin` or a home folder by mistake. */
const maxEntries = 1_000;

/** A folder to read from. */
export interface SecretFolder extends StoreFile {
  /** Whether a link in it may lead to a file outside it. */
  readonly links: 'inside' | 'anywhere';
}

/** Where a folder's files are at one moment. Real paths. */
export interface Base {
  /** The folder itself. */
  readonly root: string;
  /** The folder with the files: the same one, or where `..data` leads. */
  readonly files: string;
}

/**
 * Where the files of `folder` are now, or `undefined` if there is no such folder.
 *
 * @throws `ERR_SECRET_DENIED` without permission; `ERR_SECRET_CONFIG` if it is not a folder;
 *   `ERR_SECRET_INVALID` if it or its `..data` is a link to nothing, or `..data` leaves the folder;
 *   `ERR_SECRET_UNAVAILABLE` for any other failure
 */
export async function resolveFolder(folder: SecretFolder): Promise<Base | undefined> {
  const root = await realPathOf(folder.path, folder);
  if (root === undefined) return undefined;
  try {
    if (!(await stat(root)).isDirectory())
      throw problem(
        folder,
        'ERR_SECRET_CONFIG',
        'is not a folder',
        'Name the folder that holds the files.',
      );
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined; // removed in between
    throw unreadable(folder, error);
  }
  const data = { ...folder, shown: join(folder.shown, '..data') };
  const files = await realPathOf(join(root, '..data'), data);
  if (files === undefined) return { root, files: root };
  if (folder.links === 'inside' && !isInside(root, files))
    throw problem(data, 'ERR_SECRET_INVALID', 'is a link that leaves the folder');
  return { root, files };
}

/** Whether the files of a folder were in the same place both times. */
export function sameBase(some: Base | undefined, other: Base | undefined): boolean {
  return some?.root === other?.root && some?.files === other?.files;
}

/**
 * The names of the secrets in a folder, sorted. Folders are not secrets (`/run/secrets` has one of the Kubernetes
 * service account), and neither is a name with `..` at its start, which no key of Kubernetes has.
 */
export async function namesIn(folder: SecretFolder, { files }: Base): Promise<string[]> {
  try {
    const names: string[] = [];
    for (const entry of await readdir(files, { withFileTypes: true })) {
      if (entry.name.startsWith('..') || entry.isDirectory()) continue;
      // A link whose target cannot be seen counts: reading it says what is wrong.
      const end = entry.isSymbolicLink()
        ? await stat(join(files, entry.name)).catch(() => undefined)
        : undefined;
      if (end?.isDirectory()) continue;
      names.push(entry.name);
      if (names.length > maxEntries)
        throw problem(
          folder,
          'ERR_SECRET_INVALID',
          `holds more than ${maxEntries} files`,
          'Name a folder that holds only secrets.',
        );
    }
    return names.sort();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []; // replaced in between, which the next look shows
    throw unreadable(folder, error);
  }
}

/**
 * Whether a file of this name can be in the folder. `false`: no folder can hold it.
 *
 * @throws `ERR_SECRET_UNSUPPORTED` if as a path the name would lead out of the folder
 */
export function canBeIn(folder: SecretFolder, name: string): boolean {
  if (name.includes('\0')) return false;
  if (!isInside(folder.path, resolve(folder.path, name)) && name !== '' && name !== '.')
    throw new SecretError(
      'ERR_SECRET_UNSUPPORTED',
      `${JSON.stringify(name)} would lead out of ${folder.shown}`,
      {
        provider: folder.provider,
        secretName: name,
        hint: 'Use the name of a file in that folder.',
      },
    );
  const separator = process.platform === 'win32' ? /[/\\:]/ : /\//;
  // File systems allow 255 bytes.
  return (
    name !== '' &&
    !name.startsWith('..') &&
    name !== '.' &&
    !separator.test(name) &&
    Buffer.byteLength(name) <= 255
  );
}

/** The real path, or `undefined` if nothing is there. A link to nothing is an error. */
export async function realPathOf(
  path: string,
  subject: Omit<StoreFile, 'path'>,
): Promise<string | undefined> {
  // The old version may be replaced and removed between the look at a link and the look at its target, so a link
  // counts as broken only if its target is missing every time.
  for (let attempt = 0; attempt < 5; attempt++) {
    try {
      return await realpath(path);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw unreadable(subject, error);
    }
    const isLink = await lstat(path).then(
      (found) => found.isSymbolicLink(),
      () => false, // removed in between, or its folder is missing too
    );
    if (!isLink) return undefined;
  }
  throw problem(subject, 'ERR_SECRET_INVALID', 'is a link that points to nothing');
}
