/**
 * Every code of an error has a page, where the command line sends who meets it, and the pages are of one shape.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { errorPage, site } from '../../packages/cli/src/terminal/error-page.ts';
import { exitCodes } from '../../packages/cli/src/terminal/exit-code.ts';
import { root } from './markdown.ts';

const folder = join(root, 'docs/errors');
const files = await readdir(folder);
/** The compiler sees to it that it has every code. */
const codes = Object.keys(exitCodes) as (keyof typeof exitCodes)[];

test('there is a page for each code, and for nothing else', () => {
  expect(files.sort()).toEqual([...codes.map((code) => `${code}.md`), 'README.md'].sort());
});

test('the list of codes has each with its exit code', async () => {
  const list = await readFile(join(folder, 'README.md'), 'utf8');
  const rows = [...list.matchAll(/^\| \[`(\w+)`\]\((\w+)\.md\) \| .+ \| (\d+) \|$/gm)];
  expect(rows.map(([, name, page, exit]) => [name, page, Number(exit)]).sort()).toEqual(
    codes.map((code) => [code, code, exitCodes[code]]).sort(),
  );
});

describe.each(codes)('%s', (code) => {
  test('has a page at the address that the command line prints', async () => {
    const text = await readFile(join(folder, `${errorPage(code).split('/').at(-1)}.md`), 'utf8');
    expect(errorPage(code)).toBe(`${site}errors/${code}`);
    expect(text.split('\n', 1)).toEqual([`# ${code}`]);
    expect([...text.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)).toEqual([
      'What it means',
      'What to do',
      'In a program',
      'Where it shows',
    ]);
    expect(text).toContain(`The exit code is ${exitCodes[code]}`);
  });
});
