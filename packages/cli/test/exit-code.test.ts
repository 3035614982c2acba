/**
 * What every kind of failure ends with, and by what word it is known. The causes themselves are in the
 * tests of the commands.
 */
import { SecretError, type SecretErrorCode } from '@keyfall/core';
import { afterEach, expect, test, vi } from 'vitest';
import { exitCodes } from '../src/terminal/exit-code.ts';
import { reportError } from '../src/terminal/report-error.ts';
import { OutputError } from '../src/terminal/terminal.ts';

const lines: string[] = [];
vi.mock('node:fs', async (original) => ({
  ...(await original<typeof import('node:fs')>()),
  writeSync: (_: number, bytes: Buffer) => {
    lines.push(bytes.toString());
    return bytes.length;
  },
}));
afterEach(() => void lines.splice(0));

const table: readonly (readonly [SecretErrorCode, number, string])[] = [
  ['ERR_SECRET_NOT_FOUND', 1, ''],
  ['ERR_SECRET_CONFLICT', 1, ''],
  ['ERR_SECRET_CONFIG', 2, ''],
  ['ERR_SECRET_UNSUPPORTED', 2, ''],
  ['ERR_SECRET_UNAVAILABLE', 3, ''],
  ['ERR_SECRET_DENIED', 4, 'denied: '],
  ['ERR_SECRET_UNAUTHENTICATED', 4, 'not authenticated: '],
  ['ERR_SECRET_TLS', 4, 'certificate: '],
  ['ERR_SECRET_INVALID', 5, ''],
  ['ERR_SECRET_ABORTED', 130, ''],
  ['ERR_SECRET_PROVIDER', 70, ''],
];

test.each(table)('%s ends with %i', (code, exitCode, word) => {
  expect(reportError(new SecretError(code, 'failed', { hint: 'Repair it.' }), false)).toBe(
    exitCode,
  );
  expect(lines).toEqual([`keyfall: ${word}failed. Repair it.\n`]);
});

test.each(['yes', 'unknown', 'no', undefined] as const)(
  'a failed write that was applied: %s is followed by how to find out, if that is needed',
  (applied) => {
    const error = new SecretError('ERR_SECRET_UNAVAILABLE', 'x', { applied, secretName: 'A B' });
    expect(reportError(error, false)).toBe(3);
    expect(lines.slice(1)).toEqual(
      applied === 'yes' || applied === 'unknown'
        ? [expect.stringMatching(/^keyfall: keyfall get 'A B' .*keyfall history 'A B' .*\n$/)]
        : [],
    );
  },
);

test('the table of exit codes has every error code', () => {
  expect(table.map(([code]) => code).sort()).toEqual(Object.keys(exitCodes).sort());
});

test.each([
  [new TypeError('canary'), 70, ': TypeError.'],
  [Object.assign(new Error('canary'), { code: 'EPERM' }), 70, 'Error EPERM.'],
  ['canary', 70, ': string.'],
  [new OutputError('EIO'), 74, '(EIO).'],
  [new OutputError('ENOSPC'), 3, '(ENOSPC).'],
  [new OutputError('EDQUOT'), 3, '(EDQUOT).'],
])('%j ends with %i, and nothing of its text is shown', (error, exitCode, why) => {
  for (const debug of [false, true]) {
    expect(reportError(error, debug)).toBe(exitCode);
    expect(lines.join('')).toContain(why);
    expect(lines.join('')).not.toContain('canary');
  }
});
