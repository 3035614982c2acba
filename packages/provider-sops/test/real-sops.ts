import { execFile, spawnSync } from 'node:child_process';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { keyPath } from './fixtures.ts';

// The real sops, for the provisioned suite: on PATH, or where scripts/provision builds it.

const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
export const toolPath: string = [join(cache, 'keyfall', 'bin'), process.env['PATH']].join(
  delimiter,
);

interface SopsOptions {
  readonly input?: string | Buffer;
  readonly env?: Record<string, string>;
}

interface SopsVerdict {
  readonly status: number | null;
  readonly output: string;
}

/** What the real sops says: its output, or that it refuses. */
export function sops(args: readonly string[], options: SopsOptions = {}): SopsVerdict {
  const { status, stdout, error } = spawnSync('sops', args, {
    env: environment(options),
    input: options.input ?? '',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (error !== undefined) throw error;
  return { status, output: stdout.toString() };
}

/** The same for many files, two at a time. */
export async function sopsOfMany(runs: readonly (readonly string[])[]): Promise<SopsVerdict[]> {
  const verdicts: SopsVerdict[] = [];
  const waiting = [...runs.entries()];
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, args] = next;
      verdicts[index] = await new Promise((resolve, reject) => {
        execFile('sops', args, { env: environment({}) }, (error, output) => {
          if (error !== null && typeof error.code !== 'number') reject(error);
          else resolve({ status: error === null ? 0 : Number(error.code), output });
        });
      });
    }
  };
  await Promise.all([worker(), worker(), worker()]);
  return verdicts;
}

function environment({ env }: SopsOptions): NodeJS.ProcessEnv {
  return {
    ...process.env,
    PATH: toolPath,
    HOME: keyPath('nobody'),
    XDG_CONFIG_HOME: keyPath('nobody'),
    SOPS_AGE_KEY_FILE: keyPath('one.txt'),
    ...env,
  };
}
