import { expect, test } from 'vitest';
import { httpStatusOf, SecretError, type SecretErrorCode } from '../src/index.ts';

test.each<[SecretErrorCode, number]>([
  ['ERR_SECRET_UNAVAILABLE', 503],
  ['ERR_SECRET_DENIED', 503],
  ['ERR_SECRET_UNAUTHENTICATED', 503],
  ['ERR_SECRET_TLS', 503],
  ['ERR_SECRET_ABORTED', 503],
  ['ERR_SECRET_NOT_FOUND', 500],
  ['ERR_SECRET_INVALID', 500],
  ['ERR_SECRET_CONFLICT', 500],
  ['ERR_SECRET_UNSUPPORTED', 500],
  ['ERR_SECRET_CONFIG', 500],
  ['ERR_SECRET_PROVIDER', 500],
])(
  'a request that fails by %s is answered with %i, whatever the store answered',
  (code, status) => {
    expect(httpStatusOf(new SecretError(code, 'it failed', { storeStatus: 403 }))).toBe(status);
  },
);

test('a code of a later version is an error of the server', () => {
  const later = new SecretError('ERR_SECRET_LATER' as SecretErrorCode, 'it failed');
  expect(httpStatusOf(later)).toBe(500);
});

test.each([
  [new Error('mine')],
  [Object.assign(new Error('mine'), { statusCode: 403 })],
  ['text'],
  [undefined],
])('what is no error of a secret has no status: %s', (error) => {
  expect(httpStatusOf(error)).toBeUndefined();
});
