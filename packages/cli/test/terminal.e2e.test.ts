/**
 * With a real terminal: what is asked, what is not shown, and who gets a Ctrl-C.
 */
import { spawn } from 'node:child_process';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startVaultServer, type VaultServer } from '@keyfall/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { finished, folderWith, type RunResult } from './keyfall.ts';

const bin = fileURLToPath(new URL('../dist/bin.js', import.meta.url));

/**
 * Python's own pty module as the terminal: waits for a text on the screen, then types. Prints the
 * screen, and ends with the exit code of what ran.
 */
const driver = `
import fcntl, json, os, pty, struct, sys, termios
command, steps = json.loads(sys.argv[1]), json.loads(sys.argv[2])
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 120, 0, 0))
    os.execvp(command[0], command)
screen, seen = b'', 0
while True:
    try:
        data = os.read(terminal, 65536)
    except OSError:
        break
    if not data:
        break
    screen += data
    while steps and steps[0][0].encode() in screen[seen:]:
        seen = screen.index(steps[0][0].encode(), seen) + len(steps[0][0].encode())
        os.write(terminal, steps.pop(0)[1].encode())
sys.stdout.buffer.write(screen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 255)
`;

/** What is typed at the shell: keyfall, built as it is. */
const keyfallHere = `${process.execPath} ${bin}`;

async function onTerminal(
  args: readonly string[],
  steps: readonly (readonly [waitFor: string, type: string])[],
  options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): Promise<RunResult> {
  return typing([process.execPath, bin, ...args], steps, options);
}

async function typing(
  command: readonly string[],
  steps: readonly (readonly [waitFor: string, type: string])[],
  options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): Promise<RunResult> {
  const { PATH = '' } = process.env;
  return finished(
    spawn('python3', ['-c', driver, JSON.stringify(command), JSON.stringify(steps)], {
      cwd: options.cwd,
      env: { PATH, HOME: options.cwd, TERM: 'xterm', NO_COLOR: '1', ...options.env },
    }),
  );
}

let server: VaultServer;
let mount: string;
let env: Record<string, string>;
beforeAll(async () => {
  server = await startVaultServer({ external: false });
  mount = await server.mountKv({ version: 2 });
  env = {
    USE_VAULT: 'true',
    VAULT_ADDR: server.address,
    VAULT_TOKEN: server.token,
    VAULT_MOUNT_POINT: mount,
  };
});
afterAll(() => server?.stop());

test('set asks for the value, and does not show it', async () => {
  const cwd = await folderWith();
  const shop = { ...env, VAULT_SECRET_PATH: 'asked' };
  const result = await onTerminal(['set', 'TOKEN'], [['Value of TOKEN', 'canary-77\r']], {
    cwd,
    env: shop,
  });
  expect(result.code).toBe(0);
  expect(result.output).toContain('stored TOKEN in vault');
  expect(result.output).not.toContain('canary-77');
  const { body } = await server.request('GET', `${mount}/data/asked`);
  expect(body.data).toMatchObject({ data: { TOKEN: 'canary-77' } });
});

test('migrate asks, and changes nothing on a no', async () => {
  const cwd = await folderWith('A=1\n');
  const shop = { ...env, VAULT_SECRET_PATH: 'declined' };
  const no = await onTerminal(['migrate'], [['Write 1 name to', '\r']], { cwd, env: shop });
  expect(no).toMatchObject({ code: 130, output: expect.stringContaining('nothing was changed') });
  expect(await readdir(cwd)).toEqual(['.env']);
  const yes = await onTerminal(['migrate'], [['Write 1 name to', 'y']], { cwd, env: shop });
  expect(yes.code).toBe(0);
  for (const step of ['Backing up .env', 'Writing 1 name to vault', 'Reading it back'])
    expect(yes.output).toContain(step);
  const { body } = await server.request('GET', `${mount}/data/declined`);
  expect(body.data).toMatchObject({ data: { A: '1' } });
});

test('a Ctrl-C reaches the program once, and its exit code is ours', async () => {
  const cwd = await folderWith();
  const script = `
import signal, sys, time
count = 0
def interrupted(*_):
    global count
    count += 1
signal.signal(signal.SIGINT, interrupted)
print("ready", sys.stdin.isatty(), flush=True)
while count == 0:
    time.sleep(0.01)
time.sleep(0.3)
print("interrupted", count, flush=True)
sys.exit(7)
`;
  await writeFile(join(cwd, 'count.py'), script);
  const result = await onTerminal(['run', '--', 'python3', 'count.py'], [['ready True', '\x03']], {
    cwd,
  });
  expect(result.output).toContain('interrupted 1');
  expect(result.code).toBe(7);
});

test('a shell stops it with Ctrl-Z and goes on with fg, and it is one job', async () => {
  const cwd = await folderWith();
  const result = await typing(
    ['sh', '-i', '-m'],
    [
      ['', `PS1='> '; ${keyfallHere} run -- sh -c 'echo ready; exec cat'; echo code $?\n`],
      ['ready\r\n', '\x1a'],
      ['Stopped', 'fg\n'],
      ['fg\r\n', 'typed\n'],
      ['typed\r\n', '\x04'],
      ['> ', 'exit 5\n'],
    ],
    { cwd },
  );
  expect(result.code).toBe(5);
  // stopped by signal 20; then what the terminal echoes, and what cat prints
  expect(result.output).toMatch(/code 148.*fg\r\n.*typed\r\n.*typed\r\n/s);
});

test.each([
  [
    'Python',
    ['python3', '-c', 'import sys; print(sys.stdin.isatty(), sys.stdout.isatty()); input()'],
    'True True',
  ],
  [
    'Node',
    [
      process.execPath,
      '-e',
      'console.log(process.stdin.isTTY, process.stdout.columns); process.stdin.once("data", () => process.exit())',
    ],
    'true 120',
  ],
])('%s has the terminal, and its size', async (_, command, shown) => {
  const cwd = await folderWith();
  const result = await onTerminal(['run', '--', ...command], [[shown, '\n']], { cwd });
  expect(result).toMatchObject({ code: 0, output: expect.stringContaining(shown) });
});

test('with --redact it has stdin still, and what it prints is masked', async () => {
  const cwd = await folderWith('TOKEN=canary-88-secret\n');
  const script = 'test -t 0 && echo "tty $TOKEN"; read x; echo "<$x>"';
  const result = await onTerminal(
    ['run', '--redact', '--', 'sh', '-c', script],
    [['tty [redacted]', 'typed\n']],
    { cwd },
  );
  expect(result.code).toBe(0);
  expect(result.output).toContain('<typed>');
  expect(result.output).not.toContain('canary');
});
