import { expect, test } from 'vitest';
import { SecretError } from '../src/index.ts';
import { failedCheck } from '../src/provider.ts';

test('an error becomes a line with its reason, its hint and its kind', () => {
  const error = new SecretError('ERR_SECRET_NOT_FOUND', 'nothing is there', { hint: 'Write it.' });
  expect(failedCheck('path', error)).toEqual({
    subject: 'path',
    state: 'failing',
    message: 'nothing is there',
    hint: 'Write it.',
    code: 'not-found',
  });
});

test('what was found goes before the kind, and without a hint there is nothing to do', () => {
  const error = new SecretError('ERR_SECRET_DENIED', 'its reason');
  expect(failedCheck('mount', error, 'mount-denied')).toEqual({
    subject: 'mount',
    state: 'failing',
    message: 'its reason',
    code: 'mount-denied',
  });
});
