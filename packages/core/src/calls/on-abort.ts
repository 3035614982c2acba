/**
 * Waits for signals with one listener each, however many calls wait for the same: a program gives one
 * signal to all calls of a request, and Node takes more than ten listeners at one for a leak, and warns.
 */
const waiting = new WeakMap<AbortSignal, { readonly calls: Set<() => void>; notify(): void }>();

/**
 * Calls `call` once when `signal` fires. What is returned takes that back, and leaves no listener behind
 * with the last one. A signal that has already fired calls nothing.
 */
export function onAbort(signal: AbortSignal, call: () => void): () => void {
  let listener = waiting.get(signal);
  if (!listener) {
    const calls = new Set<() => void>();
    const notify = () => {
      for (const each of calls) each();
    };
    listener = { calls, notify };
    waiting.set(signal, listener);
  }
  const { calls, notify } = listener;
  calls.add(call);
  signal.addEventListener('abort', notify);
  return () => {
    if (calls.delete(call) && calls.size === 0) signal.removeEventListener('abort', notify);
  };
}
