/**
 * Builds the bot and what it depends on before the tests that start it as a program. Nothing is
 * done where the build is of these sources already.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export default function build(): void {
  const root = fileURLToPath(new URL('../../..', import.meta.url));
  const bin = `${root}node_modules/.bin`;
  const { status, stdout, stderr } = spawnSync(
    `${bin}/turbo`,
    ['run', 'build', '--filter=aiogram-shop', '--output-logs=errors-only'],
    {
      cwd: root,
      encoding: 'utf8',
      env: {
        ...process.env,
        PATH: `${bin}:${process.env['PATH']}`,
        TURBO_TELEMETRY_DISABLED: '1',
      },
    },
  );
  if (status !== 0) throw new Error(`The build failed.\n${stdout}\n${stderr}`);
}
