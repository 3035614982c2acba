/**
 * `npm run bench -- [CASE…] [--quick]`: measures, writes `results/CASE.json`, and makes docs/performance.md of all of them.
 * With `--quick` it measures a few rounds, prints them and writes nothing.
 */
import { parseArgs } from 'node:util';
import { environment, writeResults } from './harness/results.mjs';
import { tableOf } from './harness/table.mjs';
import { installFromNpm } from './peers/install.mjs';

/** Every case, in the order in which they run. */
const cases = ['reads'];

const { values: options, positionals } = parseArgs({
  options: { quick: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const unknown = positionals.find((name) => !cases.includes(name));
if (unknown !== undefined) {
  console.error(`There is no case ${unknown}. The cases are: ${cases.join(', ')}.`);
  process.exit(2);
}

installFromNpm();
for (const name of positionals.length > 0 ? positionals : cases) {
  const started = performance.now();
  const { measure } = await import(`./cases/${name}.mjs`);
  const { date, machine, versions } = environment();
  const { figures, versions: more } = await measure(options);
  console.log(
    `\n${name}: ${((performance.now() - started) / 1_000).toFixed(0)} s, load ${machine.load} before it`,
  );
  for (const [id, figure] of Object.entries(figures)) console.log(tableOf(id, figure));
  if (!options.quick)
    writeResults(name, { date, machine, versions: { ...versions, ...more }, figures });
}
