import { expect, test, vi } from 'vitest';
import { toSecretError } from '../src/calls/foreign-error.ts';

vi.mock('../src/calls/thrown-facts.ts', () => {
  throw new Error('EMFILE: too many open files');
});

test('a defect is reported without its frames if the code that reads them cannot be loaded', async () => {
  const error = await toSecretError(new TypeError('canary-text'), 'shelf');
  expect(error).toMatchObject({
    code: 'ERR_SECRET_PROVIDER',
    provider: 'shelf',
    thrown: undefined,
    reason: expect.not.stringContaining('canary'),
  });
});

test('what cannot be reached and what is not trusted needs no code besides', async () => {
  const thrown = (code: string) => Object.assign(new Error('canary-text'), { code });
  expect((await toSecretError(thrown('EMFILE'), 'shelf')).code).toBe('ERR_SECRET_UNAVAILABLE');
  expect((await toSecretError(thrown('CERT_HAS_EXPIRED'), 'shelf')).code).toBe('ERR_SECRET_TLS');
});
