/**
 * `npm run fleet`: measures what a server answers, simulates fleets, runs real processes before a real cluster, and writes
 * `docs/scaling.md` of it. `npm run fleet -- page` writes the page alone, of the results that are there; `server`, `simulation` and
 * `processes` do one part and the page.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { writePage } from './page.mjs';

const placeOf = (name) => new URL(`results/${name}.json`, import.meta.url);
const say = (text) => process.stderr.write(`${text}\n`);

/** What a part is measured by, one after the other: the simulation takes the server's figures. */
const parts = {
  async server() {
    const { measureServer } = await import('./measure-server.mjs');
    const machine = `${availableParallelism()} cores of ${cpus()[0].model}`;
    return { machine, node: process.version, ...(await measureServer()) };
  },
  async simulation() {
    const { simulateAll } = await import('./scenarios.mjs');
    return simulateAll(JSON.parse(readFileSync(placeOf('server'), 'utf8')), say);
  },
  async processes() {
    const { compareProcesses } = await import('./real.mjs');
    return compareProcesses({ processes: 200, ttl: 30_000, outage: 60_000, say });
  },
};

const asked = process.argv.slice(2);
const unknown = asked.find((name) => name !== 'page' && !(name in parts));
if (unknown !== undefined) {
  say(`There is no part ${unknown}. There is: ${[...Object.keys(parts), 'page'].join(', ')}.`);
  process.exit(2);
}
for (const [name, measure] of Object.entries(parts)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  say(`${name}: begins`);
  writeFileSync(placeOf(name), `${JSON.stringify(await measure(), undefined, 1)}\n`);
}
await writePage();
