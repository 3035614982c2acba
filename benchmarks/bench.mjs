/**
 * `npm run bench -- [CASE…] [--quick]`: measures, writes `results/CASE.json`, and makes docs/performance.md of all of them.
 * With `--quick` it measures a few rounds, prints them and writes nothing; with `--page` it measures nothing.
 */
import { parseArgs } from 'node:util';
import { cases } from './cases/cases.mjs';
import { environment, writeResults } from './harness/results.mjs';
import { tableOf } from './harness/table.mjs';
import { writePage } from './page/write.mjs';
import { installFromNpm } from './peers/install.mjs';

const { values: options, positionals } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    page: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
const unknown = positionals.find((name) => !cases.includes(name));
if (unknown !== undefined) {
  console.error(`There is no case ${unknown}. The cases are: ${cases.join(', ')}.`);
  process.exit(2);
}

if (!options.page) await measureAll(positionals.length > 0 ? positionals : cases);
if (!options.quick) await writePage();

async function measureAll(chosen) {
  installFromNpm();
  const { date, machine, versions } = await environment();
  if (machine.load > 0.5)
    console.error(`Other programs keep ${machine.load} processors busy: times will say little.`);
  for (const name of chosen) {
    const started = performance.now();
    const { measure } = await import(`./cases/${name}.mjs`);
    const { figures, versions: more } = await measure(options);
    console.log(`\n${name}: ${((performance.now() - started) / 1_000).toFixed(0)} s`);
    for (const [id, figure] of Object.entries(figures)) console.log(tableOf(id, figure));
    if (!options.quick)
      writeResults(name, { date, machine, versions: { ...versions, ...more }, figures });
  }
}
