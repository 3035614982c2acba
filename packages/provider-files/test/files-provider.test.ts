import { execFileSync } from 'node:child_process';
import {
  appendFile,
  chmod,
  mkdir,
  realpath,
  rename,
  rm,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createSecrets, memoryProvider, type SecretErrorCode } from '@keyfall/core';
import { assertNoLeak } from '@keyfall/testkit';
import { beforeEach, describe, expect, test } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { filesProvider } from '../src/index.ts';
import { answersOf, context, deny, seed } from './store.ts';

const canary = 'c4n4ry-7f3a9e';

let folder: string;
let outside: string;
beforeEach(async () => {
  const temporary = await testFolder();
  folder = join(temporary, 'secrets');
  outside = join(temporary, 'outside');
  await mkdir(folder);
  await writeFile(outside, canary);
});

const put = (name: string, content: string | Uint8Array) => writeFile(join(folder, name), content);

describe('the text of a file', () => {
  test.each([
    ['none', 'x', 'x'],
    ['LF', 'x\n', 'x'],
    ['CRLF', 'x\r\n', 'x'],
    ['two', 'x\n\n', 'x\n'],
    ['nothing else', '\n', ''],
    ['a carriage return alone', 'x\r', 'x\r'],
    ['blanks before it', ' x \n', ' x '],
  ])('the text of a file loses one line break at its end: %s', async (_, content, value) => {
    await put('A', content);
    expect(await answersOf(filesProvider({ directory: folder }))).toEqual({ A: value });
  });

  test('trailingNewline: keep keeps the line break', async () => {
    await put('A', 'x\r\n');
    const provider = filesProvider({ directory: folder, trailingNewline: 'keep' });
    expect(await answersOf(provider)).toEqual({ A: 'x\r\n' });
  });

  test('a byte order mark is kept, with one warning', async () => {
    await put('A', `\uFEFF${canary}\n`);
    await put('B', `${canary}\uFEFF`);
    const provider = filesProvider({ directory: folder });
    const warnings: string[] = [];
    const warn = (message: string) => warnings.push(message);
    for (let time = 0; time < 2; time++)
      expect(await answersOf(provider, 'all', { warn })).toMatchObject({ A: `\uFEFF${canary}` });
    expect(warnings).toEqual([expect.stringMatching(/\bA\b.*\bbyte order mark\b/)]);
  });

  test('the value of a binary file is base64', async () => {
    const bytes = Buffer.from([0xff, 0xfe, 0, 0x0a, 0x0d, 0x0a]);
    await put('keystore.p12', bytes);
    await put('A', 'x\n');
    const { A, 'keystore.p12': keystore = '' } = await answersOf(
      filesProvider({ directory: folder, binary: ['keystore.p12'] }),
    );
    expect(A).toBe('x');
    expect(Buffer.from(keystore, 'base64')).toEqual(bytes);
  });

  test('createdAt is the time of the file', async () => {
    await put('A', 'x');
    const { entries } = await filesProvider({ directory: folder }).read(['A'], context());
    const record = entries.get('A');
    expect(record && 'value' in record && Date.now() - (record.createdAt ?? 0)).toBeLessThan(
      60_000,
    );
  });
});

const hostile: [string, SecretErrorCode, () => Promise<unknown>][] = [
  ['a folder', 'ERR_SECRET_INVALID', () => mkdir(join(folder, 'A'))],
  ['a link to nothing', 'ERR_SECRET_INVALID', () => link('no')],
  ['a link to itself', 'ERR_SECRET_INVALID', () => link('A')],
  [
    'a FIFO without a writer',
    'ERR_SECRET_INVALID',
    async () => execFileSync('sh', ['-c', 'mkfifo "$0"', join(folder, 'A')]),
  ],
  ['a link out of the folder', 'ERR_SECRET_INVALID', () => link(outside)],
  ['a link to a device', 'ERR_SECRET_INVALID', () => link('/dev/zero')],
  ['UTF-16', 'ERR_SECRET_INVALID', () => put('A', Buffer.from(`\uFEFF${canary}`, 'utf16le'))],
  ['UTF-16 without a mark', 'ERR_SECRET_INVALID', () => put('A', Buffer.from(canary, 'utf16le'))],
  ['Latin-1', 'ERR_SECRET_INVALID', () => put('A', Buffer.from(`${canary}\xe9`, 'latin1'))],
  [
    'UTF-8 that is cut off',
    'ERR_SECRET_INVALID',
    () => put('A', Buffer.from(`${canary}€`).subarray(0, -1)),
  ],
  ['half a surrogate pair', 'ERR_SECRET_INVALID', () => put('A', Buffer.from([0xed, 0xa0, 0x80]))],
  [
    '1 MiB and a byte',
    'ERR_SECRET_INVALID',
    async () => {
      await put('A', canary);
      await truncate(join(folder, 'A'), 1024 * 1024 + 1);
    },
  ],
];
const link = (target: string) => symlink(target, join(folder, 'A'));

describe('another thing in place of a file', () => {
  test.each(hostile)('%s is %s, for its own name only', async (_, code, make) => {
    await make();
    await put('B', 'other');
    const provider = filesProvider({ directory: folder });
    const { entries } = await provider.read(['A', 'B', 'C'], context());
    const error = entries.get('A');
    expect(error).toMatchObject({ code, provider: 'files', secretName: 'A' });
    expect(String(error).replaceAll(folder, 'FOLDER')).toMatchSnapshot();
    expect(entries.get('B')).toMatchObject({ value: 'other' });
    expect(entries.has('C')).toBe(false);
    const findings = await provider.check?.(context());
    assertNoLeak([canary], error, findings);
  });

  test('a file of 1 MiB is read', async () => {
    await put('A', 'x'.repeat(1024 * 1024));
    expect((await answersOf(filesProvider({ directory: folder })))['A']).toHaveLength(1024 * 1024);
  });

  test('a socket is invalid', async () => {
    const server = createServer();
    await new Promise<void>((listening) => server.listen(join(folder, 'A'), listening));
    const answers = await answersOf(filesProvider({ directory: folder }));
    await new Promise((closed) => server.close(closed));
    expect(answers).toEqual({ A: 'ERR_SECRET_INVALID' });
  });

  test('a file that may not be read is denied, and the others are not', async () => {
    await chmod(join(folder, '..'), 0o755);
    await chmod(folder, 0o755);
    await put('A', canary);
    await seed(folder, [['B', 'other']]);
    const allow = await deny(join(folder, 'A'));
    const answers = await answersOf(filesProvider({ directory: folder }));
    await allow();
    expect(answers).toEqual({ A: 'ERR_SECRET_DENIED', B: 'other' });
  });

  test('a file whose disk fails is unavailable, and the others are not', async () => {
    // Linux answers a read at the start of a process's memory with EIO.
    await link('/proc/self/mem');
    await put('B', 'other');
    const provider = filesProvider({ directory: folder, links: 'anywhere' });
    expect(await answersOf(provider)).toEqual({ A: 'ERR_SECRET_UNAVAILABLE', B: 'other' });
  });

  test('an endless device is not read to its end', async () => {
    await link('/dev/zero');
    const provider = filesProvider({ directory: folder, links: 'anywhere' });
    expect(await answersOf(provider)).toEqual({ A: 'ERR_SECRET_INVALID' });
  });

  test('a file that grows while it is read is not answered half', async () => {
    await put('A', '0'.repeat(1000));
    const provider = filesProvider({ directory: folder });
    let size = 1000;
    let writing = true;
    const writer = (async () => {
      while (writing) {
        await appendFile(join(folder, 'A'), '0');
        size += 1;
      }
    })();
    for (let round = 0; round < 50; round++) {
      const atLeast = size;
      const { A = '' } = await answersOf(provider);
      if (A !== 'ERR_SECRET_UNAVAILABLE') expect(A.length).toBeGreaterThanOrEqual(atLeast);
    }
    writing = false;
    await writer;
    expect((await answersOf(provider))['A']).toHaveLength(size);
  });
});

describe('the folder', () => {
  test('folders inside the folder, and the ..data of Kubernetes, are not secrets', async () => {
    await mkdir(join(folder, 'kubernetes.io'));
    await mkdir(join(folder, 'real'));
    await symlink('real', join(folder, 'linked'));
    await put('..hidden', 'x');
    await put('.dockerconfigjson', '{}');
    const provider = filesProvider({ directory: folder });
    expect(await provider.list?.(context())).toEqual(['.dockerconfigjson']);
    expect(await answersOf(provider)).toEqual({ '.dockerconfigjson': '{}' });
  });

  test('links inside the folder are followed, and those out of it only where that is allowed', async () => {
    await put('real', 'inside');
    await symlink('real', join(folder, 'near'));
    await symlink(outside, join(folder, 'far'));
    const read = (options: object) => answersOf(filesProvider({ directory: folder, ...options }));
    expect(await read({})).toEqual({ real: 'inside', near: 'inside', far: 'ERR_SECRET_INVALID' });
    expect(await read({ links: 'anywhere' })).toMatchObject({ far: canary });
  });

  test('a sibling folder with the same beginning of its name is outside', async () => {
    await writeFile(`${folder}-other`, canary);
    await link(`${folder}-other`);
    expect(await answersOf(filesProvider({ directory: folder }))).toEqual({
      A: 'ERR_SECRET_INVALID',
    });
  });

  test('the folder may itself be a link', async () => {
    await put('A', 'x');
    await symlink(folder, `${folder}-link`);
    expect(await answersOf(filesProvider({ directory: `${folder}-link` }))).toEqual({ A: 'x' });
  });

  test.each(['../outside', '..', '../secrets-other', 'x/../../outside', '/etc/passwd'])(
    'a name that would lead out of it is refused: %s',
    async (name) => {
      const { entries } = await filesProvider({ directory: folder }).read([name], context());
      expect(entries.get(name)).toMatchObject({
        code: 'ERR_SECRET_UNSUPPORTED',
        secretName: name,
        reason: expect.stringContaining(JSON.stringify(name)),
      });
    },
  );

  test('a missing folder is a missing document, with its path', async () => {
    await rm(folder, { recursive: true });
    const secrets = createSecrets({
      providers: [filesProvider({ directory: folder }), memoryProvider({ A: 'x' })],
    });
    const notices: string[] = [];
    secrets.on('fallback', ({ detail }) => notices.push(detail));
    expect(await secrets.get('A')).toBe('x');
    expect(notices).toEqual([expect.stringContaining(folder)]);
    await secrets.close();
  });

  test('a file in place of the folder is a configuration error', async () => {
    for (const directory of [outside, join(outside, 'x')])
      await expect(answersOf(filesProvider({ directory }))).rejects.toMatchObject({
        code: 'ERR_SECRET_CONFIG',
      });
  });

  test('a folder that is a link to nothing or in a circle is invalid', async () => {
    await symlink('nowhere', `${folder}-link`);
    await symlink('secrets-circle', `${folder}-circle`);
    for (const directory of [`${folder}-link`, `${folder}-circle`])
      await expect(answersOf(filesProvider({ directory }))).rejects.toMatchObject({
        code: 'ERR_SECRET_INVALID',
      });
  });

  test('a folder with too many files is refused before they are read', async () => {
    await seed(
      folder,
      Array.from({ length: 1001 }, (_, index) => [`N${index}`, canary] as const),
    );
    const provider = filesProvider({ directory: folder });
    await expect(answersOf(provider)).rejects.toMatchObject({
      code: 'ERR_SECRET_INVALID',
      reason: expect.stringMatching(/\b1000\b/),
    });
    expect(await answersOf(provider, ['N7'])).toEqual({ N7: canary });
  });

  test('the folder is /run/secrets by default', () => {
    expect(filesProvider()).toMatchObject({
      store: '/run/secrets',
      place: { kind: 'files', paths: ['/run/secrets'] },
    });
  });

  test("systemd's variable names the folder, and is looked up at each read", async () => {
    await put('A', 'x');
    const env: Record<string, string> = {};
    const provider = filesProvider({ directory: { variable: 'CREDENTIALS_DIRECTORY' }, env });
    expect((await provider.read(['A'], context())).missingDocument).toEqual({
      description: expect.stringContaining('CREDENTIALS_DIRECTORY'),
      optional: false,
    });
    env['CREDENTIALS_DIRECTORY'] = folder;
    expect(await answersOf(provider)).toEqual({ A: 'x' });
    expect(provider).toMatchObject({
      store: '$CREDENTIALS_DIRECTORY',
      place: { paths: ['$CREDENTIALS_DIRECTORY'] },
    });
  });
});

describe('files that variables name', () => {
  const variables = ['DB_PASS', 'TOKEN'];

  test('files that variables name are read wherever they are, and no other variable counts', async () => {
    await put('db', 'hunter2\n');
    await symlink(outside, join(folder, 'link'));
    const env = {
      DB_PASS_FILE: join(folder, 'db'),
      TOKEN_FILE: join(folder, 'link'),
      OTHER_FILE: outside,
    };
    const provider = filesProvider({ variables, env });
    expect(await answersOf(provider)).toEqual({ DB_PASS: 'hunter2', TOKEN: canary });
    expect(await answersOf(provider, ['OTHER', 'db'])).toEqual({});
    expect(await provider.list?.(context())).toEqual(['DB_PASS', 'TOKEN']);
  });

  test('a file that a variable names wins over the folder', async () => {
    await put('DB_PASS', 'folder');
    await put('MORE', 'folder');
    const env = { DB_PASS_FILE: outside };
    const provider = filesProvider({ directory: folder, variables, env });
    expect(await answersOf(provider)).toEqual({ DB_PASS: canary, MORE: 'folder' });
  });

  test('a variable without a file is a configuration error of its own name only', async () => {
    const env = { DB_PASS_FILE: join(folder, 'gone', 'db'), TOKEN_FILE: outside };
    const provider = filesProvider({ variables, env });
    const { entries } = await provider.read('all', context());
    expect(entries.get('DB_PASS')).toMatchObject({
      code: 'ERR_SECRET_CONFIG',
      setting: { variable: 'DB_PASS_FILE' },
    });
    expect(entries.get('TOKEN')).toMatchObject({ value: canary });
  });

  test.each([
    ['its text', canary],
    ['a long one', canary.repeat(400)],
    ['a path and more', `/etc/passwd/${canary}`],
  ])('a secret in the variable itself is not shown: %s', async (_, value) => {
    const provider = filesProvider({
      directory: { variable: 'FOLDER' },
      variables,
      env: { DB_PASS_FILE: value, FOLDER: value },
    });
    const seen: unknown[] = [];
    const warn = (message: string) => seen.push(message);
    const failureOf = (call: Promise<unknown>) => call.catch((error: unknown) => error);
    seen.push(await failureOf(provider.read(['DB_PASS', 'x'], context({ warn }))));
    seen.push(await failureOf(Promise.resolve(provider.list?.(context()))));
    seen.push(await provider.check?.(context()));
    const env = { DB_PASS_FILE: value };
    const { entries } = await filesProvider({ variables, env }).read('all', context());
    expect(entries.get('DB_PASS')).toMatchObject({ code: 'ERR_SECRET_CONFIG' });
    assertNoLeak([canary], ...seen, entries.get('DB_PASS'));
  });

  test.each([
    ['unset', {}],
    ['set to nothing', { DB_PASS_FILE: '' }],
  ])('no name is held while the variables are %s', async (_, env) => {
    const batch = await filesProvider({ variables, env }).read('all', context());
    expect(batch).toMatchObject({
      complete: true,
      missingDocument: {
        description: expect.stringMatching(/: DB_PASS_FILE, TOKEN_FILE$/),
        optional: true,
      },
    });
  });

  test('variables do not hide that the folder is missing', async () => {
    await rm(folder, { recursive: true });
    const warnings: string[] = [];
    const provider = filesProvider({ directory: folder, variables, env: { TOKEN_FILE: outside } });
    const warn = (message: string) => warnings.push(message);
    expect(await answersOf(provider, ['TOKEN', 'MORE'], { warn })).toEqual({ TOKEN: canary });
    expect(warnings).toContainEqual(expect.stringContaining(folder));
  });
});

describe('files that other users can read', () => {
  const warningsOf = async (provider = filesProvider({ directory: folder })) => {
    const warnings: string[] = [];
    for (let time = 0; time < 2; time++)
      await provider.read('all', context({ warn: (message) => warnings.push(message) }));
    return warnings;
  };
  beforeEach(async () => {
    await chmod(join(folder, '..'), 0o755);
    await chmod(folder, 0o755);
  });

  test('one warning names the files that other users can read', async () => {
    await put('A', canary);
    await put('B', canary);
    await put('C', canary);
    await chmod(join(folder, 'A'), 0o604);
    await chmod(join(folder, 'B'), 0o640);
    await chmod(join(folder, 'C'), 0o600);
    const provider = filesProvider({ directory: folder });
    expect(await warningsOf(provider)).toEqual([expect.stringMatching(/^A, B .*\bchmod 600\b/)]);
    const path = await realpath(join(folder, 'A'));
    expect(await provider.check?.(context())).toContainEqual({
      subject: 'file of A',
      state: 'failing',
      message: expect.stringContaining(path),
      hint: `chmod 600 ${path}`,
      code: 'readable-by-others',
      facts: { path },
    });
  });

  test('a folder above that keeps other users out is taken into account', async () => {
    await put('A', canary);
    await chmod(join(folder, 'A'), 0o644);
    await chmod(join(folder, '..'), 0o700);
    expect(await warningsOf()).toEqual([]);
  });
});

describe('options', () => {
  test('text in place of the options is refused', () => {
    for (const given of ['/var/secrets', null])
      expect(() => filesProvider(given as never)).toThrow(
        expect.objectContaining({ code: 'ERR_SECRET_CONFIG' }),
      );
  });

  test('a folder that is undefined is missing: the first call fails, and no other folder is read', async () => {
    const provider = filesProvider({ directory: process.env['KEYFALL_NOT_SET'] });
    await expect(provider.read('all', context())).rejects.toMatchObject({
      code: 'ERR_SECRET_CONFIG',
      provider: 'files',
      setting: { option: 'directory', isMissing: true },
    });
  });

  test.each<[string, object, string]>([
    ['an empty path', { directory: '' }, 'directory'],
    ['a zero byte', { directory: 'a\0b' }, 'directory'],
    ['a variable without a name', { directory: { variable: '' } }, 'directory'],
    ['a name instead of a list', { variables: 'DB_PASS' }, 'variables'],
    ['a list of other things', { binary: [1] }, 'binary'],
    ['another word for links', { links: 'everywhere' }, 'links'],
    ['another word for the line break', { trailingNewline: 'trim' }, 'trailingNewline'],
  ])('%s is refused when the provider is made', (_, options, option) => {
    expect(() => filesProvider(options)).toThrow(
      expect.objectContaining({
        code: 'ERR_SECRET_CONFIG',
        setting: { option },
      }),
    );
  });
});

test('check says what is held, and what is wrong with the folder', async () => {
  await put('A', canary);
  const provider = filesProvider({ directory: folder });
  expect(await provider.check?.(context())).toEqual([
    { subject: 'files', state: 'ready', message: 'holds A' },
  ]);
  await rename(folder, `${folder}-gone`);
  expect(await provider.check?.(context())).toMatchObject([
    { subject: 'files', state: 'failing', message: expect.stringContaining(folder) },
  ]);
});
