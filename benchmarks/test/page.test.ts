/** docs/performance.md is what the committed results say, to the byte. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cases } from '../cases/cases.mjs';
import { readResults } from '../harness/results.mjs';
import { goalLines } from '../page/goals.mjs';
import { performancePage } from '../page/performance.mjs';
import { committedPage } from '../page/write.mjs';

const root = join(import.meta.dirname, '../..');
const counts = JSON.parse(readFileSync(join(root, 'benchmarks/counts/counts.json'), 'utf8'));
const committed = () => Object.fromEntries(cases.map((name) => [name, readResults(name)]));

/** The committed results with every sample of ours so many times as large. */
function withOurs(factor: number): ReturnType<typeof committed> {
  const results = structuredClone(committed());
  for (const { figures } of Object.values(results))
    for (const { subjects } of Object.values(figures))
      for (const { kind, samples } of subjects)
        if (kind === 'ours')
          for (const numbers of Object.values(samples))
            for (const [round, number] of numbers.entries()) numbers[round] = number * factor;
  return results;
}

test('the page and its pictures in the repository are those of the results in it', async () => {
  const { markdown, plots } = await committedPage();
  expect(readFileSync(join(root, 'docs/performance.md'), 'utf8')).toBe(markdown);
  for (const [name, { light, dark }] of Object.entries(plots)) {
    expect(readFileSync(join(root, `docs/plots/${name}-light.svg`), 'utf8')).toBe(light);
    expect(readFileSync(join(root, `docs/plots/${name}-dark.svg`), 'utf8')).toBe(dark);
  }
  const pictures = readdirSync(join(root, 'docs/plots')).filter((name) =>
    name.startsWith('performance-'),
  );
  expect(pictures).toHaveLength(Object.keys(plots).length * 2);
});

test('the verdicts follow from the figures', async () => {
  const verdicts = (factor: number) =>
    goalLines(withOurs(factor), counts)
      .filter(({ what }) => !what.includes('requests'))
      .map(({ met }) => met);
  expect(new Set(verdicts(0.001))).toEqual(new Set([true, undefined]));
  expect(new Set(verdicts(1_000))).toEqual(new Set([false, undefined]));
  const { markdown } = await performancePage(withOurs(1_000), counts);
  expect(markdown).toMatch(/\n2 of \d+ goals are met\./);
});

test('a request more is a goal missed', () => {
  const read = counts.requests['a second read of a provider'];
  const more = (what: string) => ({
    ...counts,
    requests: { ...counts.requests, [what]: [...counts.requests[what], ...read, ...read] },
  });
  const missed = (changed: object) =>
    goalLines(committed(), changed)
      .filter(({ what, met }) => what.includes('request') && met === false)
      .map(({ what }) => what);
  expect(missed(counts)).toEqual([]);
  expect(missed(more('40 names at once'))).toEqual(['40 names of a secret, requests']);
  expect(missed(more('the first get of a chain'))).toContain(
    'first `get` of a chain, requests more than the read itself',
  );
});
