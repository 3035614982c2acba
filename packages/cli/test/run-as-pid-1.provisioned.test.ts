/**
 * `run` as a container starts it: as process 1 of its own PID namespace, where no signal without a
 * handler has any effect. `unshare` makes one without a container and without root.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { expect, onTestFinished, test } from 'vitest';
import { bin, finished, folderWith, printed } from './keyfall.ts';

function startAsPid1(cwd: string, ...args: readonly string[]): ChildProcess {
  const unshare = ['--user', '--map-root-user', '--pid', '--fork', '--kill-child'];
  const child = spawn('unshare', [...unshare, process.execPath, bin, 'run', ...args], {
    cwd,
    env: { PATH: process.env['PATH'], HOME: cwd },
    stdio: 'pipe',
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return child;
}

/** Sends a signal to process 1 of the namespace, as `docker stop` does. */
async function signalPid1({ pid }: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const [first] = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).split(' ');
  process.kill(Number(first), signal);
}

test.each([
  ['sh', ['sh', '-c', 'exit 7'], 7],
  ['Python', ['python3', '-c', 'raise SystemExit(8)'], 8],
  ['Node', [process.execPath, '-e', 'process.exit(9)'], 9],
  ['a program that a signal ends', ['sh', '-c', 'sh -c "kill -TERM \\$\\$"'], 143],
  ['none', ['no-such-program'], 127],
])('the exit code of %s is ours', async (_, command, code) => {
  const cwd = await folderWith();
  expect((await finished(startAsPid1(cwd, '--', ...command))).code).toBe(code);
});

test.each([
  ['sh', ['sh', '-c', 'trap "exit 3" TERM; echo ready; while :; do sleep 0.05; done']],
  [
    'Python',
    [
      'python3',
      '-c',
      'import signal, sys\nsignal.signal(15, lambda *_: sys.exit(3))\nprint("ready", flush=True)\nsignal.pause()',
    ],
  ],
  [
    'Node',
    [
      process.execPath,
      '-e',
      'process.on("SIGTERM", () => process.exit(3)); console.log("ready"); setInterval(() => {}, 1e5)',
    ],
  ],
])('a TERM reaches %s', async (_, command) => {
  const child = startAsPid1(await folderWith(), '--', ...command);
  const result = finished(child);
  await printed(child, 'ready');
  await signalPid1(child, 'SIGTERM');
  expect((await result).code).toBe(3);
});

test('what ignores TERM is killed after --kill-after', async () => {
  const script = 'trap "" TERM; echo ready; while :; do sleep 0.05; done';
  const args = ['--kill-after', '150ms', '--', 'sh', '-c', script];
  const child = startAsPid1(await folderWith(), ...args);
  const result = finished(child);
  await printed(child, 'ready');
  await signalPid1(child, 'SIGTERM');
  expect((await result).code).toBe(137);
});

test('a program without a handler dies of a TERM where we stay beside it', async () => {
  const child = startAsPid1(
    await folderWith(),
    '--redact',
    '--',
    'sh',
    '-c',
    'echo ready; exec sleep 60',
  );
  const result = finished(child);
  await printed(child, 'ready');
  await signalPid1(child, 'SIGTERM');
  expect((await result).code).toBe(143);
});
