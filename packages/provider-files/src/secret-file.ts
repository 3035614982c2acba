/**
 * Reads one file that holds one secret, and distinguishes what can be wrong with it. Only a missing file is "not
 * here". A folder, a pipe, a link to nothing or a file in another encoding is an error. (Docker creates a folder if the
 * file of a bind mount is missing.)
 */
import { constants } from 'node:fs';
import type { SecretRecord } from '@keyfall/core/provider';
import {
  decodeText,
  errnoOf,
  isInside,
  problem,
  readWhole,
  type StoreFile,
  unreadable,
  type WholeFile,
} from '@keyfall/core/provider/files';
import { realPathOf } from './secret-folder.ts';

/** Larger files are refused. Kubernetes and systemd allow 1 MiB, Docker 500 kB. Bytes. */
const sizeLimit = 1024 * 1024;

/** One file to read. */
export interface SecretFile extends StoreFile {
  readonly secretName: string;
  /** Real path of the folder that its links may not leave, if there is one. */
  readonly within: string | undefined;
}

/** How the bytes of a file become a text. */
export interface TextForm {
  /** Whether it holds bytes, whose text form is base64. */
  readonly binary: boolean;
  /** Whether a line break at the end belongs to the value. */
  readonly keepNewline: boolean;
}

/** What a file holds, and who may read it. */
export interface FileContent {
  readonly record: SecretRecord;
  /** Its real path. */
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
}

/**
 * The secret in a file, or `undefined` if there is no file.
 *
 * @throws `ERR_SECRET_DENIED` without permission; `ERR_SECRET_INVALID` if it is a link to nothing or
 *   out of its folder, not a regular file, larger than 1 MiB, or not text;
 *   `ERR_SECRET_UNAVAILABLE` for any other failure, and while it is being written
 */
export async function readSecretFile(
  file: SecretFile,
  form: TextForm,
): Promise<FileContent | undefined> {
  // A file that is written during the read has another time or size afterwards, and is read again.
  for (let attempt = 0; attempt < 5; attempt++) {
    const path = await realPathOf(file.path, file);
    if (path === undefined) return undefined;
    if (file.within !== undefined && !isInside(file.within, path))
      throw problem(
        file,
        'ERR_SECRET_INVALID',
        'is a link that leaves the folder',
        "If this is intended, set links: 'anywhere'.",
      );
    try {
      const read = await readOnce(path, file);
      if (read === undefined) continue;
      const { bytes, stat } = read;
      const record = { value: textOf(bytes, file, form), createdAt: Number(stat.mtimeMs) };
      return { record, path, mode: Number(stat.mode) };
    } catch (error) {
      // ENOENT: it was removed in between. ELOOP: a link replaced it after its real path was found.
      if (errnoOf(error) !== 'ENOENT' && errnoOf(error) !== 'ELOOP') throw unreadable(file, error);
    }
  }
  throw problem(file, 'ERR_SECRET_UNAVAILABLE', 'keeps being changed while it is read');
}

function readOnce(path: string, file: StoreFile): Promise<WholeFile | undefined> {
  return readWhole(path, file, {
    limit: sizeLimit,
    flags: constants.O_NOFOLLOW ?? 0,
    ofFolder: () =>
      problem(
        file,
        'ERR_SECRET_INVALID',
        'is a folder, not a file',
        'If it is a bind mount of Docker, the file to mount was missing: create it, and remove the folder.',
      ),
  });
}

function textOf(bytes: Buffer, file: StoreFile, { binary, keepNewline }: TextForm): string {
  if (binary) return bytes.toString('base64');
  const hint = 'Save it as UTF-8. If it holds bytes, add its name to the option binary.';
  const text = decodeText(file, bytes, hint);
  if (text.includes('\0')) throw problem(file, 'ERR_SECRET_INVALID', 'holds zero bytes', hint);
  return keepNewline ? text : text.replace(/\r?\n$/, '');
}
