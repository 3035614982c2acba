/**
 * The README of each package and example begins with what a reader who comes from npm or a search wants to know: in two
 * sentences what it is, the smallest thing that works, and where to read on.
 */
import { describe, expect, test } from 'vitest';
import { readDocuments } from './markdown.ts';

const readmes = (await readDocuments()).filter(({ path }) => /^(?:packages|examples)\//.test(path));

const isInstall = (line: string) => line.startsWith('npm install ');

/** What stands between the title and the first block, without the sentence that leads to a block. */
function leadOf(text: string): string[] {
  const [, lead = ''] = text.split(/\n{2,}/);
  return lead
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .split(/(?<=[.!?])\s+(?=[A-Z`])/)
    .filter((sentence) => !sentence.endsWith(':'));
}

describe.each(readmes)('$path', ({ path, text, blocks }) => {
  test('says in at most two sentences what it is', () => {
    expect(text).toMatch(/^# .+\n\n(?!#|\||- |```)/);
    expect(leadOf(text).length).toBeLessThanOrEqual(2);
  });

  test('shows the smallest thing that works on its first screen', () => {
    const first = blocks.find((block) => !block.text.split('\n').every(isInstall));
    expect(first?.line).toBeLessThanOrEqual(30);
  });

  test('leads to a page that says more', () => {
    expect(text).toMatch(
      path.startsWith('packages/')
        ? /\]\(https:\/\/\S+\/docs\/\S+\.md/
        : /\]\(\.\.\/\.\.\/docs\/\S+\.md/,
    );
  });

  test('if npm shows it, it says what Keyfall is, how to install it, and the licence', () => {
    if (!path.startsWith('packages/')) return;
    expect(leadOf(text).join(' ')).toContain('Keyfall');
    expect(text).toMatch(/^npm install /m);
    expect(text.endsWith('\n\n## License\n\nMIT\n')).toBe(true);
  });
});
