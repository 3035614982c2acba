/**
 * How Keyfall compares: the page is made of cells that each have a source and its date. If a cell has changed:
 * `npx vitest run -u docs/test/comparison.test.ts`.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { root } from './markdown.ts';

interface Cell {
  readonly answer?: 'yes' | 'partly' | 'no' | 'not its job';
  readonly says: string;
  /** An address, or a page of `docs/`. */
  readonly source: string;
  readonly date: string;
  /** Whether it was found by running the tool. */
  readonly run?: true;
}

interface Comparison {
  readonly criteria: readonly {
    readonly id: string;
    readonly title: string;
    readonly short?: string;
  }[];
  readonly tools: readonly {
    readonly name: string;
    readonly version: string;
    readonly address: string;
    readonly cells: Readonly<Record<string, Cell>>;
  }[];
}

const { criteria, tools }: Comparison = parse(
  readFileSync(join(root, 'docs/compare.yaml'), 'utf8'),
);
const short = criteria.filter((criterion) => criterion.short !== undefined);

/** A cell; that it is there is tested first. */
const cellOf = (tool: (typeof tools)[number], id: string) => tool.cells[id] as Cell;

test('every cell says something, and has a source and its date', () => {
  const ids = criteria.map(({ id }) => id);
  expect(tools.length).toBeGreaterThan(8);
  for (const tool of tools) {
    expect([tool.name, Object.keys(tool.cells)]).toEqual([tool.name, ids]);
    for (const { id, short: column } of criteria) {
      const { answer, says, source, date } = cellOf(tool, id);
      const where = `${tool.name}, ${id}`;
      expect(says, where).toMatch(/^\S.*\.$/);
      expect(source, where).toMatch(tool.name === 'Keyfall' ? /^[\w/-]+\.md$/ : /^https:\/\/\S+$/);
      expect(date, where).toMatch(/^20\d\d-[01]\d(?:-[0-3]\d)?$/);
      expect([where, answer === undefined]).toEqual([where, column === undefined]);
    }
  }
});

test('what was read in a repository was read at a commit, which does not change', () => {
  const sources = tools.flatMap(({ cells }) => Object.values(cells).map(({ source }) => source));
  const files = sources.filter((source) => source.includes('/blob/'));
  expect(files.filter((file) => !/\/blob\/[0-9a-f]{40}\//.test(file))).toEqual([]);
  expect(files.length).toBeGreaterThan(50);
});

const table = (rows: readonly (readonly string[])[]) =>
  rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n');

test('the page is made of the cells', async () => {
  const overview = table([
    ['', ...short.map((criterion) => criterion.short ?? '')],
    ['---', ...short.map(() => '---')],
    ...tools.map((tool) => [
      `**${tool.name}**`,
      ...short.map(({ id }) => cellOf(tool, id).answer ?? ''),
    ]),
  ]);
  const details = criteria.map(({ id, title }) => {
    const rows = tools.map((tool) => {
      const { says, source, date, run } = cellOf(tool, id);
      return [tool.name, says, `[${run ? 'run' : 'read'}](${source}), ${date}`];
    });
    return `## ${title}\n\n${table([['tool', 'answer', 'source'], ['---', '---', '---'], ...rows])}\n`;
  });
  const page = `# How Keyfall compares

Other tools solve a part of the same problem, or another one close by, and may be the better choice for you. The questions are those
that Keyfall was made for, so it does well in them; the last one asks what the others have and Keyfall has not. This page is generated
from \`docs/compare.yaml\`, where each answer has its source. "Read" is what the project itself writes, in its documentation or its
code; "run" is what we saw when we ran it. The date is that of the release or commit, so a newer version may do better. If an
answer is wrong, please [open an issue](https://github.com/keyfall/keyfall/issues).

${overview}

Compared are ${tools.map(({ name, version, address }) => `[${name}](${address}) ${version}`).join(', ')}. "Not its job"
means that the tool does not set out to do it.

${details.join('\n')}`;
  await expect(page).toMatchFileSnapshot('../compare.md');
});
