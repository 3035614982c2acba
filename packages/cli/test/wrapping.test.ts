import { describe, expect, test } from 'vitest';
import { clipped, widthOf, wrapped } from '../src/terminal/wrapping.ts';

test('a line that fits stays as it is, and so do line ends and blanks', () => {
  const text = '  A  new in the store\n\n  - one two\n';
  expect(wrapped(text, 80)).toBe(text);
});

test('a line that is too long ends between words', () => {
  expect(wrapped('one two three four', 9)).toBe('one two\nthree\nfour');
});

test.each([
  ['  - one two three', 11, '  - one two\n    three'],
  ['  1. one two three', 12, '  1. one two\n     three'],
  ['    one two', 8, '    one\n    two'],
])('the second line of %j stands under its text', (line, width, expected) => {
  expect(wrapped(line, width)).toBe(expected);
});

describe('a command stays in one piece', () => {
  test.each([
    'keyfall migrate --restore .env.backup.1 --to sops:x.yaml',
    'keyfall --profile prod set TOKEN',
    'keyfall run -- node server.js',
    'keyfall set TLS_KEY < key.pem',
    '`keyfall set NAME`',
    '`bao login -method oidc`',
    'chmod o-r packages/bot/.env',
    'git rm --cached packages/bot/.env',
    'npm install --global @keyfall/provider-doppler',
    'bao operator raft join',
    'vault operator unseal',
    'path "secret/data/aiogram-shop" { capabilities = ["read"] }',
  ])('%s', (command) => {
    const lines = wrapped(`words before it: ${command}. And words after it`, 30).split('\n');
    expect(lines.filter((line) => line.includes(command))).toHaveLength(1);
  });

  test('the words after a command do not belong to it', () => {
    expect(wrapped('the next keyfall migrate clears all of it away', 24)).toBe(
      'the next keyfall migrate\nclears all of it away',
    );
  });
});

test('a text is clipped to the columns that it may fill', () => {
  expect(clipped('short', 10)).toBe('short');
  expect(clipped('a text that is too long', 10)).toBe('a text th…');
  expect(widthOf(clipped('日本日本日本', 6))).toBeLessThanOrEqual(6);
  expect(clipped('anything', 1)).toBe('…');
});
