/**
 * The whole soak with a breach of each rule planted: it has to end with that rule broken. A check that cannot fail is
 * none.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { testFolder } from '../../test-folder.ts';
import { rules } from '../src/oracle.ts';

const script = fileURLToPath(new URL('../soak.mjs', import.meta.url));

/** What shows at the end of a run alone. The others end theirs. */
const atTheEnd = ['heap', 'handles', 'listeners', 'ending', 'enough'];

test.each(Object.keys(rules))(
  'the soak fails for a planted breach of the rule %s',
  async (rule) => {
    const json = join(await testFolder(), 'soak.json');
    const minutes = atTheEnd.includes(rule) ? '0.4' : '3';
    const args = [script, '--minutes', minutes, '--seed', '5', '--plant', rule, '--json', json];
    const { code, output } = await new Promise<{ code: unknown; output: string }>((resolve) => {
      execFile(process.execPath, args, (error, stdout, stderr) =>
        resolve({ code: error?.code, output: stdout + stderr }),
      );
    });
    expect(code, output).toBe(1);
    const report = JSON.parse(await readFile(json, 'utf8'));
    expect(report.violations.map((violation: { rule: string }) => violation.rule)).toContain(rule);
    expect(report.numPassedTests).toBeLessThan(report.numTotalTests);
    // what every value begins with
    expect(output + JSON.stringify(report)).not.toMatch(/kf[0-9a-f]{16}/);
  },
  240_000,
);
