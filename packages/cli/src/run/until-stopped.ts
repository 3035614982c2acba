/**
 * Work that is not to be cut off in the middle: a signal that would end the process ends the work first,
 * which then says what it leaves behind, and how to go on.
 */
import { isSecretError, SecretError } from '@keyfall/core';
import { reportError } from '../terminal/report-error.ts';
import { exitCodeOfSignal, handleSignals } from './signals.ts';

/**
 * Does `work`, and returns its exit code; that of the signal (130, 143) if one has ended it.
 *
 * @param work - is given what fires then. It must end soon, with `ERR_SECRET_ABORTED`
 * @throws what `work` throws
 */
export async function untilStopped(
  work: (signal: AbortSignal) => Promise<number>,
): Promise<number> {
  const stopping = new AbortController();
  const stop = () => stopping.abort(new SecretError('ERR_SECRET_ABORTED', 'it was stopped'));
  const signals = handleSignals(stop, undefined);
  try {
    return await work(stopping.signal);
  } catch (error) {
    if (signals.endedBy === undefined || !isSecretError(error, 'ERR_SECRET_ABORTED')) throw error;
    reportError(error, false);
    return exitCodeOfSignal(signals.endedBy);
  } finally {
    signals.stop();
  }
}
