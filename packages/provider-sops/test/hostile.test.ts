import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isSecretError } from '@keyfall/core';
import { assertNoLeak } from '@keyfall/testkit';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { anyCharacter } from '../../../test/any-character.ts';
import { testFolder } from '../../../test/test-folder.ts';
import { decryptSopsFile, encryptSopsFile, sopsProvider } from '../src/index.ts';
import { openDataKey, sealDataKey } from '../src/keys/data-key.ts';
import { fixture, keyPath, nowhere, recipientOf, secretOf } from './fixtures.ts';
import { context, valuesOf } from './store.ts';

const keys = { ageKeyFile: keyPath('one.txt'), environment: nowhere };

let folder: string;
beforeEach(async () => {
  folder = await testFolder();
});

/** The code of the refusal; the error must show nothing of the file. */
async function codeOf(content: string | Uint8Array, ending = 'yaml'): Promise<string> {
  const path = join(folder, `hostile.${ending}`);
  await writeFile(path, content);
  try {
    await decryptSopsFile(path, keys);
    return 'read';
  } catch (error) {
    const ciphertexts = [...fixture('all.yaml').matchAll(/data:([^,]{6,}),/g)].map(
      ([, data]) => data ?? '',
    );
    assertNoLeak([...ciphertexts, secretOf('one.txt'), 's3cret-canary', 'visible'], error);
    return isSecretError(error) ? error.code : String(error);
  }
}

const yaml = fixture('all.yaml');
const withSops = (text: string) => text + yaml.slice(yaml.indexOf('\nsops:') + 1);

describe('a hostile file', () => {
  test.each([
    ['not of sops', 'token: plain\n'],
    ['not of sops, JSON', '{"token": "plain"}', 'json'],
    ['not of sops, dotenv', 'TOKEN=plain\n', 'env'],
    ['not of sops, ini', '[a]\nb = c\n', 'ini'],
    ['empty', ''],
    ['UTF-16', Buffer.from(`\uFEFF${yaml}`, 'utf16le')],
    ['not UTF-8', Buffer.concat([Buffer.from(yaml), Buffer.from([0x23, 0xff, 0xfe])])],
    ['a control character', `# \u0007\n${yaml}`],
    ['too large', Buffer.alloc(4 * 1024 * 1024 + 1, 'x')],
    ['a list', withSops('- a\n')],
    ['a scalar', 'only text'],
    ['a sops that is text', 'a: b\nsops: text\n'],
    ['a sops that is null', 'a: b\nsops: null\n'],
    ['a sops that is a list', 'a: b\nsops: [1]\n'],
    ['deep in flow', withSops(`a: ${'['.repeat(50_000)}${']'.repeat(50_000)}\n`)],
    [
      'deep in blocks',
      withSops(Array.from({ length: 2000 }, (_, at) => `${' '.repeat(at)}a:`).join('\n')),
    ],
    ['deep in JSON', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`, 'json'],
    ['deep in JSON lists', `{"a":${'['.repeat(100_000)}`, 'json'],
    ['a merge of no mapping', withSops('<<: x\n')],
    ['an alias to nothing', withSops('a: *nothing\n')],
    ['an alias to itself', withSops('a: &a [*a]\n')],
    ['a tag that lies', withSops('a_unencrypted: !!int x\n')],
    ['a complex name', withSops('? [a, b]\n: c\n')],
    ['a name that is a number', withSops('123: c\n')],
    [
      'a list without end in dotenv',
      'A=b\nsops_age__list_99999999__map_enc=x\nsops_mac=x\n',
      'env',
    ],
    ['metadata at odds with itself', 'A=b\nsops_age=x\nsops_age__list_0__map_enc=x\n', 'env'],
    ...['2.5', '2.0', '1e400', '"2"'].map((threshold): [string, string, string] => [
      `a threshold of ${threshold} in JSON`,
      fixture('groups.json').replace('"shamir_threshold": 2', `"shamir_threshold": ${threshold}`),
      'json',
    ]),
    ['an open quote in ini', '[a]\nb = """c\n', 'ini'],
    ['an open section in ini', '[a\nb = c\n', 'ini'],
    ['JSON cut off', fixture('all.json').slice(0, 500), 'json'],
    ['two objects', fixture('all.json').repeat(2), 'json'],
  ])('%s is invalid', async (_, content, ending = 'yaml') => {
    expect(await codeOf(content, ending)).toBe('ERR_SECRET_INVALID');
  });

  test('aliases that multiply are refused before they fill memory', async () => {
    const levels = Array.from({ length: 12 }, (_, at) => {
      const items = at === 0 ? '"lol"' : `*l${at - 1}`;
      return `l${at}_unencrypted: &l${at} [${Array(10).fill(items).join(', ')}]\n`;
    });
    expect(await codeOf(withSops(levels.join('')))).toBe('ERR_SECRET_INVALID');
  });

  const many = (piece: string) => piece.repeat(Math.floor((256 * 1024) / piece.length));
  test.each([
    ['a name that stands often', many('A=\n'), 'env'],
    ['many names in ini', `[a]\n${many('x=\nyy=\n')}`, 'ini'],
    ['blanks in ini', `[a]\nb = ${many(' ')}c${many(' ')}d`, 'ini'],
    ['a ciphertext of delimiters', many(',iv:,tag:,type:]'), 'cipher'],
    ['a ciphertext without end', `${many('A')},iv:AAAA,tag:AAAA,type:str]`, 'cipher'],
    ['a branch in one line', `# comment\n{${many('a: {}, ')}}\n# comment\n`],
    ['comments', many('# x\n')],
    ['open brackets in JSON', many('['), 'json'],
    ['blanks in JSON', `{${many(' ')}`, 'json'],
    ['escapes in JSON', `{"a": "${many('\\n')}`, 'json'],
  ])(
    '%s, a quarter of a megabyte, are refused as soon as they are read',
    async (_, content, ending = 'yaml') => {
      const text =
        ending === 'cipher' ? `A=ENC[AES256_GCM,data:${content}\n${fixture('all.env')}` : content;
      expect(await codeOf(text, ending === 'cipher' ? 'env' : ending)).toBe('ERR_SECRET_INVALID');
    },
  );

  test('endless recipients are given up with the call, and one that is too large is not tried', async () => {
    const calls = new AbortController();
    let asked = 0;
    const identity = {
      unwrapFileKey() {
        asked++;
        calls.abort();
        return null;
      },
    };
    const keys = { identities: [identity], plugins: false, problems: [], locked: [] };
    const enc = await sealDataKey(randomBytes(32), recipientOf('one.txt'));
    const open = (key: string, { signal }: AbortController) => {
      const group = { age: Array(3).fill({ recipient: '', enc: key }), others: [] };
      return openDataKey({ groups: [group, group], threshold: 1 } as never, keys, signal);
    };
    expect(await open((enc ?? '') + '\n'.repeat(64 * 1024), new AbortController())).toBe(undefined);
    expect(asked).toBe(0);
    expect(await open(enc ?? '', calls)).toBe(undefined);
    expect(asked).toBe(1);
  });

  test('a rule that is too long is not compiled', async () => {
    const rule = `encrypted_regex: ${'a{1000}'.repeat(300)}`;
    const path = join(folder, 'rule.yaml');
    await writeFile(path, yaml.replace('unencrypted_suffix: _unencrypted', rule));
    await expect(decryptSopsFile(path, keys)).rejects.toMatchObject({
      code: 'ERR_SECRET_INVALID',
      reason: expect.stringContaining(path),
    });
  });

  test('a rule that would take a backtracking engine for ever takes no time', async () => {
    const rule = yaml.replace('unencrypted_suffix: _unencrypted', 'encrypted_regex: (a+)+$');
    const name = 'a'.repeat(5000);
    expect(await codeOf(`${name}!: x\n${rule}`)).toBe('ERR_SECRET_INVALID');
  });

  test('a ciphertext that was cut so that it reads as a name is not shown', async () => {
    const cut = yaml.replace(/(\n *- ENC\[AES256_GCM,[^\]]{40})[^\]]*\]\n/, '$1: x\n');
    expect(cut).toContain(': x\n');
    expect(await codeOf(cut)).toBe('ERR_SECRET_INVALID');
  });

  test.each(['yaml', 'json', 'env', 'ini'])(
    'in the format %s is read or refused, whatever rubbish is in it',
    async (ending) => {
      const text = fixture(`all.${ending}`);
      await fc.assert(
        fc.asyncProperty(
          fc.nat(text.length),
          fc.nat(40),
          fc.oneof(
            fc.string({ unit: anyCharacter }),
            fc.constantFrom('"', "'", '{', '[', '&a ', '*a', '- ', '\n', '=', '`'),
          ),
          async (at, length, rubbish) => {
            const code = await codeOf(
              text.slice(0, at) + rubbish + text.slice(at + length),
              ending,
            );
            expect(['read', 'ERR_SECRET_INVALID', 'ERR_SECRET_UNAUTHENTICATED']).toContain(code);
          },
        ),
        { numRuns: 60 },
      );
    },
  );
});

describe('a path without a regular file', () => {
  test('is an error for a folder, a pipe or a dangling link, and a missing document for no file', async () => {
    const read = (path: string) => sopsProvider({ path, ...keys }).read('all', context());
    await mkdir(join(folder, 'folder.yaml'));
    await expect(read(join(folder, 'folder.yaml'))).rejects.toMatchObject({
      code: 'ERR_SECRET_CONFIG',
    });
    await symlink(join(folder, 'gone'), join(folder, 'link.yaml'));
    await expect(read(join(folder, 'link.yaml'))).rejects.toMatchObject({
      code: 'ERR_SECRET_INVALID',
    });
    execFileSync('mkfifo', [join(folder, 'pipe.yaml')]);
    await expect(read(join(folder, 'pipe.yaml'))).rejects.toMatchObject({
      code: 'ERR_SECRET_INVALID',
    });
    const missing = join(folder, 'missing.yaml');
    expect(await read(missing)).toMatchObject({
      complete: true,
      missingDocument: { description: expect.stringContaining(missing), optional: false },
    });
    await expect(decryptSopsFile(missing, keys)).rejects.toMatchObject({
      code: 'ERR_SECRET_CONFIG',
    });
  });
});

test.each(['yaml', 'json', 'env', 'ini'])(
  'a %s that git could not merge says so',
  async (ending) => {
    const path = join(folder, `merged.${ending}`);
    await encryptSopsFile(path, new Map([['a', 'b']]), { ageRecipients: [recipientOf('one.txt')] });
    const lines = (await readFile(path, 'utf8')).split('\n');
    const last = lines.findLastIndex((line) => /mac/.test(line));
    const sides = ['<<<<<<< HEAD', lines[last], '=======', lines[last], '>>>>>>> theirs'];
    await writeFile(path, lines.toSpliced(last, 1, ...sides.map(String)).join('\n'));
    await expect(decryptSopsFile(path, keys)).rejects.toMatchObject({
      code: 'ERR_SECRET_INVALID',
      hint: expect.stringContaining('git checkout'),
    });
  },
);

test('a name that two values have is an error, and the others are read', async () => {
  const path = join(folder, 'twice.yaml');
  const ageRecipients = [recipientOf('one.txt')];
  const values = new Map([
    ['a/b.c', 'one-canary'],
    ['a.b/c', 'two-canary'],
    ['d', 'three'],
  ]);
  await encryptSopsFile(path, values, { ageRecipients, separator: '/' });
  const read = async (separator: string) =>
    valuesOf(await sopsProvider({ path, separator, ...keys }).read('all', context()));
  expect(await read('/')).toEqual(Object.assign(Object.create(null), Object.fromEntries(values)));
  expect(await read('.')).toEqual(
    Object.assign(Object.create(null), { 'a.b.c': 'ERR_SECRET_INVALID', d: 'three' }),
  );
});

test.each([
  ['secrets.yaml' as never, 'sopsProvider'],
  [{ path: '' }, 'path'],
  [{ path: 'a\0.yaml' }, 'path'],
  [{ path: 'a.yaml', separator: '' }, 'separator'],
  [{ path: 'a.yaml', format: 'toml' as 'yaml' }, 'format'],
  [{ path: 'a.yaml', ageKey: ' ' }, 'ageKey'],
  [{ path: 'a.yaml', ageKeyFile: '' }, 'ageKeyFile'],
])('%o is refused at once, naming %s', (options, option) => {
  expect(() => sopsProvider(options)).toThrow(
    expect.objectContaining({
      code: 'ERR_SECRET_CONFIG',
      message: expect.stringContaining(option),
    }),
  );
});

test('a path that is missing is an error at the first call, and a finding of check', async () => {
  const provider = sopsProvider({ path: undefined, name: 'own' });
  const setting = { option: 'path', isMissing: true };
  const missing = { code: 'ERR_SECRET_CONFIG', provider: 'own', setting };
  expect(provider).toMatchObject({ store: 'not configured', place: { kind: 'sops' } });
  await expect(provider.read('all', context())).rejects.toMatchObject(missing);
  await expect(provider.write?.({ entries: new Map() }, context())).rejects.toMatchObject({
    ...missing,
    applied: 'no',
  });
  expect(await provider.check?.(context())).toMatchObject([{ code: 'config', setting }]);
});

test('a file of another ending has the format that it is said to have', async () => {
  const path = join(folder, 'secrets.enc');
  await writeFile(path, fixture('all.json'));
  expect(await decryptSopsFile(path, { ...keys, format: 'json' })).toMatchObject({ port: 5432 });
});
