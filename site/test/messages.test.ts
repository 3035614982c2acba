/**
 * Who has a message finds it: the errors that the snapshots of the command line show are on the page.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { messagesIn } from '../make-messages-page.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const messages = messagesIn(root);

/** Whether a line holds a message, with anything in the places of what differs. */
function isIn(line: string): (message: { readonly text: string }) => boolean {
  return ({ text }) => {
    const parts = text
      .replace(/\.$/, '')
      .split('…')
      .map((part) => part.trim());
    let at = 0;
    for (const part of parts) {
      const found = line.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    // a few words that stand in many lines prove nothing
    return parts.join('').length > 6;
  };
}

test('there are messages of every code, with their hints', () => {
  expect(new Set(messages.map(({ code }) => code)).size).toBe(11);
  expect(messages.length).toBeGreaterThan(400);
  expect(messages).toContainEqual({
    code: 'ERR_SECRET_CONFIG',
    text: '--json goes with --list alone.',
    hint: 'Leave it out, or add --list.',
  });
});

test('what ends a command in a snapshot is on the page', () => {
  const folder = join(root, 'packages/cli/test/__snapshots__');
  const ends = readdirSync(folder).flatMap((name) => {
    const text = readFileSync(join(folder, name), 'utf8').replaceAll('\\`', '`');
    return [...text.matchAll(/^keyfall: (.+)\n\(exit code [1-5]\)$/gm)].map(
      ([, line = '']) => line,
    );
  });
  expect(ends.length).toBeGreaterThan(40);
  // what diff and doctor have found is no error
  const results = /^\d+ (?:names? differ|things? needs? fixing)/;
  const errors = ends.filter((line) => !results.test(line));
  expect(errors.filter((line) => !messages.some(isIn(line)))).toEqual([]);
});
