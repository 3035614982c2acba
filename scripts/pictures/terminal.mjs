// A real terminal that a script types on: a shell in a tmux of its own, away from the user's.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

const prompt = '$';

/**
 * Opens a terminal with a shell that waits in `cwd`. `folder` takes its socket and is the shell's HOME.
 * Everything secret belongs in `env`: arguments of tmux are shown by `ps`.
 */
export async function openTerminal({ folder, cwd, env, columns = 100, rows = 60 }) {
  await mkdir(folder, { recursive: true });
  const socket = join(folder, 'tmux.socket');
  const shellEnv = {
    PATH: process.env.PATH,
    HOME: folder,
    HISTFILE: '',
    LC_ALL: 'C.UTF-8',
    TERM: 'xterm-256color',
    PS1: `\\[\\e[1;34m\\]${prompt}\\[\\e[0m\\] `,
    ...env,
  };

  async function tmux(...args) {
    const child = spawn('tmux', ['-u', '-f', '/dev/null', '-S', socket, ...args], {
      env: shellEnv,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(`tmux ${args[0]} ended with ${code}`);
    return output;
  }

  /** All that was shown, with its colours where asked for; without the empty rows below. */
  const screen = async ({ colours = false } = {}) =>
    (await tmux('capture-pane', '-p', '-S', '-', ...(colours ? ['-e'] : []))).trimEnd();

  async function until(isShown, what) {
    const deadline = Date.now() + 60_000;
    for (;;) {
      const shown = await screen();
      if (isShown(shown)) return;
      if (Date.now() > deadline) throw new Error(`the terminal does not show ${what}:\n${shown}`);
      await wait(50);
    }
  }
  const lastLine = (shown) => shown.slice(shown.lastIndexOf('\n') + 1);
  const waits = () => until((shown) => lastLine(shown) === prompt, 'that the shell waits');

  const size = ['-x', String(columns), '-y', String(rows)];
  await tmux('new-session', '-d', ...size, '-c', cwd, 'bash', '--noprofile', '--norc', '-i');
  await waits();
  return {
    screen,
    /** Types a command, answers what it asks (`[what it shows, keys as tmux names them]`), and waits. */
    async run(command, answers = []) {
      await tmux('send-keys', '-l', '--', command);
      await until((shown) => shown.endsWith(`${prompt} ${command}`), command);
      await tmux('send-keys', 'Enter');
      for (const [question, ...keys] of answers) {
        await until((shown) => shown.includes(question), question);
        await tmux('send-keys', ...keys);
      }
      await waits();
    },
    close: () => tmux('kill-server'),
  };
}
