/**
 * The life of credentials on a real OpenBao, with our own time stepped by hand: renewed, replaced,
 * given back, and what is done when one of these fails.
 */
import { createSecrets, type Secrets } from '@keyfall/core';
import type { SecretBatch, SecretProvider } from '@keyfall/core/provider';
import {
  assertNoLeak,
  type ManualClock,
  manualClock,
  sharedVaultServer,
  type VaultServer,
} from '@keyfall/testkit';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type VaultDynamicOptions, vaultDynamicProvider } from '../src/index.ts';
import { type Front, frontOf } from './front.ts';
import { atTheLatest, context, eventually, type Fate, relayTo, tokenFor } from './harness.ts';
import { leasesOf, mountUsers, type UserRegistry, userRegistry } from './user-registry.ts';

const second = 1_000;
const minute = 60 * second;

let server: VaultServer;
let registry: UserRegistry;
/** Leases of an hour that may be renewed. */
let path: string;
let relay: Awaited<ReturnType<typeof relayTo>>;
/** What becomes of the next requests. */
let fate: Fate | Promise<Fate>;
let front: Front;
let clock: ManualClock;
let token: string;
let said: string[];

const rules = (place: string, ...more: readonly string[]) =>
  [`path "${place}" { capabilities = ["read"] }`, ...more].join('\n');
const mayRenew = 'path "sys/leases/renew" { capabilities = ["update"] }';
const mayRevoke = 'path "sys/leases/revoke" { capabilities = ["update"] }';

beforeAll(async () => {
  server = await sharedVaultServer();
});
beforeEach(async () => {
  registry = await userRegistry();
  path = await mountUsers(server, registry);
  fate = 'pass';
  relay = await relayTo(server.address, () => fate);
  front = await frontOf(relay.address);
  clock = manualClock();
  said = [];
  ({ token } = await tokenFor(server, rules(path, mayRenew, mayRevoke)));
});
afterEach(async () => {
  await front.close();
  await relay.close();
  await registry.close();
});

const dynamic = (options: Partial<VaultDynamicOptions> = {}): SecretProvider =>
  vaultDynamicProvider({
    address: front.address,
    path,
    token,
    env: {},
    clock,
    retry: { max: 0 },
    ...options,
  });

async function read(provider: SecretProvider): Promise<SecretBatch['entries']> {
  return (await provider.read('all', context({}, said))).entries;
}

async function userOf(provider: SecretProvider): Promise<string> {
  const entry = (await read(provider)).get('username');
  if (entry === undefined || entry instanceof Error) throw new Error('no username was answered');
  return entry.value;
}

/** How long what a read answers is to be given out: tells when the answer to a renewal has come. */
async function leftOf(provider: SecretProvider): Promise<number> {
  const entry = (await read(provider)).get('username');
  return entry === undefined || entry instanceof Error ? 0 : (entry.lease?.duration ?? 0);
}

const count = (place: string) => relay.requests.filter((each) => each.endsWith(place)).length;
const renewals = () => count('/v1/sys/leases/renew');
const revocations = () => count('/v1/sys/leases/revoke');

/** Somebody who watches. Resolves to how often there was a change. */
function watcherOf(provider: SecretProvider) {
  const onChange = vi.fn();
  const end = new AbortController();
  const over = provider.watch?.(onChange, end.signal);
  return {
    onChange,
    end() {
      end.abort();
      return over;
    },
  };
}

describe('while the lease may be renewed', () => {
  test('it is, at about two thirds, and the credentials stay the same', async () => {
    const provider = dynamic();
    const user = await atTheLatest(() => userOf(provider));
    await clock.advance(41 * minute);
    await provider.check?.(context());
    expect(renewals()).toBe(0);
    await clock.advance(4 * minute);
    await eventually(() => expect(renewals()).toBe(1));
    await eventually(async () => expect(await leftOf(provider)).toBeGreaterThan(40 * minute));
    // past the end that the lease had at first
    await clock.advance(25 * minute);
    expect(await userOf(provider)).toBe(user);
    expect(registry.made).toBe(1);
    await provider.close?.();
    expect(registry.users.size).toBe(0);
  });

  test('it goes on being renewed for an application that read once and never again', async () => {
    const provider = dynamic();
    const user = await atTheLatest(() => userOf(provider));
    for (let times = 1; times <= 5; times += 1) {
      await clock.advance(45 * minute);
      await eventually(() => expect(renewals()).toBe(times));
      await eventually(async () => expect(await leftOf(provider)).toBeGreaterThan(40 * minute));
    }
    expect(registry.users).toEqual(new Set([user]));
    await provider.close?.();
  });

  test('a renewal that fails in passing is repeated, with a warning', async () => {
    const provider = dynamic();
    const user = await userOf(provider);
    await front.refuse();
    await clock.advance(45 * minute);
    await eventually(() => expect(said.at(-1)).toContain('renewed'));
    await front.accept();
    // the more often it failed, the longer it waits
    await eventually(async () => {
      await clock.advance(10 * second);
      expect(renewals()).toBe(1);
    });
    await eventually(async () => expect(await leftOf(provider)).toBeGreaterThan(40 * minute));
    await clock.advance(30 * minute);
    expect(await userOf(provider)).toBe(user);
    expect(registry.made).toBe(1);
    await provider.close?.();
    expect(registry.users.size).toBe(0);
    assertNoLeak([token], said);
  });

  test('a lease that somebody revoked is replaced as soon as that shows', async () => {
    const provider = dynamic();
    const user = await userOf(provider);
    const watcher = watcherOf(provider);
    await server.request('PUT', `sys/leases/revoke-prefix/${path}`, { sync: true });
    await clock.advance(45 * minute);
    await eventually(() => expect(watcher.onChange).toHaveBeenCalledOnce());
    expect(await userOf(provider)).not.toBe(user);
    await watcher.end();
    await provider.close?.();
    expect(registry.users.size).toBe(0);
  });
});

describe('before the end', () => {
  beforeEach(async () => {
    // no renewal: the default policy would allow it
    const policy = await server.createPolicy(rules(path, mayRevoke));
    const created = await server.createToken({
      policies: [policy],
      more: { no_default_policy: true },
    });
    token = created.token;
  });

  test('new ones are made while something watches, and the old ones are revoked a grace period later', async () => {
    const provider = dynamic();
    const old = await userOf(provider);
    const watcher = watcherOf(provider);
    await clock.advance(58 * minute);
    await eventually(() => expect(said).toEqual([expect.stringContaining('renewed')]));
    expect(watcher.onChange).not.toHaveBeenCalled();
    await clock.advance(minute);
    await eventually(() => expect(watcher.onChange).toHaveBeenCalledOnce());
    const fresh = await userOf(provider);
    expect(fresh).not.toBe(old);
    expect(registry.users).toEqual(new Set([old, fresh]));
    await clock.advance(29 * second);
    // what a timer had sent would have arrived before the last of these requests
    await provider.check?.(context());
    expect(revocations()).toBe(0);
    await clock.advance(second);
    await eventually(() => expect(registry.users).toEqual(new Set([fresh])));
    await watcher.end();
    await provider.close?.();
  });

  test('nothing is made while nothing watches or reads', async () => {
    const provider = dynamic();
    const old = await userOf(provider);
    await clock.advance(59.5 * minute);
    expect(registry.made).toBe(1);
    const fresh = await userOf(provider);
    expect(fresh).not.toBe(old);
    // who was told so may go on giving out the old ones until then
    await clock.advance(30 * second);
    await eventually(() => expect(registry.users).toEqual(new Set([fresh])));
    await provider.close?.();
  });

  test('a read while there is time gets the old ones at once, and the next one the new ones', async () => {
    const provider = dynamic();
    const old = await userOf(provider);
    await clock.advance(59 * minute + 10 * second);
    expect(await userOf(provider)).toBe(old);
    await eventually(async () => expect(await userOf(provider)).not.toBe(old));
    expect(registry.made).toBe(2);
    await provider.close?.();
  });

  test('a server that is down for a while is asked again, and the old ones go on meanwhile', async () => {
    const provider = dynamic();
    const old = await userOf(provider);
    const watcher = watcherOf(provider);
    await clock.advance(45 * minute);
    await eventually(() => expect(said).toHaveLength(1));
    await front.refuse();
    await clock.advance(14 * minute + 35 * second);
    await eventually(() => expect(said.at(-1)).toContain('new credentials'));
    expect(await userOf(provider)).toBe(old);
    await front.accept();
    await eventually(async () => {
      await clock.advance(second);
      expect(watcher.onChange).toHaveBeenCalledOnce();
    });
    expect(await userOf(provider)).not.toBe(old);
    expect(registry.made).toBe(2);
    await watcher.end();
    await provider.close?.();
    expect(registry.users.size).toBe(0);
    assertNoLeak([token], said);
  });

  test('a read in the last grace period does not wait long for a server that is silent', async () => {
    const provider = dynamic();
    const old = await userOf(provider);
    await clock.advance(59 * minute + 40 * second);
    fate = new Promise(() => {});
    const asked = provider.read('all', {
      ...context({}, said),
      remainingTimeout: () => 2 * second,
    });
    await clock.advance(second);
    expect((await asked).entries.get('username')).toMatchObject({ value: old });
    expect(said.at(-1)).toMatch(/: no answer yet$/);
    await clock.advance(20 * second);
    fate = 'pass';
    await front.refuse();
    await expect(read(provider)).rejects.toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE' });
    await provider.close?.();
  });

  test('a server that stays down makes it unavailable once they have ended', async () => {
    const provider = dynamic();
    const old = await userOf(provider);
    await front.refuse();
    await clock.advance(59 * minute + 55 * second);
    expect(await userOf(provider)).toBe(old);
    await clock.advance(5 * second);
    await expect(read(provider)).rejects.toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE' });
    expect(registry.made).toBe(1);
    await front.accept();
    const fresh = await userOf(provider);
    expect(fresh).not.toBe(old);
    await provider.close?.();
    expect(registry.users).not.toContain(fresh);
    assertNoLeak([token, old, fresh], said);
  });

  test.each([
    ['the machine slept', () => clock.suspend(2 * 60 * minute)],
    [
      'it slept, and its running time stood still',
      () => clock.suspend(2 * 60 * minute, { monotonic: false }),
    ],
  ])('%s: the first read answers with new ones', async (_, sleep) => {
    const provider = dynamic();
    const old = await userOf(provider);
    await sleep();
    expect(await userOf(provider)).not.toBe(old);
    await provider.close?.();
  });
});

describe('in a chain', () => {
  let secrets: Secrets;
  afterEach(() => secrets.close());

  test('a change is announced, and all names change together', async () => {
    secrets = createSecrets({ providers: [dynamic()], clock });
    const changed: string[] = [];
    secrets.on('changed', ({ name }) => changed.push(name));
    const old = await secrets.getAll();
    const seen: Readonly<Record<string, string>>[] = [];
    const change = secrets.watch('password').next();
    void change.then(async () => seen.push(await secrets.getAll()));
    await secrets.view(['password']); // by now the watch has begun as well
    await server.request('PUT', `sys/leases/revoke-prefix/${path}`, { sync: true });
    await clock.advance(45 * minute);
    await eventually(() => expect(seen).toHaveLength(1));
    expect(seen[0]?.['username']).not.toBe(old['username']);
    expect(seen[0]?.['password']).not.toBe(old['password']);
    expect(registry.users).toContain(seen[0]?.['username']);
    expect(changed.sort()).toEqual(['password', 'username']);
    const shown = await secrets.explain('password');
    assertNoLeak([old['password'] ?? '', seen[0]?.['password'] ?? '', token], shown, changed);
  });

  test('what it remembers of a store that cannot be asked ends with the lease', async () => {
    secrets = createSecrets({ providers: [dynamic({ grace: 0 })], clock });
    secrets.on('warning', ({ message }) => said.push(message));
    await secrets.get('password');
    await front.refuse();
    await clock.advance(59 * minute);
    expect(await secrets.get('password')).toBeDefined();
    await clock.advance(2 * minute);
    await expect(secrets.get('password')).rejects.toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE' });
  });
});

describe('at the end', () => {
  test('what was replaced and not revoked yet goes as well', async () => {
    const provider = dynamic();
    await read(provider);
    const watcher = watcherOf(provider);
    await server.request('PUT', `sys/leases/revoke-prefix/${path}`, { sync: true });
    await clock.advance(45 * minute);
    await eventually(() => expect(watcher.onChange).toHaveBeenCalledOnce());
    await provider.close?.();
    await watcher.end();
    expect(revocations()).toBe(2);
    expect(registry.users.size).toBe(0);
    expect(await leasesOf(server, path)).toEqual([]);
    expect(clock.timers).toBe(0);
  });

  test('a token that may not revoke says so, and when they end by themselves', async () => {
    ({ token } = await tokenFor(server, rules(path)));
    const provider = dynamic();
    await read(provider);
    await clock.advance(minute);
    await provider.close?.();
    expect(said).toEqual([expect.stringMatching(/\busers-\S+ .*\b59 min\b/)]);
    expect(registry.users.size).toBe(1);
    assertNoLeak([token], said);
  });

  test('a server that does not answer is waited for two seconds', async () => {
    const provider = dynamic();
    await read(provider);
    fate = new Promise(() => {});
    let closed = false;
    const closing = provider.close?.().then(() => {
      closed = true;
    });
    await clock.advance(1.9 * second);
    expect(closed).toBe(false);
    await clock.advance(0.1 * second);
    await closing;
    expect(said).toEqual([expect.stringMatching(/\busers-\S+ .*\b60 min\b/)]);
    expect(clock.timers).toBe(0);
    // the server ends it: until then there is its user
    expect(registry.users.size).toBe(1);
  });
});
