/**
 * What moves on a terminal while somebody waits. Only ever on stderr; it takes no key, and a Ctrl-C
 * ends the process as if it were not there.
 */
import { canRedraw, onBeforeLine, printable, redraw } from './terminal.ts';

/** Milliseconds from one frame to the next. */
const interval = 80;

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/**
 * Shows `text` with a wheel until the returned function is called, which leaves no trace of it.
 * `undefined` where stderr cannot be drawn over, and nothing is shown.
 */
export function startSpinner(text: string): (() => void) | undefined {
  if (!canRedraw()) return undefined;
  let frame = 0;
  const turn = (): void => {
    const seconds = Math.floor((frame * interval) / 1_000);
    const since = seconds < 5 ? '' : ` (${seconds} s)`;
    redraw(`${frames[frame++ % frames.length]} ${printable(text)}${since}`);
  };
  const clear = (): void => redraw('');
  turn();
  const timer = setInterval(turn, interval);
  timer.unref();
  // a notice in between gets a line of its own
  onBeforeLine(clear);
  return () => {
    clearInterval(timer);
    onBeforeLine(undefined);
    clear();
  };
}
