/**
 * Compares what does not depend on the machine with `counts/counts.json`, and fails where it differs, in either direction:
 * what got better is to be kept, too. `--accept` writes the file.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { differences } from './counts/compare.mjs';
import { measureCounts } from './counts/measure.mjs';

const { values: options } = parseArgs({ options: { accept: { type: 'boolean', default: false } } });
const file = new URL('counts/counts.json', import.meta.url);
const counted = await measureCounts();
if (options.accept) writeFileSync(file, `${JSON.stringify(counted, null, 2)}\n`);
const found = differences(JSON.parse(readFileSync(file, 'utf8')), counted);
for (const each of found) console.error(each);
if (found.length > 0) {
  console.error(
    `\n${found.length} of the counts differ from benchmarks/counts/counts.json. If that is what your change is meant to do, run "npm run counts -- --accept" and commit the file.`,
  );
  process.exitCode = 1;
} else console.log('Requests, files and allocations are what benchmarks/counts/counts.json says.');
