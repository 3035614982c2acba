/** Writes docs/performance.md and its pictures. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { cases } from '../cases/cases.mjs';
import { readResults } from '../harness/results.mjs';
import { writePlot } from '../plots/plots.mjs';
import { performancePage } from './performance.mjs';

const docs = new URL('../../docs/', import.meta.url);

/** The page of what is committed. */
export function committedPage() {
  const results = Object.fromEntries(cases.map((name) => [name, readResults(name)]));
  const counts = readFileSync(new URL('../counts/counts.json', import.meta.url), 'utf8');
  return performancePage(results, JSON.parse(counts));
}

export async function writePage() {
  const { markdown, plots } = await committedPage();
  writeFileSync(new URL('performance.md', docs), markdown);
  mkdirSync(new URL('plots', docs), { recursive: true });
  for (const [name, plot] of Object.entries(plots))
    writePlot(fileURLToPath(new URL(`plots/${name}`, docs)), plot);
}
