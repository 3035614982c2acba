/**
 * What the Credential Manager of Windows may do wrong. A stand-in answers in the place of its library here; the real library is asked in
 * `packages/cli/test/windows.provisioned.test.ts`.
 */
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { assertNoLeak } from '@keyfall/testkit';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { decryptSopsFile, encryptSopsFile, ownAgeKey, ownSecretAgeKey } from '../src/index.ts';

const manager = vi.hoisted(() => ({
  loaded: [] as string[],
  items: new Map<string, string>(),
  /** What was to be written. */
  given: [] as string[],
  read: async (name: string): Promise<string | undefined> => manager.items.get(name),
  write: async (name: string, text: string): Promise<void> => {
    manager.items.set(name, text);
  },
}));
const { read, write } = manager;
vi.mock('node:module', async (original) => {
  class AsyncEntry {
    name: string;
    constructor(service: string, account: string) {
      this.name = `${account}.${service}`;
      if (this.name.length > 513) throw new Error(`${account} is longer than the limit`);
    }
    async getSecret() {
      const text = await manager.read(this.name);
      return text === undefined ? null : [...Buffer.from(text, 'utf16le')];
    }
    setPassword(text: string) {
      manager.given.push(text);
      return manager.write(this.name, text);
    }
  }
  const createRequire = () => (name: string) => {
    manager.loaded.push(name);
    return { AsyncEntry };
  };
  return { ...(await original<typeof import('node:module')>()), createRequire };
});

let environment: Record<string, string>;
let keys: string;
beforeEach(async () => {
  vi.spyOn(process, 'platform', 'get').mockReturnValue('win32');
  const APPDATA = await testFolder();
  environment = { APPDATA };
  keys = join(APPDATA, 'sops/age/keys.txt');
  Object.assign(manager, { loaded: [], items: new Map(), given: [], read, write });
});
afterEach(() => {
  vi.restoreAllMocks();
});

const neverAnswers = () => new Promise<never>(() => undefined);
/** As what a library says may hold what it was given. */
const throws = async (...said: string[]) => {
  throw new Error(`${said.join(' ')} ${manager.given.join(' ')}`);
};

/** A file that is encrypted for the key. */
async function encryptedFor(recipient: string): Promise<string> {
  const path = join(environment['APPDATA'] ?? '', 'own.enc.env');
  await encryptSopsFile(path, new Map([['A', 'b']]), { ageRecipients: [recipient] });
  return path;
}

test('the key is there under its public part, a file refers to it, and a command of ours prints it', async () => {
  const { recipient, madeFile, madeCommand } = await ownAgeKey({ environment });
  expect(madeFile).toBe(keys);
  expect(madeCommand).toBe('keyfall share key --secret');
  expect([...manager.items.keys()]).toEqual([`${recipient}.keyfall`]);
  const [key = ''] = manager.given;
  assertNoLeak([key], await readFile(keys, 'utf8'));
  expect(await decryptSopsFile(await encryptedFor(recipient), { environment })).toEqual({ A: 'b' });
  expect(await ownSecretAgeKey({ environment })).toBe(key);
  expect(new Set(manager.loaded)).toEqual(new Set([`@napi-rs/keyring-win32-${process.arch}-msvc`]));
});

test('what is there under the name is not replaced, and the key is in a file', async () => {
  manager.read = async () => 'of another program';
  const { madeCommand } = await ownAgeKey({ environment });
  expect(madeCommand).toBeUndefined();
  expect(manager.given).toEqual([]);
  expect(await readFile(keys, 'utf8')).toMatch(/^AGE-SECRET-KEY-1/m);
});

test.each([
  ['cannot be read', { read: throws }],
  ['cannot be written', { write: throws }],
  ['keeps nothing', { write: async () => undefined }],
])('one that %s has no key, and what it says is not repeated', async (_, does) => {
  Object.assign(manager, does);
  const refused = ownAgeKey({ environment, place: 'keychain' });
  await expect(refused).rejects.toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE' });
  expect(manager.given).toHaveLength(1);
  assertNoLeak(manager.given, inspect(await refused.catch((error: unknown) => error)));
  await expect(access(keys)).rejects.toThrow('ENOENT');
  expect((await ownAgeKey({ environment })).madeCommand).toBeUndefined();
});

test('one that does not answer is left when the call is', async () => {
  const leave = new AbortController();
  manager.write = () => {
    leave.abort();
    return neverAnswers();
  };
  const left = ownAgeKey({ environment, signal: leave.signal });
  await expect(left).rejects.toMatchObject({ code: 'ERR_SECRET_ABORTED' });
  await expect(access(keys)).rejects.toThrow('ENOENT');
  await expect(ownAgeKey({ environment, signal: leave.signal })).rejects.toMatchObject({
    code: 'ERR_SECRET_ABORTED',
  });
});

test('a key that is gone, is locked or is another one is no missing key', async () => {
  const { recipient } = await ownAgeKey({ environment });
  const path = await encryptedFor(recipient);
  const opened = () => decryptSopsFile(path, { environment });
  const told = { message: expect.stringContaining(keys), hint: expect.stringContaining('copy') };
  manager.items.clear();
  await expect(opened()).rejects.toMatchObject({ ...told, code: 'ERR_SECRET_UNAVAILABLE' });
  manager.read = throws;
  await expect(ownAgeKey({ environment })).rejects.toMatchObject({
    ...told,
    code: 'ERR_SECRET_UNAVAILABLE',
  });
  const [own = ''] = manager.given;
  const other = await ownAgeKey({ environment: { APPDATA: await testFolder() }, place: 'file' });
  const [line = ''] = (await readFile(other.madeFile ?? '', 'utf8')).match(/^AGE-SECRET.*$/m) ?? [];
  for (const value of [line, `${own}x`, 'PRIVATE KEY-----', '']) {
    manager.read = async () => value;
    for (const ask of [opened, ownAgeKey, ownSecretAgeKey]) {
      const refused = await ask({ environment }).catch((error: unknown) => error);
      expect(refused).toMatchObject({ ...told, code: 'ERR_SECRET_CONFIG' });
      assertNoLeak([own, line], inspect(refused));
    }
  }
  expect(manager.given).toHaveLength(1);
});
