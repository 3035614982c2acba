/**
 * Credentials from a real OpenBao, under the policy of `docs/vault/dynamic.hcl`: what a read answers,
 * what it costs, and what each refusal says.
 */
import { readFile } from 'node:fs/promises';
import { createSecrets, withMapping } from '@keyfall/core';
import type { SecretBatch } from '@keyfall/core/provider';
import { assertNoLeak, sharedVaultServer, type VaultServer } from '@keyfall/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newAuthority } from '../../../test/authority.ts';
import { type VaultDynamicOptions, vaultDynamicProvider } from '../src/index.ts';
import { frontOf } from './front.ts';
import { canary, context, eventually, type Fate, failureOf, relayTo, tokenFor } from './harness.ts';
import { leasesOf, mountUsers, type UserRegistry, userRegistry } from './user-registry.ts';

let server: VaultServer;
let registry: UserRegistry;
let path: string;
let token: string;

beforeAll(async () => {
  server = await sharedVaultServer();
});

/** The documented policy, for another path. */
async function policyFor(place: string): Promise<string> {
  const file = new URL('../../../docs/vault/dynamic.hcl', import.meta.url);
  return (await readFile(file, 'utf8')).replace('database/creds/shop', place);
}

const dynamic = (options: Partial<VaultDynamicOptions> = {}) =>
  vaultDynamicProvider({ address: server.address, path, token, env: {}, ...options });

function textOf(entries: SecretBatch['entries'], name: string): string {
  const entry = entries.get(name);
  if (entry === undefined || entry instanceof Error) throw new Error(`no ${name} was answered`);
  return entry.value;
}

describe('credentials', () => {
  beforeAll(async () => {
    registry = await userRegistry();
    path = await mountUsers(server, registry);
    ({ token } = await tokenFor(server, await policyFor(path)));
  });
  afterAll(() => registry.close());

  test('are made once however many ask, with the names of the answer', async () => {
    const provider = dynamic();
    const before = registry.made;
    const batches = await Promise.all([
      provider.read(['username'], context()),
      provider.read(['password'], context()),
      provider.read('all', context()),
    ]);
    expect(registry.made).toBe(before + 1);
    for (const { entries, complete } of [...batches, await provider.read('all', context())]) {
      expect(complete).toBe(true);
      expect([...entries.keys()].sort()).toEqual(['password', 'username']);
      expect(textOf(entries, 'password')).toBe(textOf(batches[0].entries, 'password'));
    }
    expect(registry.made).toBe(before + 1);
    await provider.close?.();
  });

  test('say which lease they live by, and until when to give them out', async () => {
    const provider = dynamic({ grace: '10m' });
    const start = Date.now();
    const { entries } = await provider.read('all', context());
    const [lease] = await leasesOf(server, path);
    for (const record of entries.values())
      expect(record).toMatchObject({
        version: lease,
        lease: { id: `${path}/${lease}`, renewable: true },
      });
    const record = entries.get('username');
    if (record === undefined || record instanceof Error) throw new Error('no username');
    expect(record.createdAt).toBeGreaterThanOrEqual(start);
    // an hour, less an eighth to let go of them
    const goodFor = record.lease?.duration ?? 0;
    expect(goodFor).toBeLessThanOrEqual(52.5 * 60_000);
    expect((record.expiresAt ?? 0) - start).toBeGreaterThanOrEqual(goodFor);
    await provider.close?.();
  });

  test('leave no user and no lease behind', async () => {
    const provider = dynamic();
    await provider.read('all', context());
    expect(registry.users.size).toBe(1);
    await provider.close?.();
    await provider.close?.();
    expect(registry.users.size).toBe(0);
    expect(await leasesOf(server, path)).toEqual([]);
    await expect(provider.read('all', context())).rejects.toMatchObject({
      code: 'ERR_SECRET_ABORTED',
    });
  });

  test('have the names that an application wants, in a chain', async () => {
    const secrets = createSecrets({
      providers: [withMapping(dynamic(), { DB_USER: 'username', DB_PASS: 'password' })],
    });
    const { DB_USER, DB_PASS } = await secrets.getAll();
    expect(registry.users).toContain(DB_USER);
    expect(secrets.redact(`as ${DB_USER} with ${DB_PASS}`)).not.toContain(DB_PASS);
    await secrets.close();
    expect(registry.users.size).toBe(0);
  });

  test('are looked at by a diagnosis, and not made for it', async () => {
    const provider = dynamic();
    const before = registry.made;
    const lines = async () =>
      (await provider.check?.(context()))?.map(({ subject, state, message }) =>
        [subject, state, message].join(': '),
      );
    const shown = (texts: readonly string[] = []) => texts.join('\n').replaceAll(path, 'PATH');
    expect(shown((await lines())?.slice(-4))).toMatchSnapshot();
    expect(registry.made).toBe(before);
    await provider.read('all', context());
    expect(shown((await lines())?.slice(-1))).toMatchSnapshot();
    await provider.close?.();
  });

  test('that a token may not have are named by a diagnosis, with the rule for them', async () => {
    const policy = await server.createPolicy('path "elsewhere" { capabilities = ["read"] }');
    const { token } = await server.createToken({ policies: ['default', policy] });
    const provider = dynamic({ token });
    const checks = await provider.check?.(context());
    expect(checks?.filter(({ hint }) => hint !== undefined)).toEqual([
      {
        subject: 'policy',
        state: 'failing',
        message: expect.stringContaining(path),
        hint: `path "${path}" { capabilities = ["read"] }`,
        code: 'may-not-make',
        facts: { rule: `path "${path}" { capabilities = ["read"] }` },
      },
      {
        subject: 'policy',
        state: 'unknown',
        message: expect.stringContaining('sys/leases/revoke'),
        hint: 'path "sys/leases/revoke" { capabilities = ["update"] }',
        code: 'may-not-revoke',
        facts: { rule: 'path "sys/leases/revoke" { capabilities = ["update"] }' },
      },
    ]);
    await provider.close?.();
    assertNoLeak([token], checks);
  });

  test('are kept for the next caller when the first one gave up', async () => {
    const provider = dynamic();
    const before = registry.made;
    let release = () => {};
    registry.hold = new Promise((resolve) => {
      release = resolve;
    });
    const impatient = new AbortController();
    const first = provider.read('all', context({ signal: impatient.signal }));
    await eventually(() => expect(registry.asked).toBe(before + 1));
    impatient.abort();
    await expect(first).rejects.toMatchObject({ code: 'ERR_SECRET_ABORTED' });
    const second = provider.read('all', context());
    registry.hold = undefined;
    release();
    await second;
    expect(registry.made).toBe(before + 1);
    await provider.close?.();
  });

  test('that are being made at the end are given back, too', async () => {
    const provider = dynamic();
    let release = () => {};
    registry.hold = new Promise((resolve) => {
      release = resolve;
    });
    const before = registry.asked;
    const read = provider.read('all', context());
    await eventually(() => expect(registry.asked).toBe(before + 1));
    const closing = provider.close?.();
    registry.hold = undefined;
    release();
    await expect(read).rejects.toMatchObject({ code: 'ERR_SECRET_ABORTED' });
    await closing;
    expect(registry.users.size).toBe(0);
    expect(await leasesOf(server, path)).toEqual([]);
  });

  test.each<Fate>(['lose-answer', 'lose-request'])(
    'are not asked for again by itself when a cut may hide them (%s)',
    async (fate) => {
      let fates: Fate[] = [fate];
      const relay = await relayTo(server.address, () => fates.shift() ?? 'pass');
      const said: string[] = [];
      const provider = dynamic({ address: relay.address });
      const failed = await provider.read('all', context({}, said)).catch((error: unknown) => error);
      expect(failed).toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE' });
      expect(relay.requests).toEqual([`GET /v1/${path}`]);
      expect(said).toEqual([expect.any(String)]);
      fates = [];
      const { entries } = await provider.read('all', context());
      expect(entries.size).toBe(2);
      await provider.close?.();
      await relay.close();
      assertNoLeak([token], failed, said);
      // what nobody took has no id that it could be revoked by
      await server.request('PUT', `sys/leases/revoke-prefix/${path}`, { sync: true });
      expect(registry.users.size).toBe(0);
    },
  );

  test('are asked for again when nothing can have arrived', async () => {
    const front = await frontOf(server.address);
    await front.refuse();
    const provider = dynamic({ address: front.address, retry: { max: 20 } });
    const read = provider.read('all', context());
    await front.accept();
    expect((await read).entries.size).toBe(2);
    await provider.close?.();
    await front.close();
    expect(registry.users.size).toBe(0);
  });
});

describe('engines that need parameters', () => {
  test('a one-time password for ssh', async () => {
    await server.request('POST', 'sys/mounts/ssh-otp', { type: 'ssh' });
    await server.request('POST', 'ssh-otp/roles/shop', {
      key_type: 'otp',
      default_user: 'shop',
      cidr_list: '127.0.0.0/8',
    });
    const place = 'ssh-otp/creds/shop';
    const policy = (await policyFor(place)).replace('"read"', '"update"');
    const provider = dynamic({
      path: place,
      parameters: { ip: '127.0.0.1' },
      token: (await tokenFor(server, policy)).token,
    });
    const { entries } = await provider.read('all', context());
    expect(entries.get('username')).toMatchObject({ value: 'shop', lease: { renewable: false } });
    expect(entries.get('port')).toMatchObject({ value: '22' });
    expect(await leasesOf(server, place)).toHaveLength(1);
    await provider.close?.();
    expect(await leasesOf(server, place)).toEqual([]);
  });

  test('a certificate', async () => {
    const { mount } = await newAuthority(server);
    await server.request('POST', `${mount}/roles/shop`, {
      allow_any_name: true,
      key_type: 'ec',
      generate_lease: true,
    });
    const policy = (await policyFor(`${mount}/issue/shop`)).replace('"read"', '"update"');
    const provider = dynamic({
      path: `${mount}/issue/shop`,
      parameters: { common_name: 'shop.internal', ttl: '1h' },
      token: (await tokenFor(server, policy)).token,
    });
    const { entries } = await provider.read('all', context());
    const text = (name: string) => textOf(entries, name);
    expect(text('certificate')).toMatch(/^-----BEGIN CERTIFICATE-----\n/);
    expect(JSON.parse(text('ca_chain'))).toHaveLength(1);
    await provider.close?.();
    const revoked = await server.request('GET', `${mount}/cert/${text('serial_number')}`);
    expect(revoked.body.data?.['revocation_time']).toBeGreaterThan(0);
  });
});

test('a path with nothing at it is said to be missing, not to have failed', async () => {
  const mount = await server.mountKv({ version: 1 });
  const { token } = await tokenFor(server, await policyFor(`${mount}/nothing`));
  const provider = dynamic({ path: `${mount}/nothing`, token });
  expect(await provider.read('all', context())).toEqual({
    entries: new Map(),
    complete: true,
    missingDocument: {
      description: expect.stringContaining(`${mount}/nothing`),
      optional: false,
    },
  });
  await provider.close?.();
});

// where it says root: so that nothing but what is tried is refused
describe('refusals', () => {
  const secret = canary();
  const refusals: readonly (readonly [
    string,
    () => Promise<Partial<VaultDynamicOptions>>,
    string,
    RegExp,
  ])[] = [
    [
      'a role that does not exist',
      async () => ({ path: path.replace(/shop$/, 'shpo'), token: server.token }),
      'ERR_SECRET_CONFIG',
      /users-\S+\/creds\/shpo \(status 400\)\. .*\brole\b/,
    ],
    [
      'a mount that does not exist',
      async () => ({ path: 'nowhere/creds/shop', token: server.token }),
      'ERR_SECRET_CONFIG',
      /nowhere\/creds\/shop\. .*\boption path\b/,
    ],
    [
      'a path that the engine does not know',
      async () => ({ path: path.replace('/creds/', '/credentials/'), token: server.token }),
      'ERR_SECRET_CONFIG',
      /\/credentials\/shop\b/,
    ],
    [
      'a path that takes no GET',
      async () => ({
        path: `${(await newAuthority(server)).mount}/issue/any`,
        token: server.token,
      }),
      'ERR_SECRET_CONFIG',
      /\bGET\b.*\boption parameters\b/,
    ],
    [
      'a document, which has no lease',
      async () => {
        const mount = await server.mountKv({ version: 1 });
        await server.request('POST', `${mount}/shop`, { password: secret });
        return { path: `${mount}/shop`, token: server.token };
      },
      'ERR_SECRET_CONFIG',
      /\blease\b/,
    ],
    [
      'a token with one use, whose lease the server revokes at once',
      async () => {
        const policy = await server.createPolicy(await policyFor(path));
        const made = await server.createToken({ policies: [policy], more: { num_uses: 1 } });
        return { token: made.token };
      },
      'ERR_SECRET_CONFIG',
      /\(status 400\)\. .*\buses\b/,
    ],
    [
      'a policy without the path',
      async () => ({
        token: (await tokenFor(server, await policyFor('database/creds/other'))).token,
      }),
      'ERR_SECRET_DENIED',
      /"read" on users-\S+\/creds\/shop\.$/,
    ],
    [
      'a token that the server does not know',
      async () => ({ token: secret }),
      'ERR_SECRET_UNAUTHENTICATED',
      /\btoken\b/,
    ],
    [
      'an engine whose own server fails',
      async () => {
        registry.failing = true;
        return {};
      },
      'ERR_SECRET_UNAVAILABLE',
      /\b500\b/,
    ],
  ];

  beforeAll(async () => {
    registry = await userRegistry();
    path = await mountUsers(server, registry);
    ({ token } = await tokenFor(server, await policyFor(path)));
  });
  afterAll(() => registry.close());

  test.each(refusals)('%s', async (_, options, code, message) => {
    const said: string[] = [];
    const provider = dynamic(await options());
    const error = await provider.read('all', context({}, said)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(error).not.toHaveProperty('cause');
    await provider.close?.();
    // nothing was made, or the server has undone it
    expect(said).toEqual([]);
    await eventually(() => expect(registry.users.size).toBe(0));
    expect(await leasesOf(server, path)).toEqual([]);
    assertNoLeak([secret, token, server.token], error, said, provider);
  });

  test.each([
    ['one word', { path: 'database' }, /^the option path .*\bmount\b/],
    ['two slashes', { path: 'database//shop' }, /^the option path /],
    ['no path', { path: undefined as never }, /\boption path\b/],
    ['no object', { parameters: [] as never }, /^the option parameters /],
    ['no JSON', { parameters: { count: 1n } }, /^the option parameters /],
    ['no length of time', { grace: 'soon' as never }, /^the option grace /],
  ])('a wrong option is refused by name: %s', async (_, options, message) => {
    const error = await failureOf((async () => dynamic(options).read('all', context()))());
    expect(error).toMatchObject({
      code: 'ERR_SECRET_CONFIG',
      message: expect.stringMatching(message),
      setting: { option: Object.keys(options)[0] },
    });
  });
});
