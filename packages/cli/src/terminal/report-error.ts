/**
 * The one place where a failure becomes text and an exit code.
 */
import { isSecretError, type SecretErrorCode } from '@keyfall/core';
import { labelOf } from '@keyfall/core/provider';
import { errnoOf } from '@keyfall/core/provider/files';
import { errorPage } from './error-page.ts';
import { defectExitCode, exitCodes, fullDiskExitCode, outputExitCode } from './exit-code.ts';
import { quoted } from './shown-command.ts';
import { isTerminal, notice, OutputError, printable, writeLine } from './terminal.ts';

/**
 * Prints on stderr what went wrong and returns the exit code.
 *
 * A `SecretError` brings its own message. Anything else is a defect of ours or of a dependency, whose text may hold
 * a value: only its kind is shown and, with `debug`, where it came from.
 */
export function reportError(error: unknown, debug: boolean): number {
  if (isSecretError(error)) {
    const { applied, code, message, secretName } = error;
    // the failure that ended the work may not be the only one that has to be repaired
    for (const { provider, store, reason, code: failure } of error.attempts ?? [])
      if (failure === 'ERR_SECRET_UNAVAILABLE' && failure !== code)
        notice(`${labelOf(provider, store)} could not be asked: ${reason}.`);
    const word = words[code];
    notice(word === undefined ? message : `${word}: ${message}`);
    if (secretName !== undefined && (applied === 'unknown' || applied === 'yes')) {
      const name = quoted(printable(secretName));
      notice(
        `keyfall get ${name} shows what is stored by now, and keyfall history ${name} since when.`,
      );
    }
    // a log has the message alone; a user who has ended the work knows why
    if (isTerminal(2) && code !== 'ERR_SECRET_ABORTED') writeLine(`More: ${errorPage(code)}`);
    if (debug) writeLine(stackFrames(error));
    return exitCodes[code];
  }
  if (error instanceof OutputError) {
    notice(`${error.message}.`);
    return isFullDisk(error.code) ? fullDiskExitCode : outputExitCode;
  }
  const kind = error instanceof Error ? error.constructor.name : typeof error;
  const code = errnoOf(error);
  notice(
    `this is a defect of keyfall: ${code === '' ? kind : `${kind} ${code}`}.${debug ? '' : ' --debug shows where it happened.'}`,
  );
  if (debug) writeLine(stackFrames(error));
  return defectExitCode;
}

function isFullDisk(code: string): boolean {
  return code === 'ENOSPC' || code === 'EDQUOT';
}

/** What a message begins with, so that a reader of logs can tell the three failures of exit code 4 apart. */
const words: Readonly<Partial<Record<SecretErrorCode, string>>> = {
  ERR_SECRET_DENIED: 'denied',
  ERR_SECRET_UNAUTHENTICATED: 'not authenticated',
  ERR_SECRET_TLS: 'certificate',
};

/** The frames of a stack without the message that stands before them. */
function stackFrames(error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  return stack
    .split('\n')
    .filter((line) => /^ {4}at .+:\d+:\d+\)?$/.test(line))
    .map(printable)
    .join('\n');
}
