/**
 * The file that is migrated: read once, backed up byte for byte, and replaced in one step or not at all.
 */
import { dirname, resolve } from 'node:path';
import { isSecretError, SecretError } from '@keyfall/core';
import { assertReplaceable, realPathOf, syncFolder } from '@keyfall/core/provider/files/write';
import { editDotenvFile } from '@keyfall/provider-dotenv/edit';
import { createFile } from '../files/create-file.ts';
import { isThere } from '../files/is-there.ts';
import { printable } from '../terminal/terminal.ts';

/** `BASE.TIMESTAMP`, with a number if that file, or the one that `taken` makes of its name, exists. */
export async function freePath(
  base: string,
  now: Date,
  taken: (path: string) => string,
): Promise<string> {
  const timestamp = now.toISOString().replace(/[-:]/g, '').replace('.', '');
  for (let count = 1; ; count++) {
    const path = `${base}.${timestamp}${count === 1 ? '' : `-${count}`}`;
    if (!(await isThere(path)) && !(await isThere(taken(path)))) return path;
  }
}

/**
 * Writes a copy of a file with mode 0600, and syncs it to the disk. Never overwrites.
 *
 * @throws as {@link createFile}
 */
export async function backUp(path: string, bytes: Uint8Array): Promise<void> {
  await createFile(path, bytes, 0o600);
  await syncFolder(dirname(path));
}

/**
 * Replaces the file's content in one step, under the lock of all Keyfall's writers: a reader sees the old bytes or the
 * new ones. Mode and owner stay; a link stays a link.
 *
 * @throws as `editDotenvFile` if the file or its folder cannot be written
 */
export async function replaceFile(file: string, bytes: Uint8Array): Promise<void> {
  await editDotenvFile(file, () => bytes);
}

/**
 * Makes sure, as far as that can be known, that the file could be replaced after the store has changed. The caller must
 * hold the file.
 *
 * @param otherwise - what else the user can do, a sentence
 * @throws as {@link replaceFile}
 */
export async function assertEditable(
  path: string,
  bytes: Uint8Array,
  otherwise: string,
): Promise<void> {
  const file = { path: resolve(path), shown: path, provider: 'dotenv' };
  try {
    await assertReplaceable(file, await realPathOf(file), bytes);
  } catch (error) {
    if (!isSecretError(error)) throw error;
    const { reason, hint } = error;
    throw error.with({
      reason: `${reason}, and nothing was changed`,
      hint: [hint, otherwise].filter(Boolean).join(' '),
    });
  }
}

/** The error for a file that was changed since it was read. */
export function changedMeanwhile(file: string): SecretError {
  return new SecretError('ERR_SECRET_CONFLICT', `${printable(file)} was changed in the meantime`, {
    hint: 'Run the command again.',
  });
}

/**
 * Runs `work` while no other process of Keyfall writes the file, or migrates it.
 *
 * @param file - it need not exist
 * @param work - gets its content, and returns the new one; `undefined` leaves it as it is
 * @param afterwards - is called after that, before the file is released
 * @param signal - ends the wait for another process
 * @throws as {@link replaceFile}; `ERR_SECRET_UNAVAILABLE` if another process does not release it in time
 */
export async function holding(
  file: string,
  work: (bytes: Buffer | undefined) => Promise<Uint8Array | undefined>,
  afterwards: () => Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  let isSecond = false;
  await editDotenvFile(
    file,
    async (bytes) => {
      // called again because another program wrote the file in the meantime
      if (isSecond) throw changedMeanwhile(file);
      isSecond = true;
      return work(bytes);
    },
    { timeout: 10_000, afterwards, ...(signal && { signal }) },
  );
}
