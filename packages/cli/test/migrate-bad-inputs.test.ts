/**
 * What a migration meets that is not as it should be: files that are none, tokens that may do half of
 * it, a store that goes away in the middle. Nothing is lost, and what is wrong is said.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isSecretError, memoryProvider } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import { vaultProvider } from '@keyfall/provider-vault';
import { cuttingProxy, startVaultServer, withoutPrivileges } from '@keyfall/testkit';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { migrate } from '../src/migration/migrate.ts';
import { readSource } from '../src/migration/source.ts';
import { openTarget } from '../src/migration/target.ts';
import { finished, folderWith, keyfall, start } from './keyfall.ts';
import { vaultDocuments } from './vault-documents.ts';

const said: string[] = [];
vi.mock('../src/terminal/terminal.ts', async (original) => ({
  ...(await original<typeof import('../src/terminal/terminal.ts')>()),
  notice: (text: string) => said.push(text),
  writeLine: () => {},
}));
beforeEach(() => {
  said.length = 0;
});

const canary = 'canary-value-0f4a';

const vault = vaultDocuments();

async function stored(): Promise<unknown> {
  return (await vault.stored())?.data;
}

describe('a .env that is', () => {
  test.each<[string, (file: string) => Promise<unknown>, number, string]>([
    ['a folder', (file) => mkdir(file), 2, '.env is '],
    ['a link to nothing', (file) => symlink('none', file), 5, '.env '],
    ['a link in a circle', (file) => symlink('.env', file), 5, '.env '],
    ['a pipe', (file) => promisify(execFile)('mkfifo', [file]), 5, '.env '],
    ['UTF-16', (file) => writeFile(file, `A=${canary}`, 'utf16le'), 5, '.env '],
    [
      'UTF-16 with its mark',
      (file) => writeFile(file, `\ufeffA=${canary}`, 'utf16le'),
      5,
      'UTF-16',
    ],
    [
      '50 MB',
      async (file) => {
        await writeFile(file, `A=${canary}`);
        await truncate(file, 50 * 1024 * 1024);
      },
      5,
      '8 MiB',
    ],
  ])('%s is refused before anything is written', async (_, make, code, why) => {
    const cwd = await folderWith();
    await make(join(cwd, '.env'));
    const result = await keyfall(['migrate', '--yes'], { cwd, env: vault.env });
    expect(result).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(why) });
    expect(result.stderr).toMatchSnapshot();
    expect(result.output).not.toContain('canary');
    expect(await stored()).toBeUndefined();
    expect(await readdir(cwd)).toEqual(['.env']);
  });

  test('a file without read access is denied', async () => {
    const cwd = await folderWith(`A=${canary}\n`);
    await chmod(join(cwd, '.env'), 0);
    await chmod(cwd, 0o755);
    const error = await asNobody(() => readSource(join(cwd, '.env')).catch((thrown) => thrown));
    expect(error).toMatchObject({ code: 'ERR_SECRET_DENIED' });
    expect(error.message).toContain(join(cwd, '.env'));
  });

  test('in a read-only folder nothing is written, also not to the store', async () => {
    const cwd = await folderWith(`A=${canary}\n`);
    await chmod(join(cwd, '.env'), 0o644);
    await chmod(cwd, 0o555);
    onTestFinished(() => chmod(cwd, 0o755));
    const provider = memoryProvider();
    const source = await readSource(join(cwd, '.env'));
    const error = await asNobody(() =>
      migrate(source, openTarget(provider), { yes: true }).catch((thrown) => thrown),
    );
    expect(isSecretError(error, 'ERR_SECRET_DENIED')).toBe(true);
    expect(error.message).toContain(join(cwd, '.env'));
    expect(await readdir(cwd)).toEqual(['.env']);
    expect([...(await openTarget(provider).read()).values]).toEqual([]);
  });
});

test('a file without write access stops only a migration that edits it', async () => {
  const cwd = await folderWith(`A=${canary}\n`);
  await chmod(cwd, 0o777);
  await chmod(join(cwd, '.env'), 0o444);
  const store = memoryProvider();
  const source = await readSource(join(cwd, '.env'));
  for (const options of [{ purge: true }, { activate: true }]) {
    const migration = () => migrate(source, openTarget(store), { yes: true, ...options });
    const error = await asNobody(() => migration().catch((thrown) => thrown));
    expect(error).toMatchObject({
      code: 'ERR_SECRET_DENIED',
      message: expect.stringContaining('.env'),
    });
  }
  expect(await readdir(cwd)).toEqual(['.env']);
  expect(await readFile(join(cwd, '.env'), 'utf8')).toBe(`A=${canary}\n`);
  expect((await openTarget(store).read()).values.size).toBe(0);
});

describe('while somebody else writes to the document, between our write and its read-back', () => {
  const document = () =>
    vaultProvider({
      address: vault.server.address,
      token: vault.server.token,
      mount: vault.mount,
      path: vault.path,
    });

  /** The document, in which `others` do something as soon as it is written. */
  function writtenToo(others: () => Promise<void>): SecretProvider {
    const provider = document();
    return {
      ...provider,
      async write(changes, context) {
        const receipt = await provider.write?.(changes, context);
        await others();
        return receipt ?? { conditional: false };
      },
    };
  }

  async function run(cwd: string, provider: SecretProvider) {
    const source = await readSource(join(cwd, '.env'));
    return migrate(source, openTarget(provider), { yes: true, purge: true });
  }

  async function stateOf(cwd: string): Promise<unknown> {
    const name = (await readdir(cwd)).find((each) => each.endsWith('.journal')) ?? '';
    return JSON.parse(await readFile(join(cwd, name), 'utf8')).state;
  }

  test('a change of another name does not matter', async () => {
    await vault.store({ OTHER: 'x' });
    const cwd = await folderWith(`A=${canary}\n`);
    const changed = writtenToo(() => vault.store({ A: canary, OTHER: 'changed', NEW: 'n' }));
    expect(await run(cwd, changed)).toMatchObject({ written: 1, fileChanged: true });
    expect(await stored()).toEqual({ A: canary, OTHER: 'changed', NEW: 'n' });
    expect(await stateOf(cwd)).toBe('done');
    expect(said).toEqual([]);
  });

  test.each<[string, object, string, string]>([
    ['a name that is gone', { A: canary, SAME: 's' }, 'OTHER', ''],
    [
      'a name of the file that is to go there, and that they changed',
      { A: canary, SAME: 'theirs', OTHER: 'x' },
      'SAME',
      'SAME=s\n',
    ],
  ])('%s is reported, with what the store holds', async (_, theirs, name, left) => {
    await vault.store({ OTHER: 'x', SAME: 's' });
    const cwd = await folderWith(`A=${canary}\nSAME=s\n`);
    const error = await run(
      cwd,
      writtenToo(() => vault.store(theirs)),
    ).catch((thrown) => thrown);
    expect(error).toMatchObject({
      code: 'ERR_SECRET_CONFLICT',
      message: expect.stringMatching(new RegExp(`^vault .* ${name} `)),
    });
    expect(said.at(-1)).toMatch(
      /vault \(.*\).* keyfall migrate --restore \S+\.env\.backup\.\w+\.$/,
    );
    expect(await readFile(join(cwd, '.env'), 'utf8')).toBe(`A=${canary}\nSAME=s\n`);
    expect(await stateOf(cwd)).toBe('verified');
    const source = await readSource(join(cwd, '.env'));
    await migrate(source, openTarget(document()), {
      yes: true,
      purge: true,
      onConflict: 'keep',
    });
    expect(await readFile(join(cwd, '.env'), 'utf8')).toBe(left);
    expect(await stateOf(cwd)).toBe('done');
  });

  test('after an edit of the file a notice says what the store holds, and how to go on', async () => {
    const cwd = await folderWith(`A=${canary}\n`);
    const edited = writtenToo(() => writeFile(join(cwd, '.env'), `A=${canary}\nNEW=2\n`));
    await expect(run(cwd, edited)).rejects.toMatchObject({
      code: 'ERR_SECRET_CONFLICT',
      message: expect.stringContaining(join(cwd, '.env')),
    });
    expect(said.at(-1)).toMatch(/vault \(.*\).* keyfall migrate --restore \S+\.$/);
    expect(await stored()).toEqual({ A: canary });
    // theirs stays, and what was there before is in the backup
    expect(await readFile(join(cwd, '.env'), 'utf8')).toBe(`A=${canary}\nNEW=2\n`);
    expect(await stateOf(cwd)).toBe('verified');
    const [backup = ''] = (await readdir(cwd)).filter((name) => /backup\.\w+$/.test(name));
    expect(await readFile(join(cwd, backup), 'utf8')).toBe(`A=${canary}\n`);
  });
});

/** Does `work` as a user whom permissions bind: they mean nothing to root. */
async function asNobody<Result>(work: () => Promise<Result>): Promise<Result> {
  const regain = withoutPrivileges();
  try {
    return await work();
  } finally {
    regain();
  }
}

test('a purge keeps line ends, byte order mark, comments and order', async () => {
  const before = `\ufeff# shop\r\nTOKEN=${canary}\r\n\r\n# where\r\nUSE_VAULT=false\r\nB='x y'\r\n# end`;
  const cwd = await folderWith(before);
  // some ages of Node take the byte order mark for a part of the first name
  const result = await keyfall(['migrate', '--reader', 'npm', '--yes', '--purge', '--activate'], {
    cwd,
    env: vault.env,
  });
  expect(result.code).toBe(0);
  expect(await stored()).toEqual({ TOKEN: canary, B: 'x y' });
  expect(await readFile(join(cwd, '.env'), 'utf8')).toBe(
    '\ufeff# shop\r\n\r\n# where\r\nUSE_VAULT=true\r\n# end\r\nKEYFALL_READER=npm\r\n',
  );
  const [backup = ''] = (await readdir(cwd)).filter((name) => /backup\.\w+$/.test(name));
  await keyfall(['migrate', '--restore', backup, '--yes'], { cwd, env: vault.env });
  expect(await readFile(join(cwd, '.env'), 'utf8')).toBe(before);
});

test('names that a shell cannot export are migrated with a notice; __proto__ is not', async () => {
  const cwd = await folderWith(`my-name=${canary}\na.b=2\n1ST=3\nA=1\nA=4\n__proto__=${canary}\n`);
  // python-dotenv reads __proto__
  const args = ['migrate', '--reader', 'npm', '--yes', '--purge'];
  const result = await keyfall(args, { cwd, env: vault.env });
  expect(result.code).toBe(0);
  expect(result.stderr).toMatch(/^keyfall: my-name, a\.b and 1ST /m);
  expect(result.stderr).toMatch(/^keyfall: \.env .*\bA\b/m);
  expect(result.stderr).toMatch(/^keyfall: .* line 6 of \.env\b/m);
  expect(result.output).not.toContain(canary);
  expect(await stored()).toEqual({ 'my-name': canary, 'a.b': '2', '1ST': '3', A: '4' });
  // what did not move is not removed either
  expect(await readFile(join(cwd, '.env'), 'utf8')).toBe(`__proto__=${canary}\n`);
});

describe('a token without all rights', () => {
  async function tokenFor(...capabilities: string[]): Promise<string> {
    const rules = JSON.stringify(capabilities);
    const policy = await vault.server.createPolicy(
      `path "${vault.mount}/data/${vault.path}" { capabilities = ${rules} }`,
    );
    return (await vault.server.createToken({ policies: [policy] })).token;
  }

  test.each([
    ['read and not write', ['read'], 'path "'],
    ['read and create', ['read', 'create'], '"create", "update"'],
    ['write and not read', ['create', 'update'], '"read"'],
  ])('which is to %s, is denied before anything is written', async (_, capabilities, hint) => {
    const cwd = await folderWith(`A=${canary}\n`);
    const token = await tokenFor(...capabilities);
    const tokenEnv = { ...vault.env, VAULT_TOKEN: token };
    const result = await keyfall(['migrate', '--yes'], { cwd, env: tokenEnv });
    expect(result).toMatchObject({ code: 4, stdout: '', stderr: expect.stringContaining(hint) });
    expect(result.stderr).toContain('denied');
    expect(result.stderr).not.toContain('it may');
    expect(result.output).not.toContain(canary);
    expect(result.output).not.toContain(token);
    expect(await stored()).toBeUndefined();
    expect(await readdir(cwd)).toEqual(['.env']);
  });

  test('a dry run reports the denied write too', async () => {
    const cwd = await folderWith('A=1\n');
    const token = await tokenFor('read');
    const result = await keyfall(['migrate', '--dry-run'], {
      cwd,
      env: { ...vault.env, VAULT_TOKEN: token },
    });
    expect(result).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^keyfall: vault \(.*\) .*"create", "update"/m),
    });
  });

  test('the three rights that a migration needs are enough', async () => {
    const cwd = await folderWith('A=1\n');
    const token = await tokenFor('read', 'create', 'update');
    const result = await keyfall(['migrate', '--yes'], {
      cwd,
      env: { ...vault.env, VAULT_TOKEN: token },
    });
    expect(result.code).toBe(0);
  });
});

test('a name that the store cannot give is not overwritten', async () => {
  await vault.store({ A: null, B: 'x' });
  const cwd = await folderWith(`A=${canary}\n`);
  const result = await keyfall(['migrate', '--yes', '--on-conflict', 'overwrite'], {
    cwd,
    env: vault.env,
  });
  expect(result).toMatchObject({ code: 5, stderr: expect.stringContaining('A ') });
  expect(result.output).not.toContain(canary);
  expect(await stored()).toEqual({ A: null, B: 'x' });
  expect(await readFile(join(cwd, '.env'), 'utf8')).toBe(`A=${canary}\n`);
  expect(await readdir(cwd)).toEqual(['.env']);
});

/** In front of the server: hands on what reads, and hands every write of a document to `taken` instead. */
async function frontThat(taken: (write: IncomingMessage) => void): Promise<string> {
  const front = createServer((request, response) => {
    if (request.method !== 'GET' && request.url?.includes('/data/')) {
      taken(request);
      return;
    }
    const { method = 'GET', headers } = request;
    const onward = httpRequest(
      `${vault.server.address}${request.url}`,
      { method, headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      },
    );
    request.pipe(onward);
  });
  await once(front.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    front.closeAllConnections();
    front.close();
  });
  return `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
}

describe('stopped by', () => {
  /** Runs it until its write has come to the server, which does not answer; then sends the signal. */
  async function stopped(cwd: string, signal: NodeJS.Signals, args: readonly string[]) {
    let child: ReturnType<typeof start> | undefined;
    const address = await frontThat(() => child?.kill(signal));
    child = start(args, { cwd, env: { ...vault.env, VAULT_ADDR: address } });
    return { ...(await finished(child)), address };
  }

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)(
    '%s while it writes, it says what is left, and how to go on',
    async (signal, code) => {
      const cwd = await folderWith(`A=${canary}\n`);
      const result = await stopped(cwd, signal, ['migrate', '--yes', '--purge']);
      expect(result).toMatchObject({ code, stdout: '' });
      const left = (await readdir(cwd)).filter((name) => name !== '.env');
      const backup = left.find((name) => /backup\.\w+$/.test(name)) ?? '';
      expect(left).toEqual([backup, `${backup}.journal`]);
      expect(result.stderr).toMatch(
        new RegExp(`keyfall migrate --restore ${backup}\\.\nkeyfall: .*\n$`),
      );
      expect(result.output).not.toContain(canary);
      const env = { ...vault.env, VAULT_ADDR: result.address };
      const restored = await keyfall(['migrate', '--restore', backup, '--yes'], { cwd, env });
      expect(restored.code).toBe(0);
      expect(await stored()).toBeUndefined();
    },
  );

  test('after a signal during a restore the same command completes it', async () => {
    const cwd = await folderWith('A=1\n');
    const done = await keyfall(['migrate', '--yes'], { cwd, env: vault.env });
    const backup = /--restore (\S+)/.exec(done.stderr)?.[1] ?? '';
    const journal = join(cwd, `${backup}.journal`);
    const restore = ['migrate', '--restore', backup, '--yes'];
    // it went to the same document, whatever is in front of it
    const text = await readFile(journal, 'utf8');
    let child: ReturnType<typeof start> | undefined;
    const front = await frontThat(() => child?.kill('SIGTERM'));
    await writeFile(journal, text.replace(vault.server.address, front));
    child = start(restore, { cwd, env: { ...vault.env, VAULT_ADDR: front } });
    const result = await finished(child);
    expect(result.code).toBe(143);
    expect(await readdir(cwd)).not.toContain('.env.keyfall-lock');
    await writeFile(journal, text);
    expect((await keyfall(restore, { cwd, env: vault.env })).code).toBe(0);
    expect(await stored()).toEqual({});
  });
});

describe('a connection that is cut', () => {
  /** The document through a proxy; `before` and `after` its write something happens. */
  async function throughProxy(write: { before?: () => void; after?: () => void }) {
    const proxy = await cuttingProxy({ target: vault.server.address });
    onTestFinished(() => proxy.close());
    const document = vaultProvider({
      address: proxy.address,
      token: vault.server.token,
      mount: vault.mount,
      path: vault.path,
      retry: { max: 0 },
    });
    const provider: SecretProvider = {
      ...document,
      async write(changes, context) {
        write.before?.();
        const receipt = await document.write?.(changes, context);
        write.after?.();
        return receipt ?? { conditional: false };
      },
    };
    return { proxy, provider };
  }

  const options = { yes: true, purge: true } as const;

  test('cut between the write and the read-back: the file stays, and the next run resumes', async () => {
    let isCut = false;
    const { proxy, provider } = await throughProxy({
      after: () => proxy.set(isCut ? { kind: 'pass' } : { kind: 'cut', after: 0, how: 'reset' }),
    });
    const cwd = await folderWith(`A=${canary}\nB=2\n`);
    const run = async () =>
      migrate(await readSource(join(cwd, '.env')), openTarget(provider), options);
    await expect(run()).rejects.toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE' });
    expect(await stored()).toEqual({ A: canary, B: '2' });
    expect(await readFile(join(cwd, '.env'), 'utf8')).toBe(`A=${canary}\nB=2\n`);
    const left = await readdir(cwd);
    expect(left).toHaveLength(3);

    isCut = true;
    proxy.set({ kind: 'pass' });
    // nothing is left to write; the backup and the names that the first run wrote are still its own
    const result = await run();
    expect(result).toMatchObject({ written: 0, fileChanged: true });
    expect(await readFile(join(cwd, '.env'), 'utf8')).toBe('');
    expect(await readdir(cwd)).toEqual(left);
    const journal = await readFile(`${result.backup}.journal`, 'utf8');
    expect(JSON.parse(journal)).toMatchObject({ state: 'done', created: ['A', 'B'] });
  });

  test('cut before the write: nothing is written, and the next run removes the record', async () => {
    let isCut = true;
    const { proxy, provider } = await throughProxy({
      before: () => {
        if (isCut) proxy.set({ kind: 'cut', after: 0, how: 'reset' });
      },
    });
    const cwd = await folderWith(`A=${canary}\n`);
    const run = async () =>
      migrate(await readSource(join(cwd, '.env')), openTarget(provider), options);
    await expect(run()).rejects.toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE' });
    expect(await stored()).toBeUndefined();
    isCut = false;
    proxy.set({ kind: 'pass' });
    expect(await run()).toMatchObject({ written: 1, fileChanged: true });
    expect((await readdir(cwd)).filter((name) => name !== '.env')).toHaveLength(2);
  });

  test('cut during the write: its outcome is unknown, and everything is kept', async () => {
    const front = await frontThat((write) => write.socket.destroy());
    const provider = vaultProvider({
      address: front,
      token: vault.server.token,
      mount: vault.mount,
      path: vault.path,
      retry: { max: 0 },
    });
    const cwd = await folderWith(`A=${canary}\n`);
    const source = await readSource(join(cwd, '.env'));
    const target = openTarget(provider, { timeout: 1_500 });
    await expect(migrate(source, target, options)).rejects.toMatchObject({
      code: 'ERR_SECRET_UNAVAILABLE',
      applied: 'unknown',
    });
    expect(said.at(-1)).toMatch(/keyfall migrate --restore \S+\.$/);
    expect(await readdir(cwd)).toHaveLength(3);
    expect(await readFile(join(cwd, '.env'), 'utf8')).toBe(`A=${canary}\n`);
  });

  test('the file is not purged if the server comes back empty after the write', async () => {
    const mortal = await startVaultServer({ external: false });
    onTestFinished(() => mortal.stop());
    const { address, token } = mortal;
    const document = vaultProvider({ address, token, path: 'shop', retry: { max: 0 } });
    let writes = 0;
    const provider: SecretProvider = {
      ...document,
      async write(changes, context) {
        const receipt = await document.write?.(changes, context);
        writes += 1;
        if (writes === 1) await mortal.kill();
        return receipt ?? { conditional: false };
      },
    };
    const cwd = await folderWith(`A=${canary}\nB=2\n`);
    const run = async () =>
      migrate(await readSource(join(cwd, '.env')), openTarget(provider), options);
    await expect(run()).rejects.toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE' });
    expect(writes).toBe(1);
    expect(await readFile(join(cwd, '.env'), 'utf8')).toBe(`A=${canary}\nB=2\n`);
    await mortal.restart();
    expect(await run()).toMatchObject({ written: 2, fileChanged: true });
    const { body } = await mortal.request('GET', 'secret/data/shop');
    expect(body.data?.['data']).toEqual({ A: canary, B: '2' });
    expect((await readdir(cwd)).filter((name) => name !== '.env')).toHaveLength(2);
  });

  test('a server that stops answering is unavailable, and not aborted', async () => {
    const frozen = await startVaultServer({ external: false });
    onTestFinished(() => frozen.stop());
    const { address, token } = frozen;
    const document = vaultProvider({ address, token, path: 'shop' });
    const provider: SecretProvider = {
      ...document,
      async write(changes, context) {
        await frozen.pause();
        return (await document.write?.(changes, context)) ?? { conditional: false };
      },
    };
    const run = async () => {
      const cwd = await folderWith(`A=${canary}\n`);
      const target = openTarget(provider, { timeout: 2_000 });
      const error = await migrate(await readSource(join(cwd, '.env')), target, options).catch(
        (thrown) => thrown,
      );
      await frozen.resume();
      return error;
    };
    for (let count = 0; count < 3; count++)
      expect(await run()).toMatchObject({
        code: 'ERR_SECRET_UNAVAILABLE',
        message: expect.stringContaining(address),
      });
  });

  test('another writer between plan and write is not overwritten', async () => {
    let others = 0;
    const write = async () => {
      others += 1;
      await vault.store({ OTHER: `${others}` });
    };
    const document = vaultProvider({
      address: vault.server.address,
      token: vault.server.token,
      mount: vault.mount,
      path: vault.path,
    });
    const provider: SecretProvider = {
      ...document,
      async write(changes, context) {
        if (others === 0) await write();
        return (await document.write?.(changes, context)) ?? { conditional: false };
      },
    };
    const cwd = await folderWith('A=1\n');
    const result = await migrate(
      await readSource(join(cwd, '.env')),
      openTarget(provider),
      options,
    );
    expect(result.written).toBe(1);
    expect(await stored()).toEqual({ OTHER: '1', A: '1' });
  });
});
