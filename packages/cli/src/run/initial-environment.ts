/**
 * The environment that we were started with, as others see it. A process's first environment stays in its memory whatever
 * becomes of the variables, and `/proc/PID/environ` shows it to every process of the same user: to the
 * program of `run` too, where we stay beside it. A process may write to its own memory (proc(5), `/proc/self/mem`), and so
 * values can be blotted out there. Nowhere but on Linux is there such a file.
 */
import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';

/**
 * Blots the values of these variables out of what `/proc/PID/environ` shows of us. `process.env` keeps them.
 * Where the system does not allow it they stay, and nothing is said: it is one wall more and not the only one.
 */
export function hideInitialValues(names: Iterable<string>): void {
  if (process.platform !== 'linux') return;
  try {
    const wanted = new Set([...names].filter((name) => process.env[name] !== undefined));
    if (wanted.size > 0) blotOut(wanted);
  } catch {
    // no /proc here, or one that does not let us
  }
}

function blotOut(names: ReadonlySet<string>): void {
  const { start, end } = placeOfEnvironment();
  const memory = openSync('/proc/self/mem', 'r+');
  try {
    const bytes = Buffer.alloc(end - start);
    if (readSync(memory, bytes, 0, bytes.length, start) < bytes.length) return;
    for (let at = 0; at < bytes.length; ) {
      const zero = bytes.indexOf(0, at);
      const until = zero < 0 ? bytes.length : zero;
      const text = bytes.toString('latin1', at, until);
      const equals = text.indexOf('=');
      const name = text.slice(0, equals);
      if (equals > 0 && names.has(name) && isMoved(name, bytes.subarray(at + equals + 1, until)))
        writeSync(
          memory,
          Buffer.alloc(until - at - equals - 1),
          0,
          undefined,
          start + at + equals + 1,
        );
      at = until + 1;
    }
  } finally {
    closeSync(memory);
  }
}

/**
 * Has the variable stand elsewhere: setenv(3) makes a new text of its own, so that nothing refers to the old one any more. Not where
 * Node's text is another one than the bytes that it was read from.
 */
function isMoved(name: string, bytes: Uint8Array): boolean {
  const value = process.env[name];
  if (value === undefined || bytes.length === 0 || !Buffer.from(value).equals(bytes)) return false;
  process.env[name] = value;
  return true;
}

/** Where the first environment is: `env_start` and `env_end` in proc_pid_stat(5). */
function placeOfEnvironment(): { readonly start: number; readonly end: number } {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  // the name of the program, which may hold anything, is in brackets; the third field comes after it
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [start, end] = [Number(fields[50 - 3]), Number(fields[51 - 3])];
  // an environment is never larger than a quarter of the stack, and that is 8 MiB mostly
  if (!(start > 0 && end > start && end - start < 64 * 1024 * 1024))
    throw new RangeError('not known where the environment is');
  return { start, end };
}
