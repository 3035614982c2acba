/**
 * What users may rely on: the page names the codes and the events that there are, as the report of core's
 * API has them.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from './markdown.ts';

const read = (path: string) => readFile(join(root, path), 'utf8');

/** The words in backticks of a section of the page. */
async function listed(heading: string): Promise<string[]> {
  const page = await read('docs/stability.md');
  const [, section = ''] = page.split(`\n## ${heading}\n`);
  return [...(section.split('\n## ')[0] ?? '').matchAll(/`(\w+)`/g)].map(([, word = '']) => word);
}

test('the codes of errors on the page are those of the API', async () => {
  const report = await read('packages/core/api/index.api.md');
  const codes = [
    ...new Set([...report.matchAll(/'(ERR_SECRET_\w+)'/g)].map(([, code = '']) => code)),
  ];
  expect(codes.length).toBeGreaterThan(9);
  expect((await listed('Codes of errors')).sort()).toEqual(codes.sort());
});

test('the events on the page are those of the API', async () => {
  const report = await read('packages/core/api/index.api.md');
  const [, body = ''] = /interface SecretsEvents \{\n(.+?)\n\}/s.exec(report) ?? [];
  const events = [...body.matchAll(/^ {4}readonly (\w+):/gm)].map(([, event = '']) => event);
  expect(events.length).toBeGreaterThan(7);
  expect((await listed('Events')).sort()).toEqual(events.sort());
});
