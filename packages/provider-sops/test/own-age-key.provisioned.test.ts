/**
 * A user's first age key in a real GNOME Keyring, in a session of its own, and the real sops that opens what is encrypted for it.
 */
import { execFile } from 'node:child_process';
import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { assertNoLeak, type KeyringSession, startKeyringSession } from '@keyfall/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { decryptSopsFile, encryptSopsFile, ownAgeKey } from '../src/index.ts';

const run = promisify(execFile);
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'keyfall', 'bin');
const PATH = [cache, process.env['PATH']].join(delimiter);

let session: KeyringSession;
let home: string;
let environment: Record<string, string>;
beforeEach(async () => {
  session = await startKeyringSession();
  home = await testFolder();
  environment = { HOME: home, PATH, DBUS_SESSION_BUS_ADDRESS: session.address };
});
afterEach(async () => {
  await session.stop();
});

const keys = () => join(home, '.config/sops/age/keys.txt');
const secrets = () => join(home, 'secrets.enc.env');
const encrypt = (recipient: string) =>
  encryptSopsFile(secrets(), new Map([['TOKEN', 'a-value']]), { ageRecipients: [recipient] });
const opened = (env = environment) => decryptSopsFile(secrets(), { environment: env });

test('it is there and nowhere else, opens what is encrypted for it, and sops gets it by the command that was named', async () => {
  // it keeps what it was started with, as every user of the machine may see it
  const folder = join(home, 'bin');
  await mkdir(folder);
  const { stdout: real } = await run('sh', ['-c', 'command -v secret-tool'], { env: { PATH } });
  const log = `#!/bin/sh\nprintf '%s\\n' "$@" >>"${home}/arguments"\nexec ${real.trim()} "$@"\n`;
  await writeFile(join(folder, 'secret-tool'), log, { mode: 0o755 });
  const logged = { ...environment, PATH: [folder, PATH].join(delimiter) };

  const { recipient, madeFile, madeCommand = '' } = await ownAgeKey({ environment: logged });
  expect([madeFile, madeCommand]).toEqual([
    keys(),
    `secret-tool lookup service keyfall username ${recipient}`,
  ]);
  const key = await session.lookup('keyfall', recipient);
  expect(key).toMatch(/^AGE-SECRET-KEY-1[A-Z0-9]{58}$/);
  assertNoLeak(
    [key],
    await readFile(keys(), 'utf8'),
    await readFile(join(home, 'arguments'), 'utf8'),
  );

  await encrypt(recipient);
  expect(await opened()).toEqual({ TOKEN: 'a-value' });
  const { stdout } = await run('sops', ['decrypt', secrets()], {
    env: { ...environment, SOPS_AGE_KEY_CMD: madeCommand },
  });
  expect(stdout).toBe('TOKEN=a-value\n');
  expect(await ownAgeKey({ environment })).toMatchObject({ recipient, madeFile: undefined });
});

test('a keyring that is locked, does not answer or is gone is no missing key, and no other key is made', async () => {
  const { recipient } = await ownAgeKey({ environment });
  await encrypt(recipient);
  const unavailable = { code: 'ERR_SECRET_UNAVAILABLE', message: expect.stringContaining(keys()) };
  await session.lock();
  await expect(opened()).rejects.toMatchObject(unavailable);
  await expect(ownAgeKey({ environment })).rejects.toMatchObject(unavailable);
  await session.kill();
  await expect(opened()).rejects.toMatchObject(unavailable);
  await session.start();
  expect(await opened()).toEqual({ TOKEN: 'a-value' });
  // a job without a session gets a copy of the key
  const key = await session.lookup('keyfall', recipient);
  const job = { HOME: home, PATH, SOPS_AGE_KEY: key };
  expect(await opened(job)).toEqual({ TOKEN: 'a-value' });
});

test('what a keyring does not take is in a file: locked, not answering, or without a session', async () => {
  await session.lock();
  await expect(ownAgeKey({ environment, place: 'keychain' })).rejects.toMatchObject({
    code: 'ERR_SECRET_UNAVAILABLE',
  });
  await expect(access(keys())).rejects.toThrow('ENOENT');
  await session.pause();
  const making = ownAgeKey({ environment });
  // the limit is kept even if garbage is collected meanwhile
  await wait(1_000);
  collectGarbage();
  const { madeFile, madeCommand } = await making;
  await session.resume();
  expect([madeFile, madeCommand]).toEqual([keys(), undefined]);
  expect(await readFile(keys(), 'utf8')).toMatch(/^AGE-SECRET-KEY-1/m);
});
