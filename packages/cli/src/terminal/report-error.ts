/**
 * The one place where a failure becomes text and an exit code.
 */
import { isSecretError, type SecretError, type SecretErrorCode } from '@keyfall/core';
import { labelOf } from '@keyfall/core/provider';
import { errnoCode } from '../files/errno-code.ts';
import { defectExitCode, exitCodes, fullDiskExitCode, outputExitCode } from './exit-code.ts';
import { quoted } from './shown-command.ts';
import { notice, OutputError, printable, writeLine } from './terminal.ts';

/**
 * Says on stderr what went wrong and returns the exit code.
 *
 * A `SecretError` says it itself, and may repeat a path or a name, which is anybody's text. Anything else is a defect of ours or of a dependency, whose text
 * may hold anything, a value included: only its kind is shown and, with `debug`, where it came from.
 */
export function reportError(error: unknown, debug: boolean): number {
  if (isSecretError(error)) {
    // to mend what ended it may not be enough
    for (const { provider, store, reason, code } of error.attempts ?? [])
      if (code === 'ERR_SECRET_UNAVAILABLE' && code !== error.code)
        notice(`${labelOf(provider, store)} could not be asked: ${reason}.`);
    notice(messageOf(error));
    const { applied, secretName } = error;
    if (secretName !== undefined && (applied === 'unknown' || applied === 'yes')) {
      const name = quoted(printable(secretName));
      notice(
        `keyfall get ${name} shows what is stored by now, and keyfall history ${name} since when.`,
      );
    }
    if (debug) writeLine(stackFrames(error));
    return exitCodes[error.code];
  }
  if (error instanceof OutputError) {
    notice(`${error.message}.`);
    return isFullDisk(error.code) ? fullDiskExitCode : outputExitCode;
  }
  const kind = error instanceof Error ? error.constructor.name : typeof error;
  const code = errnoCode(error);
  notice(
    `this is a defect of keyfall: ${code === undefined ? kind : `${kind} ${code}`}.${debug ? '' : ' --debug shows where it happened.'}`,
  );
  if (debug) writeLine(stackFrames(error));
  return defectExitCode;
}

function isFullDisk(code: string): boolean {
  return code === 'ENOSPC' || code === 'EDQUOT';
}

/** The words that tell the three failures of exit code 4 apart, for who reads logs. */
const words: Readonly<Partial<Record<SecretErrorCode, string>>> = {
  ERR_SECRET_DENIED: 'denied',
  ERR_SECRET_UNAUTHENTICATED: 'not authenticated',
  ERR_SECRET_TLS: 'certificate',
};

function messageOf({ code, message }: SecretError): string {
  const word = words[code];
  return word === undefined || message.includes(word) ? message : `${word}: ${message}`;
}

/** The frames of a stack without the message that stands before them. */
function stackFrames(error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  return stack
    .split('\n')
    .filter((line) => /^ {4}at .+:\d+:\d+\)?$/.test(line))
    .map(printable)
    .join('\n');
}
