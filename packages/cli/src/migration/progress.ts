/**
 * How far a migration is: one line that is drawn over, for a person who waits. A log gets none of it.
 */
import { writeSync } from 'node:fs';
import { canRedraw, isQuiet, onBeforeLine, printable } from '../terminal.ts';

/** Told of each step as it begins. */
export interface Progress {
  step(text: string): void;
  /** The last step is over, or failed: leaves no trace of it. Safe to call twice. */
  end(): void;
}

const width = 20;

/** A bar over so many steps. */
export function showProgress(steps: number): Progress {
  if (isQuiet() || !canRedraw()) return { step() {}, end() {} };
  let begun = 0;
  let line: string | undefined;
  const draw = (): void => {
    if (line !== undefined) write(`\r\x1b[K${line}`);
  };
  return {
    step(text) {
      const filled = Math.round((Math.min(begun, steps) / steps) * width);
      line = `[${'#'.repeat(filled).padEnd(width, '.')}] ${printable(text)}`;
      begun += 1;
      // a notice in between gets a line of its own
      onBeforeLine(() => write('\r\x1b[K'));
      draw();
    },
    end() {
      if (line === undefined) return;
      line = undefined;
      onBeforeLine(undefined);
      write('\r\x1b[K');
    },
  };
}

// A bar of our own: clack's takes the keyboard, and ends a Ctrl-C with exit code 0.
function write(text: string): void {
  try {
    writeSync(2, text);
  } catch {
    // a terminal that is gone or full needs no bar
  }
}
