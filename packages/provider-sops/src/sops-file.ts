/**
 * Reads one file from disk, and tells apart what can be wrong with it. A file that is not there is an
 * answer; a link to nowhere, a folder, a pipe, or a file in another encoding is not: taking any of
 * those for "no file" would start an application without its secrets.
 */
import { constants } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';
import { SecretError, type SecretErrorCode } from '@keyfall/core';

/** Larger files are refused: no file of secrets is so large, and a log named by mistake is. Bytes. */
export const sizeLimit: number = 4 * 1024 * 1024;

/** One file to read, and who reads it. */
export interface StoreFile {
  /** Absolute path. */
  readonly path: string;
  /** The path as the user gave it: what errors show. */
  readonly shown: string;
  /** Name of the provider, for errors. */
  readonly provider: string;
}

/** The errno of what `node:fs` threw; the only fact of it that is ever shown. */
export function errnoOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
}

const refusals: ReadonlyMap<string, readonly [SecretErrorCode, reason: string, hint?: string]> =
  new Map([
    ['EACCES', ['ERR_SECRET_DENIED', 'may not be read', 'Give this user read access to it.']],
    ['EPERM', ['ERR_SECRET_DENIED', 'may not be read', 'Give this user read access to it.']],
    ['ELOOP', ['ERR_SECRET_INVALID', 'is a link that leads in a circle']],
    // What opening a socket, or a device without a driver, answers.
    ['ENXIO', ['ERR_SECRET_INVALID', 'is not a regular file']],
    ['ENOTDIR', ['ERR_SECRET_CONFIG', 'lies below something that is not a folder']],
    ['ENAMETOOLONG', ['ERR_SECRET_CONFIG', 'is a longer path than the system allows']],
  ]);

/**
 * The bytes of the file, or `undefined` if there is none.
 *
 * @throws `ERR_SECRET_DENIED` without permission; `ERR_SECRET_INVALID` if it is a link to nothing or
 *   in a circle, not a regular file, or larger than {@link sizeLimit}; `ERR_SECRET_CONFIG` if the
 *   path cannot name a file; `ERR_SECRET_UNAVAILABLE` for any other failure to read
 */
export async function readBytes(file: StoreFile): Promise<Buffer | undefined> {
  let handle: FileHandle;
  try {
    // Without O_NONBLOCK the opening of a FIFO waits for a writer, and holds a thread for it.
    handle = await open(file.path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw unreadable(file, error);
    if (!(await isLink(file.path))) return undefined;
    throw problem(file, 'ERR_SECRET_INVALID', 'is a link that points to nothing');
  }
  try {
    const stat = await handle.stat();
    if (stat.isDirectory())
      throw problem(file, 'ERR_SECRET_CONFIG', 'is a folder', 'Name the file in it.');
    if (!stat.isFile()) throw problem(file, 'ERR_SECRET_INVALID', 'is not a regular file');
    // The size is asked first so that a large file costs nothing, and kept to while reading since a
    // file may grow, or, as below /proc, claim to be empty.
    if (stat.size > sizeLimit) throw tooLarge(file);
    const chunks: Buffer[] = [];
    let length = 0;
    for (;;) {
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(64 * 1024));
      if (bytesRead === 0) return Buffer.concat(chunks, length);
      length += bytesRead;
      if (length > sizeLimit) throw tooLarge(file);
      chunks.push(buffer.subarray(0, bytesRead));
    }
  } catch (error) {
    throw error instanceof SecretError ? error : unreadable(file, error);
  } finally {
    await handle.close();
  }
}

/**
 * The text of a file's bytes, its byte order mark included.
 *
 * @throws `ERR_SECRET_INVALID` if they are not UTF-8 text
 */
export function decodeText(file: StoreFile, bytes: Uint8Array): string {
  const hint = 'Save it as UTF-8.';
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff))
    throw problem(file, 'ERR_SECRET_INVALID', 'is UTF-16 text', hint);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw problem(file, 'ERR_SECRET_INVALID', 'is not valid UTF-8 text', hint);
  }
}

/** A `SecretError` about this file. */
export function problem(
  { shown, provider }: StoreFile,
  code: SecretErrorCode,
  reason: string,
  hint?: string,
): SecretError {
  return new SecretError(code, `${shown} ${reason}`, { provider, hint });
}

function tooLarge(file: StoreFile): SecretError {
  return problem(file, 'ERR_SECRET_INVALID', `is larger than ${sizeLimit / 1024 / 1024} MiB`);
}

function unreadable(file: StoreFile, thrown: unknown): SecretError {
  const errno = errnoOf(thrown);
  const known = refusals.get(errno);
  if (known !== undefined) return problem(file, ...known);
  const code = /^E[A-Z0-9]+$/.test(errno) ? ` (${errno})` : '';
  return problem(file, 'ERR_SECRET_UNAVAILABLE', `could not be read${code}`);
}

async function isLink(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isSymbolicLink();
  } catch {
    return false; // removed in between, or its folder is not there either
  }
}
