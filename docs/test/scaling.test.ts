/**
 * The page about fleets and its curves are what the committed results give: `npm run fleet -- page` writes them again.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { pageOf, plotsOf, readResults } from '../../benchmarks/fleet/page.mjs';
import { root } from './markdown.ts';

const committed = (path: string) => readFile(join(root, 'docs', path), 'utf8');
const results = readResults();

test('the page about fleets says what the results say', async () => {
  expect(await committed('scaling.md')).toBe(pageOf(results));
});

test('its curves show what the results say', async () => {
  for (const [name, { light, dark }] of Object.entries(await plotsOf(results))) {
    expect(await committed(`plots/${name}-light.svg`)).toBe(light);
    expect(await committed(`plots/${name}-dark.svg`)).toBe(dark);
  }
});

interface Life {
  readonly phases: readonly { readonly name: string; readonly ratio: number }[];
}

test('at recovery the peak is under three times the steady rate, in each simulation and with the real processes', () => {
  const { simulation, processes } = results;
  const lives: Life[] = [...simulation.sizes, ...simulation.outages, ...simulation.costs];
  expect(lives.length).toBeGreaterThan(15);
  for (const { phases } of [...lives, processes.real as Life])
    expect(phases.find(({ name }) => name === 'recovery')?.ratio).toBeLessThan(3);
});
