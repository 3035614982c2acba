/**
 * Questions on the terminal: foreign text in them cannot move the cursor, and a cancelled one changes nothing.
 */
import { beforeEach, expect, test, vi } from 'vitest';
import { choose, confirm } from '../src/terminal/questions.ts';

const cancelled = Symbol('cancelled');
const asked: { readonly message: string }[] = [];
let answer: unknown;
const ask = async (question: { readonly message: string }) => {
  asked.push(question);
  return answer;
};
vi.mock('../src/terminal/prompts.ts', () => ({
  select: ask,
  confirm: ask,
  isCancel: (value: unknown) => value === cancelled,
}));
let canPrompt = true;
vi.mock('../src/terminal/terminal.ts', async (original) => ({
  ...(await original<typeof import('../src/terminal/terminal.ts')>()),
  canPrompt: () => canPrompt,
}));
beforeEach(() => {
  asked.length = 0;
  canPrompt = true;
});

const choices = [{ value: 'a', label: 'A' }] as const;

test('control characters in a question are escaped', async () => {
  answer = 'a';
  expect(await choose('x\u001b[2J?', choices, undefined)).toBe('a');
  answer = true;
  await confirm('y\n?');
  expect(asked.map(({ message }) => message)).toEqual(['x\\u{1b}[2J?', 'y\\u{a}?']);
});

test.each([
  ['a cancelled choice', () => choose('x', choices, undefined)],
  ['a cancelled confirmation', () => confirm('x')],
])('%s is an abort', async (_, question) => {
  answer = cancelled;
  await expect(question()).rejects.toMatchObject({ code: 'ERR_SECRET_ABORTED' });
});

test('without a terminal nothing is asked, and --yes is named', async () => {
  canPrompt = false;
  await expect(confirm('x')).rejects.toMatchObject({
    code: 'ERR_SECRET_CONFIG',
    hint: expect.stringContaining('--yes'),
  });
  expect(asked).toEqual([]);
});
