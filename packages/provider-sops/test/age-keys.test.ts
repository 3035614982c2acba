import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import {
  chmod,
  copyFile,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { assertNoLeak } from '@keyfall/testkit';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { decryptSopsFile, encryptSopsFile, sopsProvider } from '../src/index.ts';
import { defaultKeyFile, findAgeKeys, wordsOf } from '../src/keys/age-keys.ts';
import { fixturePath, keyPath, keyText, nowhere, recipientOf, secretOf } from './fixtures.ts';
import { context, deny } from './store.ts';

let home: string;
beforeEach(async () => {
  home = await testFolder();
});

/** An age key of the right form, whose checksum does not fit. */
const mistyped = (key: string) => key.slice(0, -1) + (key.endsWith('Q') ? 'P' : 'Q');

const file = fixturePath('encrypted-regex.yaml');
const opens = async (options: Parameters<typeof decryptSopsFile>[1]) =>
  (await decryptSopsFile(file, options))['password'] === 'one-canary';
// read at once: one test has no rights for a while
const [one, two] = [secretOf('one.txt'), secretOf('two.txt')];
const canaries = [one, mistyped(one), two, 'one-canary'];
const rejection = async (options: Parameters<typeof decryptSopsFile>[1], path = file) => {
  try {
    await decryptSopsFile(path, options);
  } catch (error) {
    assertNoLeak(canaries, error);
    return error as { code: string; message: string };
  }
  throw new Error('it opens');
};

describe('a key is found in', () => {
  test.each([
    ['the option ageKey', { ageKey: one, environment: nowhere }],
    [
      'one of several lines',
      { ageKey: keyText('two.txt') + keyText('one.txt'), environment: nowhere },
    ],
    ['the option ageKeyFile', { ageKeyFile: keyPath('one.txt'), environment: nowhere }],
    ['SOPS_AGE_KEY', { environment: { ...nowhere, SOPS_AGE_KEY: one } }],
    ['SOPS_AGE_KEY_FILE', { environment: { ...nowhere, SOPS_AGE_KEY_FILE: keyPath('one.txt') } }],
    [
      'SOPS_AGE_KEY_CMD',
      { environment: { ...nowhere, SOPS_AGE_KEY_CMD: `"${process.execPath}" -p "'${one}'"` } },
    ],
    [
      'one place, while others hold nonsense',
      {
        environment: {
          ...nowhere,
          SOPS_AGE_KEY: 'nonsense',
          SOPS_AGE_KEY_FILE: keyPath('one.txt'),
        },
      },
    ],
    [
      'one place, while another holds a key with a typing error',
      {
        environment: {
          ...nowhere,
          SOPS_AGE_KEY: mistyped(one),
          SOPS_AGE_KEY_FILE: keyPath('one.txt'),
        },
      },
    ],
  ])('%s', async (_, options) => {
    expect(await opens(options)).toBe(true);
  });

  test("sops's default file, and SSH keys in ~/.ssh", async () => {
    const environment = { HOME: home };
    const keys = defaultKeyFile(environment, home) ?? '';
    await mkdir(dirname(keys), { recursive: true });
    await writeFile(keys, keyText('one.txt'));
    expect(await opens({ environment })).toBe(true);
    await mkdir(join(home, '.ssh'));
    await copyFile(keyPath('ed25519'), join(home, '.ssh', 'id_ed25519'));
    await copyFile(keyPath('rsa'), join(home, '.ssh', 'id_rsa'));
    for (const name of ['ed25519.yaml', 'rsa.yaml'])
      expect(await decryptSopsFile(fixturePath(name), { environment })).toMatchObject({ port: 10 });
    const named = { ...nowhere, SOPS_AGE_SSH_PRIVATE_KEY_FILE: keyPath('rsa') };
    expect(await decryptSopsFile(fixturePath('rsa.yaml'), { environment: named })).toMatchObject({
      port: 10,
    });
  });

  test("the public keys of age's own keys are known with them", async () => {
    const ageKey = keyText('two.txt') + keyText('one.txt');
    const keys = await findAgeKeys(
      { ageKey, ageKeyFile: keyPath('ed25519'), environment: nowhere, provider: 'sops' },
      new AbortController().signal,
    );
    expect(keys.identities).toHaveLength(3);
    expect(keys.recipients).toEqual(['two.txt', 'one.txt'].map(recipientOf));
  });

  test('a relative ageKeyFile is where it was when the provider was made', async () => {
    const ageKeyFile = relative(process.cwd(), keyPath('one.txt'));
    const provider = sopsProvider({ path: file, ageKeyFile, environment: nowhere });
    const before = process.cwd();
    process.chdir(home);
    const batch = await provider.read('all', context()).finally(() => process.chdir(before));
    expect(batch.entries.has('password')).toBe(true);
  });

  test('no file of the working folder, where there is no home', async () => {
    const before = process.cwd();
    process.chdir(home);
    await mkdir('.config/sops/age', { recursive: true });
    await writeFile('.config/sops/age/keys.txt', one);
    const { code } = await rejection({ environment: { HOME: '' } }).finally(() =>
      process.chdir(before),
    );
    expect(code).toBe('ERR_SECRET_CONFIG');
    expect(defaultKeyFile({}, undefined, 'linux')).toBe(undefined);
  });

  test('a file with the line ends of Windows', async () => {
    const ageKeyFile = join(home, 'keys.txt');
    await writeFile(ageKeyFile, `# created by age-keygen\r\n${one}\r\n`);
    expect(await opens({ ageKeyFile, environment: nowhere })).toBe(true);
  });

  test.each([
    ['linux', { XDG_CONFIG_HOME: '/x' }, '/x/sops/age/keys.txt'],
    ['linux', {}, '/home/me/.config/sops/age/keys.txt'],
    ['darwin', { XDG_CONFIG_HOME: '/x' }, '/x/sops/age/keys.txt'],
    ['darwin', {}, '/home/me/Library/Application Support/sops/age/keys.txt'],
    ['win32', { AppData: '/data' }, '/data/sops/age/keys.txt'],
    ['win32', {}, undefined],
  ] as const)('the default file on %s with %o', (platform, environment, expected) => {
    expect(defaultKeyFile(environment, '/home/me', platform)).toBe(expected);
  });

  test('an option leaves the environment out', async () => {
    const environment = { ...nowhere, SOPS_AGE_KEY: one };
    const { code, message } = await rejection({ ageKeyFile: keyPath('two.txt'), environment });
    expect(code).toBe('ERR_SECRET_UNAUTHENTICATED');
    expect(message).toMatch(/\bage1\w{58}\. .*`keyfall share add`\.$/);
  });
});

describe('a key that cannot be used', () => {
  test.each<[string, Record<string, string>, string]>([
    ['no key at all', {}, 'ERR_SECRET_CONFIG'],
    ['a key file that does not exist', { SOPS_AGE_KEY_FILE: '/nowhere' }, 'ERR_SECRET_CONFIG'],
    ['nonsense', { SOPS_AGE_KEY: 'nonsense-canary' }, 'ERR_SECRET_CONFIG'],
    ['half a key', { SOPS_AGE_KEY: secretOf('one.txt').slice(0, 40) }, 'ERR_SECRET_CONFIG'],
    ['a key with a typing error', { SOPS_AGE_KEY: mistyped(one) }, 'ERR_SECRET_CONFIG'],
    ['a folder', { SOPS_AGE_KEY_FILE: '/' }, 'ERR_SECRET_CONFIG'],
    [
      'a program that does not exist',
      { SOPS_AGE_KEY_CMD: 'no-such-program x-canary' },
      'ERR_SECRET_CONFIG',
    ],
    ['an open quote', { SOPS_AGE_KEY_CMD: 'echo "x-canary' }, 'ERR_SECRET_CONFIG'],
    ['an empty command', { SOPS_AGE_KEY_CMD: ' ' }, 'ERR_SECRET_CONFIG'],
    [
      'a failing command',
      { SOPS_AGE_KEY_CMD: 'false x-canary', PATH: process.env['PATH'] ?? '' },
      'ERR_SECRET_UNAVAILABLE',
    ],
    [
      'a key with a passphrase',
      { SOPS_AGE_SSH_PRIVATE_KEY_FILE: keyPath('locked') },
      'ERR_SECRET_CONFIG',
    ],
    [
      'a public key instead of an SSH key',
      { SOPS_AGE_SSH_PRIVATE_KEY_FILE: keyPath('locked.pub') },
      'ERR_SECRET_CONFIG',
    ],
    [
      'age keys with a passphrase',
      { SOPS_AGE_KEY: '-----BEGIN AGE ENCRYPTED FILE-----\nx-canary' },
      'ERR_SECRET_CONFIG',
    ],
    ['an endless file', { SOPS_AGE_KEY_FILE: '/dev/zero' }, 'ERR_SECRET_CONFIG'],
    [
      'a key that is not for this file',
      { SOPS_AGE_KEY_FILE: keyPath('two.txt') },
      'ERR_SECRET_UNAUTHENTICATED',
    ],
    [
      'two keys that are not for this file',
      { SOPS_AGE_KEY: keyText('two.txt') + keyText('three.txt') },
      'ERR_SECRET_UNAUTHENTICATED',
    ],
    [
      'a key of a plugin',
      { SOPS_AGE_KEY: 'AGE-PLUGIN-YUBIKEY-1QQQQ', PATH: '/nowhere' },
      'ERR_SECRET_UNSUPPORTED',
    ],
  ])('%s is reported with its place and what to do', async (_, environment, code) => {
    const error = await rejection({ environment: { ...nowhere, ...environment } });
    expect(error).toMatchObject({ code });
    // what is wrong with a place names it; a key that does not fit is not the fault of its place
    const [place = 'SOPS_AGE_KEY_FILE'] = Object.keys(environment);
    if (code === 'ERR_SECRET_CONFIG') expect(error.message).toContain(place);
    expect(error.message).not.toMatch(/canary/);
    const folder = dirname(keyPath('locked'));
    expect(
      error.message
        .replaceAll(folder, 'KEYS')
        .replaceAll(file, 'FILE')
        .replace(/\d+ MiB/, 'SIZE'),
    ).toMatchSnapshot();
  });

  test('a checksum that does not fit is never quoted', async () => {
    const broken = secretOf('one.txt').replace(/.$/, (char) => (char === 'Q' ? 'P' : 'Q'));
    for (const options of [{ ageKey: broken }, { ageKey: `${broken}\n${broken}` }])
      assertNoLeak(
        [broken, broken.slice(0, 30)],
        await rejection({ ...options, environment: nowhere }),
      );
  });

  test.each([
    ['SOPS_AGE_KEY_FILE', (key: string) => ({ environment: { SOPS_AGE_KEY_FILE: key } })],
    ['the option ageKeyFile', (key: string) => ({ ageKeyFile: key })],
    [
      'SOPS_AGE_SSH_PRIVATE_KEY_FILE',
      (key: string) => ({ environment: { ...nowhere, SOPS_AGE_SSH_PRIVATE_KEY_FILE: key } }),
    ],
  ])('a key in the place of a path, in %s, is never shown', async (place, options) => {
    const error = await rejection({ environment: nowhere, ...options(secretOf('two.txt')) });
    expect(error.code).toBe('ERR_SECRET_CONFIG');
    expect(error.message).toContain(place);
    const provider = sopsProvider({ path: file, ...options(secretOf('one.txt')) });
    assertNoLeak(canaries, [await provider.check?.(context()), provider]);
  });

  test('a key file that may not be read is denied', async () => {
    const path = join(home, 'denied.txt');
    await writeFile(path, keyText('one.txt'));
    const text = await readFile(file, 'utf8');
    await writeFile(join(home, 'open.yaml'), text);
    await chmod(home, 0o755);
    await chmod(join(home, 'open.yaml'), 0o644);
    const undo = await deny(path);
    try {
      const error = await rejection(
        { ageKeyFile: path, environment: nowhere },
        join(home, 'open.yaml'),
      );
      expect(error.code).toBe('ERR_SECRET_DENIED');
    } finally {
      await undo();
    }
  });

  test('a key with a passphrase in ~/.ssh is not blamed if it would not open the file', async () => {
    const HOME = await testFolder();
    await mkdir(join(HOME, '.ssh'));
    await copyFile(keyPath('locked'), join(HOME, '.ssh', 'id_ed25519'));
    const error = await rejection({ environment: { HOME } });
    expect(error.code).toBe('ERR_SECRET_CONFIG');
    expect(error.message).not.toContain('.ssh');
    const withTwo = { HOME, SOPS_AGE_KEY_FILE: keyPath('two.txt') };
    expect(await rejection({ environment: withTwo })).toMatchObject({
      code: 'ERR_SECRET_UNAUTHENTICATED',
    });
  });

  test('a key with a passphrase in ~/.ssh is named where it would open the file', async () => {
    const HOME = await testFolder();
    const path = join(HOME, 'locked.yaml');
    const ageRecipients = [recipientOf('two.txt'), recipientOf('locked.pub')];
    await encryptSopsFile(path, new Map([['password', 'one-canary']]), { ageRecipients });
    await mkdir(join(HOME, '.ssh'));
    await copyFile(keyPath('locked'), join(HOME, '.ssh', 'id_ed25519'));
    const SOPS_AGE_KEY_FILE = keyPath('one.txt');
    for (const environment of [{ HOME }, { HOME, SOPS_AGE_KEY_FILE }]) {
      const { code, message } = await rejection({ environment }, path);
      expect(code).toBe('ERR_SECRET_CONFIG');
      expect(message).toContain(`${HOME}/.ssh/id_ed25519`);
    }
  });

  test.each([
    ['PKCS #8', { type: 'pkcs8', cipher: 'aes-256-cbc' }],
    ['PKCS #1', { type: 'pkcs1', cipher: 'aes-256-cbc' }],
  ] as const)(
    'a key with a passphrase in the form of %s is refused as a setting',
    async (_, form) => {
      const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
      const ageKey = privateKey
        .export({ ...form, format: 'pem', passphrase: 'x-canary' })
        .toString();
      const error = await rejection({ ageKey, environment: nowhere });
      expect(error.code).toBe('ERR_SECRET_CONFIG');
      expect(error.message).toMatch(/\bageKey\b.*\bpassphrase\b/);
      assertNoLeak(ageKey.split('\n').slice(4, 8), error);
    },
  );

  test('a file of several documents for PGP is refused, so that none is lost', async () => {
    const path = join(home, 'several.yaml');
    await writeFile(path, `${await readFile(fixturePath('pgp.yaml'), 'utf8')}---\nmore: null\n`);
    const error = await rejection({ environment: { ...nowhere, PATH: '/nowhere' } }, path);
    expect(error).toMatchObject({ code: 'ERR_SECRET_UNSUPPORTED' });
    expect(error.message).toContain(path);
  });

  test('a file that only PGP opens needs sops', async () => {
    const environment = { ...nowhere, PATH: '/nowhere' };
    const { code, message } = await rejection({ environment }, fixturePath('pgp.yaml'));
    expect(code).toBe('ERR_SECRET_UNSUPPORTED');
    expect(message).toMatch(/\bsops\b.* PATH\b/);
  });

  test('a pipe is read to its end, and one without a writer is not waited for', async () => {
    const pipe = join(home, 'pipe');
    execFileSync('mkfifo', [pipe]);
    expect(await rejection({ ageKeyFile: pipe, environment: nowhere })).toMatchObject({
      code: 'ERR_SECRET_CONFIG',
    });
    // opened for both, it is a writer that waits for no reader
    const writer = await open(pipe, 'r+');
    await writer.write(keyText('one.txt'));
    const reading = opens({ ageKeyFile: pipe, environment: nowhere });
    await vi.waitFor(async () => {
      const links = (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`));
      const targets = await Promise.all(links.map((link) => link.catch(() => '')));
      expect(targets.filter((target) => target === pipe)).toHaveLength(2);
    });
    await writer.close();
    expect(await reading).toBe(true);
  });

  test('a command for the key ends with the call', async () => {
    const signal = AbortSignal.abort();
    const SOPS_AGE_KEY_CMD = `"${process.execPath}" -e "setInterval(() => {}, 1000)"`;
    const environment = { ...nowhere, SOPS_AGE_KEY_CMD };
    const found = await findAgeKeys(
      { ageKey: undefined, ageKeyFile: undefined, environment, provider: 'sops' },
      signal,
    );
    expect(found.identities).toEqual([]);
  });
});

test.each([
  ['a b  c', ['a', 'b', 'c']],
  [`a "b c" 'd "e'`, ['a', 'b c', 'd "e']],
  ['a\\ b "c\\"d" \'e\\f\'', ['a b', 'c"d', 'e\\f']],
  ['"" x # rest', ['', 'x']],
  ['', []],
])('the command %j is split into its words', (command, words) => {
  expect(wordsOf(command)).toEqual(words);
});
