import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { withCommand } from '../src/diagnosis/finding.ts';
import { checkNode } from '../src/diagnosis/machine.ts';
import { isOlder, oldestNode } from '../src/terminal/node-version.ts';

test.each([
  ['20.19.0', '20.19.0', false],
  ['20.18.3', '20.19.0', true],
  ['18.20.8', '20.19.0', true],
  ['20.9.0', '20.19.0', true],
  ['24.0.0', '20.19.0', false],
  ['26.0.0-nightly20261101', '20.19.0', false],
])('%s is older than %s: %s', (version, than, older) => {
  expect(isOlder(version, than)).toBe(older);
});

test('the oldest Node is the one that the package asks for', async () => {
  const manifest = await readFile(new URL('../package.json', import.meta.url), 'utf8');
  expect((JSON.parse(manifest) as { engines: { node: string } }).engines.node).toBe(
    `>=${oldestNode}`,
  );
});

test('an old one is replaced by one command', () => {
  const shell = { options: {}, configuration: undefined };
  expect(withCommand(checkNode('18.20.8'), shell)).toEqual({
    subject: 'node',
    state: 'failing',
    message: expect.stringMatching(/^18\.20\.8 .*\b20\.19\.0\b/),
    hint: expect.any(String),
    code: 'node-too-old',
    command: 'nvm install 22',
  });
});
