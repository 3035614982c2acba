// The README's first provider is the one in first-provider/, which is held to the contract there.
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';

test.each(['src/index.ts', 'test/conformance.test.ts'])('the README shows %s', async (file) => {
  const read = (path: string) => readFile(new URL(path, import.meta.url), 'utf8');
  const readme = await read('../README.md');
  expect(readme).toContain(`\n\`\`\`ts\n${await read(`first-provider/${file}`)}\`\`\`\n`);
});
