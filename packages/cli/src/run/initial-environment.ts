/**
 * Our initial environment as other processes see it. On Linux it stays in the memory of a process, whatever happens to the
 * variables, and `/proc/PID/environ` shows it to every process of the same user, also to the program of `run` if we stay
 * beside it. A process can write to its own memory (proc(5), `/proc/self/mem`), so that values can be overwritten there.
 */
import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';

/**
 * Overwrites the values of these variables in `/proc/PID/environ`. `process.env` keeps them. If the system does not allow
 * it, they stay without a notice: this is an additional protection, and not the only one.
 */
export function hideInitialValues(names: Iterable<string>): void {
  if (process.platform !== 'linux') return;
  try {
    const wanted = new Set([...names].filter((name) => process.env[name] !== undefined));
    if (wanted.size > 0) overwrite(wanted);
  } catch {
    // there is no /proc, or it may not be written
  }
}

function overwrite(names: ReadonlySet<string>): void {
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
 * Moves the variable: setenv(3) allocates a new text, so that nothing refers to the old one. `false` if Node's text differs
 * from the bytes, so that they cannot be restored from it.
 */
function isMoved(name: string, bytes: Uint8Array): boolean {
  const value = process.env[name];
  if (value === undefined || bytes.length === 0 || !Buffer.from(value).equals(bytes)) return false;
  process.env[name] = value;
  return true;
}

/** The addresses of the initial environment: `env_start` and `env_end` in proc_pid_stat(5). */
function placeOfEnvironment(): { readonly start: number; readonly end: number } {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  // the program's name, in brackets, may contain anything; the third field follows it
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [start, end] = [Number(fields[50 - 3]), Number(fields[51 - 3])];
  // an environment is at most a quarter of the stack, which is mostly 8 MiB
  if (!(start > 0 && end > start && end - start < 64 * 1024 * 1024))
    throw new RangeError('the environment was not found');
  return { start, end };
}
