/**
 * What a person sees while a command waits, and what a log is told.
 */
import { canRedraw, isQuiet, notice } from './terminal.ts';

/** How long somebody waits without seeing that anything goes on, in milliseconds. */
const patience = 500;

let isWaiting = false;

/** When a log is told what is waited for: later than a chain falls back from a dead store. Milliseconds. */
const logPatience = 5_000;

/** Says once in a log, where nothing can move, what is waited for; until the returned function is called. */
export function sayIfLong(what: string): () => void {
  if (isQuiet()) return () => {};
  const timer = setTimeout(() => {
    if (!canRedraw()) notice(`still ${what}.`);
  }, logPatience);
  timer.unref();
  return () => clearTimeout(timer);
}

/**
 * The result of `work`. A person at a terminal who waits for it longer than half a second sees what
 * for; a log or a pipe is told after five seconds, and who asked for quiet is not. Within another wait it adds
 * nothing.
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
  }, patience);
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
