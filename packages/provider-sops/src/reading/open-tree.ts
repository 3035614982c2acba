/**
 * From a path to the content of the file, by our own code or by the real sops.
 */
import { createHash } from 'node:crypto';
import { decodeText, problem, readBytes } from '@keyfall/core/provider/files';
import type { OpenedTree } from '../tree/decrypt-tree.ts';
import { dataKeyOf, openSops, readSops, type SopsSource } from './open-sops.ts';
import { decryptBySops } from './sops-binary.ts';
import { sizeLimit } from './sops-source.ts';

/** The revision of a file: a hash of its bytes, which are encrypted with fresh randomness at each write. */
export function revisionOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 32);
}

/** Opens the file; `undefined` if it does not exist. */
export async function openTree(
  source: SopsSource,
  signal: AbortSignal,
): Promise<{ readonly revision: string; readonly tree: OpenedTree } | undefined> {
  if (signal.aborted) throw problem(source, 'ERR_SECRET_ABORTED', 'was not read: aborted');
  const bytes = await readBytes(source, sizeLimit);
  if (bytes === undefined) return undefined;
  const read = await readSops(source, decodeText(source, bytes));
  const key = await dataKeyOf(source, read.metadata, signal);
  const tree =
    key === 'sops'
      ? await decryptBySops(source, bytes, signal)
      : (await openSops(source, read, key)).tree;
  return { revision: revisionOf(bytes), tree };
}
