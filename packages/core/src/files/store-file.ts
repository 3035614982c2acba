/**
 * Reads one file from disk, and distinguishes what can be wrong with it. A missing file is an answer. A link to
 * nothing, a folder, a pipe, or a file in another encoding is an error: if any of these counted as "no file", an
 * application could start without its secrets.
 */
import { isUtf8 } from 'node:buffer';
import { type BigIntStats, close, constants, fstat, lstat, open, read } from 'node:fs';
import { promisify } from 'node:util';
import { isError } from '../calls/is-error.ts';
import { SecretError, type SecretErrorCode } from '../contract/secret-error.ts';

// From `node:fs` and not from `node:fs/promises`, which takes longer to load in a CommonJS bundle than a small file
// takes to read.
const openFile = promisify(open);
const statFile = promisify(fstat);
const readFile = promisify(read);
const closeFile = promisify(close);
const statLink = promisify(lstat);

/** A file or folder, and the provider that it belongs to. */
export interface StoreFile {
  /** Absolute path. */
  readonly path: string;
  /** The path as the user gave it: what errors show. */
  readonly shown: string;
  /** Name of the provider, for errors. */
  readonly provider: string;
  /** The secret that the file holds, if it holds only one. */
  readonly secretName?: string;
}

/** What errors need to know of a file. */
type Subject = Omit<StoreFile, 'path'>;

/** The result of one read of a file. */
export interface WholeFile {
  readonly bytes: Buffer;
  readonly stat: BigIntStats;
}

/**
 * The code of what Node threw (`ENOENT`), else `''`: unlike the message, it holds no foreign text. What the permissions
 * of the process refuse (`node --permission`, Deno) is `ERR_ACCESS_DENIED`.
 */
export function errnoOf(thrown: unknown): string {
  if (!isError(thrown)) return '';
  const { name, code } = thrown;
  if (name === 'NotCapable') return 'ERR_ACCESS_DENIED'; // Deno's, without a code
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]*$/.test(code) ? code : '';
}

/** A `SecretError` about this file or folder. */
export function problem(
  { shown, provider, secretName }: Subject,
  code: SecretErrorCode,
  reason: string,
  hint?: string,
): SecretError {
  return new SecretError(code, `${shown} ${reason}`, { provider, secretName, hint });
}

const access = 'Give this user read access to it, and to the folders above.';
const refusals: ReadonlyMap<string, readonly [SecretErrorCode, reason: string, hint?: string]> =
  new Map([
    ['EACCES', ['ERR_SECRET_DENIED', 'may not be read', access]],
    ['EPERM', ['ERR_SECRET_DENIED', 'may not be read', access]],
    [
      'ERR_ACCESS_DENIED',
      [
        'ERR_SECRET_DENIED',
        'may not be read by this process',
        'Start it with the permission for this file: --allow-fs-read of Node, --allow-read of Deno.',
      ],
    ],
    ['ELOOP', ['ERR_SECRET_INVALID', 'is a link that leads in a circle']],
    // The error of opening a socket, or a device without a driver.
    ['ENXIO', ['ERR_SECRET_INVALID', 'is not a regular file']],
    ['ENOTDIR', ['ERR_SECRET_CONFIG', 'lies below something that is not a folder']],
    ['ENAMETOOLONG', ['ERR_SECRET_CONFIG', 'is a longer path than the system allows']],
  ]);

/** The `SecretError` for what `node:fs` threw about an existing file; a `SecretError` is returned unchanged. */
export function unreadable(file: Subject, thrown: unknown): SecretError {
  return thrown instanceof SecretError
    ? thrown
    : errnoProblem(file, thrown, refusals, 'could not be read');
}

/** The `SecretError` that `known` has for an errno; for any other, the failed action and the errno. */
export function errnoProblem(
  file: Subject,
  thrown: unknown,
  known: typeof refusals,
  failure: string,
): SecretError {
  const errno = errnoOf(thrown);
  const refusal = known.get(errno);
  if (refusal !== undefined) return problem(file, ...refusal);
  const code = /^E[A-Z0-9]+$/.test(errno) ? ` (${errno})` : '';
  return problem(file, 'ERR_SECRET_UNAVAILABLE', `${failure}${code}`);
}

/** How a file is read. */
export interface ReadOptions {
  /**
   * A larger file is refused: it may be a log that was named by mistake. Bytes.
   */
  readonly limit: number;
  /** More of `fs.constants`, such as `O_NOFOLLOW`. */
  readonly flags?: number | undefined;
  /** The error for a folder. Default: `ERR_SECRET_CONFIG`, with the hint to name the file in it. */
  readonly ofFolder?: (() => SecretError) | undefined;
}

/**
 * The whole file at `path`, or `undefined` if it was written in between: half a file would lack names. It never
 * blocks, unlike a plain opening of a FIFO, which waits for a writer and holds a thread.
 *
 * @throws `ERR_SECRET_INVALID` if it is not a regular file, or larger; what `ofFolder` says if it is a
 *   folder; what `node:fs` throws
 */
export async function readWhole(
  path: string,
  file: Subject,
  { limit, flags = 0, ofFolder = () => folderProblem(file) }: ReadOptions,
): Promise<WholeFile | undefined> {
  const mode = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | flags;
  const descriptor = await openFile(path, mode);
  try {
    const before = await statFile(descriptor, { bigint: true });
    if (before.isDirectory()) throw ofFolder();
    if (!before.isFile()) throw problem(file, 'ERR_SECRET_INVALID', 'is not a regular file');
    const tooLarge = () =>
      problem(file, 'ERR_SECRET_INVALID', `is larger than ${limit / 1024 / 1024} MiB`);
    // The size is checked first, so that a large file costs nothing, and again while reading, because a file may
    // grow, or claim to be empty as below /proc.
    const size = Number(before.size);
    if (size > limit) throw tooLarge();
    const chunks: Buffer[] = [];
    let length = 0;
    for (;;) {
      // with more room than needed: a read that leaves some of it has reached the end
      const room = Buffer.allocUnsafe(Math.max(size - length, 64 * 1024) + 1);
      const { bytesRead } = await readFile(descriptor, room, 0, room.length, null);
      length += bytesRead;
      if (length > limit) throw tooLarge();
      chunks.push(room.subarray(0, bytesRead));
      if (bytesRead === 0 || (length === size && bytesRead < room.length)) break;
    }
    const stat = await statFile(descriptor, { bigint: true });
    if (stat.size !== before.size || stat.mtimeNs !== before.mtimeNs) return undefined;
    return { bytes: Buffer.concat(chunks, length), stat };
  } finally {
    await closeFile(descriptor);
  }
}

function folderProblem(file: Subject): SecretError {
  return problem(file, 'ERR_SECRET_CONFIG', 'is a folder', 'Name the file in it.');
}

/**
 * The bytes of the file, or `undefined` if there is none.
 *
 * @param limit - bytes, as for {@link readWhole}
 * @throws `ERR_SECRET_DENIED` without permission; `ERR_SECRET_INVALID` if it is a link to nothing or
 *   in a circle, not a regular file, or too large; `ERR_SECRET_CONFIG` if the path cannot name a file;
 *   `ERR_SECRET_UNAVAILABLE` for any other failure to read, and while it is being written into
 */
export async function readBytes(file: StoreFile, limit: number): Promise<Buffer | undefined> {
  for (let attempt = 0; attempt < 5; attempt++) {
    try {
      const whole = await readWhole(file.path, file, { limit });
      if (whole !== undefined) return whole.bytes;
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw unreadable(file, error);
      if (!(await isLink(file.path))) return undefined;
      throw problem(file, 'ERR_SECRET_INVALID', 'is a link that points to nothing');
    }
  }
  throw problem(file, 'ERR_SECRET_UNAVAILABLE', 'keeps being changed while it is read');
}

/**
 * The text of a file's bytes, its byte order mark included.
 *
 * @throws `ERR_SECRET_INVALID` if they are not UTF-8 text, with `hint`: replacement characters would change
 *   values or names
 */
export function decodeText(file: Subject, bytes: Uint8Array, hint = 'Save it as UTF-8.'): string {
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff))
    throw problem(file, 'ERR_SECRET_INVALID', 'is UTF-16 text', hint);
  if (!isUtf8(bytes)) throw problem(file, 'ERR_SECRET_INVALID', 'is not valid UTF-8 text', hint);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

async function isLink(path: string): Promise<boolean> {
  try {
    return (await statLink(path)).isSymbolicLink();
  } catch {
    return false; // removed in between, or its folder is missing too
  }
}
