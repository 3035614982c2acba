import { isSecretError } from '@keyfall/core';
import { expect, test } from 'vitest';
import { type AwsService, appliedAfter, classifyAwsError } from '../src/aws-errors.ts';

const service: AwsService = {
  name: 'Some Service',
  exceptions: [{ names: ['Gone'], code: 'ERR_SECRET_NOT_FOUND', what: 'is gone' }],
  optionsHint: 'Check the options.',
  endpointHint: 'Check the endpoint.',
};
const subject = { provider: 'aws', subject: 'the secret shop/prod', service };
const { signal } = new AbortController();

// as the SDK wraps what Node throws where that is an error of another realm
test.each([
  'connect ECONNREFUSED 127.0.0.1:4566',
  'getaddrinfo ENOTFOUND secretsmanager.nowhere.example',
  'read ECONNRESET',
])('%s is an outage, also where the SDK kept only the text of the error', (text) => {
  const thrown = new Error(`AWS SDK error wrapper for Error: ${text}`);
  const error = classifyAwsError(thrown, subject, signal);
  expect(isSecretError(error, 'ERR_SECRET_UNAVAILABLE')).toBe(true);
  expect(JSON.stringify(error)).not.toContain('127.0.0.1');
  expect(appliedAfter(thrown, service)).toBe(text.startsWith('read') ? 'unknown' : 'no');
});

test('a code in any other text is not believed', () => {
  for (const text of [
    'connect ECONNREFUSED 127.0.0.1:4566',
    'AWS SDK error wrapper for Error: the value is ECONNREFUSED',
  ]) {
    const error = classifyAwsError(new Error(text), subject, signal);
    expect(isSecretError(error, 'ERR_SECRET_UNAVAILABLE')).toBe(false);
  }
});
