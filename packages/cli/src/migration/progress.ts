/**
 * How far a migration is: one line that is drawn over, for a person who waits. A log gets none of it.
 */
import { canRedraw, isQuiet, onBeforeLine, printable, redraw } from '../terminal/terminal.ts';
import { sayIfLong } from '../terminal/waiting.ts';

/** Told of each step as it begins. */
export interface Progress {
  step(text: string): void;
  /** The last step is over, or failed: leaves no trace of it. Safe to call twice. */
  end(): void;
}

const width = 20;

/** In a log, only what takes long. */
function logged(): Progress {
  let done = (): void => {};
  return {
    step(text) {
      done();
      done = sayIfLong(`${text.charAt(0).toLowerCase()}${text.slice(1)}`);
    },
    end: () => done(),
  };
}

/** A bar over so many steps. Of our own: clack's takes the keyboard, and ends a Ctrl-C with exit code 0. */
export function showProgress(steps: number): Progress {
  if (isQuiet()) return { step() {}, end() {} };
  if (!canRedraw()) return logged();
  let begun = 0;
  let line: string | undefined;
  return {
    step(text) {
      const filled = Math.round((Math.min(begun, steps) / steps) * width);
      line = `[${'#'.repeat(filled).padEnd(width, '.')}] ${printable(text)}`;
      begun += 1;
      // a notice in between gets a line of its own
      onBeforeLine(() => redraw(''));
      redraw(line);
    },
    end() {
      if (line === undefined) return;
      line = undefined;
      onBeforeLine(undefined);
      redraw('');
    },
  };
}
