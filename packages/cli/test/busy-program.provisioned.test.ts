/**
 * A program that somebody is writing (ETXTBSY), started by the Node that says of its own process.execve that it
 * failed, which `scripts/provision` has got, and by the one that runs this.
 */
import { spawn } from 'node:child_process';
import { copyFile, open } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { bin, finished, folderWith } from './keyfall.ts';

const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');

test.each([process.execPath, join(cache, 'keyfall/node-26.10.0/bin/node')])(
  'a program that is open for writing cannot be executed, with %s',
  async (node) => {
    const cwd = await folderWith('A=1\n');
    const program = join(cwd, 'busy');
    await copyFile('/bin/true', program);
    const run = () =>
      finished(
        spawn(node, [bin, 'run', '--', './busy'], { cwd, env: { PATH: process.env['PATH'] } }),
      );
    expect(await run()).toMatchObject({ code: 0, stderr: '' });
    const writer = await open(program, 'r+');
    onTestFinished(() => writer.close());
    expect(await run()).toMatchObject({
      code: 126,
      stderr: expect.stringMatching(/^keyfall: \.\/busy: .*ETXTBSY/),
    });
  },
);
