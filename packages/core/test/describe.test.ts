import { describe, expect, test } from 'vitest';
import { describeExplanation, describeStatus } from '../src/index.ts';

describe('describeExplanation', () => {
  test('which provider answered, what each one said, and when', () => {
    const text = describeExplanation({
      name: 'TOKEN',
      found: true,
      provider: 'dotenv',
      store: '.env',
      version: '7',
      createdAt: Date.UTC(2026, 0, 2),
      freshness: 'fallback',
      attempts: [
        {
          provider: 'env',
          store: 'environment variables',
          outcome: 'absent',
          reason: 'does not hold it',
          age: 5,
        },
        {
          provider: 'vault',
          store: 'https://v:8200 secret/shop',
          outcome: 'failed',
          reason: 'it is sealed',
          code: 'ERR_SECRET_UNAVAILABLE',
          age: 61_000,
        },
        { provider: 'dotenv', store: '.env', outcome: 'held', age: 600_000 },
        { provider: 'files', store: '/run/secrets', outcome: 'skipped', reason: 'was not asked' },
      ],
    });
    expect(text.split('\n')).toEqual([
      'TOKEN: from dotenv (.env), version 7, written 2026-01-02T00:00:00.000Z, fallback',
      '  1. env (environment variables) does not hold it',
      '  2. vault (https://v:8200 secret/shop) failed: it is sealed (61 s ago)',
      '  3. dotenv (.env) holds it (10 min ago)',
      '  4. files (/run/secrets) was not asked',
    ]);
  });

  test('without an answer; a name cannot fake a line', () => {
    const text = describeExplanation({
      name: 'A\nB: from vault\u001b[2J',
      found: false,
      attempts: [],
    });
    expect(text).toBe('A\ufffdB: from vault\ufffd[2J: no provider answered');
  });
});

test('describeStatus', () => {
  expect(
    describeStatus([
      {
        provider: 'vault',
        store: 'x',
        state: 'failing',
        breaker: 'open',
        hits: 0,
        code: 'ERR_SECRET_UNAVAILABLE',
        detail: 'it is sealed',
        age: 3_000,
      },
      {
        provider: 'dotenv',
        store: '.env',
        state: 'ready',
        breaker: 'closed',
        hits: 0,
        age: 0,
        names: 36,
      },
      { provider: 'memory', store: 'this process', state: 'unknown', breaker: 'closed', hits: 0 },
    ]).split('\n'),
  ).toEqual([
    'vault (x): failing, it is sealed, read 3 s ago, circuit open',
    'dotenv (.env): ready, 36 names, read 0 s ago',
    'memory (this process): not asked yet',
  ]);
});
