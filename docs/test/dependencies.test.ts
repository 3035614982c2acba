/**
 * What users install with the packages, and what is built into them: each has its reason in `scripts/dependencies.json`,
 * and a licence that may be passed on. Tools may have others, too, since nothing of them is passed on.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { root } from './markdown.ts';

const json = (path: string) => JSON.parse(readFileSync(join(root, path), 'utf8'));
const { dependencies: reasons, licences } = json('scripts/dependencies.json');
const folders = readdirSync(join(root, 'packages'));

const { builtInto } = (await import(`${root}/scripts/licences.mjs`)) as {
  builtInto: (dist: string) => readonly { readonly name: string }[];
};

const built = folders
  .flatMap((folder) => builtInto(join(root, 'packages', folder, 'dist')))
  .map(({ name }) => name);
const installed = folders.flatMap((folder) => {
  const { dependencies, optionalDependencies } = json(`packages/${folder}/package.json`);
  return Object.keys({ ...dependencies, ...optionalDependencies });
});
const used = [...new Set([...installed, ...built])]
  .filter((name) => name !== 'keyfall' && !name.startsWith('@keyfall/'))
  .sort();

test('every dependency that reaches users has a reason, and no other one has', () => {
  expect(used).toEqual(Object.keys(reasons));
  for (const reason of Object.values(reasons)) expect(reason).toMatch(/^\S.{20,120}\.$/);
});

/** The licences as pnpm finds them in what is installed, each with the packages that have it. */
type Licences = Record<string, { name: string }[]>;

function licencesOf(...options: string[]): Licences {
  const pnpm = join(root, 'node_modules/.bin/pnpm');
  const args = ['--recursive', ...options, 'licenses', 'list', '--json'];
  return JSON.parse(execFileSync(pnpm, args, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 }));
}

/** The packages with another licence than these, but for those whose licence was read. */
const others = (found: Licences, allowed: readonly string[]) =>
  Object.entries(found)
    .filter(([licence]) => !allowed.includes(licence))
    .flatMap(([licence, packages]) => packages.map(({ name }) => ({ name, licence })))
    .filter(({ name }) => !(name in licences.read));

describe('the licences', () => {
  let all: Licences;
  beforeAll(() => {
    all = licencesOf();
  });

  test('of what users install may be passed on', () => {
    const found = licencesOf('--filter', './packages/*', '--prod');
    expect(found['MIT']?.length).toBeGreaterThan(5);
    expect(others(found, licences.installed)).toEqual([]);
  });

  test('of what is built into the packages may be passed on', () => {
    const names = Object.entries(all).flatMap(([licence, packages]) =>
      packages.map(({ name }) => [name, licence] as const),
    );
    expect(built).toContain('dotenv');
    for (const [name, licence] of names.filter(([name]) => built.includes(name)))
      expect(licences.installed, name).toContain(licence);
  });

  test('of the tools are known', () => {
    expect(others(all, [...licences.installed, ...licences.tools])).toEqual([]);
  });

  test('that are allowed occur', () => {
    const unused = [...licences.installed, ...licences.tools].filter(
      (licence) => !(licence in all),
    );
    expect(unused).toEqual([]);
    const read = Object.values(all).flatMap((packages) => packages.map(({ name }) => name));
    expect(Object.keys(licences.read).filter((name) => !read.includes(name))).toEqual([]);
  });
});
