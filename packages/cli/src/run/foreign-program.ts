/**
 * Programs for another processor or system. execvp(3) gives a file that the system refuses to start to a shell, which would
 * run its bytes as commands, so that such a file must be recognised before.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';

/**
 * Whether a file is binary and, as far as can be known, the system cannot start it: it has no handler for it either
 * (binfmt_misc, by which QEMU and Wine are registered with Linux).
 *
 * @param start - its first bytes, which are not those of a program for this machine
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

/** By the rule of bash: a NUL in what would be the first line. Every ELF file has one behind its magic number. */
function isBinary(start: Buffer): boolean {
  const head = start.subarray(0, 80);
  const end = head.indexOf('\n');
  return head.subarray(0, 4).equals(elf) || head.subarray(0, end < 0 ? 80 : end).includes(0);
}

const elf = Buffer.from('\x7fELF', 'latin1');

/** The ELF processors (e_machine) of 32-bit programs that a system of this architecture can start too. */
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

/** The enabled handlers' descriptions (Documentation/admin-guide/binfmt-misc.rst of Linux). */
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
