import { expect, test } from 'vitest';
import { nearNames } from '../src/provider.ts';

test.each([
  ['TOKN', ['TOKEN', 'DB_PASS'], ['TOKEN']],
  ['token', ['TOKEN', 'TOKEN_2'], ['TOKEN', 'TOKEN_2']],
  ['the-db-pass-word', ['THE_DB_PASS_WORD', 'THE_DB_HOST'], ['THE_DB_PASS_WORD']],
  ['DB_PASWORD', ['DB_PASSWORD', 'DB_PORT'], ['DB_PASSWORD']],
  ['A', ['B', 'CD', 'A'], ['B']],
  ['SENTRY_DSN', ['TOKEN'], []],
  ['TOKEN', [], []],
  ['__proto__', ['__prot__'], ['__prot__']],
  [
    'aiogram-shpo',
    ['aiogram-shop', 'aiogram-shops', 'blog', 'team/', ''],
    ['aiogram-shop', 'aiogram-shops'],
  ],
  ['blgo', ['blog'], []],
])('%s among %j', (name, candidates, near) => {
  expect(nearNames(name, candidates)).toEqual(near);
});

test('at most three, the nearest first', () => {
  const near = nearNames('TOKEN_1', ['TOKEN_22', 'TOKEN_2', 'TOKEN_3', 'TOKEN_4', 'TOKEN_1X']);
  expect(near).toHaveLength(3);
  expect(near).not.toContain('TOKEN_22');
});
