/**
 * Reads the files that settings name: a token, a certificate, a secret id.
 */
import { close, constants, fstat, open, readFile } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';

/** No token, key or list of authorities is so large. Bytes. */
const sizeLimit = 16 * 1024 * 1024;

/** How often a file is looked at that may be in the middle of being written, and milliseconds in between. */
const mostLooks = 6;
const pause = 20;

/** Milliseconds since the last change within which a file may still be written further. */
const settling = 100;

/**
 * The text of the file, or what a shell's `<(…)` writes. Who waits for a pipe holds no thread here: one that
 * waits in the system can never be let go, and a process that wants to end waits for it.
 *
 * Not every program renames a whole file into place: some empty it and write it again. So a file that is
 * empty, that changed while it was read, or that was changed a moment ago is looked at again, for a tenth
 * of a second at most.
 *
 * @param looks - how often it is looked at: fewer where something else will do meanwhile
 * @throws what `node:fs` throws; an `Error` for what is neither file nor pipe, or larger than 16 MiB
 */
export async function readSettingFile(path: string, looks: number = mostLooks): Promise<string> {
  let before = await readOnce(path);
  for (let look = 1; look < looks && !before.settled; look += 1) {
    await wait(pause);
    const now = await readOnce(path);
    if (now.text === before.text && now.text.trim() !== '') return now.text;
    before = now;
  }
  return before.text;
}

/** The text as it is now, and whether it will stay, as far as that shows. */
async function readOnce(
  path: string,
): Promise<{ readonly text: string; readonly settled: boolean }> {
  const mode = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
  const descriptor = await promisify(open)(path, mode);
  let isOurs = true;
  try {
    const facts = await promisify(fstat)(descriptor);
    if (facts.isFIFO()) {
      isOurs = false;
      return { text: await readPipe(descriptor), settled: true };
    }
    if (!facts.isFile() || facts.size > sizeLimit) throw unusable();
    const text = await promisify(readFile)(descriptor, 'utf8');
    const { mtimeMs } = await promisify(fstat)(descriptor);
    const settled = text.trim() !== '' && Math.abs(Date.now() - mtimeMs) > settling;
    return { text, settled };
  } finally {
    if (isOurs) await promisify(close)(descriptor);
  }
}

/** All that comes out of the pipe, which is then closed. */
async function readPipe(descriptor: number): Promise<string> {
  const { Socket } = process.getBuiltinModule('node:net');
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of new Socket({ fd: descriptor, readable: true, writable: false })) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > sizeLimit) throw unusable();
  }
  return Buffer.concat(chunks).toString('utf8');
}

function unusable(): Error {
  return new Error('not a file that a setting can name');
}
