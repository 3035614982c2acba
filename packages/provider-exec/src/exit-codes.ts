/**
 * What the exit code of a program means. A code that says nothing known is never "not here", and no outage either: it
 * may be a refusal.
 */
import { type Applied, SecretError, type SecretErrorCode } from '@keyfall/core/provider';
import type { Program } from './run-program.ts';

/** The kinds of answer that an exit code may stand for, besides 0. */
export type ExitKind =
  | 'missing'
  | 'unauthenticated'
  | 'denied'
  | 'unavailable'
  | 'invalid'
  | 'misconfigured';

/** Kinds by exit code. */
export type ExitCodes = ReadonlyMap<number, ExitKind>;

const kinds: Readonly<Record<ExitKind, true>> = {
  missing: true,
  unauthenticated: true,
  denied: true,
  unavailable: true,
  invalid: true,
  misconfigured: true,
};

/** Codes, and ends of a sentence that begins with the program. */
const meanings: Readonly<Record<Exclude<ExitKind, 'missing'>, readonly [SecretErrorCode, string]>> =
  {
    unauthenticated: ['ERR_SECRET_UNAUTHENTICATED', 'does not know who asks'],
    denied: ['ERR_SECRET_DENIED', 'may not read or write this'],
    unavailable: ['ERR_SECRET_UNAVAILABLE', 'could not ask its store'],
    invalid: ['ERR_SECRET_INVALID', 'found something broken in its store'],
    misconfigured: ['ERR_SECRET_CONFIG', 'is not configured as it needs to be'],
  };

/** What may be said of one name, or of all. */
export type FailureKind = keyof typeof meanings;

/** Whether this is the word for a failure. */
export function isFailureKind(word: unknown): word is FailureKind {
  return typeof word === 'string' && Object.hasOwn(meanings, word);
}

/**
 * The option `exitCodes` by code.
 * @throws `ERR_SECRET_CONFIG` if a kind is unknown, a code is none, or stands for two kinds
 */
export function assertExitCodes(given: object | undefined, provider: string): ExitCodes {
  const wrong = (what: string) =>
    new SecretError('ERR_SECRET_CONFIG', `the option exitCodes ${what}`, {
      provider,
      setting: { option: 'exitCodes' },
      hint: 'Write it as { missing: [1], denied: [4] }.',
    });
  const codes = new Map<number, ExitKind>();
  for (const [kind, list] of Object.entries(given ?? {})) {
    if (!Object.hasOwn(kinds, kind)) throw wrong(`has no kind ${kind}`);
    if (list === undefined) continue;
    if (!Array.isArray(list)) throw wrong('holds something else than lists of numbers');
    for (const code of list as unknown[]) {
      const isCode = Number.isInteger(code) && (code as number) > 0 && (code as number) < 256;
      if (!isCode) throw wrong('holds something that is no exit code from 1 to 255');
      if (codes.has(code as number)) throw wrong(`has the exit code ${code} twice`);
      codes.set(code as number, kind as ExitKind);
    }
  }
  return codes;
}

/** The error for a kind of failure, perhaps of one name. */
export function failure(
  { provider, label }: Program,
  kind: FailureKind,
  details: { readonly exitCode?: number; readonly secretName?: string; readonly applied?: Applied },
): SecretError {
  const { exitCode, ...facts } = details;
  const [code, what] = meanings[kind];
  const shown = exitCode === undefined ? '' : ` (exit code ${exitCode})`;
  return new SecretError(code, `${label} ${what}${shown}`, {
    provider,
    ...facts,
    ...(kind === 'misconfigured' && { setting: { option: 'command' } }),
    hint: 'What it says of it on stderr is not shown, since it may hold values: run it by hand.',
  });
}
