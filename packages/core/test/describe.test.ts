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
    expect(text).toMatchSnapshot();
  });

  test('without an answer; a name cannot fake a line', () => {
    const text = describeExplanation({
      name: 'A\nB: from vault\u001b[2J',
      found: false,
      attempts: [],
    });
    expect(text).toMatch(/^A\ufffdB: from vault\ufffd\[2J: .*$/);
  });
});

test('describeStatus has a line for each provider', () => {
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
    ]),
  ).toMatchSnapshot();
});
