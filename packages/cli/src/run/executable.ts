/**
 * The file of a command, and whether our process can be replaced by it.
 */
import {
  accessSync,
  closeSync,
  constants,
  openSync,
  readFileSync,
  readSync,
  statSync,
} from 'node:fs';
import { delimiter, isAbsolute, resolve } from 'node:path';
import { errnoOf } from '@keyfall/core/provider/files';
import { commandNotExecutableExitCode, commandNotFoundExitCode } from '../terminal/exit-code.ts';
import { isForeign } from './foreign-program.ts';
import { onWindows, windowsCandidates } from './windows.ts';

/** A program with its arguments and its whole environment. */
export interface ChildCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** The path of a program, or why it cannot be started, with a shell's exit code for that. */
export type Executable =
  | { readonly path: string }
  | { readonly problem: string; readonly exitCode: number };

/** Looks up a program in the PATH of this environment, like execvp(3). */
export function findExecutable(
  file: string,
  env: Readonly<Record<string, string | undefined>>,
): Executable {
  const candidates = onWindows
    ? windowsCandidates(file, env).map((path) => resolve(path))
    : posixCandidates(file, env['PATH']);
  let problem = 'command not found';
  let exitCode = commandNotFoundExitCode;
  for (const candidate of file === '' ? [] : candidates) {
    // nothing is seen in a folder of the PATH that one may not enter
    let isThere = file.includes('/');
    try {
      const isFolder = statSync(candidate).isDirectory();
      isThere = true;
      if (isFolder) {
        if (onWindows || !file.includes('/')) continue;
        return { problem: 'is a folder', exitCode: commandNotExecutableExitCode };
      }
      accessSync(candidate, constants.X_OK);
      return { path: candidate };
    } catch (error) {
      if (errnoOf(error) !== 'EACCES' || !isThere) continue;
      problem = 'permission denied';
      exitCode = commandNotExecutableExitCode;
    }
  }
  return { problem, exitCode };
}

function posixCandidates(file: string, path = '/usr/local/bin:/usr/bin:/bin'): readonly string[] {
  return file.includes('/')
    ? [resolve(file)]
    : path.split(delimiter).map((folder) => resolve(folder, file));
}

type Execve = (file: string, args: readonly string[], env: NodeJS.ProcessEnv) => never;

function execve(): Execve | undefined {
  return (process as unknown as { readonly execve?: Execve }).execve;
}

/**
 * Whether our process can be replaced by this program: `process.execve` exists (Node 22.15 and later, not on Windows), and
 * the call cannot fail, since Node would abort with a core dump.
 */
export function canReplaceProcess(path: string, { args, env }: ChildCommand): boolean {
  return execve() !== undefined && !onWindows && isSmall(args, env) && kindOf(path) === 'program';
}

/**
 * Replaces our process by the program; see {@link canReplaceProcess}. It returns if the call fails nevertheless, as it does
 * for a file that is being written (ETXTBSY): Node 26 throws then.
 */
export function replaceProcess(path: string, { file, args, env }: ChildCommand): void {
  // Node ignores these two, and execve keeps that, so that `yes | head` in the program would complain. A signal with a
  // handler is reset to its default.
  for (const signal of ['SIGPIPE', 'SIGXFSZ'] as const) process.on(signal, () => {});
  try {
    execve()?.call(process, path, [file, ...args], { ...env });
  } catch {
    // it is then started as a child, which fails again and says why
  }
}

/**
 * Whether the system can start a file. `program`: certainly. `not-executable`: certainly not, since it is a damaged program, or one
 * for another machine without a registered handler. `unknown`: anything else, such as a script without an interpreter in
 * its first line. A script is of the kind of its interpreter.
 */
export function kindOf(path: string, scripts = 2): 'program' | 'not-executable' | 'unknown' {
  try {
    const start = bytesOf(path, 0, headSize);
    if (start.subarray(0, 2).toString() === '#!') {
      // some systems cut off a longer first line, and others refuse it
      const [, interpreter] =
        /^#![ \t]*([^\s\0]+)[^\n]{0,100}\n/.exec(start.subarray(0, 256).toString()) ?? [];
      if (interpreter === undefined || !isAbsolute(interpreter) || scripts === 0) return 'unknown';
      accessSync(interpreter, constants.X_OK);
      return kindOf(interpreter, scripts - 1);
    }
    if (!isForUs(start)) return isForeign(path, start) ? 'not-executable' : 'unknown';
    return start.subarray(0, 4).equals(elf) ? kindOfElf(path, start) : 'program';
  } catch {
    return 'unknown'; // a file can be executable and not readable
  }
}

/** Whether a file has the format, word size and processor of Node itself, in ELF or Mach-O. */
function isForUs(start: Buffer): boolean {
  ours ??= bytesOf(process.execPath, 0, 20);
  return (
    ours.subarray(0, 6).equals(start.subarray(0, 6)) &&
    ours.subarray(18, 20).equals(start.subarray(18, 20))
  );
}

/** The first bytes of Node's own file. */
let ours: Buffer | undefined;

const elf = Buffer.from('\x7fELF', 'latin1');

/** The offsets of the fields in the header of an ELF file (elf(5)), by its word size. */
const elfLayouts = {
  1: { table: 28, size: 42, count: 44, entry: 32, at: 4, length: 16 },
  2: { table: 32, size: 54, count: 56, entry: 56, at: 8, length: 32 },
} as const;

/**
 * Whether an ELF file for this machine can be started: it is complete, and its loader exists, which is often missing for a
 * program from another distribution.
 */
function kindOfElf(path: string, start: Buffer): 'program' | 'not-executable' | 'unknown' {
  if (start.length < 64) return 'not-executable';
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  const layout = elfLayouts[start[4] as 1 | 2];
  const isLittle = start[5] === 1;
  const short = (at: number) => view.getUint16(at, isLittle);
  const word = (at: number) =>
    layout === elfLayouts[1]
      ? view.getUint32(at, isLittle)
      : Number(view.getBigUint64(at, isLittle));
  const [executable, sharedObject] = [2, 3];
  if (![executable, sharedObject].includes(short(16)) || short(layout.size) !== layout.entry)
    return 'not-executable';
  const table = word(layout.table);
  const end = table + short(layout.count) * layout.entry;
  // the table is cut off, or not where linkers put it
  if (end > start.length) return start.length < headSize ? 'not-executable' : 'unknown';
  let loads = false;
  for (let entry = table; entry < end; entry += layout.entry) {
    const type = view.getUint32(entry, isLittle);
    loads ||= type === 1;
    if (type !== 3) continue;
    const loader = bytesOf(path, word(entry + layout.at), word(entry + layout.length));
    const file = loader.toString('latin1').replace(/\0.*$/s, '');
    accessSync(file, constants.X_OK);
    if (!isAbsolute(file) || !isForUs(bytesOf(file, 0, 64))) return 'unknown';
  }
  return loads ? 'program' : 'not-executable';
}

/** The bytes that contain a program's header and table, or a path. */
const headSize = 4_096;

/** Bytes of a file from this position, at most {@link headSize}. */
function bytesOf(path: string, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(Math.min(length, headSize));
  const descriptor = openSync(path, 'r');
  try {
    return bytes.subarray(0, readSync(descriptor, bytes, 0, bytes.length, position));
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Whether Linux refuses to start a program with these (E2BIG, execve(2)): one text is limited to 128 KiB, and all together
 * to a quarter of the stack. On other systems only the attempt shows it.
 */
export function isTooLarge(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): boolean {
  if (process.platform !== 'linux') return false;
  const sizes = [...args, ...Object.entries(env).map(([name, value]) => `${name}=${value}`)].map(
    (text) => Buffer.byteLength(text) + 1,
  );
  if (sizes.some((size) => size > 131_072)) return true;
  return sizes.reduce((sum, size) => sum + size + 8, 0) > mostTogether();
}

/** The limit of all arguments and variables together, in bytes, with a pointer for each. */
function mostTogether(): number {
  try {
    const [, stack] =
      /^Max stack size +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    // at least 128 KiB, and at most three quarters of 8 MiB
    return Math.min(Math.max(Number(stack ?? Number.POSITIVE_INFINITY) / 4, 131_072), 6_291_456);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** Whether arguments and environment are far below the limit of every system (E2BIG). */
function isSmall(args: readonly string[], env: Readonly<Record<string, string>>): boolean {
  const texts = [...args, ...Object.keys(env), ...Object.values(env)];
  return texts.reduce((bytes, text) => bytes + Buffer.byteLength(text) + 16, 0) < 100_000;
}
