/**
 * The command line on a real server: who answers, what stops, and what falls back.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { startVaultServer, type VaultServer } from '@keyfall/testkit';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { newAuthority } from '../../../test/authority.ts';
import { folderWith, keyfall, type RunResult } from './keyfall.ts';

const canary = 'canary-value-5f1c';
const canaryToken = 'hvs.canary-token-77aa';
const dotenv = `TOKEN=${canary}-file\nONLY_FILE=1\n`;
const showToken = ['sh', '-c', 'echo $TOKEN $ONLY_FILE $USE_VAULT; touch started'];

let server: VaultServer;
let mount: string;
let env: Record<string, string>;

beforeAll(async () => {
  server = await startVaultServer({ external: false });
  mount = await server.mountKv({ version: 2 });
  await server.request('POST', `${mount}/data/shop`, { data: { TOKEN: `${canary}-vault` } });
  const policy = await server.createPolicy(`path "${mount}/data/shop" { capabilities = ["read"] }`);
  const { token } = await server.createToken({ policies: [policy] });
  env = settings({ VAULT_TOKEN: token });
});
afterAll(() => server?.stop());

function settings(more: Record<string, string> = {}): Record<string, string> {
  return {
    USE_VAULT: 'true',
    VAULT_ADDR: server.address,
    VAULT_TOKEN: server.token,
    VAULT_MOUNT_POINT: mount,
    VAULT_SECRET_PATH: 'shop',
    ...more,
  };
}

function expectNoLeak(result: RunResult): void {
  expect(result.output).not.toContain(canary);
  expect(result.output).not.toContain(canaryToken);
}

test('a document that is not there is noted once, although near names are looked for', async () => {
  const cwd = await folderWith(dotenv);
  const there = settings({ VAULT_SECRET_PATH: 'mistyped' });
  const missing = await keyfall(['get', 'TOKN'], { cwd, env: there });
  expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('mean TOKEN?') });
  expect(missing.stderr.match(/^keyfall: vault /gm)).toHaveLength(1);
  const found = await keyfall(['get', 'TOKEN'], { cwd, env: there });
  expect(found.stderr.match(/^keyfall: vault .*TOKEN comes from/gm)).toHaveLength(1);
});

/** TLS in front of the server, with a certificate that its own PKI engine issues. */
async function tlsFront(): Promise<{ readonly address: string; readonly authority: string }> {
  const authority = await newAuthority(server);
  const { cert, key } = await authority.issue('front.test');
  const front = createTlsServer({ cert, key }, (socket) => {
    const { hostname, port } = new URL(server.address);
    const behind = connect(Number(port), hostname);
    for (const end of [socket, behind]) end.on('error', () => {});
    socket.pipe(behind).pipe(socket);
  });
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void front.close());
  const { port } = front.address() as { port: number };
  return { address: `https://127.0.0.1:${port}`, authority: authority.pem };
}

async function expectNothingStarted(cwd: string): Promise<void> {
  await expect(readFile(join(cwd, 'started'))).rejects.toMatchObject({ code: 'ENOENT' });
}

describe('with the server up', () => {
  test('a program in another language sees what Vault holds, then what .env holds', async () => {
    const cwd = await folderWith(dotenv);
    const script = 'import os; print(os.environ["TOKEN"], os.environ["ONLY_FILE"])';
    const result = await keyfall(['run', '--', 'python3', '-c', script], { cwd, env });
    expect(result).toMatchObject({ code: 0, stdout: `${canary}-vault 1\n`, stderr: '' });
  });

  test('a secret from the store wins over an inherited variable, and is named', async () => {
    const cwd = await folderWith(dotenv);
    const inherited = { ...env, TOKEN: 'inherited' };
    const result = await keyfall(['run', '--', 'printenv', 'TOKEN'], { cwd, env: inherited });
    expect(result.stdout).toBe(`${canary}-vault\n`);
    expect(result.stderr).toMatch(/^keyfall: TOKEN .* vault .* --preserve-env .*\n$/);
    const kept = ['run', '--preserve-env', '--', 'printenv', 'TOKEN'];
    expect(await keyfall(kept, { cwd, env: inherited })).toMatchObject({
      stdout: 'inherited\n',
      stderr: '',
    });
  });

  test('the program gets no credentials, and they are in no command line', async () => {
    const cwd = await folderWith(dotenv);
    const script = 'env; tr "\\0" " " < /proc/self/cmdline; tr "\\0" " " < /proc/$PPID/cmdline';
    const { stdout } = await keyfall(['run', '--only', 'ONLY_FILE', '--', 'sh', '-c', script], {
      cwd,
      env,
    });
    expect(stdout).toContain('ONLY_FILE=1');
    expect(stdout).toContain('USE_VAULT=false');
    expect(stdout).not.toMatch(/^(VAULT|BAO)_/m);
    expect(stdout).not.toContain(env['VAULT_TOKEN']);
    expect(stdout).not.toContain(canary);
  });

  test('settings may come from the .env itself', async () => {
    const { VAULT_TOKEN = '', ...file } = env;
    const text = Object.entries(file).map(([name, value]) => `${name}=${value}\n`);
    const cwd = await folderWith(text.join(''));
    const result = await keyfall(['get', 'TOKEN'], { cwd, env: { VAULT_TOKEN } });
    expect(result.stdout).toBe(`${canary}-vault\n`);
    // a token of the environment goes where a file says: never unannounced
    expect(result.stderr).toContain(server.address);
    expect(result.stderr).not.toContain(VAULT_TOKEN);
  });

  test('explain says who answered and what the others said, without the value', async () => {
    const cwd = await folderWith(dotenv);
    const result = await keyfall(['explain'], { cwd, env });
    expect(result.stdout).toMatch(/^ONLY_FILE: from dotenv \(\.env\)$/m);
    expect(result.stdout).toMatch(/^TOKEN: from vault \(.*shop\), version 1, written 20/m);
    expect(result.stdout).toMatch(/^ONLY_FILE: .*\n {2}1\. vault \(.*\n {2}2\. dotenv \(\.env\) /m);
    expectNoLeak(result);
    const { stdout } = await keyfall(['explain', 'TOKEN', '--json'], { cwd, env });
    expect(JSON.parse(stdout)).toMatchObject({ name: 'TOKEN', provider: 'vault', version: '1' });
  });

  test('set and delete write to Vault, and say so', async () => {
    const cwd = await folderWith('NEW=file\n');
    const root = settings({ VAULT_SECRET_PATH: 'written' });
    const value = `${canary}\nsecond line`;
    const set = await keyfall(['set', 'NEW'], { cwd, env: root, input: `${value}\n` });
    expect(set).toMatchObject({
      code: 0,
      output: expect.stringMatching(
        new RegExp(
          `^keyfall: .* NEW .* vault \\(${server.address} ${mount}/written\\), version 1\\.\n$`,
        ),
      ),
    });
    expect((await keyfall(['get', 'NEW'], { cwd, env: root })).stdout).toBe(`${value}\n`);
    const deleted = await keyfall(['delete', 'NEW'], { cwd, env: root });
    expect(deleted).toMatchObject({ code: 0, stdout: '' });
    expect(deleted.stderr).toMatch(/ NEW .*\/written\)\.\nkeyfall: dotenv \(\.env\) .*\n$/);
    expect(await readFile(join(cwd, '.env'), 'utf8')).toBe('NEW=file\n');
    expect((await keyfall(['delete', 'NEW'], { cwd, env: root })).code).toBe(1);
  });

  test('bytes that are not text are refused', async () => {
    const cwd = await folderWith();
    const input = Buffer.from([0xff, 0xfe, 0x41]);
    const result = await keyfall(['set', 'BYTES'], { cwd, env: settings(), input });
    expect(result).toMatchObject({ code: 2, stderr: expect.stringContaining('not UTF-8 text') });
  });

  test('a set or delete that the policy does not allow goes nowhere else', async () => {
    const cwd = await folderWith(dotenv);
    for (const args of [
      ['set', 'NEW'],
      ['delete', 'TOKEN'],
    ]) {
      const result = await keyfall(args, { cwd, env, input: canary });
      expect(result).toMatchObject({ code: 4, stderr: expect.stringContaining('denied') });
      expectNoLeak(result);
    }
    expect(await readFile(join(cwd, '.env'), 'utf8')).toBe(dotenv);
  });
});

describe('what starts nothing and falls back to nothing', () => {
  test('a token without the policy is denied', async () => {
    const cwd = await folderWith(dotenv);
    const { token } = await server.createToken();
    const denied = settings({ VAULT_TOKEN: token });
    for (const args of [['run', '--', ...showToken], ['get', 'TOKEN'], ['list'], ['export']]) {
      const result = await keyfall([...args.slice(0, 1), '--debug', ...args.slice(1)], {
        cwd,
        env: denied,
      });
      expect(result).toMatchObject({
        code: 4,
        stdout: '',
        stderr: expect.stringContaining('denied'),
      });
      // which version the mount has could not be asked either
      expect(result.stderr).toContain(`the mount ${mount}`);
      expect(result.stderr).toContain('kvVersion');
      expect(result.output).not.toContain(token);
      expectNoLeak(result);
    }
    await expectNothingStarted(cwd);
  });

  test('a token that the server does not know is not authenticated', async () => {
    const cwd = await folderWith(dotenv);
    const wrong = settings({ VAULT_TOKEN: canaryToken });
    const result = await keyfall(['run', '--debug', '--', ...showToken], { cwd, env: wrong });
    expect(result).toMatchObject({ code: 4, stdout: '' });
    expect(result.stderr).toContain('not authenticated');
    expectNoLeak(result);
    await expectNothingStarted(cwd);
  });

  test('a certificate that is not trusted ends every command, with nothing of .env', async () => {
    const { address, authority } = await tlsFront();
    const cwd = await folderWith(dotenv);
    await writeFile(join(cwd, 'authority.pem'), authority);
    const https = { ...env, VAULT_ADDR: address };
    for (const args of [
      ['run', '--debug', '--', ...showToken],
      ['get', 'TOKEN'],
      ['migrate', '--yes'],
    ]) {
      const result = await keyfall(args, { cwd, env: https });
      expect(result).toMatchObject({ code: 4, stdout: '' });
      expect(result.stderr).toContain('certificate');
      expectNoLeak(result);
    }
    await expectNothingStarted(cwd);
    // the same server is asked once its authority is known
    const trusted = { ...https, VAULT_CACERT: join(cwd, 'authority.pem') };
    expect(await keyfall(['get', 'TOKEN'], { cwd, env: trusted })).toMatchObject({
      code: 0,
      stdout: `${canary}-vault\n`,
    });
  });

  test('a program is not started without a token', async () => {
    const cwd = await folderWith(dotenv);
    const result = await keyfall(['run', '--', ...showToken], {
      cwd,
      env: settings({ VAULT_TOKEN: '' }),
    });
    expect(result).toMatchObject({ code: 2, stderr: expect.stringContaining('VAULT_TOKEN') });
    await expectNothingStarted(cwd);
  });

  test('an agent that has no token of its own is asked, and denies', async () => {
    const cwd = await folderWith(dotenv);
    const agent = settings({ VAULT_TOKEN: '', VAULT_AGENT_ADDR: server.address });
    const result = await keyfall(['run', '--', ...showToken], { cwd, env: agent });
    expect(result).toMatchObject({ code: 4, stderr: expect.stringContaining('the agent') });
    expectNoLeak(result);
    await expectNothingStarted(cwd);
  });

  test('a name that no provider holds starts nothing', async () => {
    const cwd = await folderWith(dotenv);
    const result = await keyfall(['run', '--only', 'NOPE', '--', ...showToken], { cwd, env });
    expect(result).toMatchObject({ code: 1, stderr: expect.stringContaining('NOPE') });
    expectNoLeak(result);
    await expectNothingStarted(cwd);
  });
});

describe('a .env of a stranger', () => {
  /** A server of somebody else, and how many connections it got. */
  async function thief(): Promise<{ readonly address: string; readonly visits: () => number }> {
    let visits = 0;
    const listener = createServer((socket) => {
      visits += 1;
      socket.destroy();
    });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void listener.close());
    const { port } = listener.address() as { port: number };
    return { address: `http://127.0.0.1:${port}`, visits: () => visits };
  }

  test("cannot name a proxy or an agent for the user's token: it is ignored, and that is said", async () => {
    const { address, visits } = await thief();
    const names = ['VAULT_AGENT_ADDR', 'BAO_PROXY_ADDR', 'VAULT_HTTP_PROXY', 'VAULT_ADDR'];
    const lines = [...names.map((name) => `${name}=${address}\n`), 'VAULT_SKIP_VERIFY=true\n'];
    const cwd = await folderWith(
      `${lines.join('')}VAULT_CACERT=/no/such\nBAO_TOKEN=${canaryToken}\n`,
    );
    const result = await keyfall(['run', '--', 'printenv', 'TOKEN'], { cwd, env });
    expect(result).toMatchObject({ code: 0, stdout: `${canary}-vault\n` });
    for (const name of [...names.slice(0, 3), 'VAULT_SKIP_VERIFY', 'VAULT_CACERT'])
      expect(result.stderr).toMatch(new RegExp(`\\b${name}\\b`));
    expect(result.stderr).not.toContain(canaryToken);
    expect(visits()).toBe(0);
  });

  test.each(['get TOKEN', 'run -- touch started', 'migrate --yes'])(
    "does not get the user's token over plain http: %s",
    async (line) => {
      const { VAULT_ADDR: _, ...withoutAddress } = env;
      const cwd = await folderWith(`${dotenv}VAULT_ADDR=http://vault.example:8200\n`);
      const result = await keyfall(line.split(' '), { cwd, env: withoutAddress });
      expect(result).toMatchObject({ code: 2, stdout: '' });
      expect(result.stderr).toMatch(/\bVAULT_ADDR\b.* http:\/\/vault\.example:8200/);
      expect(result.output).not.toContain(env['VAULT_TOKEN']);
      await expectNothingStarted(cwd);
    },
  );

  describe('that names a store of its own', () => {
    /** A `.env` with the address, and in the environment the rest, or nothing. */
    const named = async (path: string, ...names: readonly string[]) => {
      const all = settings({ VAULT_SECRET_PATH: path, VAULT_TOKEN: server.token });
      const lines = names.map((name) => `${name}=${all[name]}\n`);
      const rest = Object.fromEntries(
        Object.entries(all).filter(([name]) => !names.includes(name)),
      );
      return { cwd: await folderWith(lines.join('')), rest };
    };
    const proxies = {
      HTTPS_PROXY: 'http://theirs.example',
      OPENAI_BASE_URL: 'http://theirs.example',
    };
    const everything = [
      'USE_VAULT',
      'VAULT_ADDR',
      'VAULT_TOKEN',
      'VAULT_MOUNT_POINT',
      'VAULT_SECRET_PATH',
    ];

    test.each([
      ['with its address and token', everything],
      ["with its address and the user's token", ['VAULT_ADDR']],
    ])('has no more say than the file: %s', async (_, names) => {
      const data = { ...proxies, OWN: 'stored' };
      await server.request('POST', `${mount}/data/theirs`, { data });
      const { cwd, rest } = await named('theirs', ...names);
      const inherited = { ...rest, HTTPS_PROXY: 'http://ours.example', OPENAI_BASE_URL: '' };
      const show = ['run', '--', 'sh', '-c', 'echo "$HTTPS_PROXY,$OPENAI_BASE_URL,$OWN"'];
      const result = await keyfall(show, { cwd, env: inherited });
      expect(result).toMatchObject({ code: 0, stdout: 'http://ours.example,,stored\n' });
      expect(result.stderr).toMatch(
        /^keyfall: HTTPS_PROXY and OPENAI_BASE_URL .* VAULT_ADDR in \.env /m,
      );
      // an address of the environment is the user's own, whose token it is does not matter
      const trusted = { ...inherited, VAULT_ADDR: server.address };
      expect((await keyfall(show, { cwd, env: trusted })).stdout).toBe(
        'http://theirs.example,http://theirs.example,stored\n',
      );
    });

    test('gets no value of the user that is not announced', async () => {
      const { cwd, rest } = await named('stored', ...everything);
      const announced = new RegExp(
        `^keyfall: .* vault \\(${server.address} ${mount}/stored\\), .*VAULT_ADDR in \\.env .*\n`,
      );
      const set = await keyfall(['--quiet', 'set', 'A'], { cwd, env: rest, input: canary });
      expect(set).toMatchObject({ code: 0, stderr: expect.stringMatching(announced) });
      await writeFile(join(cwd, 'other.env'), `B=${canary}\n`);
      const migrate = [
        '--quiet',
        'migrate',
        '--yes',
        '--from',
        'dotenv:other.env',
        '--dotenv',
        '.env',
      ];
      const moved = await keyfall(migrate, { cwd, env: rest });
      expect(moved).toMatchObject({ code: 0, stderr: expect.stringMatching(announced) });
      const own = { ...rest, VAULT_ADDR: server.address };
      expect(
        await keyfall(['--quiet', 'set', 'A'], { cwd, env: own, input: canary }),
      ).toMatchObject({ code: 0, stderr: '' });
    });

    test('names no store but Vault: what it says of others has no effect', async () => {
      const { address, visits } = await thief();
      const lines = ['DOPPLER_TOKEN=dp.st.x', `DOPPLER_API_HOST=${address}`, 'AWS_ACCESS_KEY_ID=x'];
      const more = [
        'AWS_SECRET_ACCESS_KEY=x',
        `AWS_ENDPOINT_URL=${address}`,
        'AWS_REGION=eu-west-1',
      ];
      const cwd = await folderWith(
        [
          ...lines,
          ...more,
          'SOPS_AGE_KEY_CMD=touch started',
          'SOPS_AGE_KEY_FILE=keys.txt',
          '',
        ].join('\n'),
      );
      const sealed = fileURLToPath(
        new URL('../../provider-sops/test/fixtures/encrypted/all.yaml', import.meta.url),
      );
      for (const from of [`sops:${sealed}`, 'aws:shop']) {
        const args = ['migrate', '--dry-run', '--from', from, '--to', 'dotenv:new.env'];
        expect((await keyfall(args, { cwd })).code).toBe(2); // there is no key, and no region
      }
      expect(visits()).toBe(0);
      await expectNothingStarted(cwd);
    });
  });

  test('comes after the environment, and VAULT_ after BAO_', async () => {
    const { address, visits } = await thief();
    const cwd = await folderWith(`USE_VAULT=false\nBAO_SECRET_PATH=elsewhere\n`);
    const both = { ...env, BAO_ADDR: server.address, VAULT_ADDR: address };
    expect((await keyfall(['get', 'TOKEN'], { cwd, env: both })).stdout).toBe(`${canary}-vault\n`);
    expect(visits()).toBe(0);
  });

  test('what `vault login` left is used with --token-helper alone', async () => {
    const cwd = await folderWith(); // its HOME as well
    await writeFile(join(cwd, '.vault-token'), env['VAULT_TOKEN'] ?? '', { mode: 0o600 });
    const { VAULT_TOKEN: _, ...tokenless } = env;
    const get = (...options: string[]) =>
      keyfall(['get', 'TOKEN', ...options], { cwd, env: tokenless });
    expect(await get()).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--token-helper'),
    });
    expect(await get('--token-helper')).toMatchObject({ code: 0, stdout: `${canary}-vault\n` });
    // without a home it is not looked for in the working folder
    const homeless = { cwd, env: { ...tokenless, HOME: '' } };
    expect(await keyfall(['get', 'TOKEN', '--token-helper'], homeless)).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('Set HOME, or VAULT_TOKEN.'),
    });
  });
});

test('a path that was never written falls back to .env, and names the path', async () => {
  const cwd = await folderWith(dotenv);
  const typo = settings({ VAULT_SECRET_PATH: 'shpo' });
  const result = await keyfall(['run', '--', ...showToken], { cwd, env: typo });
  expect(result).toMatchObject({ code: 0, stdout: `${canary}-file 1 false\n` });
  expect(result.stderr).toMatch(
    new RegExp(`^keyfall: vault \\(${server.address} ${mount}/shpo\\) .* 2 names .*\\.env\\.\n$`),
  );
});

describe('with the server gone', () => {
  beforeAll(() => server.kill());

  test('a program gets the values of .env, and stderr says so once', async () => {
    const cwd = await folderWith(dotenv);
    const result = await keyfall(['run', '--', ...showToken], { cwd, env });
    expect(result).toMatchObject({ code: 0, stdout: `${canary}-file 1 false\n` });
    expect(result.stderr).toMatch(
      /^keyfall: vault \(http:\/\/127\.0\.0\.1:\d+ \S+\/shop\) .*refused.* 2 names .*\.env\.\n$/,
    );
    expect(result.stderr).not.toContain(canary);
  });

  test('what .env gives in its place never replaces an inherited variable', async () => {
    const cwd = await folderWith(dotenv);
    const inherited = { ...env, TOKEN: 'inherited' };
    const result = await keyfall(['run', '--', 'printenv', 'TOKEN'], { cwd, env: inherited });
    expect(result.stdout).toBe('inherited\n');
  });

  test('get answers from .env, with the notice on stderr', async () => {
    const cwd = await folderWith(dotenv);
    const result = await keyfall(['get', 'TOKEN'], { cwd, env });
    expect(result.stdout).toBe(`${canary}-file\n`);
    expect(result.stderr).toMatch(/^keyfall: vault \(.* TOKEN .*\.env\.\n$/);
  });

  test('without a .env the store is unavailable, the secret is not missing, and nothing starts', async () => {
    const cwd = await folderWith();
    for (const args of [
      ['run', '--', ...showToken],
      ['get', 'TOKEN'],
      ['list'],
      ['explain', 'TOKEN'],
    ]) {
      const result = await keyfall(args, { cwd, env });
      expect(result.code).toBe(3);
      expectNoLeak(result);
    }
    await expectNothingStarted(cwd);
  });

  test('a name that only Vault may hold is unavailable, not missing', async () => {
    const cwd = await folderWith(dotenv);
    const result = await keyfall(['run', '--only', 'NOPE', '--', ...showToken], { cwd, env });
    expect(result.code).toBe(3);
    await expectNothingStarted(cwd);
  });

  test('a set or delete goes nowhere else', async () => {
    const cwd = await folderWith(dotenv);
    for (const command of ['set', 'delete']) {
      const result = await keyfall([command, 'TOKEN'], { cwd, env, input: canary });
      expect(result.code).toBe(3);
      expect(result.stderr).toMatch(/^keyfall: TOKEN .*: vault \(/m);
      expectNoLeak(result);
    }
    expect(await readFile(join(cwd, '.env'), 'utf8')).toBe(dotenv);
  });

  test('a server that never answers is given up', async () => {
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void silent.close());
    const { port } = silent.address() as { port: number };
    const cwd = await folderWith(dotenv);
    const result = await keyfall(['run', '--', ...showToken], {
      cwd,
      env: { ...env, VAULT_ADDR: `http://127.0.0.1:${port}` },
    });
    expect(result).toMatchObject({ code: 0, stdout: `${canary}-file 1 false\n` });
    expect(result.stderr).toMatch(/ 2 names .*\.env\.\n$/);
  });
});
