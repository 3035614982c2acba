/**
 * A contributor's first hour: what CONTRIBUTING.md, the dev container and the editor's settings name is there. And what
 * the workflows of GitHub may do.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { readDocuments, root } from './markdown.ts';

const json = async (path: string) => JSON.parse(await readFile(join(root, path), 'utf8'));

/** The scripts that a text calls, as `npm run NAME` or `npm test`. */
const scriptsIn = (text: string): string[] =>
  [...text.matchAll(/\bnpm (?:run ([a-z][\w:-]*)|(test)\b)/g)].map((found) => found[1] ?? 'test');

test('every script that CONTRIBUTING.md, the dev container, CI or a workflow calls exists', async () => {
  const { scripts } = await json('package.json');
  const documents = await readDocuments();
  const text = [
    documents.find(({ path }) => path === 'CONTRIBUTING.md')?.text,
    (await json('.devcontainer/devcontainer.json')).postCreateCommand,
    await readFile(join(root, '.ci/run'), 'utf8'),
    ...(await workflows()).map(({ text }) => text),
  ].join('\n');
  const called = [...new Set(scriptsIn(text))];
  expect(called).toContain('setup');
  expect(called.filter((name) => scripts[name] === undefined)).toEqual([]);
});

/** The workflows of GitHub, with what they say. */
async function workflows() {
  const folder = join(root, '.github/workflows');
  const names = await readdir(folder);
  return Promise.all(
    names.map(async (name) => {
      const text = await readFile(join(folder, name), 'utf8');
      return { ...parse(text), name, text };
    }),
  );
}

test('an action is named by its commit, with its version beside it', async () => {
  const actions = (await workflows()).flatMap(({ text }) => [...text.matchAll(/\buses: (.+)/g)]);
  expect(actions.length).toBeGreaterThan(10);
  for (const [, action] of actions) expect(action).toMatch(/@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
});

test('a workflow may do nothing but what its jobs say, and a job says how long it may take', async () => {
  for (const { name, permissions, jobs } of await workflows()) {
    expect(permissions, name).toEqual({});
    for (const job of Object.values<Record<string, unknown>>(jobs)) {
      expect(job, name).toHaveProperty('permissions');
      if (!('uses' in job)) expect(job, name).toHaveProperty('timeout-minutes');
    }
  }
});

test('only the job that publishes can say to npm which workflow it is, and it installs nothing', async () => {
  const [release] = (await workflows()).filter(({ name }) => name === 'release.yml');
  const trusted = Object.entries<{ permissions: object; steps: { run?: string }[] }>(
    release.jobs,
  ).filter(([, { permissions }]) => 'id-token' in permissions);
  expect(trusted.map(([name]) => name)).toEqual(['publish']);
  const commands = trusted.flatMap(([, { steps }]) => steps.flatMap(({ run = [] }) => run));
  expect(commands[0]).toBe('node scripts/release/publish.mjs "$RUNNER_TEMP/packed"');
  expect(commands.join('\n')).not.toMatch(/\b(?:npm|npx|pnpm)\b|node_modules/);
});

test('check is what CI runs', async () => {
  expect((await json('package.json')).scripts.check).toBe('.ci/run');
  const [ci] = (await workflows()).filter(({ name }) => name === 'ci.yml');
  expect(ci.jobs.check.steps.at(-1).run).toMatch(/^sudo env .* CI=true \.ci\/run$/);
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
