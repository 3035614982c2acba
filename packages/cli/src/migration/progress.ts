/**
 * How far a migration has come: one line on a terminal that is drawn over. A log gets only a step that takes long.
 */
import { canRedraw, isQuiet, onBeforeLine, printable, redraw } from '../terminal/terminal.ts';
import { sayIfLong } from '../terminal/waiting.ts';

/** The progress of work in steps. */
export interface Progress {
  /** A step begins. */
  step(text: string): void;
  /** The last step has ended, or failed: removes the line. May be called twice. */
  end(): void;
}

const width = 20;

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

/** A bar over so many steps. It is our own, since clack's takes the keyboard and turns Ctrl-C into exit code 0. */
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
      // a notice in between starts on an empty line
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
