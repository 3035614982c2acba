/**
 * Leases end with the token that made them: what becomes of credentials when the token is replaced,
 * revoked or short-lived, on a real OpenBao with our own time stepped by hand.
 */
import type { SecretProvider } from '@keyfall/core/provider';
import {
  assertNoLeak,
  type ManualClock,
  manualClock,
  sharedVaultServer,
  type VaultServer,
} from '@keyfall/testkit';
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { appRoleAuth, type VaultDynamicOptions, vaultDynamicProvider } from '../src/index.ts';
import { context, enableAuth, eventually, relayTo, tokenFor } from './harness.ts';
import { leasesOf, mountUsers, type UserRegistry, userRegistry } from './user-registry.ts';

const second = 1_000;
const minute = 60 * second;

let server: VaultServer;
let registry: UserRegistry;
/** Leases of ten hours. */
let path: string;
let relay: Awaited<ReturnType<typeof relayTo>>;
let clock: ManualClock;
let said: string[];

beforeAll(async () => {
  server = await sharedVaultServer();
  await enableAuth(server, 'approle');
});
beforeEach(async () => {
  registry = await userRegistry();
  path = await mountUsers(server, registry, { ttl: 36_000 });
  relay = await relayTo(server.address);
  clock = manualClock();
  said = [];
});
afterEach(async () => {
  await relay.close();
  await registry.close();
});

const reading = () => `path "${path}" { capabilities = ["read"] }`;
const revokeSelf = 'path "auth/token/revoke-self" { capabilities = ["update"] }';

/** A login whose tokens live for an hour and may not be renewed: that is a right of the policy `default`. */
async function login(...rules: readonly string[]) {
  return loginWith({ token_type: 'service' }, ...rules);
}

async function loginWith(settings: object, ...rules: readonly string[]) {
  const name = path.split('/')[0];
  await server.request('POST', `auth/approle/role/${name}`, {
    token_policies: [await server.createPolicy([reading(), revokeSelf, ...rules].join('\n'))],
    token_no_default_policy: true,
    token_ttl: '1h',
    ...settings,
  });
  const role = await server.request('GET', `auth/approle/role/${name}/role-id`);
  const secret = await server.request('POST', `auth/approle/role/${name}/secret-id`, {});
  const text = (data: Readonly<Record<string, unknown>> | undefined, member: string) =>
    String(data?.[member]);
  return {
    auth: appRoleAuth({
      roleId: text(role.body.data, 'role_id'),
      secretId: text(secret.body.data, 'secret_id'),
    }),
    secretId: text(secret.body.data, 'secret_id'),
  };
}

const dynamic = (options: Partial<VaultDynamicOptions>): SecretProvider =>
  vaultDynamicProvider({
    address: relay.address,
    path,
    env: {},
    clock,
    retry: { max: 0 },
    ...options,
  });

async function given(provider: SecretProvider) {
  const { entries } = await provider.read('all', context({}, said));
  const entry = entries.get('username');
  if (entry === undefined || entry instanceof Error) throw new Error('no username was answered');
  return { user: entry.value, goodFor: entry.lease?.duration ?? 0 };
}

function watcherOf(provider: SecretProvider) {
  const onChange = vi.fn();
  const end = new AbortController();
  void provider.watch?.(onChange, end.signal);
  return { onChange, end: () => end.abort() };
}

/** What timers have sent by now has arrived when so many later requests were answered. */
const settled = (provider: SecretProvider) => provider.check?.(context());

const asked = (place: string) => relay.requests.filter((each) => each.endsWith(place)).length;

test('a login of ours takes its leases with it at the end, without the right to revoke them', async () => {
  const { auth, secretId } = await login();
  const provider = dynamic({ auth });
  await given(provider);
  expect(registry.users.size).toBe(1);
  await provider.close?.();
  await eventually(() => expect(registry.users.size).toBe(0));
  // the server forgets a lease when its user is gone
  await eventually(async () => expect(await leasesOf(server, path)).toEqual([]));
  expect(asked('/auth/token/revoke-self')).toBe(1);
  expect(said).toEqual([]);
  assertNoLeak([secretId], relay.requests, provider);
});

test('with a new token come new credentials, before the old token is revoked', async () => {
  const provider = dynamic({ auth: (await login()).auth });
  const old = await given(provider);
  const watcher = watcherOf(provider);
  // 70 to 73 % of the hour: the renewal is refused, and another login follows
  await clock.advance(45 * minute);
  await eventually(() => expect(watcher.onChange).toHaveBeenCalledOnce());
  const fresh = await given(provider);
  expect(fresh.user).not.toBe(old.user);
  await clock.advance(29 * second);
  await settled(provider);
  expect(asked('/auth/token/revoke-self')).toBe(0);
  expect(registry.users).toEqual(new Set([old.user, fresh.user]));
  await clock.advance(second);
  await eventually(() => expect(registry.users).toEqual(new Set([fresh.user])));
  expect(asked('/auth/token/revoke-self')).toBe(1);
  watcher.end();
  await provider.close?.();
  await eventually(() => expect(registry.users.size).toBe(0));
  expect(said).toEqual([]);
});

test('an old token is kept as long as no new credentials can be made', async () => {
  const provider = dynamic({ auth: (await login()).auth });
  const old = await given(provider);
  const watcher = watcherOf(provider);
  registry.failing = true;
  await clock.advance(45 * minute);
  await eventually(() => expect(said).toEqual([expect.stringMatching(/^new credentials /)]));
  expect((await given(provider)).user).toBe(old.user);
  registry.failing = false;
  await eventually(async () => {
    await clock.advance(second);
    expect(watcher.onChange).toHaveBeenCalledOnce();
  });
  expect(asked('/auth/token/revoke-self')).toBe(0);
  await clock.advance(minute);
  await eventually(() => expect(asked('/auth/token/revoke-self')).toBe(1));
  await eventually(() => expect(registry.users).not.toContain(old.user));
  watcher.end();
  await provider.close?.();
});

test('a program that does not watch may use its credentials until the end that it was given', async () => {
  const provider = dynamic({ auth: (await login()).auth });
  const old = await given(provider);
  // a lease of ten hours, but a token of one
  expect(old.goodFor).toBeLessThanOrEqual(60 * minute);
  expect(old.goodFor).toBeGreaterThan(59 * minute);
  await clock.advance(45 * minute);
  await eventually(() => expect(registry.made).toBe(2));
  await clock.advance(14 * minute);
  await settled(provider);
  expect(registry.users).toContain(old.user);
  expect(asked('/auth/token/revoke-self')).toBe(0);
  expect((await given(provider)).user).not.toBe(old.user);
  await clock.advance(minute);
  await eventually(() => expect(registry.users).not.toContain(old.user));
  await provider.close?.();
});

test('a token that somebody revoked is replaced, and its credentials as soon as that shows', async () => {
  const renew = 'path "sys/leases/renew" { capabilities = ["update"] }';
  const renewSelf = 'path "auth/token/renew-self" { capabilities = ["update"] }';
  const provider = dynamic({ auth: (await login(renew, renewSelf)).auth });
  const old = await given(provider);
  const watcher = watcherOf(provider);
  const { body } = await server.request('GET', 'auth/token/accessors?list=true');
  for (const accessor of (body.data?.['keys'] ?? []) as string[]) {
    const { body } = await server.request('POST', 'auth/token/lookup-accessor', { accessor });
    if (body.data?.['path'] === 'auth/approle/login')
      await server.request('POST', 'auth/token/revoke-accessor', { accessor });
  }
  await eventually(() => expect(registry.users.size).toBe(0));
  await clock.advance(45 * minute);
  await eventually(() => expect(watcher.onChange).toHaveBeenCalled());
  const fresh = await given(provider);
  expect(fresh.user).not.toBe(old.user);
  expect(registry.users).toEqual(new Set([fresh.user]));
  watcher.end();
  await provider.close?.();
  await eventually(() => expect(registry.users.size).toBe(0));
});

test('a batch token, which cannot be revoked, has its leases revoked one by one', async () => {
  const revoke = 'path "sys/leases/revoke" { capabilities = ["update"] }';
  const provider = dynamic({ auth: (await loginWith({ token_type: 'batch' }, revoke)).auth });
  // the server caps the lease itself
  expect((await given(provider)).goodFor).toBeLessThanOrEqual(60 * minute);
  await provider.close?.();
  expect(registry.users.size).toBe(0);
  expect(asked('/sys/leases/revoke')).toBe(1);
  expect(asked('/auth/token/revoke-self')).toBe(0);
});

test('what a short-lived token made is given out no longer than the token lives', async () => {
  const policy = await server.createPolicy(reading());
  const { token } = await server.createToken({ policies: ['default', policy], ttl: '10m' });
  const provider = dynamic({ token });
  // a token that was given is looked up after a while
  expect((await given(provider)).goodFor).toBeGreaterThan(60 * minute);
  await clock.advance(minute);
  await eventually(async () =>
    expect((await given(provider)).goodFor).toBeLessThanOrEqual(10 * minute),
  );
  await provider.close?.();
  assertNoLeak([token], said, provider);
});

test('a token that was given is left alone', async () => {
  const { token } = await tokenFor(
    server,
    `${reading()}\npath "sys/leases/revoke" { capabilities = ["update"] }`,
  );
  const provider = dynamic({ token });
  await given(provider);
  await provider.close?.();
  expect(registry.users.size).toBe(0);
  expect(asked('/auth/token/revoke-self')).toBe(0);
  await server.request('GET', 'auth/token/lookup-self', undefined, { token });
});
