/**
 * What bounds work: deadlines, callers that stop waiting for work that goes on, and work that goes on without
 * keeping the process.
 */
import { deadlineIn, isSecretError, type ReadContext, SecretError } from '@keyfall/core/provider';
import { longestTimer } from './time.ts';

/** The same bounds with a fair part of the time that is left: the rest is for what comes after. */
export function partOf<Bounds extends Pick<ReadContext, 'remainingTimeout'>>(
  bounds: Bounds,
  parts: number,
): Bounds {
  const ownTime = deadlineIn(bounds.remainingTimeout() / parts);
  return { ...bounds, remainingTimeout: () => Math.min(bounds.remainingTimeout(), ownTime()) };
}

/** Bounds of a request that may have no caller: it does not keep the process alive by itself. */
export interface UnattendedContext extends ReadContext {
  readonly unattended: true;
}

/** Whether the process is held by those alone who `whileWaiting` for it. */
export function isUnattended(context: ReadContext): boolean {
  return 'unattended' in context;
}

/** The end of `work`, which holds the process until then: what it does may be unattended. */
export async function whileWaiting<Result>(work: Promise<Result>): Promise<Result> {
  const hold = setInterval(() => {}, longestTimer);
  try {
    return await work;
  } finally {
    clearInterval(hold);
  }
}

/** Why a call was ended: the signal's own reason if it is one of ours. */
export function abortError(signal: AbortSignal, provider: string): SecretError {
  if (isSecretError(signal.reason)) return signal.reason;
  return new SecretError('ERR_SECRET_ABORTED', 'the call was aborted', { provider });
}

/** The reason of a call that `close` has ended. */
export function closedError(provider: string): SecretError {
  return new SecretError('ERR_SECRET_ABORTED', 'the provider was closed', { provider });
}

/** What comes first: the work's end, or the abort. The work goes on, and the process is held until then. */
export function unlessAborted<Result>(
  work: Promise<Result>,
  signal: AbortSignal,
  provider: string,
): Promise<Result> {
  return whileWaiting(beforeAbort(work, signal, provider));
}

/** The same for work that may have no caller left. */
export async function beforeAbort<Result>(
  work: Promise<Result>,
  signal: AbortSignal,
  provider: string,
): Promise<Result> {
  let stop = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(abortError(signal, provider));
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/**
 * Bounds that end before those of a write, so that there is time to look what became of it and to say
 * so: the caller that set those would only say that there was no answer, and that it may be repeated.
 */
export function endingBefore(context: ReadContext): ReadContext {
  const kept = Math.min(context.remainingTimeout() / 4, 500);
  return { ...context, remainingTimeout: () => Math.max(0, context.remainingTimeout() - kept) };
}
