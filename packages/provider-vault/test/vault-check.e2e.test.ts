/**
 * What `doctor` is told of a real server, line by line, and how each line is mended.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ProviderCheck, SecretProvider } from '@keyfall/core/provider';
import {
  assertNoLeak,
  faultyServer,
  freePort,
  sharedVaultServer,
  startVaultServer,
  type VaultServer,
} from '@keyfall/testkit';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Authority, newAuthority, type Pair } from '../../../test/authority.ts';
import { testFolder } from '../../../test/test-folder.ts';
import { type VaultProviderOptions, vaultProvider } from '../src/index.ts';
import {
  canary,
  context,
  eventually,
  failureOf,
  freshPath,
  policyFile,
  tokenFor,
} from './harness.ts';
import { loginRelay } from './login-relay.ts';
import { tlsFront } from './tls-front.ts';

let server: VaultServer;
const value = canary();
const endings: (() => unknown)[] = [];
beforeAll(async () => {
  server = await sharedVaultServer();
});
afterEach(async () => {
  vi.useRealTimers();
  for (const end of endings.splice(0).reverse()) await end();
});

/** As root, where what is looked at comes before what a token may do. */
function open(options: VaultProviderOptions): SecretProvider {
  const provider = vaultProvider({
    address: server.address,
    token: server.token,
    env: {},
    ...options,
  });
  endings.push(() => provider.close?.());
  return provider;
}

async function checksOf(
  options: VaultProviderOptions,
  ...canaries: readonly string[]
): Promise<readonly ProviderCheck[]> {
  const checks = (await open(options).check?.(context())) ?? [];
  assertNoLeak([value, server.token, ...canaries], checks);
  // what is for programs
  for (const { state, code, hint } of checks)
    if (state === 'failing') {
      expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
      expect(hint).toMatch(/\w/);
    }
  return checks;
}

const states = (checks: readonly ProviderCheck[]) =>
  checks.map(({ subject, state }) => `${subject} ${state}`);

async function lineOf(
  subject: string,
  options: VaultProviderOptions,
): Promise<ProviderCheck | undefined> {
  return (await checksOf(options)).find((check) => check.subject === subject);
}

const put = (path: string, data: object) => server.request('POST', `secret/data/${path}`, { data });

async function documentAs(...policies: readonly string[]) {
  const path = freshPath();
  await put(path, { A: value });
  const rules = policies.map((name) => policyFile(name, 'secret', path)).join('\n');
  return { path, ...(await tokenFor(server, rules)) };
}

test('all is well under the smallest policy', async () => {
  const { path, token, policy } = await documentAs('shop');
  const checks = await checksOf({ path, token }, token);
  expect(states(checks)).toEqual([
    'address ready',
    'seal ready',
    'clock ready',
    'token ready',
    'mount ready',
    'policy ready',
    'policy ready',
    'path ready',
  ]);
  const [address, , , life, mount, reading, more, found] = checks.map(({ message }) => message);
  expect(address).toMatch(/^http:\/\/127\.0\.0\.1:\d+ answers \(version 2\.\d+\.\d+\)$/);
  expect(life).toMatch(/^expires in \d+ (days|hours), can be renewed; policies: default, policy-/);
  expect(life).toContain(policy);
  expect(mount).toMatch(/^secret .*\b2$/);
  expect(reading).toContain(`secret/data/${path}`);
  expect(found).toMatch(new RegExp(`^secret/${path} .*\\b1\\b.*\\b1$`));
  expect([mount, reading, more, found].join('\n').replaceAll(path, 'PATH')).toMatchSnapshot();
});

describe('the server', () => {
  test('that is not there', async () => {
    const checks = await checksOf({ path: 'x', address: 'http://127.0.0.1:1' });
    expect(states(checks)).toEqual(['address failing']);
    expect(checks[0]).toMatchObject({
      code: 'server-refused',
      facts: { address: 'http://127.0.0.1:1' },
    });
  });

  test('that takes the request and does not answer is reported before the timeout', async () => {
    const faulty = await faultyServer({ kind: 'black-hole' });
    endings.push(() => faulty.close());
    const { check } = open({ address: faulty.address, path: 'shop' });
    // the caller gives up the check a little earlier than it would end by itself
    const checks = await check?.(context({ limit: 1_000, signal: AbortSignal.timeout(900) }));
    expect(checks).toMatchObject([
      {
        subject: 'address',
        state: 'failing',
        message: expect.stringContaining(faulty.address),
        code: 'server-unreachable',
      },
    ]);
  });

  test('that is no Vault', async () => {
    const page = await faultyServer({ kind: 'html' });
    endings.push(() => page.close());
    const checks = await checksOf({ path: 'x', address: page.address });
    expect(states(checks)).toEqual(['address failing']);
    expect(checks[0]).toMatchObject({ code: 'not-a-vault' });
  });

  test('that is sealed', async () => {
    const mortal = await startVaultServer({ external: false });
    endings.push(() => mortal.stop());
    await mortal.request('PUT', 'sys/seal');
    const checks = await checksOf({ path: 'x', address: mortal.address, token: mortal.token });
    expect(states(checks)).toEqual(['address ready', 'seal failing']);
    expect(checks[1]).toMatchObject({ code: 'sealed', hint: 'bao operator unseal' });
  });

  test('whose clock is another', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 3 * 3_600_000 });
    const behind = await lineOf('clock', { path: 'x' });
    expect(behind).toMatchObject({ state: 'failing', code: 'clocks-differ' });
    expect(behind?.message).toMatch(/is (2|3) hours ahead of this machine's$/);
    vi.setSystemTime(Date.now() + 3 * 3_600_000 + 600_000);
    expect((await lineOf('clock', { path: 'x' }))?.message).toMatch(
      /is (9|10) minutes behind this machine's$/,
    );
  });

  test('with /v1 in its address', async () => {
    for (const address of ['https://vault.example:8200/v1', 'https://vault.example/vault/v1/']) {
      const provider = vaultProvider({ address, token: 'x', path: 'x', env: {} });
      expect(await failureOf(provider.read('all', context()))).toMatchObject({
        code: 'ERR_SECRET_CONFIG',
        setting: { option: 'address' },
      });
    }
  });
});

describe('http and https taken for each other', () => {
  test('https to a port that speaks http is a wrong address and no certificate', async () => {
    const address = server.address.replace('http:', 'https:');
    const [line, ...more] = await checksOf({ path: 'x', address });
    expect(more).toEqual([]);
    expect(line).toMatchObject({ subject: 'address', state: 'failing' });
    expect(line).toMatchObject({ code: 'server-speaks-http', facts: { address } });
    expect(line?.hint).toContain('with http://');
    const read = open({ path: 'x', address }).read('all', context());
    expect(await failureOf(read, server.token)).toMatchObject({ code: 'ERR_SECRET_CONFIG' });
  });

  test('http to a port that speaks https', async () => {
    const folder = await testFolder();
    const { cert, key } = await authority.issue('localhost', '720h');
    const port = await freePort();
    const files = { tls_cert_file: cert, tls_key_file: key };
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    const listener = { address: `127.0.0.1:${port}` };
    for (const name of Object.keys(files)) Object.assign(listener, { [name]: join(folder, name) });
    const config = join(folder, 'config.json');
    await writeFile(config, JSON.stringify({ listener: { tcp: listener } }));
    const secure = await startVaultServer({ external: false, args: [`-config=${config}`] });
    endings.push(() => secure.stop());
    const address = `http://127.0.0.1:${port}`;
    const checks = await checksOf({ path: 'x', address });
    expect(states(checks)).toEqual(['address failing']);
    expect(checks[0]).toMatchObject({ code: 'server-speaks-https', facts: { address } });
    expect(checks[0]?.message).toBe(`${address} speaks https`);
    expect(checks[0]?.hint).toContain('with https://');
  });

  test('a port that hangs up in the handshake is not called plain http', async () => {
    const rude = createServer((socket) => socket.once('data', () => socket.destroy()));
    await new Promise<void>((resolve) => rude.listen(0, '127.0.0.1', resolve));
    endings.push(() => rude.close());
    const address = `https://127.0.0.1:${(rude.address() as AddressInfo).port}`;
    const read = open({ path: 'x', address }).read('all', context());
    expect((await failureOf(read, server.token)).code).toBe('ERR_SECRET_UNAVAILABLE');
  });
});

let authority: Authority;
beforeAll(async () => {
  authority = await newAuthority(server);
});

/** TLS before the server, with a certificate of `authority` that is valid from now for `ttl`. */
async function frontFor(ttl: string): Promise<string> {
  return frontWith(await authority.issue('localhost', ttl));
}

async function frontWith(pair: Pair): Promise<string> {
  const front = await tlsFront(server.address, pair);
  endings.push(() => front.close());
  return front.address;
}

describe('the certificate', () => {
  test('is valid for long, or not', async () => {
    const { path, token } = await documentAs('shop');
    const at = { path, token, address: await frontFor('720h'), tls: { ca: authority.pem } };
    expect(states(await checksOf(at))[1]).toBe('certificate ready');
    // 30 days long: the last sixth is soon
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 26 * 86_400_000 });
    const soon = await lineOf('certificate', at);
    expect(soon).toMatchObject({ state: 'failing', code: 'certificate-ends-soon' });
    expect(soon?.message).toMatch(/ \d{4}-\d\d-/);
  });

  test('of a day is not called short while it is young', async () => {
    const address = await frontFor('24h');
    const line = await lineOf('certificate', { path: 'x', address, tls: { ca: authority.pem } });
    expect(line).toMatchObject({ state: 'ready' });
  });

  test('that is not trusted or has expired fails at the address, and nothing was sent', async () => {
    const address = await frontFor('720h');
    const unknown = await checksOf({ path: 'x', address });
    expect(states(unknown)).toEqual(['address failing']);
    expect(unknown[0]).toMatchObject({ code: 'certificate-untrusted' });
    expect(unknown[0]?.hint).toContain('VAULT_CACERT');
    const file = (name: string) => fileURLToPath(new URL(`certificates/${name}`, import.meta.url));
    const [cert, key] = await Promise.all([
      readFile(file('expired.pem'), 'utf8'),
      readFile(file('expired.key'), 'utf8'),
    ]);
    const expired = await frontWith({ cert, key });
    const ca = file('authority.pem');
    const line = await lineOf('address', { path: 'x', address: expired, tls: { ca } });
    expect(line).toMatchObject({ code: 'tls' });
    expect(line?.message).toContain('has expired');
  });

  test('that is not checked is reported beside the address', async () => {
    const address = await frontFor('720h');
    const checks = await checksOf({ path: 'x', address, tls: { skipVerify: true } });
    expect(states(checks).slice(0, 2)).toEqual(['address ready', 'seal ready']);
    expect(checks[0]?.message).toContain('not checked');
    expect(checks[0]?.hint).toContain('VAULT_SKIP_VERIFY');
  });
});

describe('the token', () => {
  test('that is not known', async () => {
    const invented = canary();
    const checks = await checksOf({ path: 'x', token: invented }, invented);
    expect(checks.at(-1)).toMatchObject({ subject: 'token', code: 'token-rejected' });
  });

  test('of root, and one with few uses', async () => {
    const { path, policy } = await documentAs('shop');
    const root = await lineOf('token', { path });
    expect(root?.message).toMatch(/: root$/);
    expect(root).toMatchObject({ code: 'token-of-root' });
    const { token } = await server.createToken({ policies: [policy], more: { num_uses: 9 } });
    expect((await lineOf('token', { path, token }))?.message).toMatch(/, \d uses left; policies: /);
  });

  test('that ends soon is reported where nothing renews it or logs in again', async () => {
    const { path, policy } = await documentAs('shop');
    const make = (ttl: string, renewable: boolean) =>
      server.createToken({ policies: [policy, 'default'], ttl, more: { renewable } });
    const lineFor = (token: string) => lineOf('token', { path, token });
    expect(await lineFor((await make('1h', true)).token)).toMatchObject({ state: 'ready' });
    expect(await lineFor((await make('1h', false)).token)).toMatchObject({ state: 'ready' });
    // of one whole second there is none left at once; on a busy machine it may be over, too
    const ending = await eventually(async () => {
      const line = await lineFor((await make('1s', false)).token);
      expect(line).toMatchObject({ state: 'failing', code: 'token-ends-soon' });
      return line;
    });
    expect(ending?.hint).toMatch(/\bauth\b/);
  });

  test('that ends soon is a matter of the program that writes its file', async () => {
    const { path, policy } = await documentAs('shop');
    const { token } = await server.createToken({ policies: [policy, 'default'] });
    const relay = await loginRelay(server.address);
    const folder = await testFolder();
    endings.push(relay.close);
    const facts = { ttl: 60, creation_ttl: 3_600, expire_time: '2030-01-01T00:00:00Z' };
    relay.interfere(({ line }) =>
      line === 'GET auth/token/lookup-self' ? { data: { ...facts, renewable: false } } : undefined,
    );
    const { address } = relay;
    expect(await lineOf('token', { path, address, token })).toMatchObject({
      code: 'token-ends-soon',
      message: expect.stringContaining('60 s'),
    });
    const tokenFile = join(folder, 'token');
    await writeFile(tokenFile, token);
    const line = await lineOf('token', { path, address, token: { file: tokenFile } });
    expect(line).toMatchObject({ state: 'ready' });
  });

  test('that may not look itself up may well read', async () => {
    const { path, policy } = await documentAs('shop');
    const { token } = await server.createToken({
      policies: [policy],
      more: { no_default_policy: true },
    });
    const checks = await checksOf({ path, token }, token);
    expect(checks.find(({ subject }) => subject === 'token')?.state).toBe('unknown');
    expect(checks.find(({ subject }) => subject === 'policy')?.state).toBe('unknown');
    expect(checks.at(-1)).toMatchObject({ subject: 'path', state: 'ready' });
  });
});

describe('the mount', () => {
  test('that is not there names those that the token sees', async () => {
    const { path, token } = await documentAs('shop');
    const checks = await checksOf({ mount: 'secrets', path, token }, token);
    expect(checks.at(-1)).toMatchObject({
      code: 'mount-denied',
      facts: { mount: 'secrets', place: `secrets/${path}`, meant: 'secret' },
    });
    expect(checks.at(-1)?.hint).toMatch(/\bsecret\./);
  });

  test('with the path in it, and one of another engine', async () => {
    await put('nested/shop', { A: value });
    const nested = await lineOf('mount', { mount: 'secret/nested', path: 'shop' });
    expect(nested).toMatchObject({ code: 'mount-wrong' });
    expect(await lineOf('mount', { mount: authority.mount, path: 'x' })).toMatchObject({
      code: 'mount-wrong',
    });
  });

  test('of another version than was said', async () => {
    const { path, token } = await documentAs('shop');
    const checks = await checksOf({ path, token, kvVersion: 1 }, token);
    // and no word of a policy, which is for the right version
    expect(states(checks).slice(-2)).toEqual(['token ready', 'mount failing']);
    expect(checks.at(-1)).toMatchObject({ code: 'kv-version-wrong' });
    expect(checks.at(-1)?.hint).toContain('kvVersion');
    expect(await lineOf('mount', { path, token, kvVersion: 2 })).toMatchObject({ state: 'ready' });
  });
});

describe('the policy', () => {
  test('that allows nothing is completed by a rule that can be pasted', async () => {
    const { path, token } = await documentAs('names');
    const policy = await lineOf('policy', { path, token });
    expect(policy).toMatchObject({
      state: 'failing',
      code: 'may-not-read',
      hint: `path "secret/data/${path}" { capabilities = ["read"] }`,
    });
    expect(policy?.facts).toEqual({ rule: policy?.hint });
    const name = await server.createPolicy(policy?.hint ?? '');
    const better = await server.createToken({ policies: ['default', name] });
    expect((await checksOf({ path, token: better.token })).at(-1)?.state).toBe('ready');
  });

  test.each([[['editor']], [['patch']], [['shop', 'keeper']]])(
    'of %s shows what it allows',
    async (policies) => {
      const { path, token } = await documentAs(...policies);
      const [, more] = (await checksOf({ path, token })).filter(
        ({ subject }) => subject === 'policy',
      );
      expect(more?.message).toMatchSnapshot();
    },
  );

  test('that does not let it write says what would, without being a fault', async () => {
    const { path, token } = await documentAs('shop');
    const [, more] = (await checksOf({ path, token })).filter(
      ({ subject }) => subject === 'policy',
    );
    expect(more).toMatchObject({
      state: 'ready',
      code: 'may-not-write',
      hint: expect.stringContaining(
        `path "secret/data/${path}" { capabilities = ["read", "create", "update"] }`,
      ),
    });
  });

  test('of version 1', async () => {
    const mount = await server.mountKv({ version: 1 });
    const path = freshPath();
    await server.request('POST', `${mount}/${path}`, { A: value });
    const { token } = await tokenFor(server, policyFile('kv1', mount, path));
    const checks = await checksOf({ mount, path, token }, token);
    const [reading, more] = checks.filter(({ subject }) => subject === 'policy');
    expect(reading).toMatchObject({ state: 'ready' });
    expect(
      [reading, more, checks.at(-1)]
        .map((line) => line?.message.replace(`${mount}/${path}`, 'PATH'))
        .join('\n'),
    ).toMatchSnapshot();
  });
});

describe('the path', () => {
  test('that is mistyped names those that are near, if the token may list', async () => {
    const folder = freshPath();
    await put(`${folder}/aiogram-shop`, { A: value });
    await put(`${folder}/blog`, { A: value });
    const path = `${folder}/aiogram-shpo`;
    const rules = [policyFile('shop', 'secret', path), policyFile('editor', 'secret', folder)];
    const lister = await tokenFor(server, rules.join('\n'));
    const line = await lineOf('path', { path, token: lister.token });
    expect(line).toMatchObject({
      code: 'document-missing',
      message: expect.stringContaining(`secret/${path}`),
      facts: { mount: 'secret', path, meant: `${folder}/aiogram-shop` },
    });
    expect(line?.hint).toContain(
      ` ${folder}/aiogram-shop (option path, variable VAULT_SECRET_PATH)?`,
    );
    const { token } = await tokenFor(server, policyFile('shop', 'secret', path));
    const blind = await lineOf('path', { path, token });
    expect(blind?.hint).toMatch(/\(option path, variable VAULT_SECRET_PATH\).* keyfall migrate$/);
    expect(blind?.hint).not.toContain('aiogram-shop');
  });

  test('that is a folder, and one with data/ in it', async () => {
    const folder = freshPath();
    await put(`${folder}/prod`, { A: value });
    const rules = [
      policyFile('shop', 'secret', folder),
      'path "secret/metadata/" { capabilities = ["list"] }',
    ];
    const { token } = await tokenFor(server, rules.join('\n'));
    expect((await lineOf('path', { path: folder, token }))?.hint).toMatch(/\bfolder\b/);
    const data = await lineOf('path', { path: `data/${folder}/prod` });
    expect(data?.hint).toMatch(new RegExp(`\\bdata/.* ${folder}/prod\\b`));
  });

  test('that begins with its mount, where the document is there without it or is not', async () => {
    const { path, token } = await documentAs('shop');
    for (const start of ['secret/', 'secret/data/']) {
      const hint = expect.stringMatching(new RegExp(` ${start} .* ${path}\\.`));
      const line = await lineOf('path', { path: `${start}${path}` });
      expect(line).toMatchObject({ code: 'document-missing', hint, facts: { meant: path } });
      // a token that may read that one alone needs no right to the other
      const policy = await lineOf('policy', { path: `${start}${path}`, token });
      expect(policy).toMatchObject({ code: 'may-not-read', hint, facts: { meant: path } });
    }
    const none = await lineOf('path', { path: `secret/${path}-none` });
    expect(none?.hint).toContain(' secret/ ');
    expect(none?.facts).not.toHaveProperty('meant');
    await put(`secret/${path}`, { A: value });
    expect(await lineOf('path', { path: `secret/${path}` })).toMatchObject({ state: 'ready' });
    const mount = await server.mountKv({ version: 1 });
    await server.request('POST', `${mount}/data/shop`, { A: value });
    const first = await lineOf('path', { mount, path: `${mount}/data/shop` });
    expect(first?.facts).toMatchObject({ meant: 'data/shop' });
  });

  test('that is deleted is brought back by the command that it names', async () => {
    const { path, token } = await documentAs('shop');
    await server.request('DELETE', `secret/data/${path}`);
    const line = await lineOf('path', { path, token });
    expect(line).toMatchObject({
      code: 'document-deleted',
      message: `version 1 of secret/${path} is deleted`,
      hint: `bao kv undelete -mount=secret -versions=1 ${path}`,
    });
    await server.request('PUT', `secret/destroy/${path}`, { versions: [1] });
    expect(await lineOf('path', { path, token })).toMatchObject({ code: 'document-destroyed' });
  });

  test('that was written as to version 2 on version 1', async () => {
    const mount = await server.mountKv({ version: 1 });
    await server.request('POST', `${mount}/shop`, { data: { A: value } });
    const { token } = await tokenFor(server, policyFile('kv1', mount, 'shop'));
    const line = await lineOf('path', { mount, path: 'shop', token });
    expect(line).toMatchObject({ state: 'failing', code: 'document-wrapped' });
    expect(line?.message).toContain('KV version 2');
  });

  test('each of several has its own lines', async () => {
    const { path, token } = await documentAs('shop');
    const checks = await checksOf({ path: [path, `${path}-none`], token }, token);
    expect(states(checks).slice(5)).toEqual([
      'policy ready',
      'policy ready',
      'path ready',
      'policy failing',
      'path failing',
    ]);
    expect(checks.at(-2)?.message).toContain(`${path}-none`);
  });
});
