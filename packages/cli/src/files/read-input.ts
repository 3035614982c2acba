/**
 * Files and input of the user, read as a whole but with a limit: `/dev/zero`, or a log that is named by mistake, must not
 * fill the memory.
 */
import { fstatSync } from 'node:fs';
import { resolve } from 'node:path';
import { SecretError } from '@keyfall/core';
import { readBytes } from '@keyfall/core/provider/files';

/** The largest file, and the largest value: the same as for a `.env`. Bytes. */
export const inputLimit: number = 8 * 1024 * 1024;

/** {@link inputLimit} for a message. */
export const shownLimit = '8 MiB';

/**
 * The bytes of a file that the user names; `undefined` if it does not exist.
 *
 * @param shown - the path for messages
 * @throws as `readBytes` of core: `ERR_SECRET_INVALID` if it is not a regular file, or larger than {@link inputLimit};
 *   `ERR_SECRET_CONFIG` for a folder; `ERR_SECRET_DENIED`
 */
export function readNamedFile(path: string, shown: string = path): Promise<Buffer | undefined> {
  return readBytes({ path: resolve(path), shown, provider: 'keyfall' }, inputLimit);
}

/**
 * The content of stdin.
 *
 * @throws `ERR_SECRET_CONFIG` if it is larger than {@link inputLimit}, or a folder
 */
export async function readStdin(): Promise<Buffer> {
  // Node silently reads nothing from a folder. With bigint, since Node caches the other kind of stat, and that of a pipe
  // misleads its realpath, so that a package is not found (lib/fs.js, realpathSync)
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
    `the input is larger than ${shownLimit}, and nothing was stored`,
    { hint: 'Check where it comes from: a value can be at most that large.' },
  );
}
