/**
 * The whole soak with a breach of each rule planted: it has to end with that rule broken. A check that cannot fail is
 * none. A soak waits most of its time, and no rule counts on an idle machine, so three run at once.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '@keyfall/testkit';
import { test } from 'vitest';
import { rules } from '../src/oracle.ts';

const script = fileURLToPath(new URL('../soak.mjs', import.meta.url));

/** What shows at the end of a run alone. The others end theirs. */
const atTheEnd = ['heap', 'handles', 'listeners', 'ending', 'enough'];

test.concurrent.for(Object.keys(rules))(
  'the soak fails for a planted breach of the rule %s',
  { timeout: 240_000 },
  async (rule, { expect, onTestFinished }) => {
    const { folder, remove } = await temporaryFolder();
    onTestFinished(remove);
    const json = join(folder, 'soak.json');
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
);
