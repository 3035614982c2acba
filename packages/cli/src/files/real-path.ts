/**
 * The file that a path leads to.
 */
import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';

/** The absolute path without links; of a file that does not exist, only the absolute path. */
export function realPathOf(path: string): Promise<string> {
  return realpath(path).catch(() => resolve(path));
}
