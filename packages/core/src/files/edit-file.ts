/**
 * Reads, edits and replaces one file, under its lock.
 */
import { type Applied, SecretError } from '../contract/secret-error.ts';
import type { ReadContext } from '../contract/secret-provider.ts';
import { withApplied } from '../contract/with-applied.ts';
import { lockFile } from './lock-file.ts';
import { realPathOf, replaceFile } from './replace-file.ts';
import { problem, readBytes, type StoreFile } from './store-file.ts';

/** Limits of {@link editFile}. */
export interface EditFileOptions extends Pick<ReadContext, 'signal' | 'remainingTimeout'> {
  /** A larger file is neither read nor written. Bytes. */
  readonly limit: number;
  /** Called last, while the lock is still held. */
  readonly afterwards?: (() => Promise<void>) | undefined;
}

/**
 * Replaces a file by what `edit` returns, taking turns with every other writer that uses this. Mode,
 * owner and links stay; a new file gets mode 0600. If a program that ignores the lock changes the file in
 * between, `edit` is called again with the new content.
 *
 * @param edit - gets the file's bytes, or `undefined` if there is none, and its real path; returns the
 *   new bytes, or `undefined` to leave it as it is. What it throws is passed on, with
 *   `applied: 'no'` where it is a `SecretError`, and the file stays
 * @returns whether the file was changed
 * @throws `ERR_SECRET_DENIED`, `_INVALID`, `_CONFIG`, `_UNAVAILABLE` if the file cannot be read, locked or
 *   written; `ERR_SECRET_UNSUPPORTED` if it would grow too large or is a mount of its own;
 *   `ERR_SECRET_CONFLICT` if other programs keep changing it; `ERR_SECRET_ABORTED`
 */
export async function editFile(
  file: StoreFile,
  edit: (
    bytes: Buffer | undefined,
    real: string,
  ) => Uint8Array | undefined | Promise<Uint8Array | undefined>,
  { limit, afterwards, ...context }: EditFileOptions,
): Promise<boolean> {
  let applied: Applied = 'no';
  try {
    // An error of reading is more useful than one of locking, so the read comes first.
    await readBytes(file, limit);
    const real = await realPathOf(file);
    const unlock = await lockFile(file, real, context);
    try {
      for (let attempt = 0; attempt < 5; attempt++) {
        const before = await readBytes(file, limit);
        const after = await edit(before, real);
        const isToChange = after !== undefined && !same(before, after);
        if (isToChange && after.byteLength > limit)
          throw problem(
            file,
            'ERR_SECRET_UNSUPPORTED',
            `would be larger than ${limit / 1024 / 1024} MiB`,
          );
        const isUnchanged = async () => same(before, await readBytes(file, limit));
        if (isToChange && !(await replaceFile(file, real, after, isUnchanged))) continue;
        if (isToChange) applied = 'yes';
        await afterwards?.();
        return isToChange;
      }
    } finally {
      await unlock();
    }
    throw new SecretError('ERR_SECRET_CONFLICT', `${file.shown} keeps being changed by others`, {
      provider: file.provider,
      retryable: true,
    });
  } catch (error) {
    throw withApplied(error, applied);
  }
}

function same(some: Buffer | undefined, other: Uint8Array | undefined): boolean {
  return some === undefined || other === undefined ? some === other : some.equals(other);
}
