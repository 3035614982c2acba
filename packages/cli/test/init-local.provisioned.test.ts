/**
 * `keyfall init --local` in a session that has a real GNOME Keyring.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { startKeyringSession } from '@keyfall/testkit';
import { expect, test } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { bin, folderWith, keyfall } from './keyfall.ts';

const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'keyfall', 'bin');

test('the age key is in the keyring, from which commands and programs have it', async () => {
  const session = await startKeyringSession();
  const cwd = await folderWith('TOKEN=a-value\n');
  const env = { HOME: await testFolder(), DBUS_SESSION_BUS_ADDRESS: session.address };
  const run = (...args: string[]) => keyfall(args, { cwd, env });
  const keys = join(env.HOME, '.config/sops/age/keys.txt');

  const made = await run('init', '--local');
  expect(made).toMatchObject({
    code: 0,
    stderr: expect.stringContaining(`in the keychain, to which ${keys} refers.`),
  });
  expect(await readFile(keys, 'utf8')).not.toContain('AGE-SECRET-KEY');
  const { recipient } = JSON.parse((await run('share', 'key', '--json')).stdout);
  expect(made.stderr).toContain(`\`secret-tool lookup service keyfall username ${recipient}\``);
  expect((await run('run', '--', 'printenv', 'TOKEN')).stdout).toBe('a-value\n');
  expect((await run('share', 'list')).stderr).toContain(`You have ${recipient}`);

  // as on Windows, where no program of the system prints the key
  const { stdout } = await promisify(execFile)('sops', ['decrypt', 'secrets.enc.env'], {
    cwd,
    env: {
      ...env,
      PATH: [cache, process.env['PATH']].join(delimiter),
      SOPS_AGE_KEY_CMD: `'${process.execPath}' '${bin}' share key --secret`,
    },
  });
  expect(stdout).toBe('TOKEN=a-value\n');

  await session.kill();
  expect(await run('get', 'TOKEN')).toMatchObject({
    code: 3,
    stdout: '',
    stderr: expect.stringContaining(keys),
  });
  await session.stop();
});
