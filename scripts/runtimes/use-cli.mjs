// The built command as a user of this Node runs it: where Node has `process.execve`, the program of
// `run` takes our process's place, unless we have to stay; and a configuration in TypeScript is read.
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const bin = fileURLToPath(new URL('../../packages/cli/dist/bundle/bin.cjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'keyfall-cli-'));

/** Runs it to its end: exit code or signal, output, and the id of the process that was started. */
function keyfall(...args) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [bin, ...args], {
      cwd: folder,
      env: { PATH: process.env.PATH, HOME: folder, VAULT_TOKEN: 'not for the program' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.on('close', (code, signal) => resolve({ ended: code ?? signal, output, pid: child.pid }));
  });
}

function assertEqual(what, actual, expected) {
  if (actual !== expected) throw new Error(`${what}: ${actual}, not ${expected}`);
}

try {
  const becomes = process.execve !== undefined;
  writeFileSync(join(folder, '.env'), 'A=1\n', { mode: 0o600 });
  const script = join(folder, 'script');
  writeFileSync(script, '#!/bin/sh\necho $$ $A [$VAULT_TOKEN]\ngrep SigIgn /proc/self/status\n');
  chmodSync(script, 0o755);

  for (const program of [['sh', script], [script]]) {
    const { ended, output, pid } = await keyfall('run', '--', ...program);
    assertEqual('exit code', ended, 0);
    const [line, ignored] = output.split('\n');
    assertEqual('its process is ours', line.startsWith(`${pid} `), becomes);
    assertEqual('what it gets', line.split(' ').slice(1).join(' '), '1 []');
    assertEqual('signals that it ignores', ignored, 'SigIgn:\t0000000000000000');
  }
  for (const option of ['--redact', '--kill-after=1m', '--watch']) {
    const { output, pid } = await keyfall('run', option, '--', script);
    assertEqual(`with ${option} its process is ours`, output.startsWith(`${pid} `), false);
  }
  // what Node would abort on, were it to become that: a program for this machine, of which a part is missing
  const head = readFileSync(process.execPath).subarray(0, 4_096);
  const loader = head.indexOf('/lib');
  if (process.platform === 'linux' && loader > 0) {
    head.write('/lib/none.so\0', loader);
    writeFileSync(join(folder, 'foreign'), head, { mode: 0o755 });
    writeFileSync(join(folder, 'broken'), head.subarray(0, 64), { mode: 0o755 });
    for (const [program, code] of [
      ['./foreign', 127],
      ['./broken', 126],
    ])
      assertEqual(program, (await keyfall('run', '--', program)).ended, code);
  }
  const killed = await keyfall('run', '--', 'sh', '-c', 'kill -TERM $$');
  assertEqual('its signal', killed.ended, becomes ? 'SIGTERM' : 143);

  writeFileSync(
    join(folder, 'keyfall.config.ts'),
    "enum Id { Dotenv = 'dotenv' }\nexport default { providers: [{ provider: Id.Dotenv }] };\n",
  );
  const got = execFileSync(process.execPath, [bin, 'get', 'A'], { cwd: folder, encoding: 'utf8' });
  assertEqual('what a configuration in TypeScript gives', got, '1\n');
} finally {
  rmSync(folder, { recursive: true, force: true });
}
