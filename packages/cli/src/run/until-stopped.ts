/**
 * Work that must not be cut off in the middle. A signal that would end the process aborts the work, which then says
 * what it leaves behind and how to go on.
 */
import { isSecretError, SecretError } from '@keyfall/core';
import { reportError } from '../terminal/report-error.ts';
import { endsProgram, exitCodeOfSignal, handleSignals, type RunningChild } from './signals.ts';

/** Gives the signals to this program from now on; `undefined`: it has ended. One that asks us to exit aborts the work, too. */
export type ForwardTo = (child: RunningChild | undefined) => void;

/**
 * Runs `work` and returns its exit code; that of the signal (130, 143) if one has aborted it.
 *
 * @param work - gets a signal that aborts it. It must end soon after, with `ERR_SECRET_ABORTED`
 * @throws what `work` throws
 */
export async function untilStopped(
  work: (signal: AbortSignal, forwardTo: ForwardTo) => Promise<number>,
): Promise<number> {
  const controller = new AbortController();
  const stop = () => controller.abort(new SecretError('ERR_SECRET_ABORTED', 'it was stopped'));
  const signals = handleSignals(stop, undefined);
  let passedOn: NodeJS.Signals | undefined;
  const forwardTo: ForwardTo = (child) =>
    signals.forwardTo(
      child && {
        ...child,
        kill(signal) {
          if (endsProgram(signal)) {
            passedOn ??= signal;
            stop();
          }
          child.kill(signal);
        },
      },
    );
  try {
    return await work(controller.signal, forwardTo);
  } catch (error) {
    const endedBy = signals.endedBy ?? passedOn;
    if (endedBy === undefined || !isSecretError(error, 'ERR_SECRET_ABORTED')) throw error;
    reportError(error, false);
    return exitCodeOfSignal(endedBy);
  } finally {
    signals.stop();
  }
}
