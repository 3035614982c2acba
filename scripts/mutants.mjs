/**
 * Changes the source in small ways and looks whether a test notices: Stryker, an area at a time. The
 * reports stay in `node_modules/.cache/keyfall/mutants`, with what need not be tried again while neither a
 * file nor its tests have changed.
 *
 *     npm run mutants                      all areas, one after the other
 *     npm run mutants -- core              one area
 *     npm run mutants -- core chain.ts     one file of it
 *     npm run mutants -- core --force      all of it, whatever is known from before
 */
import { mkdirSync, readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { startVaultServer } from '@keyfall/testkit';
import { Stryker } from '@stryker-mutator/core';
import { areas } from './mutants/areas.mjs';

const cache = 'node_modules/.cache/keyfall/mutants';
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { force: { type: 'boolean', default: false } },
});
const [name, ...only] = positionals;
if (name !== undefined && !Object.hasOwn(areas, name)) {
  const known = Object.entries(areas).map(([area, { about }]) => `  ${area.padEnd(10)} ${about}\n`);
  process.stderr.write(`There is no area ${name}. The areas are:\n${known.join('')}`);
  process.exit(2);
}
mkdirSync(cache, { recursive: true });
for (const area of name === undefined ? Object.keys(areas) : [name]) await tryOut(area);

async function tryOut(area) {
  const { folder, files = readdirSync(folder), tests, slow, patience, server } = areas[area];
  const chosen = files.filter((file) => only.length === 0 || only.includes(basename(file)));
  if (chosen.length === 0) {
    process.stderr.write(`${only.join(', ')} is not in ${area}: ${files.join(', ')}.\n`);
    process.exit(2);
  }
  process.env.KEYFALL_MUTANTS_AREA = JSON.stringify({ tests, slow, patience });
  const running = server && (await startVaultServer({ external: false }));
  if (running) {
    const { address, token } = running;
    process.env.KEYFALL_MUTANTS_SERVER = JSON.stringify({ address, token });
  }
  const stryker = new Stryker({
    mutate: chosen.map((file) => `${folder}/${file}`),
    testRunner: 'vitest',
    plugins: [import.meta.resolve('@stryker-mutator/vitest-runner'), './scripts/mutants/prose.mjs'],
    ignorers: ['prose'],
    vitest: { configFile: 'scripts/mutants/vitest.config.ts', related: false },
    coverageAnalysis: 'perTest',
    // each has a test runner of its own, and the machine is used for something else meanwhile
    concurrency: 1,
    incremental: true,
    incrementalFile: `${cache}/${area}.json`,
    force: values.force,
    // a mutant that makes a call wait for ever ends so; a busy machine takes long, too
    timeoutMS: 15_000,
    dryRunTimeoutMinutes: 30,
    ignorePatterns: ['/docs/**', '!/docs/vault/**', '/examples', '/benchmarks', '**/dist'],
    tempDirName: '.mutants',
    disableTypeChecks: false,
    reporters: ['clear-text', 'progress-append-only', 'html', 'json'],
    clearTextReporter: { allowColor: false, reportTests: false },
    htmlReporter: { fileName: `${cache}/${area}.html` },
    jsonReporter: { fileName: `${cache}/${area}.report.json` },
    warnings: { unknownOptions: false },
  });
  try {
    await stryker.runMutationTest();
  } finally {
    delete process.env.KEYFALL_MUTANTS_SERVER;
    await running?.stop();
  }
}
