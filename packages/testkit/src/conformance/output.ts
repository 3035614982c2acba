/**
 * Records what a process says besides its answers: console, stdout, stderr and process warnings.
 * Tests may run in parallel, so all recorders share one set of wrappers.
 */
import { setImmediate as turn } from 'node:timers/promises';

interface Recorder {
  readonly lines: unknown[];
}

const recorders = new Set<Recorder>();
let restore: (() => void) | undefined;

/** Starts to record. `end` returns what was said since, and may be called twice. */
export function recordOutput(): { end(): Promise<readonly unknown[]> } {
  const recorder: Recorder = { lines: [] };
  recorders.add(recorder);
  restore ??= install();
  return {
    async end() {
      await turn(); // process warnings are emitted on a later tick
      recorders.delete(recorder);
      if (recorders.size === 0) {
        restore?.();
        restore = undefined;
      }
      return recorder.lines;
    },
  };
}

function install(): () => void {
  const say = (...said: readonly unknown[]): void => {
    for (const { lines } of recorders) lines.push(...said);
  };
  const methods = ['debug', 'error', 'info', 'log', 'trace', 'warn'] as const;
  const undo = methods.map((method) => {
    const original = console[method];
    console[method] = (...said: unknown[]) => {
      say(...said);
      original.apply(console, said);
    };
    return () => {
      console[method] = original;
    };
  });
  for (const stream of [process.stdout, process.stderr]) {
    const original = stream.write;
    stream.write = ((...said: Parameters<typeof original>) => {
      say(typeof said[0] === 'string' ? said[0] : Buffer.from(said[0]).toString());
      return original.apply(stream, said);
    }) as typeof original;
    undo.push(() => {
      stream.write = original;
    });
  }
  process.on('warning', say);
  undo.push(() => process.off('warning', say));
  return () => {
    for (const step of undo) step();
  };
}
