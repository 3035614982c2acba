/**
 * Each picture is shown, with words for who cannot see it, on light pages and on dark ones; none has a secret or a path
 * of the machine that made it. That they show what is: `pictures.provisioned.test.ts`.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';
import { describe, expect, test } from 'vitest';
import { diagrams, schemes } from '../../scripts/pictures/diagrams.mjs';
import { readDocuments, repository, root } from './markdown.ts';
import { textOf } from './recording.ts';

const folder = join(root, 'docs/pictures');
const files = readdirSync(folder);
const read = (file: string) => readFileSync(join(folder, file), 'utf8');
const recordings = files.filter((file) => file.endsWith('.svg') && textOf(read(file)) !== '');

/** A picture of a page: its file, that for dark pages if it is another one, and what it shows in words. */
interface Shown {
  readonly page: string;
  readonly file: string;
  readonly dark: string;
  readonly alternative: string;
}

const raw = `${repository.replace('//github.com/', '//raw.githubusercontent.com/')}/main/docs/pictures/`;
const shown: readonly Shown[] = (await readDocuments()).flatMap(({ path, text }) => {
  const fileOf = (target: string) =>
    target.startsWith(raw)
      ? target.slice(raw.length)
      : posix.relative('docs/pictures', posix.join(posix.dirname(path), target));
  const one = [...text.matchAll(/!\[([^\]]*)\]\(([^)]+)\)/g)].map(
    ([, alternative = '', target = '']) => ({ target, dark: target, alternative }),
  );
  // on one line, as the site takes it apart
  const both =
    /<picture><source media="\(prefers-color-scheme: dark\)" srcset="([^"]+)"><img alt="([^"]*)" src="([^"]+)"><\/picture>/g;
  const two = [...text.matchAll(both)].map(([, dark = '', alternative = '', target = '']) => ({
    target,
    dark,
    alternative,
  }));
  expect([path, two.length]).toEqual([path, text.split('<picture').length - 1]);
  return [...one, ...two]
    .map(({ target, dark, alternative }) => ({
      page: path,
      file: fileOf(target),
      dark: fileOf(dark),
      alternative,
    }))
    .filter(({ file }) => !file.startsWith('../'));
});

test('each is shown, and what is shown is there', () => {
  const named = shown.flatMap(({ file, dark }) => [file, dark]);
  expect([...new Set(named)].sort()).toEqual(files.sort());
});

test('each says in words what it shows', () => {
  expect(shown.filter(({ alternative }) => !/^(?:\S+ ){6}/.test(alternative))).toEqual([]);
});

test('each is there for light pages and for dark ones, but for those of an interface that is always light', () => {
  const other = (file: string) =>
    file.startsWith('ui-') ? file : file.replace('-light.svg', '-dark.svg');
  expect(shown.filter(({ file, dark }) => dark !== other(file))).toEqual([]);
  expect(shown.filter(({ file }) => !/^ui-.+\.png$|-light\.svg$/.test(file))).toEqual([]);
});

test('they are small', () => {
  const sizes = files.map((file) => statSync(join(folder, file)).size);
  expect(Math.max(...sizes)).toBeLessThan(150_000);
  expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(1_000_000);
});

describe('of a terminal', () => {
  test.each(recordings)('%s has no secret, path or port of the machine that made it', (file) => {
    const text = textOf(read(file));
    expect(text).toContain('$ keyfall ');
    const plain = text.replaceAll('/home/shopbot/', '').replaceAll('127.0.0.1:8200', '');
    // the values of a recording are 32 digits, some of which a broken line can hide
    const never =
      /[0-9a-f]{12}|\b(?:hv)?[sb]\.\w{20}|AGE-SECRET-KEY|\/(?:home|root|tmp|var|Users)\/|127\.0\.0\.1:/;
    expect(plain).not.toMatch(never);
  });

  test.each(recordings)('%s has no line that the terminal had to break', (file) => {
    // as wide as the terminal of the recording: what goes on below is broken where it ends, word or not
    const full = textOf(read(file))
      .split('\n')
      .filter((line) => line.length >= 100);
    expect(full).toEqual([]);
  });

  test('the two of a recording say the same', () => {
    const light = recordings.filter((file) => file.endsWith('-light.svg'));
    expect(light.length).toBeGreaterThan(6);
    for (const file of light)
      expect(textOf(read(file.replace('-light', '-dark')))).toBe(textOf(read(file)));
  });
});

test('a diagram is as its source draws it, and says in words what it shows', () => {
  for (const [name, draw] of Object.entries(diagrams))
    for (const scheme of schemes) {
      const svg = read(`${name}-${scheme}.svg`);
      expect(svg).toBe(draw(scheme));
      expect(svg).toMatch(/role="img" aria-labelledby="title description">\n<title id="title">.+</);
    }
});
