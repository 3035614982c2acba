/**
 * What moves on a terminal while somebody waits. Only ever on stderr; it takes no key, and a Ctrl-C
 * ends the process as if it were not there.
 */
import { canRedraw, draw, onBeforeLine, printable } from './terminal.ts';

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/**
 * Shows `text` with a wheel until the returned function is called, which leaves no trace of it.
 * `undefined` where stderr cannot be drawn over, and nothing is shown.
 */
export function startSpinner(text: string): (() => void) | undefined {
  if (!canRedraw()) return undefined;
  let frame = 0;
  const turn = (): void => draw(`\r\u001b[K${frames[frame++ % frames.length]} ${printable(text)}`);
  const clear = (): void => draw('\r\u001b[K');
  turn();
  const timer = setInterval(turn, 80);
  timer.unref();
  // a notice in between gets a line of its own
  onBeforeLine(clear);
  return () => {
    clearInterval(timer);
    onBeforeLine(undefined);
    clear();
  };
}
