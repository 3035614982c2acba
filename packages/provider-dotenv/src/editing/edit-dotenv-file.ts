/**
 * Changes a `.env` file for tools as the provider does: under the lock of Keyfall's writers, and
 * atomically.
 */
import { resolve } from 'node:path';
import { assertOptions, deadlineIn, type OptionKinds } from '@keyfall/core/provider';
import { editFile } from '@keyfall/core/provider/files/write';
import { sizeLimit } from '../contents/dotenv-contents.ts';

/** Options of {@link editDotenvFile}. */
export interface EditDotenvFileOptions {
  /** Ends the waiting for another writer. */
  readonly signal?: AbortSignal | undefined;
  /** How long to wait for another writer, in milliseconds. Default 2500. */
  readonly timeout?: number | undefined;
  /**
   * Called last, changed or not, while the lock of the file is still held. What it throws is passed on, and the file keeps
   * its new content.
   */
  readonly afterwards?: (() => Promise<void>) | undefined;
}

const optionKinds: OptionKinds<EditDotenvFileOptions> = {
  signal: 'an AbortSignal',
  timeout: 'anything',
  afterwards: 'a function',
};

/**
 * Replaces the content of the file at `path` by what `edit` returns. The file's lock is held meanwhile; mode, owner and
 * links stay; a new file gets mode 0600. If a program that ignores the lock changes the file in between, `edit` is called
 * again with the new content.
 *
 * @param edit - gets the file's bytes, or `undefined` if there is none, and returns the new ones, or
 *   `undefined` to leave it as it is. What it throws is passed on, and the file stays as it is
 * @returns whether the file was changed
 * @throws `ERR_SECRET_DENIED`, `_INVALID`, `_CONFIG`, `_UNAVAILABLE` as `dotenvProvider` does for a file
 *   that cannot be read, locked or written; `ERR_SECRET_UNSUPPORTED` if it would grow too large or is
 *   a mount of its own; `ERR_SECRET_CONFLICT` if other programs keep changing it; `ERR_SECRET_ABORTED`
 * @example
 * ```ts
 * import { editDotenv, editDotenvFile } from '@keyfall/provider-dotenv/edit';
 *
 * await editDotenvFile('.env', async (bytes) => {
 *   const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
 *   return Buffer.from(await editDotenv(text, new Map([['USE_VAULT', 'true']])));
 * });
 * ```
 */
export async function editDotenvFile(
  path: string,
  edit: (content: Buffer | undefined) => Uint8Array | undefined | Promise<Uint8Array | undefined>,
  options: EditDotenvFileOptions = {},
): Promise<boolean> {
  assertOptions(options, 'editDotenvFile', optionKinds);
  const { signal = new AbortController().signal, timeout = 2_500 } = options;
  const { afterwards = async () => {} } = options;
  return editFile({ path: resolve(path), shown: path, provider: 'dotenv' }, edit, {
    limit: sizeLimit,
    signal,
    afterwards,
    remainingTimeout: deadlineIn(timeout),
  });
}
