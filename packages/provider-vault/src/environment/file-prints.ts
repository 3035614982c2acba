/**
 * Whether files are others than before, without reading them.
 */
import { stat } from 'node:fs/promises';

/** What changes with each of these files: their sizes and times, or that they are not there. */
export async function printOf(files: readonly string[]): Promise<string> {
  const prints = files.map(async (file) => {
    const facts = await stat(file, { bigint: true }).catch(() => undefined);
    return facts ? [file, facts.ino, facts.size, facts.mtimeNs, facts.ctimeNs].join() : file;
  });
  return (await Promise.all(prints)).join('\n');
}
