/**
 * Work that must not be cut off in the middle. A signal that would end the process aborts the work, which then says
 * what it leaves behind and how to go on.
 */
import { isSecretError, SecretError } from '@keyfall/core';
import { reportError } from '../terminal/report-error.ts';
import { exitCodeOfSignal, handleSignals } from './signals.ts';

/**
 * Runs `work` and returns its exit code; that of the signal (130, 143) if one has aborted it.
 *
 * @param work - gets a signal that aborts it. It must end soon after, with `ERR_SECRET_ABORTED`
 * @throws what `work` throws
 */
export async function untilStopped(
  work: (signal: AbortSignal) => Promise<number>,
): Promise<number> {
  const controller = new AbortController();
  const stop = () => controller.abort(new SecretError('ERR_SECRET_ABORTED', 'it was stopped'));
  const signals = handleSignals(stop, undefined);
  try {
    return await work(controller.signal);
  } catch (error) {
    if (signals.endedBy === undefined || !isSecretError(error, 'ERR_SECRET_ABORTED')) throw error;
    reportError(error, false);
    return exitCodeOfSignal(signals.endedBy);
  } finally {
    signals.stop();
  }
}
