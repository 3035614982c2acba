/**
 * `run --redact`: no value gets through, however it is cut, and the program notices as little as can be.
 */
import { spawn } from 'node:child_process';
import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { bin, finished, folderWith, intoHead, keyfall, printed, start } from './keyfall.ts';

const value = 'canary-4b7d-secret';
const lines = '-----BEGIN KEY-----\ncanary-first-line-9f\ncanary-second-line\n-----END KEY-----';
const dotenv = `TOKEN=${value}\nLONGER=${value}-and-more\nKEY="${lines}"\nSHORT=8\n`;

test('both streams are masked, longest first and over several lines, and the exit code is kept', async () => {
  const cwd = await folderWith(dotenv);
  const script = 'echo "a $TOKEN b $LONGER $SHORT"; echo "$KEY"; echo "e$TOKEN" >&2; exit 7';
  const result = await keyfall(['run', '--redact', '--', 'sh', '-c', script], { cwd });
  expect(result).toMatchObject({
    code: 7,
    stdout: 'a [redacted] b [redacted] 8\n[redacted]\n',
    stderr: 'e[redacted]\n',
  });
});

test('a value is masked wherever its output is cut, and however late the rest comes', async () => {
  const cwd = await folderWith(dotenv);
  // every cut of the value into two writes, the second only after the first arrived
  const script = `
import os, sys, time
value = os.environ["TOKEN"].encode()
for cut in range(1, len(value)):
    for part in (b"<" + value[:cut], value[cut:] + b">\\n"):
        os.write(1, part)
        time.sleep(0.005)
`;
  await writeFile(join(cwd, 'cuts.py'), script);
  const { stdout } = await keyfall(['run', '--redact', '--', 'python3', 'cuts.py'], { cwd });
  expect(stdout).toBe('<[redacted]>\n'.repeat(value.length - 1));
});

test('encoded forms are masked, bytes that are no text go through as they are', async () => {
  const cwd = await folderWith(dotenv);
  const script = `
import base64, json, os, sys
out = sys.stdout.buffer
out.write(bytes(range(256)) + b"|" + base64.b64encode(b"user:" + os.environ["TOKEN"].encode()))
out.write(b"|" + json.dumps(os.environ["KEY"]).encode() + b"|")
`;
  await writeFile(join(cwd, 'bytes.py'), script);
  const child = start(['run', '--redact', '--', 'python3', 'bytes.py'], { cwd });
  const chunks: Buffer[] = [];
  child.stdout?.on('data', (chunk) => chunks.push(chunk));
  const { code, output } = await finished(child);
  const bytes = Buffer.concat(chunks);
  expect(code).toBe(0);
  expect(bytes.subarray(0, 256)).toEqual(Buffer.from(Array.from({ length: 256 }, (_, at) => at)));
  expect(output).not.toMatch(/canary|Y2FuYXJ5|NhbmFye|jYW5hcn/);
});

test('what is certain is not held back: a prompt is seen before the next line', async () => {
  const cwd = await folderWith(dotenv);
  const child = start(
    ['run', '--redact', '--', 'sh', '-c', 'printf "name? "; read x; echo "<$x>"'],
    {
      cwd,
    },
  );
  const output = finished(child, { open: true });
  await printed(child, 'name? ');
  child.stdin?.end('me\n');
  expect((await output).stdout).toBe('name? <me>\n');
});

test('20 MB go through to a slow reader', async () => {
  const cwd = await folderWith(dotenv);
  const script = `
import os
line = (os.environ["TOKEN"] + " and other text that may be shown\\n").encode()
for _ in range(20):
    data = line * (1_000_000 // len(line))
    while data: data = data[os.write(1, data):]
`;
  await writeFile(join(cwd, 'much.py'), script);
  const child = start(['run', '--redact', '--', 'python3', 'much.py'], { cwd });
  let count = 0;
  child.stdout?.on('data', (chunk: Buffer) => {
    count += chunk.toString('latin1').split('\n').length - 1;
  });
  const { code, output } = await finished(child);
  expect(code).toBe(0);
  expect(output).not.toContain('canary');
  expect(count).toBe(
    20 * Math.floor(1_000_000 / `${value} and other text that may be shown\n`.length),
  );
});

test('a reader that goes away ends the program as a pipe would', async () => {
  const cwd = await folderWith(dotenv);
  expect(await intoHead(['run', '--redact', '--', 'yes'], { cwd })).toMatchObject({
    code: 141,
    stdout: 'y\n',
    stderr: '',
  });
});

test('a full disk behind what it prints is said, since the program does not hear of it', async () => {
  const full = await open('/dev/full', 'w');
  onTestFinished(() => full.close());
  const options = { cwd: await folderWith(dotenv), stdout: full.fd };
  const child = start(['run', '--redact', '--', 'sh', '-c', 'echo 1; sleep 0.1; echo 2'], options);
  const { stderr } = await finished(child);
  expect(stderr).toMatch(/^keyfall: .*\(ENOSPC\)\.\n$/);
});

test.each([
  ['a reader that went away', '| true', ''],
  ['a full disk', '> /dev/full', expect.stringMatching(/^keyfall: .*\(ENOSPC\)\.\n$/)],
])('the exit code is kept if the last output meets %s', async (_, behind, said) => {
  const cwd = await folderWith(dotenv);
  // held back, since it may be the beginning of a value: it goes out when the program has ended
  const script = 'sleep 0.3; printf canary-4b; exit 5';
  const pipeline = `set -o pipefail; "$@" ${behind}`;
  const ours = [process.execPath, bin, 'run', '--redact', '--', 'sh', '-c', script];
  const { PATH = '' } = process.env;
  const child = spawn('bash', ['-c', pipeline, 'bash', ...ours], { cwd, env: { PATH, HOME: cwd } });
  expect(await finished(child)).toMatchObject({ code: 5, stderr: said });
});

test.each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const)(
  '%s ends the wait for what it left behind, and its exit code stays',
  async (signal) => {
    const cwd = await folderWith(dotenv);
    const script = 'sleep 60 & echo $$ $! > pids; printf "last canary-4b"; exit 3';
    const child = start(['run', '--redact', '--', 'sh', '-c', script], { cwd });
    const result = finished(child);
    await printed(child, 'last ');
    const pids = (await readFile(join(cwd, 'pids'), 'utf8')).split(' ').map(Number);
    const [ended = 0, left = 0] = pids;
    onTestFinished(() => void process.kill(left, 'SIGKILL'));
    // one that has ended is there until we have taken notice of it
    await vi.waitFor(() => expect(() => process.kill(ended, 0)).toThrow('ESRCH'), {
      timeout: 10_000,
    });
    child.kill(signal);
    expect(await result).toMatchObject({ code: 3, stdout: 'last canary-4b' });
  },
);

test('--kill-after bounds the wait for what it left behind', async () => {
  const cwd = await folderWith(dotenv);
  const script = 'sleep 60 & echo $! > left; echo ready; wait';
  const child = start(['run', '--redact', '--kill-after', '100ms', '--', 'sh', '-c', script], {
    cwd,
  });
  const result = finished(child);
  await printed(child, 'ready');
  const left = Number(await readFile(join(cwd, 'left'), 'utf8'));
  onTestFinished(() => void process.kill(left, 'SIGKILL'));
  child.kill('SIGTERM');
  expect((await result).code).toBe(143);
});

test('what it starts and leaves behind is masked as well', async () => {
  const cwd = await folderWith(dotenv);
  const script = '(sleep 0.3; echo "late $TOKEN") & echo early';
  const result = await keyfall(['run', '--redact', '--', 'sh', '-c', script], { cwd });
  expect(result).toMatchObject({ code: 0, stdout: 'early\nlate [redacted]\n' });
});

test('with --pass-bootstrap the credentials are masked too', async () => {
  const cwd = await folderWith(dotenv);
  const env = {
    VAULT_TOKEN: 'hvs.canary-token',
    DOPPLER_PASSPHRASE: 'canary-passphrase',
    SOPS_AGE_KEY: 'AGE-SECRET-KEY-1CANARY',
  };
  const script = 'echo $VAULT_TOKEN $DOPPLER_PASSPHRASE $SOPS_AGE_KEY';
  const args = ['run', '--redact', '--pass-bootstrap', '--', 'sh', '-c', script];
  expect((await keyfall(args, { cwd, env })).stdout).toBe('[redacted] [redacted] [redacted]\n');
});
