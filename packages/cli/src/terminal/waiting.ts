/**
 * What a terminal and a log show while a command waits.
 */
import { canRedraw, isQuiet, notice } from './terminal.ts';

/** Milliseconds after which a terminal shows a spinner. */
const spinnerDelay = 500;

let isWaiting = false;

/** Milliseconds after which a log gets a line: more than a chain needs to fall back from a dead store. */
const logDelay = 5_000;

/** Writes one line to a log if the wait is long. The returned function ends the wait. */
export function sayIfLong(what: string): () => void {
  if (isQuiet()) return () => {};
  const timer = setTimeout(() => {
    if (!canRedraw()) notice(`still ${what}.`);
  }, logDelay);
  timer.unref();
  return () => clearTimeout(timer);
}

/**
 * The result of `work`. After half a second a terminal shows what is waited for, and after five seconds a log or a pipe,
 * unless `--quiet` is given. A wait within another wait shows nothing.
 */
export async function waitingFor<Result>(
  what: string,
  work: () => Promise<Result>,
): Promise<Result> {
  if (isQuiet() || isWaiting) return work();
  isWaiting = true;
  let over = false;
  let stop: (() => void) | undefined;
  const sayNothing = sayIfLong(what);
  const timer = setTimeout(async () => {
    const { startSpinner } = await import('./spinner.ts');
    if (!over) stop = startSpinner(what);
  }, spinnerDelay);
  try {
    return await work();
  } finally {
    isWaiting = false;
    over = true;
    sayNothing();
    clearTimeout(timer);
    stop?.();
  }
}
