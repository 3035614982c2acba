// The first provider of docs/writing-a-provider.md is the one in first-provider/, which is held to the contract there.
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';

test.each(['src/index.ts', 'test/conformance.test.ts'])(
  'the page on writing a provider shows %s',
  async (file) => {
    const read = (path: string) => readFile(new URL(path, import.meta.url), 'utf8');
    const page = await read('../../../docs/writing-a-provider.md');
    expect(page).toContain(`\n\`\`\`ts\n${await read(`first-provider/${file}`)}\`\`\`\n`);
  },
);
