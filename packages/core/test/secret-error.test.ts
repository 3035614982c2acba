import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { isSecretError, SecretError } from '../src/index.ts';
import { withApplied } from '../src/provider.ts';

describe('SecretError', () => {
  test('the message says what happened and what to do', () => {
    const error = new SecretError('ERR_SECRET_DENIED', 'the policy forbids it', {
      hint: 'Ask for `read` on secret/data/shop.',
      provider: 'vault',
      storeStatus: 403,
    });
    expect(error.message).toBe('the policy forbids it. Ask for `read` on secret/data/shop.');
    expect(error.reason).toBe('the policy forbids it');
    expect(String(error)).toMatch(/^SecretError: the policy/);
  });

  test('only what could not be asked is worth trying again, unless said otherwise', () => {
    expect(new SecretError('ERR_SECRET_UNAVAILABLE', 'x').retryable).toBe(true);
    expect(new SecretError('ERR_SECRET_NOT_FOUND', 'x').retryable).toBe(false);
    expect(new SecretError('ERR_SECRET_UNAVAILABLE', 'x', { retryable: false }).retryable).toBe(
      false,
    );
  });

  test('as JSON: the facts, no stack', () => {
    const attempts = [{ provider: 'vault', store: 'vault', outcome: 'failed' }] as const;
    const json = JSON.parse(JSON.stringify(new SecretError('ERR_SECRET_TLS', 'x', { attempts })));
    expect(json).toEqual({
      name: 'SecretError',
      code: 'ERR_SECRET_TLS',
      message: 'x.',
      retryable: false,
      attempts,
    });
  });

  test('what became of a write is in the JSON, and is said once', () => {
    const error = new SecretError('ERR_SECRET_DENIED', 'x', { hint: 'Do y.', provider: 'vault' });
    const known = withApplied(error, 'no');
    expect(known).toMatchObject({ code: 'ERR_SECRET_DENIED', message: 'x. Do y.', applied: 'no' });
    expect(known.provider).toBe('vault');
    expect(withApplied(known, 'unknown')).toBe(known);
    expect(JSON.parse(JSON.stringify(known)).applied).toBe('no');
    expect(JSON.parse(JSON.stringify(error))).not.toHaveProperty('applied');
  });

  test('carries no cause, so that inspect shows nothing of another library', () => {
    expect(inspect(new SecretError('ERR_SECRET_TLS', 'x'), { showHidden: true })).not.toContain(
      'cause',
    );
  });
});

describe('isSecretError', () => {
  test('by code, and for an error of another install of the package', () => {
    const error = new SecretError('ERR_SECRET_DENIED', 'x');
    const foreign = Object.assign(new Error('x'), {
      name: 'SecretError',
      code: 'ERR_SECRET_DENIED',
    });
    for (const one of [error, foreign]) {
      expect(isSecretError(one)).toBe(true);
      expect(isSecretError(one, 'ERR_SECRET_DENIED')).toBe(true);
      expect(isSecretError(one, 'ERR_SECRET_TLS')).toBe(false);
    }
  });

  test.each([
    [new Error('x')],
    [Object.assign(new Error('x'), { code: 'ERR_SECRET_DENIED' })],
    [Object.assign(new Error('x'), { name: 'SecretError', code: 'ERR_SOMETHING' })],
    [{ name: 'SecretError', code: 'ERR_SECRET_DENIED' }],
    [undefined],
  ])('not for %o', (value) => {
    expect(isSecretError(value)).toBe(false);
  });
});
