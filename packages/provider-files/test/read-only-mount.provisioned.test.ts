import { execFileSync } from 'node:child_process';
import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { filesProvider } from '../src/index.ts';
// @ts-expect-error: it is run as a program too, and so has no types
import { writeVolume } from './kubernetes-volume.mjs';
import { context, temporaryFolder } from './store.ts';

// A real mount, as the kubelet and Docker make one: that needs root.
const asRoot = (...command: string[]) => {
  const [program = '', ...args] = process.geteuid?.() === 0 ? command : ['sudo', '-n', ...command];
  execFileSync(program, args);
};

let folder: string;
let remove: () => Promise<void>;
beforeEach(async () => {
  const temporary = await temporaryFolder();
  await chmod(temporary.folder, 0o755);
  folder = join(temporary.folder, 'secrets');
  await mkdir(folder);
  asRoot('mount', '-t', 'tmpfs', '-o', 'mode=0777', 'tmpfs', folder);
  remove = async () => {
    asRoot('umount', folder);
    await temporary.remove();
  };
});
afterEach(() => remove());

async function warningsOf() {
  const warnings: string[] = [];
  const warn = (message: string) => warnings.push(message);
  await filesProvider({ directory: folder }).read('all', context({ warn }));
  return warnings;
}

test('readable files on a read-only mount cause no warning', async () => {
  writeVolume(folder, new Map([['A', 'x']]));
  const warning = expect.stringMatching(/^A .*\bchmod 600\b/);
  expect(await warningsOf()).toEqual([warning]);
  asRoot('mount', '-o', 'remount,ro', folder);
  expect(await warningsOf()).toEqual([]);
  asRoot('mount', '-o', 'remount,rw', folder);
  expect(await warningsOf()).toEqual([warning]);
});
