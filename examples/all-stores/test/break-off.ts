import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Starts the built example, and breaks it off by Ctrl-C once `reached` resolves, which gets its process and its folder for
 * temporary files. Resolves with its exit code and what is left in that folder.
 */
export async function breakOff(
  reached: (child: ChildProcess, folder: string) => Promise<unknown>,
): Promise<{ readonly code: number | null; readonly left: readonly string[] }> {
  const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
  const TMPDIR = await mkdtemp(join(tmpdir(), 'keyfall-test-'));
  try {
    const child = spawn(process.execPath, [main], {
      env: { ...process.env, TMPDIR },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const ended = once(child, 'exit');
    await reached(child, TMPDIR);
    child.kill('SIGINT');
    const [code] = await ended;
    return { code, left: await readdir(TMPDIR) };
  } finally {
    await rm(TMPDIR, { recursive: true });
  }
}
