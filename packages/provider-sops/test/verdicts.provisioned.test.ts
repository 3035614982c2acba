import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { verdictsPath } from './fixtures.ts';
import { sopsOfMany } from './real-sops.ts';
import { digestOf, oneOfEachKind, tamperedFixtures, tampersOf } from './tampers.ts';
import { recordedVerdicts, type Verdicts, wronglyJudged } from './verdicts.ts';

// The record is of all tamperings, some two thousand, and each costs a start of sops. So sops is asked
// again for one of each kind; for all of them where fixtures/regenerate.sh makes the record anew.
const recordAnew = process.env['KEYFALL_SOPS_VERDICTS'] === 'record';

test('what is recorded of tampered files is what sops says', { timeout: 300_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'keyfall-sops-'));
  const verdicts: Record<string, Record<string, string>> = {};
  for (const name of tamperedFixtures) {
    const all = tampersOf(name);
    const tampers = [...(recordAnew ? all : oneOfEachKind(all))];
    const paths = tampers.map(([, text], index) => {
      const path = join(folder, `${index}.${name}`);
      writeFileSync(path, text);
      return path;
    });
    const runs = await sopsOfMany(paths.map((path) => ['decrypt', '--output-type', 'json', path]));
    const verdict: Record<string, string> = {};
    for (const [index, [what]] of tampers.entries()) {
      const { status, output } = runs[index] ?? { status: 1, output: '' };
      verdict[what] = status === 0 ? digestOf(JSON.parse(output)) : 'refused';
    }
    verdicts[name] = verdict;
  }
  rmSync(folder, { recursive: true });
  if (recordAnew) writeFileSync(verdictsPath, `${JSON.stringify(verdicts, null, 1)}\n`);
  expect(recordedVerdicts()).toMatchObject(verdicts satisfies Verdicts);
});

describe.each(tamperedFixtures)('every tampering with %s', (name) => {
  test('is on record', () => {
    expect([...tampersOf(name).keys()]).toEqual(Object.keys(recordedVerdicts()[name] ?? {}));
  });

  test('is refused where sops refuses it, and else read as sops reads it', async () => {
    expect(await wronglyJudged(name, tampersOf(name))).toEqual([]);
  });
});
