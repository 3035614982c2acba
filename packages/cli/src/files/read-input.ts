/**
 * What the user names or pipes in, read whole and never without an end: `/dev/zero`, a log that is named by
 * mistake, or a pipe that nobody writes to must not take the machine's memory, nor wait for ever.
 */
import { fstatSync } from 'node:fs';
import { resolve } from 'node:path';
import { SecretError } from '@keyfall/core';
import { readBytes } from '@keyfall/core/provider/files';

/** The most that is taken of one file, or of one value: as much as of a `.env`. Bytes. */
export const inputLimit: number = 8 * 1024 * 1024;

/** {@link inputLimit} for a message. */
export const shownLimit = '8 MiB';

/**
 * The bytes of a file that the user names, or `undefined` if there is none.
 *
 * @param shown - the path for messages
 * @throws as `readBytes` of core: `ERR_SECRET_INVALID` if it is no regular file, or larger than
 *   {@link inputLimit}; `ERR_SECRET_CONFIG` for a folder; `ERR_SECRET_DENIED`
 */
export function readNamedFile(path: string, shown: string = path): Promise<Buffer | undefined> {
  return readBytes({ path: resolve(path), shown, provider: 'keyfall' }, inputLimit);
}

/**
 * All that stdin gives.
 *
 * @throws `ERR_SECRET_CONFIG` if that is more than {@link inputLimit}, which is then not read to its end, or if
 *   stdin is a folder
 */
export async function readStdin(): Promise<Buffer> {
  // Node reads nothing of a folder, and says nothing. As bigint: what Node keeps of the other kind misleads its
  // realpath where it was of a pipe, and a package is then not found (lib/fs.js, realpathSync)
  const stat = fstatSync(0, { bigint: true });
  if (stat.isDirectory())
    throw new SecretError('ERR_SECRET_CONFIG', 'stdin is a folder, and nothing was stored', {
      hint: 'Name a file in it: keyfall set NAME < FOLDER/FILE.',
    });
  if (stat.isFile() && stat.size > inputLimit) throw tooMuch();
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of process.stdin) {
    length += chunk.length;
    if (length > inputLimit) throw tooMuch();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

function tooMuch(): SecretError {
  return new SecretError(
    'ERR_SECRET_CONFIG',
    `what stdin gives is larger than ${shownLimit}, and nothing was stored`,
    { hint: 'Look what it comes from: a value is at most as large as that.' },
  );
}
