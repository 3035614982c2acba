/**
 * The command line on a real terminal.
 */
import { execFileSync, spawn } from 'node:child_process';
import { bin, environmentOf, finished, type RunResult } from './keyfall.ts';

/**
 * Python's own pty module as the terminal: waits for a text on the screen, then types. Prints the
 * screen, and ends with the exit code of what ran.
 */
const driver = `
import fcntl, json, os, pty, signal, struct, sys, termios, threading
command, steps = json.loads(sys.argv[1]), json.loads(sys.argv[2])
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', 24 if int(sys.argv[3]) else 0, int(sys.argv[3]), 0, 0))
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
        what = steps.pop(0)[1]
        if isinstance(what, str):
            os.write(terminal, what.encode())
        elif 'paste' in what:
            # more than a terminal holds: written while its screen is read
            text = b'\\x1b[200~' + b'x' * what['paste'] + b'\\x1b[201~\\r'
            def paste(text=text):
                while text:
                    text = text[os.write(terminal, text[:4096]):]
            threading.Thread(target=paste, daemon=True).start()
        else:
            os.kill(pid, getattr(signal, what['signal']))
sys.stdout.buffer.write(screen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 255)
`;

/** The interpreter itself: what a version manager puts on PATH takes longer to find it than that takes to start. */
const python = execFileSync('python3', ['-c', 'import sys; print(sys.executable)'])
  .toString()
  .trim();

/**
 * A text to wait for on the screen, and what is typed then, sent to the command from outside, or pasted: so many
 * characters and Enter.
 */
export type Step = readonly [
  waitFor: string,
  type: string | { readonly signal: NodeJS.Signals } | { readonly paste: number },
];

/** Where, and with what, a command is typed. */
export interface TerminalOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Columns of the terminal; 0: it has no size. */
  readonly columns?: number;
}

/** Runs `keyfall` on a terminal. What it printed there is `stdout`. */
export async function onTerminal(
  args: readonly string[],
  steps: readonly Step[],
  options: TerminalOptions,
): Promise<RunResult> {
  return typing([process.execPath, bin, ...args], steps, options);
}

/** Runs a command on a terminal. Without a `NO_COLOR` of its own, none is shown. */
export async function typing(
  command: readonly string[],
  steps: readonly Step[],
  options: TerminalOptions,
): Promise<RunResult> {
  return finished(
    spawn(
      python,
      [
        '-c',
        driver,
        JSON.stringify(command),
        JSON.stringify(steps),
        String(options.columns ?? 120),
      ],
      {
        cwd: options.cwd,
        env: environmentOf(options.cwd, { TERM: 'xterm', NO_COLOR: '1', ...options.env }),
      },
    ),
  );
}
