/**
 * Programs in a format that is not this machine's: another processor's, another system's. execvp(3) hands what
 * the system refuses to start to a shell, which takes the bytes for commands; so that has to be known before.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';

/**
 * Whether a file that begins so is binary, and the system cannot start it as far as can be told: it has no
 * handler for it either (binfmt_misc, as QEMU and Wine are registered with Linux).
 *
 * @param start - its first bytes, which are those of no program for this machine
 * @param handlers - the folder that lists the handlers
 */
export function isForeign(
  path: string,
  start: Buffer,
  handlers = '/proc/sys/fs/binfmt_misc',
): boolean {
  if (!isBinary(start) || is32Bit(start)) return false;
  return !entriesOf(handlers).some((entry) => takes(entry, path, start));
}

/** As bash has it: a NUL in what would be the first line. Every ELF file has one behind its mark. */
function isBinary(start: Buffer): boolean {
  const head = start.subarray(0, 80);
  const end = head.indexOf('\n');
  return head.subarray(0, 4).equals(elf) || head.subarray(0, end < 0 ? 80 : end).includes(0);
}

const elf = Buffer.from('\x7fELF', 'latin1');

/** The processors in ELF (e_machine) whose programs of 32 bits the system of these starts too. */
const siblings: Readonly<Partial<Record<NodeJS.Architecture, readonly number[]>>> = {
  x64: [3, 62],
  arm64: [40],
  ppc64: [20],
  s390x: [22],
};

function is32Bit(start: Buffer): boolean {
  if (!start.subarray(0, 4).equals(elf) || start[4] !== 1 || start.length < 20) return false;
  const machine = start[5] === 1 ? start.readUInt16LE(18) : start.readUInt16BE(18);
  return siblings[process.arch]?.includes(machine) ?? false;
}

/** What each handler says of itself (Documentation/admin-guide/binfmt-misc.rst of Linux). */
function entriesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name !== 'register' && name !== 'status')
      .map((name) => readFileSync(join(folder, name), 'latin1'))
      .filter((entry) => entry.startsWith('enabled'));
  } catch {
    return [];
  }
}

function takes(entry: string, path: string, start: Buffer): boolean {
  const fact = (name: string) => new RegExp(`^${name} (.+)$`, 'm').exec(entry)?.[1];
  const extension = fact('extension');
  if (extension !== undefined) return extname(path) === extension;
  const magic = Buffer.from(fact('magic') ?? '', 'hex');
  const mask = Buffer.from(fact('mask') ?? '', 'hex');
  const offset = Number(fact('offset') ?? 0);
  return (
    magic.length > 0 &&
    magic.every((byte, at) => {
      const bits = mask[at] ?? 0xff;
      return ((start[offset + at] ?? -1) & bits) === (byte & bits);
    })
  );
}
