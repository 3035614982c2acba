/**
 * Every login method against a real server, with policies that allow reading one document and
 * nothing else.
 */
import { createSign, generateKeyPairSync } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { SecretError } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import {
  assertNoLeak,
  manualClock,
  sharedVaultServer,
  temporaryFolder,
  type VaultServer,
} from '@keyfall/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  appRoleAuth,
  certAuth,
  jwtAuth,
  kubernetesAuth,
  userpassAuth,
  type VaultAuth,
  type VaultProviderOptions,
  vaultProvider,
} from '../src/index.ts';
import {
  canary,
  context,
  enableAuth,
  eventually,
  failureOf,
  freshPath,
  readPolicy,
} from './harness.ts';
import { type LoginRelay, loginRelay } from './login-relay.ts';
import { machineKeyAuth } from './machine-key-auth.ts';

const value = canary();
const path = freshPath();
let server: VaultServer;
let policy = '';
let folder: string;
let remove: () => Promise<void>;
const endings: (() => unknown)[] = [];

beforeAll(async () => {
  server = await sharedVaultServer();
  ({ folder, remove } = await temporaryFolder());
  await server.request('POST', `secret/data/${path}`, { data: { A: value } });
  policy = await server.createPolicy(readPolicy('secret', path));
  await enableAuth(server, 'approle', 'userpass', 'jwt', 'kubernetes');
});
afterAll(async () => {
  await remove();
});
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

function open(auth: VaultAuth, options: VaultProviderOptions = {}): SecretProvider {
  const provider = vaultProvider({ address: server.address, path, auth, env: {}, ...options });
  endings.push(() => provider.close?.());
  return provider;
}

async function relayed(): Promise<LoginRelay> {
  const relay = await loginRelay(server.address);
  endings.push(() => relay.close());
  return relay;
}

/** What is read through this login. */
async function readWith(auth: VaultAuth, options?: VaultProviderOptions): Promise<unknown> {
  const batch = await open(auth, options).read('all', context());
  const record = batch.entries.get('A');
  return record && 'value' in record ? record.value : record;
}

/** A role of AppRole: its name and role id. */
async function appRole(
  settings: Readonly<Record<string, unknown>> = {},
): Promise<{ name: string; roleId: string }> {
  const name = freshPath();
  await server.request('POST', `auth/approle/role/${name}`, {
    token_policies: policy,
    ...settings,
  });
  const { body } = await server.request('GET', `auth/approle/role/${name}/role-id`);
  return { name, roleId: String(body.data?.['role_id']) };
}

async function secretIdOf(role: string, settings: Readonly<Record<string, unknown>> = {}) {
  const { body } = await server.request('POST', `auth/approle/role/${role}/secret-id`, settings);
  return String(body.data?.['secret_id']);
}

/** A wrapping token for what is answered to a request: by default a secret id's making. */
async function wrapped(
  role: string,
  settings: Readonly<Record<string, unknown>> = {},
  at: string = `auth/approle/role/${role}/secret-id`,
): Promise<string> {
  const { body } = await server.request('POST', at, settings, {
    headers: { 'X-Vault-Wrap-TTL': '5m' },
  });
  return body.wrap_info?.token ?? '';
}

async function written(name: string, text: string): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, text, { mode: 0o600 });
  return file;
}

describe('any login', () => {
  test('a hundred calls at once wait for one login, which carries no token', async () => {
    const { name, roleId } = await appRole();
    const relay = await relayed();
    const secretId = await secretIdOf(name, { num_uses: 1 });
    const provider = open(appRoleAuth({ roleId, secretId }), { address: relay.address });
    const batches = await Promise.all(
      Array.from({ length: 100 }, () => provider.read('all', context())),
    );
    for (const { entries } of batches) expect(entries.get('A')).toMatchObject({ value });
    expect(relay.count('POST auth/approle/login')).toBe(1);
    expect(relay.requests[0]).toMatchObject({ line: 'POST auth/approle/login', token: undefined });
  });

  test('VAULT_TOKEN is not sent when there is a login method', async () => {
    const { name, roleId } = await appRole();
    const token = canary();
    const relay = await relayed();
    const auth = appRoleAuth({ roleId, secretId: await secretIdOf(name) });
    expect(await readWith(auth, { address: relay.address, env: { VAULT_TOKEN: token } })).toBe(
      value,
    );
    assertNoLeak([token], relay.requests);
  });

  test('a method and a token at once are a wrong configuration', async () => {
    const auth = certAuth();
    for (const more of [
      { token: 'x' },
      { token: { file: 'x' } },
      { token: { helper: true } },
    ] as const) {
      const provider = vaultProvider({ path, auth, env: {}, ...more });
      expect(await failureOf(provider.read('all', context()))).toMatchObject({
        code: 'ERR_SECRET_CONFIG',
        setting: { option: 'auth' },
      });
    }
  });

  test('a caller that gives up does not end the login of the others', async () => {
    const { name, roleId } = await appRole();
    const relay = await relayed();
    const provider = open(appRoleAuth({ roleId, secretId: await secretIdOf(name) }), {
      address: relay.address,
    });
    const impatient = new AbortController();
    const first = provider.read('all', context({ signal: impatient.signal }));
    const second = provider.read('all', context());
    impatient.abort();
    expect((await failureOf(first, value)).code).toBe('ERR_SECRET_ABORTED');
    expect((await second).entries.get('A')).toMatchObject({ value });
    expect(relay.count('POST auth/approle/login')).toBe(1);
  });

  test('a second factor is asked for: an error says so', async () => {
    const user = freshPath();
    const password = canary();
    await server.request('POST', `auth/userpass/users/${user}`, { password });
    const { body: method } = await server.request('POST', 'identity/mfa/method/totp', {
      issuer: 'shop',
      generate: true,
    });
    const { body: mounts } = await server.request('GET', 'sys/auth');
    const mounted = mounts.data?.['userpass/'] as { accessor: string } | undefined;
    await server.request('POST', 'identity/mfa/login-enforcement/shop', {
      mfa_method_ids: [method.data?.['method_id']],
      auth_method_accessors: [mounted?.accessor],
    });
    endings.push(() => server.request('DELETE', 'identity/mfa/login-enforcement/shop'));
    const error = await failureOf(readWith(userpassAuth({ username: user, password })), password);
    expect(error).toMatchObject({ code: 'ERR_SECRET_UNAUTHENTICATED', provider: 'vault' });
    expect(error.message).toContain('second factor (MFA)');
  });

  test('tokens with counted uses are refused, and given back', async () => {
    const { name, roleId } = await appRole({ token_num_uses: 9 });
    const relay = await relayed();
    const auth = appRoleAuth({ roleId, secretId: await secretIdOf(name) });
    const error = await failureOf(readWith(auth, { address: relay.address }), value);
    expect(error.code).toBe('ERR_SECRET_CONFIG');
    expect(error.message).toContain('token_num_uses=0');
    expect(relay.requests.map(({ line }) => line)).toEqual([
      'POST auth/approle/login',
      'POST auth/token/revoke-self',
    ]);
  });

  test('everything happens in the namespace', async () => {
    const namespace = freshPath();
    const headers = { 'X-Vault-Namespace': namespace };
    const ask = (method: string, at: string, body?: object, more: object = {}) =>
      server.request(method, at, body, { headers: { ...headers, ...more } });
    await server.request('POST', `sys/namespaces/${namespace}`);
    await ask('POST', 'sys/mounts/secret', { type: 'kv', options: { version: '1' } });
    await ask('POST', `secret/${path}`, { A: value });
    await ask('PUT', 'sys/policies/acl/shop', {
      policy: `path "secret/${path}" { capabilities = ["read"] }`,
    });
    await ask('POST', 'sys/auth/approle', { type: 'approle' });
    await ask('POST', 'auth/approle/role/shop', { token_policies: 'shop' });
    await ask('POST', 'auth/approle/role/shop/role-id', { role_id: 'shop-in-team' });
    const { body } = await ask(
      'POST',
      'auth/approle/role/shop/secret-id',
      {},
      {
        'X-Vault-Wrap-TTL': '5m',
      },
    );
    const auth = appRoleAuth({
      roleId: 'shop-in-team',
      wrappedSecretId: body.wrap_info?.token ?? '',
    });
    const relay = await relayed();
    const provider = open(auth, { address: relay.address, namespace });
    expect((await provider.read('all', context())).entries.get('A')).toMatchObject({ value });
    await provider.close?.();
    const token = relay.requests.at(-1)?.token ?? '';
    expect(relay.requests.at(-1)?.line).toBe('POST auth/token/revoke-self');
    await ask('POST', 'auth/token/lookup', { token }).then(
      () => expect.unreachable('the token lives'),
      (error: Error) => expect(error.message).toContain('403'),
    );
  });

  test.each([
    ['no path', {}],
    ['a body that is not JSON', { path: 'auth/x/login', body: { a: 1n } }],
    ['nothing', undefined],
  ])(
    'a method that returns %s is an error that does not show what it returned',
    async (_, login) => {
      const relay = await relayed();
      const auth = { name: 'odd', login: () => login } as unknown as VaultAuth;
      const error = await failureOf(readWith(auth, { address: relay.address }));
      expect(['ERR_SECRET_UNAVAILABLE', 'ERR_SECRET_CONFIG']).toContain(error.code);
      expect(relay.requests).toEqual([]);
    },
  );

  test('an answer that holds no token is invalid', async () => {
    const auth: VaultAuth = { name: 'odd', login: () => ({ path: 'sys/tools/hash', body: {} }) };
    const relay = await relayed();
    relay.interfere(() => 204);
    const error = await failureOf(readWith(auth, { address: relay.address }));
    expect(error.code).toBe('ERR_SECRET_INVALID');
  });

  test('an invalid path is not requested', async () => {
    const relay = await relayed();
    const auth = userpassAuth({ username: '../token', password: canary() });
    const error = await failureOf(readWith(auth, { address: relay.address }));
    expect(error.code).toBe('ERR_SECRET_CONFIG');
    expect(relay.requests).toEqual([]);
  });

  test('a method that is not mounted has the status of a denial, and is asked a few times', async () => {
    const relay = await relayed();
    const password = canary();
    const auth = userpassAuth({ username: 'shop', password, mount: 'nowhere' });
    const error = await failureOf(readWith(auth, { address: relay.address }), password);
    expect(error).toMatchObject({ code: 'ERR_SECRET_UNAUTHENTICATED', storeStatus: 403 });
    expect(error.hint).toMatch(/\bmount/);
    expect(relay.count('POST auth/nowhere/login/shop')).toBe(3);
  });

  test('a server that cannot be asked is unavailable, and is asked again', async () => {
    const { name, roleId } = await appRole();
    const relay = await relayed();
    const password = canary();
    await server.request('POST', 'auth/userpass/users/blip', {
      password,
      token_policies: policy,
    });
    let failures = 0;
    relay.interfere(() => {
      failures += 1;
      return failures <= 2 ? 'reset' : undefined;
    });
    const auth = userpassAuth({ username: 'blip', password });
    expect(await readWith(auth, { address: relay.address })).toBe(value);
    // what one login may use up is not sent twice when it may have arrived
    const secretId = await secretIdOf(name);
    relay.interfere(() => 'reset');
    const once = await failureOf(
      readWith(appRoleAuth({ roleId, secretId }), { address: relay.address }),
      secretId,
    );
    expect(once.code).toBe('ERR_SECRET_UNAVAILABLE');
    expect(relay.count('POST auth/approle/login')).toBe(1);
  });
});

describe('while the cluster chooses its leader', () => {
  /** As a standby says it until there is one, on which it does nothing: for these requests, so often. */
  const noLeader = (relay: LoginRelay, line: string, times: number) =>
    relay.interfere((request) =>
      request.line === line && relay.count(line) <= times
        ? {
            refusedWith: 500,
            errors: ['local node not active but active cluster node not found'],
          }
        : undefined,
    );

  test('a login waits, also one by a secret id with a single use', async () => {
    const { name, roleId } = await appRole({ secret_id_num_uses: 1 });
    const secretId = await secretIdOf(name);
    const relay = await relayed();
    const login = 'POST auth/approle/login';
    noLeader(relay, login, 4);
    const auth = appRoleAuth({ roleId, secretId });
    expect(await readWith(auth, { address: relay.address })).toBe(value);
    expect(relay.count(login)).toBe(5);
  });

  test('a wrapping token is opened once there is one, and is not called used up', async () => {
    const { name, roleId } = await appRole();
    const relay = await relayed();
    const opening = 'POST sys/wrapping/unwrap';
    noLeader(relay, opening, 2);
    const auth = appRoleAuth({ roleId, wrappedSecretId: await wrapped(name) });
    expect(await readWith(auth, { address: relay.address })).toBe(value);
    expect(relay.count(opening)).toBe(3);
    const first = await wrapped(name);
    noLeader(relay, opening, Number.POSITIVE_INFINITY);
    const again = open(appRoleAuth({ roleId, wrappedSecretId: first }), {
      address: relay.address,
      retry: { max: 0 },
    });
    const error = await failureOf(again.read('all', context()), first);
    expect(error).toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE', retryable: true });
    relay.interfere(() => undefined);
    await again.read('all', context());
  });

  test('what may have been passed on to a leader that died is sent again where that does no harm', async () => {
    const { name, roleId } = await appRole({ secret_id_num_uses: 1 });
    const secretId = await secretIdOf(name);
    await server.request('POST', 'auth/userpass/users/waits', {
      password: secretId,
      token_policies: policy,
    });
    const relay = await relayed();
    relay.interfere((request) =>
      request.path.includes('/login') && relay.count(request.line) <= 4
        ? { refusedWith: 503, errors: ['no active Vault instance found'] }
        : undefined,
    );
    const auth = userpassAuth({ username: 'waits', password: secretId });
    expect(await readWith(auth, { address: relay.address })).toBe(value);
    expect(relay.count('POST auth/userpass/login/waits')).toBe(5);
    const once = readWith(appRoleAuth({ roleId, secretId }), { address: relay.address });
    expect((await failureOf(once, secretId)).code).toBe('ERR_SECRET_UNAVAILABLE');
    expect(relay.count('POST auth/approle/login')).toBe(1);
  });

  test('a login without retries does not wait', async () => {
    const { name, roleId } = await appRole();
    const secretId = await secretIdOf(name);
    const relay = await relayed();
    const login = 'POST auth/approle/login';
    noLeader(relay, login, Number.POSITIVE_INFINITY);
    const auth = appRoleAuth({ roleId, secretId });
    const call = readWith(auth, { address: relay.address, retry: { max: 0 } });
    expect((await failureOf(call, secretId)).code).toBe('ERR_SECRET_UNAVAILABLE');
    expect(relay.count(login)).toBe(1);
  });
});

describe('credentials', () => {
  test('come from a file, a variable, a function or the option itself', async () => {
    const { name, roleId } = await appRole();
    const secretId = await secretIdOf(name);
    const file = await written('secret-id', `${secretId}\n`);
    const roleFile = await written('role-id', `  ${roleId}\n\n`);
    const env = { SHOP_SECRET_ID: secretId };
    for (const source of [secretId, { file }, { env: 'SHOP_SECRET_ID' }, async () => secretId])
      expect(
        await readWith(appRoleAuth({ roleId: { file: roleFile }, secretId: source }), { env }),
      ).toBe(value);
  });

  test('the provider lists the variables they came from, and nothing that is not a variable', async () => {
    const { name, roleId } = await appRole();
    const secretId = await secretIdOf(name);
    const provider = open(appRoleAuth({ roleId, secretId: { env: 'SHOP_SECRET_ID' } }), {
      env: { SHOP_SECRET_ID: secretId, OTHER: 'x' },
    });
    // also before it was asked: what is started must not inherit them
    expect([...(provider.credentialVariables ?? [])]).toEqual(['SHOP_SECRET_ID']);
    await provider.read('all', context());
    expect([...(provider.credentialVariables ?? [])]).toEqual(['SHOP_SECRET_ID']);
    // the secret id itself where its variable should be
    const mistaken = open(appRoleAuth({ roleId, secretId: { env: secretId } }));
    await failureOf(mistaken.read('all', context()), secretId);
    assertNoLeak([secretId], mistaken);
  });

  test('what is not there is a wrong configuration that names it', async () => {
    const { name, roleId } = await appRole();
    const empty = await written('empty', '\n');
    const missing = join(folder, 'missing');
    const messageFor = async (secretId: Parameters<typeof appRoleAuth>[0]['secretId'] & {}) => {
      const error = await failureOf(readWith(appRoleAuth({ roleId, secretId })));
      expect(error).toMatchObject({ code: 'ERR_SECRET_CONFIG', provider: 'vault' });
      return error.message;
    };
    expect(await messageFor({ file: missing })).toMatch(/\bsecret id\b/);
    expect(await messageFor({ file: empty })).toMatch(/\bsecret id \(a file\)/);
    expect(await messageFor({ env: 'SHOP_SECRET_ID' })).toContain('SHOP_SECRET_ID');
    const mistaken = await secretIdOf(name);
    expect(await messageFor({ env: mistaken })).not.toContain(mistaken);
    expect(await messageFor('')).toMatch(/\bsecret id \(an option\)/);
    expect(await messageFor(() => '')).toMatch(/\bfunction\b/);
    // as a variable that is not set leaves it
    const [nothing, descriptor] = [undefined as never, { file: 0 as never }];
    expect(await messageFor(descriptor)).toMatch(/\bsecret id\b/);
    const forgotten = await failureOf(readWith(jwtAuth({ role: 'shop', jwt: nothing })));
    expect(forgotten.code).toBe('ERR_SECRET_CONFIG');
    expect(forgotten.message).toMatch(/\bJWT\b/);
    expect(() => userpassAuth({ username: nothing, password: 'x' })).toThrow(/\busername\b/);
  });

  test('a function that does not answer costs one login, not those after it', async () => {
    await server.request('POST', 'auth/userpass/users/patient', {
      password: 'p4ssw0rd',
      token_policies: policy,
    });
    const clock = manualClock();
    let asked = 0;
    const password = () => {
      asked += 1;
      return asked === 1 ? new Promise<string>(() => {}) : 'p4ssw0rd';
    };
    let given: AbortSignal | undefined;
    const method = userpassAuth({ username: 'patient', password });
    const auth: VaultAuth = {
      name: method.name,
      login(loginContext) {
        given ??= loginContext.signal;
        return method.login(loginContext);
      },
    };
    const provider = open(auth, { clock });
    const reading = failureOf(provider.read('all', context()));
    await eventually(() => expect(asked).toBe(1));
    await clock.advance(9_999);
    expect(given?.aborted).toBe(false);
    await clock.advance(1);
    const error = await reading;
    expect(error).toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE', retryable: true });
    expect(error.message).toMatch(/\buserpass\b/);
    expect(given?.aborted).toBe(true);
    expect((await provider.read('all', context())).entries.get('A')).toMatchObject({ value });
  });

  test('a function that fails shows nothing of why, unless it says so', async () => {
    const secret = canary();
    const auth = (jwt: () => string) => jwtAuth({ role: 'shop', jwt });
    const silent = await failureOf(
      readWith(
        auth(() => {
          throw new Error(`no token for ${secret}`);
        }),
      ),
      secret,
    );
    expect(silent.code).toBe('ERR_SECRET_UNAVAILABLE');
    const spoken = await failureOf(
      readWith(
        auth(() => {
          throw new SecretError('ERR_SECRET_DENIED', 'the issuer refuses us');
        }),
      ),
    );
    expect(spoken).toMatchObject({ code: 'ERR_SECRET_DENIED', provider: 'vault' });
  });
});

describe('AppRole', () => {
  test('pull: the server makes the secret id; push: it is given one', async () => {
    const { name, roleId } = await appRole();
    expect(await readWith(appRoleAuth({ roleId, secretId: await secretIdOf(name) }))).toBe(value);
    const pushed = canary();
    await server.request('POST', `auth/approle/role/${name}/custom-secret-id`, {
      secret_id: pushed,
    });
    expect(await readWith(appRoleAuth({ roleId, secretId: pushed }))).toBe(value);
  });

  test('a role may ask for no secret id, and be mounted elsewhere', async () => {
    await server.request('POST', 'sys/auth/team/shop', { type: 'approle' });
    await server.request('POST', 'auth/team/shop/role/bot', {
      token_policies: policy,
      bind_secret_id: false,
      token_bound_cidrs: '127.0.0.1/32',
    });
    await server.request('POST', 'auth/team/shop/role/bot/role-id', { role_id: 'the-bot' });
    expect(await readWith(appRoleAuth({ roleId: 'the-bot', mount: 'team/shop' }))).toBe(value);
  });

  test('wrong credentials are not authenticated, and are sent once', async () => {
    const { roleId } = await appRole();
    const relay = await relayed();
    const secretId = canary();
    const auth = appRoleAuth({ roleId, secretId });
    const error = await failureOf(readWith(auth, { address: relay.address }), secretId, roleId);
    expect(error).toMatchObject({ code: 'ERR_SECRET_UNAUTHENTICATED', storeStatus: 400 });
    expect(error.message).toContain('refused the AppRole login');
    expect(relay.requests).toHaveLength(1);
  });

  test('a refusal that comes as a 500 is one all the same, and no outage', async () => {
    const { name, roleId } = await appRole();
    const long = canary().repeat(300);
    const tooLong = await failureOf(readWith(appRoleAuth({ roleId, secretId: long })), long);
    expect(tooLong).toMatchObject({ code: 'ERR_SECRET_UNAUTHENTICATED', storeStatus: 500 });
    // the role's addresses became others than the secret id's
    const secretId = await secretIdOf(name, { cidr_list: ['127.0.0.1/32'] });
    await server.request('POST', `auth/approle/role/${name}`, {
      secret_id_bound_cidrs: ['10.0.0.0/8'],
    });
    const elsewhere = await failureOf(readWith(appRoleAuth({ roleId, secretId })), secretId);
    expect(elsewhere).toMatchObject({ code: 'ERR_SECRET_UNAUTHENTICATED', storeStatus: 500 });
  });

  test('a role that asks for a secret id where none is given is a wrong configuration', async () => {
    const { roleId } = await appRole();
    const error = await failureOf(readWith(appRoleAuth({ roleId })), roleId);
    expect(error).toMatchObject({ code: 'ERR_SECRET_CONFIG', storeStatus: 400 });
    expect(error.message).toContain('secretId');
  });

  test('both kinds of secret id at once are a wrong configuration', async () => {
    expect(() => appRoleAuth({ roleId: 'a', secretId: 'b', wrappedSecretId: 'c' })).toThrow(
      expect.objectContaining({ code: 'ERR_SECRET_CONFIG' }),
    );
  });
});

describe('a wrapped secret id', () => {
  test('is opened once its origin is sure, and is good for later logins if it has uses', async () => {
    const { name, roleId } = await appRole();
    const relay = await relayed();
    const file = await written('wrapping', `${await wrapped(name)}\n`);
    const said: string[] = [];
    const auth = appRoleAuth({ roleId, wrappedSecretId: { file } });
    const provider = open(auth, { address: relay.address });
    await provider.read('all', context({}, said));
    expect(said).toEqual([]);
    // other clients of the same method share the secret id
    expect(await readWith(auth, { address: relay.address })).toBe(value);
    expect(
      relay.requests.slice(0, 3).map(({ line, token }) => [line, token !== undefined]),
    ).toEqual([
      ['POST sys/wrapping/lookup', false],
      ['POST sys/wrapping/unwrap', true],
      ['POST auth/approle/login', false],
    ]);
    expect(relay.count('POST sys/wrapping/unwrap')).toBe(1);
    expect(relay.count('POST auth/approle/login')).toBe(2);
  });

  test('is opened once by clients that begin at the same time', async () => {
    const { name, roleId } = await appRole();
    const relay = await relayed();
    const auth = appRoleAuth({ roleId, wrappedSecretId: await wrapped(name) });
    const options = { address: relay.address };
    const both = await Promise.all([readWith(auth, options), readWith(auth, options)]);
    expect(both).toEqual([value, value]);
    expect(relay.count('POST sys/wrapping/unwrap')).toBe(1);
  });

  test('that the server has no time for is no interception', async () => {
    const { name, roleId } = await appRole();
    const relay = await relayed();
    relay.interfere(({ line }) => (line === 'POST sys/wrapping/unwrap' ? 429 : undefined));
    const said: string[] = [];
    const wrapping = await wrapped(name);
    const provider = open(appRoleAuth({ roleId, wrappedSecretId: wrapping }), {
      address: relay.address,
    });
    const error = await failureOf(provider.read('all', context({}, said)), wrapping);
    expect(error.code).toBe('ERR_SECRET_UNAVAILABLE');
    expect(said).toEqual([]);
    relay.interfere(() => undefined);
    expect((await provider.read('all', context())).entries.get('A')).toMatchObject({ value });
  });

  test('of another origin is not opened, and a warning says so', async () => {
    const { roleId } = await appRole();
    const relay = await relayed();
    const wrapping = await wrapped('', { input: 'c2hvcA==' }, 'sys/wrapping/wrap');
    const said: string[] = [];
    const provider = open(appRoleAuth({ roleId, wrappedSecretId: wrapping }), {
      address: relay.address,
    });
    const error = await failureOf(provider.read('all', context({}, said)), wrapping);
    expect(error.code).toBe('ERR_SECRET_UNAUTHENTICATED');
    expect(error.message).toContain('intercepted');
    expect(said.join()).toContain('intercepted');
    expect(relay.count('POST sys/wrapping/unwrap')).toBe(0);
    // it is still there for whoever it was meant for
    await server.request('POST', 'sys/wrapping/unwrap', undefined, { token: wrapping });
  });

  test('from a path that is allowed by name', async () => {
    const { name, roleId } = await appRole();
    const wrapping = await wrapped(
      name,
      { secret_id: canary() },
      `auth/approle/role/${name}/custom-secret-id`,
    );
    const creationPath = new RegExp(`^auth/approle/role/${name}/custom-secret-id$`, 'g');
    const auth = appRoleAuth({ roleId, wrappedSecretId: wrapping, creationPath });
    expect(await readWith(auth)).toBe(value);
  });

  test('that another client has opened is refused, and a warning says so', async () => {
    const { name, roleId } = await appRole();
    const wrapping = await wrapped(name);
    await server.request('POST', 'sys/wrapping/unwrap', undefined, { token: wrapping });
    const said: string[] = [];
    const provider = open(appRoleAuth({ roleId, wrappedSecretId: wrapping }));
    const error = await failureOf(provider.read('all', context({}, said)), wrapping);
    expect(error.code).toBe('ERR_SECRET_UNAUTHENTICATED');
    expect(said.join()).toContain('intercepted');
  });

  test('a login whose answer was lost says that its secret id may have been used up', async () => {
    const { name, roleId } = await appRole();
    await server.request('POST', `auth/approle/role/${name}`, { secret_id_num_uses: 1 });
    const made = await server.request('POST', `auth/approle/role/${name}/secret-id`, {});
    const secretId = String(made.body.data?.['secret_id']);
    const relay = await relayed();
    const { address } = relay;
    const file = await written('one-use', secretId);
    const provider = open(appRoleAuth({ roleId, secretId: { file } }), { address });
    relay.interfere(({ line }) => (line === 'POST auth/approle/login' ? 'lose-answer' : undefined));
    const lost = await failureOf(provider.read('all', context()), secretId);
    expect(lost.code).toBe('ERR_SECRET_UNAVAILABLE');
    expect(lost.reason).toMatch(/\bnot known\b/);
    // and so it was
    relay.interfere(() => undefined);
    const later = await failureOf(provider.read('all', context()), secretId);
    expect(later.code).toBe('ERR_SECRET_UNAUTHENTICATED');
  });

  test('is never sent again when the answer was lost', async () => {
    const { name, roleId } = await appRole();
    const relay = await relayed();
    const wrapping = await wrapped(name);
    const file = await written('lost', wrapping);
    const provider = open(appRoleAuth({ roleId, wrappedSecretId: { file } }), {
      address: relay.address,
    });
    relay.interfere(({ line }) =>
      line === 'POST sys/wrapping/unwrap' ? 'lose-answer' : undefined,
    );
    const lost = await failureOf(provider.read('all', context()), wrapping);
    expect(lost).toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE', retryable: false });
    expect(lost.message).toMatch(/\bnot known\b.*\bwrapping token\b/);
    relay.interfere(() => undefined);
    const said: string[] = [];
    const later = await failureOf(provider.read('all', context({}, said)), wrapping);
    expect(later.code).toBe('ERR_SECRET_UNAUTHENTICATED');
    expect(relay.count('POST sys/wrapping/unwrap')).toBe(1);
    // nothing was intercepted, so there is no alarm
    expect(said).toEqual([]);
    await writeFile(file, await wrapped(name));
    expect((await provider.read('all', context())).entries.get('A')).toMatchObject({ value });
  });

  test('with one use: a warning says at once that no login can follow, and none can', async () => {
    const { name, roleId } = await appRole();
    const file = await written('once', await wrapped(name, { num_uses: 1 }));
    const auth = appRoleAuth({ roleId, wrappedSecretId: { file } });
    const said: string[] = [];
    await open(auth).read('all', context({}, said));
    expect(said).toEqual([expect.stringMatching(/^reauth-impossible: .*\bsecret id\b.*\b32 d\b/)]);
    const second = await failureOf(readWith(auth));
    expect(second.code).toBe('ERR_SECRET_UNAUTHENTICATED');
    await writeFile(file, await wrapped(name));
    expect(await readWith(auth)).toBe(value);
  });

  test('that ends soon causes a warning as well', async () => {
    const { name, roleId } = await appRole();
    const said: string[] = [];
    const wrapping = await wrapped(name, { ttl: '90s' });
    await open(appRoleAuth({ roleId, wrappedSecretId: wrapping })).read('all', context({}, said));
    expect(said.join()).toMatch(/\bsecret id\b.*\b90 s\b/);
  });

  test('what cannot be a token is not sent', async () => {
    const { roleId } = await appRole();
    const relay = await relayed();
    const auth = appRoleAuth({ roleId, wrappedSecretId: 'two\nlines' });
    const error = await failureOf(readWith(auth, { address: relay.address }));
    expect(error.code).toBe('ERR_SECRET_CONFIG');
    expect(relay.requests).toEqual([]);
  });
});

describe('userpass', () => {
  test('name and password, wherever it is mounted: LDAP is asked in the same way', async () => {
    await server.request('POST', 'sys/auth/ldap', { type: 'userpass' });
    const password = ` ${canary()} `;
    await server.request('POST', 'auth/ldap/users/shop', { password, token_policies: policy });
    const file = await written('password', `${password}\n`);
    expect(
      await readWith(userpassAuth({ username: 'shop', password: { file }, mount: 'ldap' })),
    ).toBe(value);
    const wrong = await failureOf(
      readWith(userpassAuth({ username: 'shop', password: value, mount: 'ldap' })),
      value,
    );
    expect(wrong).toMatchObject({ code: 'ERR_SECRET_UNAUTHENTICATED', storeStatus: 400 });
    expect(wrong.message).toContain('LDAP login');
  });
});

const hence = (seconds: number) => Math.floor(Date.now() / 1_000) + seconds;

test('a wrong password is not sent over and over, which may lock the account; a new one is at once', async () => {
  const password = canary();
  await server.request('POST', 'auth/userpass/users/lock', { password, token_policies: policy });
  const file = await written('lock', canary());
  const relay = await relayed();
  const clock = manualClock();
  const auth = userpassAuth({ username: 'lock', password: { file } });
  const provider = open(auth, { address: relay.address, clock });
  const attempts = () => relay.count('POST auth/userpass/login/lock');
  const fail = async () => {
    const error = await failureOf(provider.read('all', context()), password);
    expect(error.code).toBe('ERR_SECRET_UNAUTHENTICATED');
  };
  for (let calls = 0; calls < 20; calls += 1) await fail();
  expect(attempts()).toBe(1);
  await clock.advance(1_000);
  await fail();
  await clock.advance(1_000);
  await fail();
  expect(attempts()).toBe(2);
  await writeFile(file, password);
  expect((await provider.read('all', context())).entries.get('A')).toMatchObject({ value });
  expect(attempts()).toBe(3);
});

/** An issuer of JWTs. */
const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const publicPem = publicKey.export({ type: 'spki', format: 'pem' }).toString();

function signed(claims: Readonly<Record<string, unknown>>): string {
  const part = (content: object) => Buffer.from(JSON.stringify(content)).toString('base64url');
  const unsigned = `${part({ alg: 'RS256', typ: 'JWT' })}.${part({ iat: hence(0), ...claims })}`;
  return `${unsigned}.${createSign('RSA-SHA256').update(unsigned).sign(privateKey, 'base64url')}`;
}

describe('JWT', () => {
  const jwt = (more: Readonly<Record<string, unknown>> = {}) =>
    signed({ iss: 'ci', sub: 'shop', aud: 'vault', exp: hence(300), ...more });

  beforeAll(async () => {
    await server.request('POST', 'auth/jwt/config', { jwt_validation_pubkeys: [publicPem] });
    await server.request('POST', 'auth/jwt/role/shop', {
      role_type: 'jwt',
      user_claim: 'sub',
      bound_audiences: ['vault'],
      bound_subject: 'shop',
      token_policies: policy,
    });
  });

  test('from a function, or from a file with a line break at its end', async () => {
    expect(await readWith(jwtAuth({ role: 'shop', jwt: () => jwt() }))).toBe(value);
    const file = await written('jwt', `${jwt()}\n`);
    expect(await readWith(jwtAuth({ role: 'shop', jwt: { file } }))).toBe(value);
  });

  test('of a GitHub Actions job, asked for as the documents say', async () => {
    const bearer = canary();
    // stands in for GitHub's service of tokens
    const github = createServer((request, response) => {
      const { searchParams } = new URL(request.url ?? '', 'http://localhost');
      const isAllowed = request.headers.authorization === `Bearer ${bearer}`;
      response.statusCode = isAllowed ? 200 : 401;
      response.end(JSON.stringify({ value: jwt({ aud: searchParams.get('audience') }) }));
    });
    await new Promise<void>((resolve) => github.listen(0, '127.0.0.1', resolve));
    endings.push(() => github.close());
    const { port } = github.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}/token?api-version=2.0`;
    const actionsToken = async () => {
      const headers = { Authorization: `Bearer ${bearer}` };
      const answer = await fetch(`${url}&audience=vault`, { headers });
      return ((await answer.json()) as { value: string }).value;
    };
    expect(await readWith(jwtAuth({ role: 'shop', jwt: actionsToken }))).toBe(value);
  });

  test('of somebody else, or expired, is not authenticated; an unknown role is a wrong configuration', async () => {
    for (const claims of [{ aud: 'another' }, { exp: hence(-900) }, { sub: 'stranger' }]) {
      const token = jwt(claims);
      const error = await failureOf(readWith(jwtAuth({ role: 'shop', jwt: token })), token);
      expect(error.code).toBe('ERR_SECRET_UNAUTHENTICATED');
    }
    const token = jwt();
    const unknown = await failureOf(readWith(jwtAuth({ role: 'nobody', jwt: token })), token);
    expect(unknown.code).toBe('ERR_SECRET_CONFIG');
    expect(unknown.setting).toEqual({ option: 'auth' });
  });

  test('without a claim that the policies of its role are made of is refused, with a 500', async () => {
    await server.request('POST', 'auth/jwt/role/templated', {
      role_type: 'jwt',
      user_claim: 'sub',
      bound_audiences: ['vault'],
      token_policies: ['{{.team}}'],
      token_policies_template_claims: true,
    });
    const token = jwt();
    const error = await failureOf(readWith(jwtAuth({ role: 'templated', jwt: token })), token);
    expect(error).toMatchObject({ code: 'ERR_SECRET_UNAUTHENTICATED', storeStatus: 500 });
  });

  test('whose issuer the server cannot ask is unavailable, and is sent again at the next call', async () => {
    const keys = JSON.stringify({ keys: [publicKey.export({ format: 'jwk' })] });
    const issuer = createServer((_request, response) => response.end(keys));
    const start = (port = 0) =>
      new Promise<void>((resolve) => issuer.listen(port, '127.0.0.1', resolve));
    const stop = () => {
      issuer.close();
      issuer.closeAllConnections();
    };
    await start();
    endings.push(stop);
    const { port } = issuer.address() as AddressInfo;
    await server.request('POST', 'sys/auth/issued', { type: 'jwt' });
    await server.request('POST', 'auth/issued/config', { jwks_url: `http://127.0.0.1:${port}/` });
    await server.request('POST', 'auth/issued/role/shop', {
      role_type: 'jwt',
      user_claim: 'sub',
      bound_audiences: ['vault'],
      token_policies: policy,
    });
    stop();
    const relay = await relayed();
    const token = jwt();
    const auth = jwtAuth({ role: 'shop', jwt: token, mount: 'issued' });
    const provider = open(auth, { address: relay.address });
    const error = await failureOf(provider.read('all', context()), token);
    expect(error).toMatchObject({
      code: 'ERR_SECRET_UNAVAILABLE',
      storeStatus: 400,
      retryable: true,
    });
    expect(relay.count('POST auth/issued/login')).toBe(3);
    await start(port);
    expect((await provider.read('all', context())).entries.get('A')).toMatchObject({ value });
  });

  test('a method of your own: a key of the machine signs', async () => {
    const keyFile = await written(
      'machine.key',
      privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    );
    expect(await readWith(machineKeyAuth({ role: 'shop', subject: 'shop', keyFile }))).toBe(value);
    const documented = await readFile(
      new URL('../../../docs/providers/vault-auth.md', import.meta.url),
      'utf8',
    );
    const source = await readFile(new URL('machine-key-auth.ts', import.meta.url), 'utf8');
    const code = source.slice(source.indexOf('type Options')).trim();
    expect(documented).toContain(code);
    expect(code.split('\n').length).toBeLessThanOrEqual(20);
  });

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['no path', { body: {} }],
    ['no body', { path: 'auth/x/login' }],
    ['what is no JSON', { path: 'auth/x/login', body: { count: 1n } }],
  ])('a method that returns %s is wrong, and no store that is down', async (_, made) => {
    const auth: VaultAuth = { name: 'odd', login: () => made as never };
    const error = await failureOf(readWith(auth));
    expect(error.code).toBe('ERR_SECRET_CONFIG');
    expect(error.message).toContain('login');
  });

  test('a method that fails shows nothing of why', async () => {
    const secret = canary();
    const auth: VaultAuth = {
      name: 'faulty',
      login: () => Promise.reject(new Error(`cannot use ${secret}`)),
    };
    const error = await failureOf(readWith(auth), secret);
    expect(error).toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE' });
    expect(error.message).toMatch(/\bfaulty\b/);
  });
});

describe('Kubernetes', () => {
  /** The API that the server asks about service accounts' tokens. */
  let answers: 'yes' | 'no' | 'error' = 'yes';
  let reviews: string[] = [];
  const api = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const { token } = (JSON.parse(body) as { spec: { token: string } }).spec;
    reviews.push(token);
    if (answers === 'error') return void response.writeHead(500).end('{}');
    response.writeHead(201, { 'Content-Type': 'application/json' });
    const user = {
      username: 'system:serviceaccount:default:shop',
      uid: 'uid-1',
      groups: ['system:serviceaccounts'],
    };
    response.end(
      JSON.stringify({ status: answers === 'yes' ? { authenticated: true, user } : {} }),
    );
  });

  const account = (more: Readonly<Record<string, unknown>> = {}) =>
    signed({
      iss: 'https://kubernetes.default.svc.cluster.local',
      sub: 'system:serviceaccount:default:shop',
      exp: hence(600),
      jti: canary(),
      'kubernetes.io': { namespace: 'default', serviceaccount: { name: 'shop', uid: 'uid-1' } },
      ...more,
    });

  beforeAll(async () => {
    await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
    await server.request('POST', 'auth/kubernetes/config', {
      kubernetes_host: `http://127.0.0.1:${(api.address() as AddressInfo).port}`,
      kubernetes_ca_cert: await readFile(
        new URL('certificates/authority.pem', import.meta.url),
        'utf8',
      ),
      token_reviewer_jwt: account(),
      pem_keys: [publicPem],
      disable_local_ca_jwt: true,
    });
    await server.request('POST', 'auth/kubernetes/role/shop', {
      bound_service_account_names: 'shop',
      bound_service_account_namespaces: 'default',
      token_policies: policy,
    });
  });
  afterAll(() => {
    api.close();
    api.closeAllConnections();
  });

  test('the projected file is read at each login, and sent without its line break', async () => {
    answers = 'yes';
    reviews = [];
    const first = account();
    const file = await written('account', `${first}\n`);
    const auth = kubernetesAuth({ role: 'shop', jwt: { file } });
    expect(await readWith(auth)).toBe(value);
    const second = account();
    await writeFile(file, second);
    expect(await readWith(auth)).toBe(value);
    expect(reviews).toEqual([first, second]);
  });

  test('a refusal because the API is down for a moment is outlasted', async () => {
    answers = 'error';
    reviews = [];
    const relay = await relayed();
    relay.interfere(() => {
      if (relay.count('POST auth/kubernetes/login') === 2) answers = 'yes';
      return undefined;
    });
    const auth = kubernetesAuth({ role: 'shop', jwt: () => account() });
    expect(await readWith(auth, { address: relay.address })).toBe(value);
    expect(relay.count('POST auth/kubernetes/login')).toBe(2);
    expect(reviews.length).toBeGreaterThanOrEqual(2);
  });

  test('what is refused for good is not authenticated', async () => {
    answers = 'no';
    const jwt = account();
    const error = await failureOf(readWith(kubernetesAuth({ role: 'shop', jwt })), jwt);
    expect(error).toMatchObject({ code: 'ERR_SECRET_UNAUTHENTICATED', storeStatus: 403 });
    answers = 'yes';
    const expired = account({ exp: hence(-60) });
    const late = await failureOf(readWith(kubernetesAuth({ role: 'shop', jwt: expired })), expired);
    expect(late.code).toBe('ERR_SECRET_UNAUTHENTICATED');
    const unknown = await failureOf(readWith(kubernetesAuth({ role: 'nobody', jwt })), jwt);
    expect(unknown.code).toBe('ERR_SECRET_CONFIG');
  });

  test('what is refused with a 500 is no outage', async () => {
    answers = 'yes';
    for (const claims of [
      { 'kubernetes.io': { namespace: 5 } },
      { 'kubernetes.io': 'of another shape' },
    ]) {
      const jwt = account(claims);
      const error = await failureOf(readWith(kubernetesAuth({ role: 'shop', jwt })), jwt);
      expect(error).toMatchObject({ code: 'ERR_SECRET_UNAUTHENTICATED', storeStatus: 500 });
    }
    await server.request('POST', 'sys/auth/kubernetes-bare', { type: 'kubernetes' });
    await server.request('POST', 'auth/kubernetes-bare/role/shop', {
      bound_service_account_names: 'shop',
      bound_service_account_namespaces: 'default',
    });
    const jwt = account();
    const auth = kubernetesAuth({ role: 'shop', jwt, mount: 'kubernetes-bare' });
    const bare = await failureOf(readWith(auth), jwt);
    expect(bare).toMatchObject({ code: 'ERR_SECRET_CONFIG', storeStatus: 500 });
  });

  test('the token is looked for where Kubernetes puts it', async () => {
    const error = await failureOf(readWith(kubernetesAuth({ role: 'shop' })));
    expect(error.code).toBe('ERR_SECRET_CONFIG');
    expect(error.message).toMatch(/\bJWT\b/);
  });
});
