/**
 * A contributor's first hour: what CONTRIBUTING.md, the dev container and the editor's settings name is there.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readDocuments, root } from './markdown.ts';

const json = async (path: string) => JSON.parse(await readFile(join(root, path), 'utf8'));

/** The scripts that a text calls, as `npm run NAME` or `npm test`. */
const scriptsIn = (text: string): string[] =>
  [...text.matchAll(/\bnpm (?:run ([a-z][\w:-]*)|(test)\b)/g)].map((found) => found[1] ?? 'test');

test('every script that CONTRIBUTING.md, the dev container or CI calls exists', async () => {
  const { scripts } = await json('package.json');
  const documents = await readDocuments();
  const text = [
    documents.find(({ path }) => path === 'CONTRIBUTING.md')?.text,
    (await json('.devcontainer/devcontainer.json')).postCreateCommand,
    await readFile(join(root, '.ci/run'), 'utf8'),
  ].join('\n');
  const called = [...new Set(scriptsIn(text))];
  expect(called).toContain('setup');
  expect(called.filter((name) => scripts[name] === undefined)).toEqual([]);
});

test('check is what CI runs', async () => {
  expect((await json('package.json')).scripts.check).toBe('.ci/run');
});

test('the dev container has a Node.js that the packages support, and a python3 for the test server', async () => {
  const { image, features } = await json('.devcontainer/devcontainer.json');
  const major = Number(/:(\d+)-/.exec(image)?.[1]);
  const { node } = (await json('package.json')).engines;
  expect(major).toBeGreaterThanOrEqual(Number(/>=(\d+)/.exec(node)?.[1]));
  expect(Object.keys(features).join()).toContain('/python:');
});

test('the editor is recommended what its settings name', async () => {
  const settings = await json('.vscode/settings.json');
  const { recommendations } = await json('.vscode/extensions.json');
  const { customizations } = await json('.devcontainer/devcontainer.json');
  expect(recommendations).toContain(settings['editor.defaultFormatter']);
  expect(customizations.vscode.extensions).toEqual(recommendations);
});
