/**
 * The spinner that a terminal shows during a wait. It writes to stderr only and reads no keys, so that Ctrl-C ends the
 * process as usual.
 */
import { canRedraw, onBeforeLine, printable, redraw } from './terminal.ts';

/** Milliseconds from one frame to the next. */
const interval = 80;

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/**
 * Shows `text` with a spinner until the returned function is called, which removes both. `undefined` if stderr is not a
 * terminal that lines can be redrawn on: then nothing is shown.
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
  // a notice in between starts on an empty line
  onBeforeLine(clear);
  return () => {
    clearInterval(timer);
    onBeforeLine(undefined);
    clear();
  };
}
