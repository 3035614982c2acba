/**
 * With a Node that is too old, which `scripts/provision` has got: `doctor` says so, and everything else
 * refuses to work rather than work wrongly.
 */
import { spawn } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bin, finished, folderWith, type RunResult } from './keyfall.ts';

const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
const oldNode = join(cache, 'keyfall/node-18.20.8/bin/node');

async function withOldNode(args: readonly string[]): Promise<RunResult> {
  const cwd = await folderWith('A=1\n');
  return finished(spawn(oldNode, [bin, ...args], { cwd, env: { PATH: process.env['PATH'] } }));
}

test('doctor finds it, and every other command refuses to start', async () => {
  const doctor = await withOldNode(['doctor', '--json']);
  expect(doctor.code).toBe(1);
  expect(JSON.parse(doctor.stdout)[0].findings[0]).toEqual({
    subject: 'node',
    state: 'failing',
    message: expect.stringMatching(/^18\.20\.8 .*\b20\.19\.0\b/),
    hint: expect.any(String),
    code: 'node-too-old',
    command: 'nvm install 22',
  });
  for (const args of [['list'], ['run', '--', 'true']])
    expect(await withOldNode(args)).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(
        /^keyfall: Node 18\.20\.8 .*\b20\.19\.0\b.*`keyfall doctor`.*\n$/,
      ),
    });
});
