/**
 * Callers that stop waiting, for work that goes on.
 */
import { isSecretError, SecretError } from '@keyfall/core';

/** Why a call was ended: the signal's own reason if it is one of ours. */
export function abortError(signal: AbortSignal, provider: string): SecretError {
  if (isSecretError(signal.reason)) return signal.reason;
  return new SecretError('ERR_SECRET_ABORTED', 'the call was aborted', { provider });
}

/** What comes first: the work's end, or the abort. The work goes on. */
export async function unlessAborted<Result>(
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
