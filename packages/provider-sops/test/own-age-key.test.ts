/**
 * A user's first age key, where there is no keychain, and in that of macOS, in whose place a script stands that takes and gives items as
 * the manual of `security` says. The keychain of a Linux session is real in `own-age-key.provisioned.test.ts`.
 */
import { access, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { assertNoLeak } from '@keyfall/testkit';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { decryptSopsFile, encryptSopsFile, ownAgeKey, ownSecretAgeKey } from '../src/index.ts';

let home: string;
let environment: Record<string, string>;
beforeEach(async () => {
  home = await testFolder();
  environment = { HOME: home, PATH: process.env['PATH'] ?? '' };
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** Whether a file that is encrypted for the key can be opened here. */
async function opens(recipient: string): Promise<boolean> {
  const path = join(home, 'own.enc.env');
  await encryptSopsFile(path, new Map([['A', 'b']]), { ageRecipients: [recipient] });
  return (await decryptSopsFile(path, { environment }))['A'] === 'b';
}

test('without a keychain it is in a file of the user alone, and is found there the next time', async () => {
  const { recipient, madeFile, madeCommand } = await ownAgeKey({ environment });
  expect(madeCommand).toBeUndefined();
  expect((await stat(madeFile ?? '')).mode & 0o777).toBe(0o600);
  expect(await readFile(madeFile ?? '', 'utf8')).toMatch(/^AGE-SECRET-KEY-1/m);
  expect(await opens(recipient)).toBe(true);
  expect(await ownAgeKey({ environment })).toEqual({
    recipient,
    madeFile: undefined,
    madeCommand: undefined,
  });
});

test('no file is made where it has to be in a keychain', async () => {
  const asked = ownAgeKey({ environment, place: 'keychain' });
  await expect(asked).rejects.toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE' });
  await expect(access(join(home, '.config'))).rejects.toThrow('ENOENT');
});

test('in a session without the program that asks its keychain it is in a file, and the program is named', async () => {
  environment = { HOME: home, PATH: home, XDG_RUNTIME_DIR: home };
  await expect(ownAgeKey({ environment, place: 'keychain' })).rejects.toMatchObject({
    code: 'ERR_SECRET_UNAVAILABLE',
    message: expect.stringContaining('secret-tool'),
  });
  const { recipient, madeCommand, missing } = await ownAgeKey({ environment });
  expect([madeCommand, missing]).toEqual([undefined, expect.stringContaining('secret-tool')]);
  expect(await opens(recipient)).toBe(true);
});

test('on Windows without the library for its keychain it is in a file, and one in the keychain is not taken for missing', async () => {
  vi.spyOn(process, 'platform', 'get').mockReturnValue('win32');
  environment = { ...environment, APPDATA: home };
  await expect(ownAgeKey({ environment, place: 'keychain' })).rejects.toMatchObject({
    code: 'ERR_SECRET_UNAVAILABLE',
    message: expect.stringContaining('@napi-rs/keyring-win32-'),
  });
  const made = await ownAgeKey({ environment });
  const { recipient, madeFile = '', madeCommand } = made;
  expect([madeFile, madeCommand]).toEqual([join(home, 'sops/age/keys.txt'), undefined]);
  expect(made.missing).toContain('@napi-rs/keyring-win32-');
  expect(await opens(recipient)).toBe(true);
  await writeFile(madeFile, `# keyfall-keychain: ${recipient}\r\n`);
  await expect(ownAgeKey({ environment })).rejects.toMatchObject({
    code: 'ERR_SECRET_CONFIG',
    message: expect.stringContaining('@napi-rs/keyring-win32-'),
  });
});

test('the secret key is printed wherever it is, but for what a command prints, which may be the one that asks', async () => {
  await expect(ownSecretAgeKey({ environment })).rejects.toMatchObject({
    code: 'ERR_SECRET_CONFIG',
  });
  const { recipient, madeFile = '' } = await ownAgeKey({ environment });
  const key = await ownSecretAgeKey({ environment });
  expect(await readFile(madeFile, 'utf8')).toContain(`\n${key}\n`);
  const started = join(home, 'started');
  const asked = { HOME: home, SOPS_AGE_KEY_CMD: `touch ${started}` };
  expect(await ownSecretAgeKey({ environment: { ...environment, ...asked } })).toBe(key);
  await expect(access(started)).rejects.toThrow('ENOENT');
  const given = { HOME: await testFolder(), SOPS_AGE_KEY: key };
  expect(await ownSecretAgeKey({ environment: given })).toBe(key);
  expect((await ownAgeKey({ environment: given })).recipient).toBe(recipient);
});

test('our own command for sops is not started to find a key, nor one that is not there yet', async () => {
  const started = join(home, 'started');
  await writeFile(join(home, 'keyfall'), `#!/bin/sh\ntouch ${started}\n`, { mode: 0o755 });
  const PATH = [home, environment['PATH']].join(delimiter);
  environment = { HOME: home, PATH, SOPS_AGE_KEY_CMD: 'keyfall share key --secret' };
  const { recipient, madeFile } = await ownAgeKey({ environment });
  expect(madeFile).toBeDefined();
  expect(await opens(recipient)).toBe(true);
  await expect(access(started)).rejects.toThrow('ENOENT');
});

describe('in the keychain of macOS', () => {
  const security = `#!/bin/sh
printf '%s\\n' "$*" >>"$HOME/arguments"
case "$1" in
-i) sed -n 's/^add-generic-password -s keyfall -a \\(age1[a-z0-9]*\\) -l "[^"]*" -w \\([A-Z0-9-]*\\)$/\\1 \\2/p' >>"$HOME/items" ;;
find-generic-password) [ "$2 $3 $4 $6" = '-s keyfall -a -w' ] && sed -n "s/^$5 //p" "$HOME/items" | grep . || exit 44 ;;
*) exit 2 ;;
esac
`;
  const file = () => join(home, 'Library/Application Support/sops/age/keys.txt');

  beforeEach(async () => {
    vi.spyOn(process, 'platform', 'get').mockReturnValue('darwin');
    const folder = join(home, 'bin');
    await mkdir(folder);
    await writeFile(join(folder, 'security'), security, { mode: 0o755 });
    environment['PATH'] = [folder, environment['PATH']].join(delimiter);
  });

  test('it is given by stdin alone, and a file refers to it', async () => {
    const { recipient, madeFile, madeCommand } = await ownAgeKey({ environment });
    expect(madeFile).toBe(file());
    expect(madeCommand).toBe(`security find-generic-password -s keyfall -a ${recipient} -w`);
    const [account, key = ''] = (await readFile(join(home, 'items'), 'utf8')).trim().split(' ');
    expect(account).toBe(recipient);
    assertNoLeak(
      [key],
      await readFile(file(), 'utf8'),
      await readFile(join(home, 'arguments'), 'utf8'),
    );
    expect(await opens(recipient)).toBe(true);
    // the real sops reads no file of ours, but runs a command
    environment = { ...environment, SOPS_AGE_KEY_CMD: madeCommand ?? '', HOME: home };
    expect((await ownAgeKey({ environment })).recipient).toBe(recipient);
  });

  test('an item that is gone, locked or not of this machine is no missing key: the file refers to it', async () => {
    const { recipient } = await ownAgeKey({ environment });
    await opens(recipient);
    await writeFile(join(home, 'items'), '');
    const path = join(home, 'own.enc.env');
    const unavailable = {
      code: 'ERR_SECRET_UNAVAILABLE',
      message: expect.stringContaining(file()),
      hint: expect.stringContaining(recipient),
    };
    await expect(decryptSopsFile(path, { environment })).rejects.toMatchObject(unavailable);
    await expect(ownAgeKey({ environment })).rejects.toMatchObject(unavailable);
    environment = { ...environment, PATH: '' };
    await expect(decryptSopsFile(path, { environment })).rejects.toMatchObject({
      code: 'ERR_SECRET_CONFIG',
    });
    vi.spyOn(process, 'platform', 'get').mockReturnValue('freebsd');
    environment = { ...environment, SOPS_AGE_KEY_FILE: file() };
    await expect(decryptSopsFile(path, { environment })).rejects.toMatchObject({
      code: 'ERR_SECRET_CONFIG',
    });
  });

  test('an item with the value of another one is not taken for the key', async () => {
    const { recipient } = await ownAgeKey({ environment });
    await opens(recipient);
    const { madeFile = '' } = await ownAgeKey({ environment: { HOME: await testFolder() } });
    const [other = ''] = (await readFile(madeFile, 'utf8')).match(/^AGE-SECRET.*$/m) ?? [];
    await writeFile(join(home, 'items'), `${recipient} ${other}\n`);
    for (const asked of [
      () => ownAgeKey({ environment }),
      () => decryptSopsFile(join(home, 'own.enc.env'), { environment }),
    ])
      await expect(asked()).rejects.toMatchObject({
        code: 'ERR_SECRET_CONFIG',
        message: expect.stringContaining(recipient),
      });
  });

  test('what it does not give back is in a file instead', async () => {
    await writeFile(join(home, 'bin/security'), '#!/bin/sh\ncat >/dev/null\n', { mode: 0o755 });
    const { recipient, madeCommand } = await ownAgeKey({ environment });
    expect(madeCommand).toBeUndefined();
    expect(await opens(recipient)).toBe(true);
  });

  test('it is not asked where the key belongs in a file, nor takes one for a file that is there', async () => {
    const { recipient, madeCommand } = await ownAgeKey({ environment, place: 'file' });
    expect([madeCommand, await opens(recipient)]).toEqual([undefined, true]);
    await writeFile(file(), '# my keys\n');
    await expect(ownAgeKey({ environment })).rejects.toMatchObject({ code: 'ERR_SECRET_CONFLICT' });
    await expect(access(join(home, 'arguments'))).rejects.toThrow('ENOENT');
  });
});
