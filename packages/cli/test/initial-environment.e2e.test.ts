/**
 * What a program sees of the environment that Keyfall itself was started with, where Keyfall stays beside it.
 */
import { describe, expect, test } from 'vitest';
import { finished, folderWith, start } from './keyfall.ts';

const canary = 'hvs.canary-c1d7';
/** Prints what every process of the user can read of its parent. */
const look = ['sh', '-c', 'tr "\\0" "\\n" < /proc/$PPID/environ; echo "A=$A"'];

describe.runIf(process.platform === 'linux')('/proc/PPID/environ', () => {
  const env = {
    VAULT_TOKEN: canary,
    FIRST: 'kept',
    DOPPLER_TOKEN: `${canary}-é🔑`,
    USE_VAULT: '',
    Z: '=',
  };

  test.each([['--redact'], ['--kill-after', '9s'], ['--watch']])(
    'has no credential of ours with %s',
    async (...options) => {
      const cwd = await folderWith('A=1\nUSE_VAULT=false\n');
      const { code, stdout } = await finished(
        start(['run', ...options, '--', ...look], { cwd, env: { ...env, USE_VAULT: 'false' } }),
      );
      expect(code).toBe(0);
      expect(stdout).not.toContain(canary);
      for (const line of [
        'VAULT_TOKEN=',
        'DOPPLER_TOKEN=',
        'FIRST=kept',
        'Z==',
        `HOME=${cwd}`,
        'A=1',
      ])
        expect(stdout.split('\n')).toContain(line);
    },
  );

  test('has them where the program has them itself', async () => {
    const cwd = await folderWith('A=1\n');
    const args = ['run', '--pass-bootstrap', '--kill-after', '9s', '--', ...look];
    const { stdout } = await finished(
      start(args, { cwd, env: { VAULT_TOKEN: canary, USE_VAULT: 'false' } }),
    );
    expect(stdout).toContain(`VAULT_TOKEN=${canary}`);
  });
});
