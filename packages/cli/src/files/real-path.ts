/**
 * Which file a path leads to.
 */
import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';

/** The path without links in it, absolute; where nothing is there, the path as it is, absolute. */
export function realPathOf(path: string): Promise<string> {
  return realpath(path).catch(() => resolve(path));
}
