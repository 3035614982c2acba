import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { verdictsPath } from './fixtures.ts';
import { sops, sopsOfMany } from './real-sops.ts';
import { digestOf, tamperedFixtures, tampersOf } from './tampers.ts';

test('what is recorded of tampered files is what sops says', { timeout: 300_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'keyfall-sops-'));
  const verdicts: Record<string, Record<string, unknown>> = {};
  for (const name of tamperedFixtures) {
    const tampers = [...tampersOf(name)];
    const paths = tampers.map(([, text], index) => {
      const path = join(folder, `${index}.${name}`);
      writeFileSync(path, text);
      return path;
    });
    const runs = await sopsOfMany(paths.map((path) => ['decrypt', '--output-type', 'json', path]));
    const verdict: Record<string, unknown> = {};
    for (const [index, [what, text]] of tampers.entries()) {
      const { status, output } = runs[index] ?? { status: 1, output: '' };
      const path = paths[index] ?? '';
      verdict[what] = status === 0 ? digestOf(documentIn(path, text, output)) : 'refused';
    }
    verdicts[name] = verdict;
  }
  rmSync(folder, { recursive: true });
  const text = `${JSON.stringify(verdicts, null, 1)}\n`;
  await expect(text).toMatchFileSnapshot(verdictsPath);
});

/** JSON shows the first of several documents only. */
function documentIn(path: string, text: string, output: string): unknown {
  if (!path.endsWith('.yaml') || !text.includes('\n---')) return JSON.parse(output);
  const { output: yaml } = sops(['decrypt', path]);
  return Object.assign({}, ...yaml.split(/^---$/m).map((document) => parse(document) ?? {}));
}
