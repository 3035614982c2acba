/**
 * The command of a clone that was built and installed by `npm install -g`, and was built again afterwards:
 * from turbo's cache, which restores files as the build had made them.
 */
import { execFile } from 'node:child_process';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { folderWith } from './keyfall.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../..', import.meta.url));

test('an installed clone can be run after each build, from the cache too', {
  timeout: 600_000,
}, async () => {
  const folder = await folderWith();
  const clone = join(folder, 'clone');
  const copy =
    'mkdir "$1" && git ls-files -z -co --exclude-standard | tar --null -T - --ignore-failed-read -cf - | tar -C "$1" -xf -';
  await run('bash', ['-c', copy, 'bash', clone], { cwd: root });
  const tool = (name: string) => join(root, 'node_modules/.bin', name);
  await run(tool('pnpm'), ['install', '--frozen-lockfile', '--prefer-offline'], { cwd: clone });
  const build = async () => {
    const options = ['run', 'build', '--filter=keyfall', '--cache-dir', join(folder, 'cache')];
    const { stdout } = await run(tool('turbo'), [...options, '--no-daemon'], { cwd: clone });
    return stdout;
  };
  const prefix = join(folder, 'prefix');
  const installed = join(prefix, 'bin/keyfall');
  const install = [
    'install',
    '--global',
    '--prefix',
    prefix,
    '--offline',
    '--no-audit',
    '--no-fund',
  ];
  const answers = async () => (await run(installed, ['--version'], { cwd: folder })).stdout;

  await build();
  await run('npm', [...install, join(clone, 'packages/cli')], { cwd: folder });
  const version = await answers();
  expect(version).toMatch(/^\d+\.\d+\.\d+\n$/);

  await rm(join(clone, 'packages/cli/dist'), { recursive: true });
  expect(await build()).toContain('FULL TURBO');
  expect((await stat(installed)).mode & 0o111).toBe(0o111);
  expect(await answers()).toBe(version);
});
