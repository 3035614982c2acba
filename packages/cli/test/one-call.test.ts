import { isSecretError, memoryProvider, SecretError } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import { assertNoLeak } from '@keyfall/testkit';
import { expect, test } from 'vitest';
import { oneCall } from '../src/chain/one-call.ts';
import { diagnoseProvider } from '../src/diagnosis/finding.ts';

const canary = 'canary-0ne-call';
const provider: SecretProvider = memoryProvider({ A: canary });
const shell = { options: {}, configuration: undefined };

test('one call passes on the answer of a provider, and its own errors', async () => {
  const batch = await oneCall(provider, (context) => provider.read('all', context));
  expect(batch.entries.size).toBe(1);
  const denied = new SecretError('ERR_SECRET_DENIED', 'denied');
  await expect(oneCall(provider, () => Promise.reject(denied))).rejects.toBe(denied);
});

test.each([
  [new TypeError(canary), 'ERR_SECRET_PROVIDER'],
  [Object.assign(new Error(canary), { code: 'ECONNRESET' }), 'ERR_SECRET_UNAVAILABLE'],
  [Object.assign(new Error(canary), { code: canary }), 'ERR_SECRET_PROVIDER'],
  [canary, 'ERR_SECRET_PROVIDER'],
] as const)('an error of somebody else is told by its kind: %#', async (thrown, code) => {
  const error = await oneCall(provider, () => Promise.reject(thrown)).catch((each) => each);
  assertNoLeak([canary], error);
  expect(isSecretError(error, code)).toBe(true);
});

test('a provider that never answers is unavailable, and its call is aborted', async () => {
  let signal: AbortSignal | undefined;
  const endless = oneCall(
    provider,
    (context) => {
      signal = context.signal;
      return new Promise(() => {});
    },
    { timeout: 10 },
  );
  await expect(endless).rejects.toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE' });
  expect(signal?.aborted).toBe(true);
});

test('a check that throws is a finding, without what it threw', async () => {
  const broken: SecretProvider = {
    ...provider,
    check: () => Promise.reject(new Error(canary)),
  };
  const diagnosis = await diagnoseProvider(broken, shell);
  assertNoLeak([canary], diagnosis);
  expect(diagnosis).toMatchObject({
    code: 'ERR_SECRET_PROVIDER',
    findings: [
      {
        subject: 'check',
        state: 'failing',
        message: expect.stringMatching(/\bError at .*one-call\.test\.ts:\d+/),
        hint: expect.any(String),
        code: 'provider',
      },
    ],
  });
});

test('a denied name is reported for a provider that has no check', async () => {
  const partial: SecretProvider = {
    name: 'own',
    store: 'store',
    read: async () => ({
      complete: true,
      entries: new Map([['A', new SecretError('ERR_SECRET_DENIED', 'theirs', { hint: 'Ask.' })]]),
    }),
  };
  expect(await diagnoseProvider(partial, shell)).toEqual({
    about: 'own (store)',
    code: 'ERR_SECRET_DENIED',
    findings: [
      {
        subject: 'content',
        state: 'failing',
        message: 'theirs',
        hint: 'Ask.',
        code: 'denied',
      },
    ],
  });
});
