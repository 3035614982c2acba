/**
 * Whether git tracks a file, according to git's index. No program is started, so that the first read can
 * find it out.
 */
import { stat } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { promisify } from 'node:util';
import { readWhole } from '@keyfall/core/provider/files';

const statPath = promisify(stat);

/** An index takes some hundred bytes a file; a larger one is not read. Bytes. */
const sizeLimit = 64 * 1024 * 1024;

/**
 * Whether the repository around the file at `real` (a real path) tracks it. `undefined` if that is unknown: there is no repository, or its index is split.
 */
export async function isTracked(real: string): Promise<boolean | undefined> {
  const root = await repositoryOf(real);
  if (root === undefined) return undefined;
  const index = await contentOf(join(root.gitFolder, 'index'));
  return index && holds(index, relative(root.folder, real).split(sep).join('/'));
}

/**
 * What a file of a repository holds; `undefined` if there is none, or it may not be read. The repository may be hostile:
 * in place of a file there may be a pipe without a writer, or an endless device.
 */
async function contentOf(path: string): Promise<Buffer | undefined> {
  try {
    return (await readWhole(path, { shown: path, provider: 'dotenv' }, { limit: sizeLimit }))
      ?.bytes;
  } catch {
    return undefined;
  }
}

/** The folder with a `.git`, and the folder that this leads to. */
async function repositoryOf(path: string) {
  const folders: string[] = [];
  for (let at = path; at !== dirname(at); at = dirname(at)) folders.push(dirname(at));
  // all at once: one after another they would take longer than reading the file
  const found = await Promise.all(
    folders.map((folder) => statPath(join(folder, '.git')).catch(() => undefined)),
  );
  const nearest = found.findIndex((each) => each?.isDirectory() || each?.isFile());
  const folder = folders[nearest];
  if (folder === undefined) return undefined;
  const git = join(folder, '.git');
  if (found[nearest]?.isDirectory()) return { folder, gitFolder: git };
  // A worktree or a submodule: the file names the folder.
  const text = await contentOf(git);
  const named = /^gitdir: (.+)$/m.exec(text?.toString() ?? '')?.[1];
  return named === undefined ? undefined : { folder, gitFolder: resolve(folder, named) };
}

/**
 * Whether an index has an entry for `path`. Format: gitformat-index(5). An entry ends with the length
 * of its path in 12 bits, 16 more flags where a bit says so, the path, and zero bytes.
 */
function holds(index: Buffer, path: string): boolean | undefined {
  const version =
    index.length > 12 && index.toString('latin1', 0, 4) === 'DIRC' && index.readUInt32BE(4);
  if (version === 4) return holdsCompressed(index, path, 20) ?? holdsCompressed(index, path, 32);
  if (version !== 2 && version !== 3) return undefined;
  const text = Buffer.from(`${path}\0`);
  const length = Math.min(text.length - 1, 0xfff);
  for (let at = index.indexOf(text, 12); at !== -1; at = index.indexOf(text, at + 1)) {
    if ((index.readUInt16BE(at - 2) & 0x4fff) === length) return true;
    if (version === 3 && (index.readUInt16BE(at - 4) & 0x4fff) === (0x4000 | length)) return true;
  }
  return index.includes('link', 12) ? undefined : false; // perhaps the extension of a split index
}

/**
 * The same for version 4, where a path is the number of bytes to remove from the end of the previous path, and the
 * text to add.
 *
 * @param hashSize - bytes of an object's name, which the index does not say
 * @returns `undefined` also if the names of objects have another size
 */
function holdsCompressed(index: Buffer, path: string, hashSize: 20 | 32): boolean | undefined {
  const wanted = Buffer.from(path).toString('latin1'); // a character a byte
  let name = '';
  let at = 12;
  for (let left = index.readUInt32BE(8); left > 0; left--) {
    at += 40 + hashSize;
    if (at + 5 > index.length) return undefined;
    const flags = index.readUInt16BE(at);
    at += flags & 0x4000 ? 4 : 2;
    let byte = index.readUInt8(at++);
    let lacking = byte & 0x7f;
    for (; byte & 0x80; lacking = ((lacking + 1) << 7) | (byte & 0x7f))
      byte = index.readUInt8(at++);
    const end = index.indexOf(0, at);
    name = name.slice(0, name.length - lacking) + index.toString('latin1', at, end);
    // a longer path has another length there, and is left to git
    if (name.length !== (flags & 0xfff)) return undefined;
    if (name === wanted) return true;
    at = end + 1;
  }
  return index.includes('link', at) ? undefined : false;
}
