/**
 * Reads one file that holds one secret, and tells apart what can be wrong with it. Only a file that
 * is not there is "not here"; a folder, a pipe, a link to nothing or a file of another encoding is
 * not. (Docker makes a folder where the file of a bind mount is missing.)
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { SecretRecord } from '@keyfall/core';
import { errnoOf, type FileSubject, problem, unreadable } from './file-errors.ts';
import { isInside, realPathOf } from './secret-folder.ts';

/** Larger files are refused. Kubernetes and systemd allow 1 MiB, Docker 500 kB. Bytes. */
const sizeLimit = 1024 * 1024;

/** One file to read. */
export interface SecretFile extends FileSubject {
  readonly secretName: string;
  /** Absolute path. */
  readonly path: string;
  /** Real path of the folder that its links may not leave, if there is one. */
  readonly within: string | undefined;
}

/** How the bytes of a file become a text. */
export interface TextForm {
  /** Whether it holds bytes, which base64 stands for. */
  readonly binary: boolean;
  /** Whether one line break at its end belongs to the value. */
  readonly keepNewline: boolean;
}

/** What a file holds, and who may read it. */
export interface FileContent {
  readonly record: SecretRecord;
  /** Where it really is. */
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
}

/**
 * The secret in a file, or `undefined` if there is no file.
 *
 * @throws `ERR_SECRET_DENIED` without permission; `ERR_SECRET_INVALID` if it is a link to nothing or
 *   out of its folder, no regular file, larger than 1 MiB, or no text;
 *   `ERR_SECRET_UNAVAILABLE` for any other failure, and while it is being written
 */
export async function readSecretFile(
  file: SecretFile,
  form: TextForm,
): Promise<FileContent | undefined> {
  // A file that is being written into has a time or size of its own before and after: once more.
  for (let attempt = 0; attempt < 5; attempt++) {
    const path = await realPathOf(file.path, file);
    if (path === undefined) return undefined;
    if (file.within !== undefined && !isInside(file.within, path))
      throw problem(
        file,
        'ERR_SECRET_INVALID',
        'is a link that leaves the folder',
        "If that is meant, set links: 'anywhere'.",
      );
    try {
      const read = await readBytes(path, file);
      if (read === undefined) continue;
      const { bytes, createdAt, mode } = read;
      return { record: { value: textOf(bytes, file, form), createdAt }, path, mode };
    } catch (error) {
      // ENOENT: removed meanwhile. ELOOP: a link took its place after its real path was found.
      if (errnoOf(error) !== 'ENOENT' && errnoOf(error) !== 'ELOOP') throw unreadable(file, error);
    }
  }
  throw problem(file, 'ERR_SECRET_UNAVAILABLE', 'keeps being changed while it is read');
}

/** The bytes of a file, or `undefined` if it was changed while it was read. */
async function readBytes(path: string, file: FileSubject) {
  // Without O_NONBLOCK the opening of a FIFO waits for a writer, and holds a thread for it.
  const { O_RDONLY, O_NONBLOCK = 0, O_NOFOLLOW = 0 } = constants;
  const handle = await open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
  try {
    const before = await handle.stat({ bigint: true });
    if (before.isDirectory())
      throw problem(
        file,
        'ERR_SECRET_INVALID',
        'is a folder, not a file',
        'If it is a bind mount of Docker, the file to mount was missing.',
      );
    if (!before.isFile()) throw problem(file, 'ERR_SECRET_INVALID', 'is not a regular file');
    // The size is asked first so that a large file costs nothing, and kept to while reading since a
    // file may grow, or, as below /proc, claim to be empty.
    if (before.size > sizeLimit) throw tooLarge(file);
    const chunks: Buffer[] = [];
    let length = 0;
    for (;;) {
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(16 * 1024));
      if (bytesRead === 0) break;
      length += bytesRead;
      if (length > sizeLimit) throw tooLarge(file);
      chunks.push(buffer.subarray(0, bytesRead));
    }
    const after = await handle.stat({ bigint: true });
    if (after.size !== before.size || after.mtimeNs !== before.mtimeNs) return undefined;
    return {
      bytes: Buffer.concat(chunks, length),
      createdAt: Number(after.mtimeMs),
      mode: Number(after.mode),
    };
  } finally {
    await handle.close();
  }
}

function textOf(bytes: Buffer, file: FileSubject, { binary, keepNewline }: TextForm): string {
  if (binary) return bytes.toString('base64');
  const hint = 'Save it as UTF-8; if it is meant to hold bytes, name it in binary.';
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff))
    throw problem(file, 'ERR_SECRET_INVALID', 'is UTF-16 text', hint);
  if (bytes.includes(0)) throw problem(file, 'ERR_SECRET_INVALID', 'holds zero bytes', hint);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw problem(file, 'ERR_SECRET_INVALID', 'is not valid UTF-8 text', hint);
  }
  return keepNewline ? text : text.replace(/\r?\n$/, '');
}

function tooLarge(file: FileSubject) {
  return problem(file, 'ERR_SECRET_INVALID', `is larger than ${sizeLimit / 1024 / 1024} MiB`);
}
