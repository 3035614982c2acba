/**
 * What an edit of many names costs, counted in characters that the parser and the scanner are given: a file is
 * read some few times, however many names are changed in it.
 */
import { expect, test, vi } from 'vitest';
import { editDotenv } from '../src/editing/edit-dotenv.ts';
import { parseDotenv } from '../src/readers/parse-dotenv.ts';

const work = vi.hoisted(() => ({ characters: 0 }));

vi.mock('../src/readers/parse-dotenv.ts', async (original) => {
  const { parseDotenv } = await original<typeof import('../src/readers/parse-dotenv.ts')>();
  return {
    parseDotenv(text: string) {
      work.characters += text.length;
      return parseDotenv(text);
    },
  };
});

vi.mock('../src/readers/scan-dotenv.ts', async (original) => {
  const { scanDotenv } = await original<typeof import('../src/readers/scan-dotenv.ts')>();
  return {
    scanDotenv(text: string) {
      work.characters += text.length;
      return scanDotenv(text);
    },
  };
});

const names = Array.from({ length: 300 }, (_, at) => `NAME_${at}`);
const value = 'x'.repeat(900);
const text = names.map((name) => `# about ${name}\n${name}=${value}\n`).join('');

/** How often the whole text was read, by the characters. */
async function readings(before: string, changes: ReadonlyMap<string, string | null>) {
  work.characters = 0;
  const edited = await editDotenv(before, changes);
  return { edited, times: work.characters / Math.max(before.length, edited.length) };
}

test('many names are removed in one go', async () => {
  const { edited, times } = await readings(text, new Map(names.map((name) => [name, null])));
  expect(edited).toBe(names.map((name) => `# about ${name}\n`).join(''));
  expect(times).toBeLessThan(5);
});

test('many values are changed in one go', async () => {
  const changes = new Map(names.map((name) => [name, `new ${value}`]));
  const { edited, times } = await readings(text, changes);
  expect(parseDotenv(edited)).toEqual(changes);
  expect(edited.match(/^# about /gm)).toHaveLength(names.length);
  expect(times).toBeLessThan(12);
});

test('many names are added in one go', async () => {
  const changes = new Map(names.map((name) => [name, value]));
  const { edited, times } = await readings('# shop\n', changes);
  expect(edited).toBe(`# shop\n${names.map((name) => `${name}=${value}\n`).join('')}`);
  expect(times).toBeLessThan(12);
});

test('one name that needs an edit of its own costs a few more tries, and not one for each name', async () => {
  // without NAME_150's line, KEY: would take the next one for its value
  const at = text.indexOf('NAME_150=');
  const odd = `${text.slice(0, at)}KEY=\n${text.slice(at, text.indexOf('\n', at))}\n"x"\n${text.slice(text.indexOf('\n', at) + 1)}`;
  const { edited, times } = await readings(odd, new Map(names.map((name) => [name, null])));
  expect(parseDotenv(edited)).toEqual(new Map([['KEY', '']]));
  expect(times).toBeLessThan(60);
});
