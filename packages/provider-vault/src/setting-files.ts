/**
 * Reads the files that settings name: a token, a certificate, a secret id.
 */
import { close, constants, fstat, open, readFile } from 'node:fs';
import { promisify } from 'node:util';

/** No token, key or list of authorities is so large. Bytes. */
const sizeLimit = 16 * 1024 * 1024;

/**
 * The text of the file, or what a shell's `<(…)` writes. Who waits for a pipe holds no thread here: one that
 * waits in the system can never be let go, and a process that wants to end waits for it.
 *
 * @throws what `node:fs` throws; an `Error` for what is neither file nor pipe, or larger than 16 MiB
 */
export async function readSettingFile(path: string): Promise<string> {
  const mode = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
  const descriptor = await promisify(open)(path, mode);
  let isOurs = true;
  try {
    const facts = await promisify(fstat)(descriptor);
    if (facts.isFIFO()) {
      isOurs = false;
      return await readPipe(descriptor);
    }
    if (!facts.isFile() || facts.size > sizeLimit) throw unusable();
    return await promisify(readFile)(descriptor, 'utf8');
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
