/**
 * What npm shows of a package beside its README, and what its tarball has to have: the same for all of them, and for
 * the template that others are made from.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { repository, root } from './markdown.ts';

const read = (path: string) => readFileSync(join(root, path), 'utf8');
const folders = readdirSync(join(root, 'packages'));
const manifests = [
  ...folders.map((name) => [`packages/${name}`, `packages/${name}`] as const),
  ['packages/provider-__id__', 'templates/provider'] as const,
];

describe.each(manifests)('%s', (directory, place) => {
  const manifest = JSON.parse(read(`${place}/package.json`));

  test('says where it comes from and who answers for it', () => {
    expect(manifest).toMatchObject({
      homepage: `${repository}/tree/main/${directory}#readme`,
      bugs: { url: `${repository}/issues` },
      repository: { type: 'git', url: `git+${repository}.git`, directory },
      license: 'MIT',
      author: JSON.parse(read('package.json')).author,
      publishConfig: { access: 'public' },
    });
    expect(manifest.author).toBe('The Keyfall authors');
  });

  test('is found by what it does', () => {
    expect(manifest.description).toMatch(/^.{20,120}\.$/);
    expect(manifest.keywords).toEqual(expect.arrayContaining(['secrets', 'keyfall']));
    expect(manifest.keywords.length).toBe(new Set(manifest.keywords).size);
    expect(manifest.keywords.includes('keyfall-provider')).toBe(directory.includes('/provider-'));
  });

  test('has its changelog in the tarball', () => {
    // npm takes README and LICENSE by itself, and no longer a changelog
    expect(manifest.files).toContain('CHANGELOG.md');
  });
});

test('all packages have one version, but for those that were never in a release', () => {
  const versions = folders.map((name) => JSON.parse(read(`packages/${name}/package.json`)).version);
  expect([...new Set(versions)].filter((version) => version !== '0.0.0')).toHaveLength(1);
});

const changesets = readdirSync(join(root, '.changeset'))
  .filter((name) => name.endsWith('.md'))
  .map((name) => read(`.changeset/${name}`))
  .join('\n');

test.each(folders)(
  'the changelog of %s begins with its version, or a changeset announces it',
  (folder) => {
    const { name, version } = JSON.parse(read(`packages/${folder}/package.json`));
    if (version === '0.0.0') {
      expect(changesets).toMatch(new RegExp(`^['"]${name}['"]: minor$`, 'm'));
      return;
    }
    const [title, release] = read(`packages/${folder}/CHANGELOG.md`).split(/\n{2,}/);
    expect([title, release]).toEqual([`# ${name}`, `## ${version}`]);
  },
);
