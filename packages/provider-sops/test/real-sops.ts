import { spawnSync } from 'node:child_process';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { keyPath } from './fixtures.ts';

// The real sops, for the provisioned suite: on PATH, or where scripts/provision builds it.

const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
export const toolPath: string = [join(cache, 'keyfall', 'bin'), process.env['PATH']].join(
  delimiter,
);

/** What the real sops says: its output, or that it refuses. */
export function sops(
  args: readonly string[],
  options: { readonly input?: string | Buffer; readonly env?: Record<string, string> } = {},
): { readonly status: number | null; readonly output: string } {
  const { HOME: _, ...rest } = process.env;
  const env = {
    ...rest,
    PATH: toolPath,
    HOME: keyPath('nobody'),
    XDG_CONFIG_HOME: keyPath('nobody'),
    SOPS_AGE_KEY_FILE: keyPath('one.txt'),
    ...options.env,
  };
  const { status, stdout, error } = spawnSync('sops', args, {
    env,
    input: options.input ?? '',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (error !== undefined) throw error;
  return { status, output: stdout.toString() };
}
