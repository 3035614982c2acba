/**
 * How a token lives, on a real server: the clock is ours, so that hours pass in no time, and the
 * server's answers are its own.
 */
import { writeFileSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SecretProvider } from '@keyfall/core/provider';
import {
  assertNoLeak,
  type ManualClock,
  manualClock,
  sharedVaultServer,
  type VaultServer,
} from '@keyfall/testkit';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { openWire } from '../src/http/open-wire.ts';
import {
  appRoleAuth,
  type VaultAuth,
  type VaultProviderOptions,
  vaultProvider,
} from '../src/index.ts';
import { createVaultClient } from '../src/session/vault-client.ts';
import { resolveSettings } from '../src/settings/vault-settings.ts';
import {
  atTheLatest,
  canary,
  context,
  enableAuth,
  eventually,
  failureOf,
  freshPath,
  readPolicy,
} from './harness.ts';
import { type LoginRelay, loginRelay } from './login-relay.ts';

const value = canary();
const path = freshPath();
const hour = 3_600_000;
const login = 'POST auth/approle/login';
const renewal = 'POST auth/token/renew-self';
const revocation = 'POST auth/token/revoke-self';
let server: VaultServer;
let policy = '';
const endings: (() => unknown)[] = [];

beforeAll(async () => {
  server = await sharedVaultServer();
  await server.request('POST', `secret/data/${path}`, { data: { A: value } });
  policy = await server.createPolicy(readPolicy('secret', path));
  await enableAuth(server, 'approle');
});
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

interface Subject {
  readonly provider: SecretProvider;
  readonly relay: LoginRelay;
  readonly clock: ManualClock;
  readonly said: string[];
  /** Reads, and holds that there was an answer. */
  read(): Promise<void>;
  /** Waits until the server was asked so often. */
  asked(line: string, times: number): Promise<void>;
  /** What the server knows of the token that was used last. */
  lookUp(): Promise<number>;
  /** The tokens that were sent with reads, first first. */
  tokens(): readonly string[];
}

async function subject(options: VaultProviderOptions): Promise<Subject> {
  const relay = await loginRelay(server.address);
  const clock = manualClock();
  const said: string[] = [];
  const provider = vaultProvider({ address: relay.address, path, env: {}, clock, ...options });
  endings.push(
    () => provider.close?.(),
    () => relay.close(),
    () => assertNoLeak([value, ...tokens()], said),
  );
  const tokens = () => [
    ...new Set(relay.requests.flatMap(({ token }) => (token === undefined ? [] : [token]))),
  ];
  return {
    provider,
    relay,
    clock,
    said,
    async read() {
      const { entries } = await provider.read('all', context({}, said));
      expect(entries.get('A')).toMatchObject({ value });
    },
    asked: (line, times) =>
      eventually(() => expect(relay.count(line)).toBeGreaterThanOrEqual(times)),
    async lookUp() {
      return statusOf(tokens().at(-1) ?? '');
    },
    tokens,
  };
}

async function statusOf(token: string): Promise<number> {
  const { status } = await server.request('POST', 'auth/token/lookup', { token }, { allow: [403] });
  return status;
}

interface LoggedIn extends Subject {
  readonly auth: VaultAuth;
  readonly role: string;
  /** Changes the role. */
  set(settings: object): Promise<unknown>;
}

/** A client that logs in with a role of these settings. `role` is its name. */
async function loggedIn(
  settings: Readonly<Record<string, unknown>> = {},
  options: VaultProviderOptions = {},
): Promise<LoggedIn> {
  const role = freshPath();
  const set = (more: object) => server.request('POST', `auth/approle/role/${role}`, more);
  await set({ token_policies: policy, token_ttl: '1h', ...settings });
  const { body: id } = await server.request('GET', `auth/approle/role/${role}/role-id`);
  const { body: secret } = await server.request('POST', `auth/approle/role/${role}/secret-id`, {});
  const auth = appRoleAuth({
    roleId: String(id.data?.['role_id']),
    secretId: String(secret.data?.['secret_id']),
  });
  const made = await subject({ auth, ...options });
  return { ...made, auth, role, set };
}

describe('renewal', () => {
  test('at about two thirds of its life, at first up to half of that earlier, for as long as that lengthens it', async () => {
    const { read, clock, relay, tokens, said } = await loggedIn();
    await read();
    const moments = [0];
    relay.interfere(({ line }) => {
      if (line === renewal) moments.push(clock.monotonic());
      return undefined;
    });
    const step = 0.01 * hour;
    for (let steps = 0; steps < 300; steps += 1) {
      await clock.advance(step);
      await settled(clock);
    }
    expect(moments).toHaveLength(5);
    for (const [index, moment] of moments.slice(1).entries()) {
      // a third of the grace of 10 to 20 % comes after the two thirds
      const waited = moment - (moments[index] ?? 0);
      // and the first one comes up to half of that earlier: those who logged in at once do not come back at once
      expect(waited).toBeGreaterThan((index === 0 ? 0.35 : 0.69) * hour);
      expect(waited).toBeLessThan(0.74 * hour + step);
    }
    await read();
    expect(relay.count(login)).toBe(1);
    expect(tokens()).toHaveLength(1);
    expect(said).toEqual([]);
  });

  test('is counted from before the login was sent, however long the answer took', async () => {
    const { read, clock, relay, asked } = await loggedIn({ token_ttl: '60s' });
    relay.interfere(({ line }) => {
      if (line === login) void clock.suspend(9_000);
      return undefined;
    });
    await atTheLatest(read);
    // two thirds of the 51 s that are left, and a third of a grace of 6 to 12 s: 36 to 38 s
    await clock.advance(35_000);
    expect(relay.count(renewal)).toBe(0);
    await clock.advance(4_000);
    await asked(renewal, 1);
  });

  test('takes the time of its answer, and no other token that it names', async () => {
    const { read, clock, relay, asked, tokens } = await loggedIn();
    await atTheLatest(read);
    const auth = { client_token: canary(), lease_duration: 7_200, renewable: true };
    relay.interfere(({ line }) => (line === renewal ? { auth } : undefined));
    await clock.advance(0.75 * hour);
    await asked(renewal, 1);
    await settled(clock);
    await clock.advance(1.3 * hour);
    expect(relay.count(renewal)).toBe(1);
    await read();
    expect(tokens()).toHaveLength(1);
  });

  test('never keeps the process alive, whatever it waits for', async () => {
    const { read, clock } = await loggedIn();
    await read();
    expect(clock.timers).toBe(1);
    expect(clock.foregroundTimers).toBe(0);
  });

  test('of a life of more than 24 days, which no timer can wait for at once', async () => {
    const day = 24 * hour;
    const { read, clock, relay, asked } = await loggedIn({ token_ttl: '768h' });
    await atTheLatest(read);
    await clock.advance(22 * day);
    expect(relay.count(renewal)).toBe(0);
    await clock.advance(2 * day);
    await asked(renewal, 1);
    await settled(clock);
    expect(relay.count(renewal)).toBe(1);
  });

  test('that fails in passing is tried again, further apart, and the token is not given up', async () => {
    const { read, clock, relay, asked, said } = await loggedIn();
    await read();
    relay.interfere(({ line }) => (line === renewal || line === login ? 503 : undefined));
    await clock.advance(0.75 * hour);
    await asked(renewal, 1);
    for (let left = 14; left > 0; left -= 1) {
      await settled(clock);
      await clock.advance(60_000);
      await read();
    }
    const tries = relay.count(renewal) + relay.count(login);
    expect(tries).toBeGreaterThan(4);
    expect(tries).toBeLessThan(40);
    expect(said).not.toEqual([]);
    relay.interfere(() => undefined);
    // it has ended by now: whoever reads logs in
    await clock.advance(5 * 60_000);
    await read();
  });

  test('that the policy does not allow is a login in time', async () => {
    const { read, clock, relay, asked, tokens } = await loggedIn({ token_no_default_policy: true });
    await read();
    await clock.advance(0.75 * hour);
    await asked(login, 2);
    await settled(clock);
    await read();
    expect(relay.count(renewal)).toBe(1);
    expect(tokens()).toHaveLength(2);
  });
});

describe('without the default policy', () => {
  test('the documented policy is all that renewing and revoking need', async () => {
    const file = new URL('../../../docs/vault/own-token-policy.hcl', import.meta.url);
    const own = await server.createPolicy(await readFile(file, 'utf8'));
    const { read, clock, relay, asked, provider, lookUp } = await loggedIn({
      token_no_default_policy: true,
      token_policies: [policy, own],
    });
    await read();
    await clock.advance(0.75 * hour);
    await asked(renewal, 1);
    await settled(clock);
    expect(relay.count(login)).toBe(1);
    await provider.close?.();
    expect(await lookUp()).toBe(403);
  });
});

describe('what lives by a token', () => {
  /** A session whose token is about to be replaced. */
  async function replaced() {
    const made = await loggedIn();
    const settings = resolveSettings({
      address: made.relay.address,
      path,
      env: {},
      clock: made.clock,
      auth: made.auth,
    });
    const client = createVaultClient(settings, openWire(settings), {
      mount: 'secret',
      place: `secret/${path}`,
    });
    endings.unshift(() => client.close());
    const said: string[] = [];
    const first = await client.session.token(context({}, said));
    // its renewal is refused: it has to be replaced
    made.relay.interfere(({ line }) => (line === renewal ? 400 : undefined));
    return { ...made, client, first, said };
  }

  test('is moved before the old token is revoked', async () => {
    const { client, clock, relay, asked, first } = await replaced();
    let moved = (): void => {};
    const seen: number[] = [];
    const end = client.session.onReplaced(async (next, previous) => {
      seen.push(previous.epoch, next.epoch, relay.count(revocation));
      expect(previous.remaining()).toBeGreaterThan(0);
      expect((await client.session.token(context())).text).toBe(next.text);
      await new Promise<void>((resolve) => {
        moved = resolve;
      });
    });
    await clock.advance(0.75 * hour);
    await eventually(() => expect(seen).toEqual([1, 2, 0]));
    expect(await statusOf(first.text)).toBe(200);
    expect(relay.count(revocation)).toBe(0);
    moved();
    await asked(revocation, 1);
    await eventually(async () => expect(await statusOf(first.text)).toBe(403));
    end();
    expect(seen).toHaveLength(3);
  });

  test('keeps the old token if it cannot be moved, until the end', async () => {
    const { client, clock, relay, first } = await replaced();
    let tried = 0;
    client.session.onReplaced(async () => {
      tried += 1;
      throw new Error('not now');
    });
    await clock.advance(0.75 * hour);
    await eventually(() => expect(tried).toBe(1));
    expect(relay.count(revocation)).toBe(0);
    await client.close();
    expect(relay.count(revocation)).toBe(2);
    expect(await statusOf(first.text)).toBe(403);
  });

  test('is gone with a token that the server does not know', async () => {
    const { client, relay, first } = await replaced();
    const left: number[] = [];
    client.session.onReplaced(async (_, previous) => {
      left.push(previous.remaining());
    });
    await server.request('POST', 'auth/token/revoke', { token: first.text });
    const outcome = await client.ask({ verb: 'read', path: `secret/data/${path}` }, context());
    expect(outcome).toMatchObject({ kind: 'ok', token: { epoch: 2 } });
    await eventually(() => expect(left).toEqual([0]));
    expect(relay.count(revocation)).toBe(0);
  });
});

describe('replacement', () => {
  /** The part of a token's life in which it is not renewed is at random, and hides what else decides. */
  function pinRandomness(at: number): void {
    const pinned = vi.spyOn(Math, 'random').mockReturnValue(at);
    endings.push(() => pinned.mockRestore());
  }

  test.each([0, 0.5, 0.999])(
    'near its longest life: another login first, then the old token is revoked (random %d)',
    async (random) => {
      pinRandomness(random);
      const { read, clock, relay, asked, tokens, set, said } = await loggedIn();
      await read();
      await set({ token_policies: policy, token_ttl: '30m', token_max_ttl: '30m' });
      await clock.advance(0.75 * hour);
      await asked(renewal, 1);
      await settled(clock);
      expect(relay.count(login)).toBe(1);
      await clock.advance(0.45 * hour);
      await asked(revocation, 1);
      const lines = relay.requests.map(({ line }) => line);
      expect(lines.slice(-2)).toEqual([login, revocation]);
      // the renewal gave it less than before: there is nothing to be had by another one
      expect(relay.count(renewal)).toBe(1);
      const [before = ''] = tokens();
      expect(relay.requests.at(-1)?.token).toBe(before);
      await eventually(async () => expect(await statusOf(before)).toBe(403));
      await read();
      expect(tokens()).toHaveLength(2);
      expect(said).toEqual([]);
    },
  );

  test('of a token whose time to be renewed was slept through: little is left, and a login gives more', async () => {
    pinRandomness(0.5);
    const { read, clock, relay, asked } = await loggedIn();
    await read();
    await clock.suspend(0.9 * hour); // of the last 0.15 hours it is not renewed any more
    await asked(revocation, 1);
    expect(relay.count(login)).toBe(2);
    expect(relay.count(renewal)).toBe(0);
  });

  test('of a batch token, which cannot be renewed or revoked', async () => {
    const { read, clock, relay, asked, provider } = await loggedIn({ token_type: 'batch' });
    await read();
    await clock.advance(0.75 * hour);
    await asked(login, 2);
    await settled(clock);
    await read();
    await provider.close?.();
    expect(relay.count(renewal) + relay.count(revocation)).toBe(0);
  });

  test('of a periodic token never: it is renewed for ever', async () => {
    const { read, clock, relay, asked } = await loggedIn({ token_period: '1h' });
    // so that hardly any of our time passes while the server answers
    await atTheLatest(read);
    for (let times = 1; times <= 60; times += 1) {
      await clock.advance(0.75 * hour);
      await asked(renewal, times);
      await settled(clock);
    }
    await read();
    expect(relay.count(login)).toBe(1);
  });

  test('that is refused is tried again while the token lives, and a warning comes long before it ends', async () => {
    const { read, clock, relay, asked, said, role } = await loggedIn({ token_type: 'batch' });
    await read();
    await server.request('DELETE', `auth/approle/role/${role}`);
    await clock.advance(0.75 * hour);
    await asked(login, 2);
    await eventually(() => expect(said).toHaveLength(1));
    expect(said[0]).toMatch(/^reauth-impossible: .*\bAppRole\b.*\b1\d min\b/);
    // at every attempt it would be noise
    while (clock.monotonic() < 0.95 * hour) {
      await clock.advance(10_000);
      await settled(clock);
    }
    expect(relay.count(login)).toBeGreaterThan(6);
    expect(said.length).toBeGreaterThan(1);
    expect(said.length).toBeLessThan(5);
    await read();
  });
});

describe('a token that the server does not know any more', () => {
  test('is replaced by one login, and no call fails', async () => {
    const { read, relay, tokens, said } = await loggedIn();
    await read();
    const [before = ''] = tokens();
    await server.request('POST', 'auth/token/revoke', { token: before });
    await Promise.all(Array.from({ length: 50 }, read));
    expect(relay.count(login)).toBe(2);
    expect(tokens()).toHaveLength(2);
    expect(relay.count(revocation)).toBe(0);
    expect(said).toEqual([]);
  });

  test('a write is sent once more as well: a token that is not known has done nothing', async () => {
    const editor = await server.createPolicy(
      `${readPolicy('secret', `${path}-written`)}\npath "secret/data/${path}-written" { capabilities = ["create", "read", "update"] }`,
    );
    const { provider, relay, tokens } = await loggedIn(
      { token_policies: editor },
      { path: `${path}-written` },
    );
    const change = { entries: new Map([['B', value]]) };
    await provider.write?.(change, context());
    await server.request('POST', 'auth/token/revoke', { token: tokens()[0] });
    const other = { entries: new Map([['C', value]]) };
    await provider.write?.(other, context());
    expect(relay.count(login)).toBe(2);
    const { body } = await server.request('GET', `secret/metadata/${path}-written`);
    expect(body.data?.['current_version']).toBe(2);
  });

  test('and no login helps: the error is that of the login, and the token is kept', async () => {
    const { read, provider, relay, role, tokens } = await loggedIn();
    await read();
    relay.interfere(({ line, token }) => (token !== undefined && line !== login ? 403 : undefined));
    await server.request('DELETE', `auth/approle/role/${role}`);
    const error = await failureOf(provider.read('all', context()), value, ...tokens());
    expect(error).toMatchObject({ code: 'ERR_SECRET_UNAUTHENTICATED', storeStatus: 400 });
    // it was not the token after all
    relay.interfere(() => undefined);
    await read();
    expect(tokens()).toHaveLength(1);
  });

  test('and cannot be looked up now is kept, since it may be good', async () => {
    const { read, provider, relay, tokens } = await loggedIn();
    await read();
    relay.interfere(({ line }) =>
      line.startsWith('GET secret/') ? 403 : line.includes('lookup-self') ? 503 : undefined,
    );
    const error = await failureOf(provider.read('all', context()), value, ...tokens());
    expect(error).toMatchObject({ code: 'ERR_SECRET_UNAUTHENTICATED', storeStatus: 403 });
    expect(relay.count('GET auth/token/lookup-self')).toBe(3);
    expect(relay.count(login)).toBe(1);
    relay.interfere(() => undefined);
    await read();
    expect(tokens()).toHaveLength(1);
  });

  test('and has ended by our clock meanwhile needs no look-up: another login follows, and no refusal', async () => {
    const { read, relay, clock, tokens } = await loggedIn();
    await read();
    const [first] = tokens();
    relay.interfere(({ line, token }) => {
      if (line.includes('lookup-self')) return 503;
      if (!line.startsWith('GET secret/') || token !== first) return undefined;
      // the server was silent for so long
      clock.setWall(clock.wall() + hour);
      return 403;
    });
    await read();
    expect(relay.count(login)).toBe(2);
    expect(relay.count('GET auth/token/lookup-self')).toBe(0);
  });

  test('and whose look-up the first caller gave up is looked up by the next caller', async () => {
    const { read, provider, relay, tokens, asked } = await loggedIn();
    await read();
    const [token = ''] = tokens();
    await server.request('POST', 'auth/token/revoke', { token });
    let letGo = () => {};
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const lookup = 'GET auth/token/lookup-self';
    relay.interfere(async ({ line }) => {
      if (line === lookup && relay.count(lookup) === 1) await held;
      return undefined;
    });
    const stop = new AbortController();
    const first = failureOf(provider.read('all', context({ signal: stop.signal })), value, token);
    await asked(lookup, 1);
    const reads = relay.requests.length;
    const second = provider.read('all', context());
    // it has been refused, and waits for the look-up that is under way
    await eventually(() => expect(relay.requests.length).toBeGreaterThan(reads));
    await new Promise((resolve) => setImmediate(resolve));
    stop.abort();
    expect((await first).code).toBe('ERR_SECRET_ABORTED');
    expect((await second).entries.get('A')).toMatchObject({ value });
    expect(relay.count(login)).toBe(2);
    letGo();
  });

  test('and whose look-up cannot be understood: the words of the refusal are believed', async () => {
    const { read, relay, tokens } = await loggedIn();
    await read();
    const [before = ''] = tokens();
    await server.request('POST', 'auth/token/revoke', { token: before });
    relay.interfere(({ line }) => (line.includes('lookup-self') ? 404 : undefined));
    await read();
    expect(relay.count(login)).toBe(2);
  });

  test('a second refusal is final', async () => {
    const { read, provider, relay, tokens } = await loggedIn();
    await read();
    relay.interfere(({ line }) =>
      line.startsWith('GET secret/') || line.startsWith('GET auth/token/lookup') ? 403 : undefined,
    );
    const error = await failureOf(provider.read('all', context()), value, ...tokens());
    expect(error).toMatchObject({ code: 'ERR_SECRET_UNAUTHENTICATED', storeStatus: 403 });
    expect(relay.count(login)).toBe(2);
    // the token of the second login is kept for the next read
    relay.interfere(() => undefined);
    await read();
    expect(relay.count(login)).toBe(2);
    expect(tokens()).toHaveLength(2);
  });

  test('a denial is no reason to log in', async () => {
    const { provider, relay, tokens } = await loggedIn({}, { path: 'not-ours', kvVersion: 2 });
    const error = await failureOf(provider.read('all', context()), ...tokens());
    expect(error.code).toBe('ERR_SECRET_DENIED');
    expect(relay.count(login)).toBe(1);
  });
});

describe('time that passes while the process sleeps', () => {
  test.each([
    ['the monotonic clock has seen it', (clock: ManualClock) => clock.suspend(2 * hour)],
    [
      'only the wall clock has, as where it stands still in sleep',
      (clock: ManualClock) => clock.suspend(2 * hour, { monotonic: false }),
    ],
    [
      'the wall clock was set forward',
      async (clock: ManualClock) => clock.setWall(clock.wall() + 2 * hour),
    ],
  ])('%s: the first read logs in', async (_, pass) => {
    const { read, clock, relay, tokens } = await loggedIn();
    await read();
    await pass(clock);
    await read();
    expect(relay.count(login)).toBeGreaterThanOrEqual(2);
    expect(
      relay.requests.filter(({ line }) => line.startsWith('GET secret/data/')).at(-1)?.token,
    ).toBe(tokens().at(-1));
  });

  test('a clock that was wrong costs nothing where no other login is possible', async () => {
    const { read, clock, relay, asked, role, said } = await loggedIn();
    await read();
    await server.request('DELETE', `auth/approle/role/${role}`);
    await server.request('POST', `auth/approle/role/${role}`, {
      token_policies: policy,
      token_ttl: '1h',
    });
    clock.setWall(clock.wall() + 2 * hour);
    // the login is refused, and the server says that the token is good
    await read();
    await asked(login, 2);
    // the clock stands still until the renewal that follows is answered
    await asked(renewal, 1);
    await settled(clock);
    const logins = relay.count(login);
    await read();
    expect(relay.count(login)).toBe(logins);
    expect(said.join()).toContain('reauth-impossible');
  });

  test('a wall clock that was set back lengthens nothing', async () => {
    const { read, clock, relay, asked } = await loggedIn();
    await read();
    clock.setWall(clock.wall() - 5 * hour);
    await clock.advance(0.75 * hour);
    await asked(renewal, 1);
    expect(relay.count(renewal)).toBe(1);
  });

  test('a renewal that a sleep delayed is made at the next use', async () => {
    const { read, clock, asked, relay } = await loggedIn();
    await read();
    await clock.suspend(0.8 * hour, { monotonic: false });
    expect(relay.count(renewal)).toBe(0);
    await read();
    await asked(renewal, 1);
    expect(relay.count(login)).toBe(1);
  });
});

describe('a token that was given', () => {
  const given = async (more: Readonly<Record<string, unknown>>, policies = ['default', policy]) => {
    const { token } = await server.createToken({ policies, more });
    return { token, ...(await subject({ token })) };
  };
  const lookup = 'GET auth/token/lookup-self';

  test('costs a short program nothing', async () => {
    const { read, clock, relay } = await given({ ttl: '1h' });
    await read();
    await clock.advance(29_000);
    expect(relay.count(lookup)).toBe(0);
  });

  test('is renewed in a program that lives on, and never revoked', async () => {
    const { read, clock, relay, asked, provider, token, said } = await given({ ttl: '1h' });
    await read();
    await clock.advance(30_000);
    await asked(lookup, 1);
    await settled(clock);
    await clock.advance(0.75 * hour);
    await asked(renewal, 1);
    await settled(clock);
    await read();
    await provider.close?.();
    expect(relay.count(revocation)).toBe(0);
    expect(await statusOf(token)).toBe(200);
    expect(said).toEqual([]);
  });

  test('is renewed although a clock that was set says that it has ended', async () => {
    const { read, clock, relay, asked, said } = await given({ ttl: '1h' });
    await read();
    await clock.advance(30_000);
    await asked(lookup, 1);
    await settled(clock);
    clock.setWall(clock.wall() + 2 * hour);
    // an outage just then is no end either
    relay.interfere(({ line }) => (line === renewal ? 'reset' : undefined));
    await read();
    await asked(renewal, 1);
    await settled(clock);
    relay.interfere(() => undefined);
    await clock.advance(20_000);
    await asked(renewal, 2);
    await settled(clock);
    await clock.advance(0.75 * hour);
    await asked(renewal, 3);
    expect(said).toEqual([]);
  });

  test('that cannot be renewed causes a warning long before it ends, and is still used', async () => {
    for (const more of [
      { ttl: '3h', renewable: false },
      { ttl: '3h', type: 'batch' },
    ]) {
      const { read, clock, relay, asked, said } = await given(more);
      await read();
      await clock.advance(30_000);
      await asked(lookup, 1);
      await eventually(() => expect(said).toHaveLength(1));
      expect(said[0]).toMatch(/^reauth-impossible: .*\boption token\b.*\b3 h\b/);
      await clock.advance(2.4 * hour);
      expect(said).toHaveLength(2);
      await clock.advance(3 * hour);
      // only the server knows: it is asked
      await read();
      expect(relay.count(renewal)).toBe(0);
    }
  });

  test('that comes to its longest life causes a warning as well', async () => {
    const { read, clock, asked, said, relay } = await given({ ttl: '1h' });
    await read();
    await clock.advance(30_000);
    await asked(lookup, 1);
    await settled(clock);
    relay.interfere(({ line }) => (line === renewal ? 400 : undefined));
    await clock.advance(0.75 * hour);
    await eventually(() => expect(said).toHaveLength(1));
    expect(said[0]).toMatch(/^reauth-impossible: /);
  });

  test('with counted uses is refused as soon as that is known, and nothing is asked any more', async () => {
    const { read, clock, said, provider, relay, token } = await given({ num_uses: 7 });
    await read();
    await clock.advance(30_000);
    await eventually(() => expect(said).toHaveLength(1));
    expect(said[0]).toMatch(/^reauth-impossible: .*\boption token\b.*\b\d\b/);
    const { length } = relay.requests;
    const error = await failureOf(provider.read('all', context()), token);
    expect(error).toMatchObject({ code: 'ERR_SECRET_CONFIG', provider: 'vault' });
    expect(error.message).toMatch(/\b\d\b.*\bcountedUses\b/);
    expect(relay.requests).toHaveLength(length);
    expect(clock.timers).toBe(0);
  });

  test('with counted uses that are meant spends all of them on what is read', async () => {
    const { token } = await server.createToken({
      policies: ['default', policy],
      more: { num_uses: 3 },
    });
    const { read, clock, said, provider, relay } = await subject({ token, countedUses: true });
    await read();
    await clock.advance(3 * hour);
    await read();
    await read();
    const error = await failureOf(provider.read('all', context()), token);
    expect(error.code).toBe('ERR_SECRET_UNAUTHENTICATED');
    expect(relay.count(lookup) + relay.count(renewal)).toBe(0);
    expect(said).toEqual([]);
  });

  test('is given up by no outage, whatever it looks like, before its end', async () => {
    const { read, clock, relay, asked, said } = await given({ ttl: '1h' });
    await read();
    // a secondary, a stranger's empty success and its page, a cut line, a server that begins anew
    const fates = [472, 204, 'page', 'reset', 501] as const;
    relay.interfere(({ line }) =>
      line === renewal || (line === lookup && relay.count(lookup) <= fates.length)
        ? fates[relay.count(line) % fates.length]
        : undefined,
    );
    const pass = async (goesOn: () => boolean) => {
      while (goesOn()) {
        await clock.advance(10_000);
        await settled(clock);
      }
    };
    await pass(() => relay.count(lookup) <= fates.length);
    const end = clock.monotonic() + hour;
    await pass(() => clock.monotonic() < end - 120_000);
    const failed = relay.count(renewal);
    expect(failed).toBeGreaterThan(fates.length);
    relay.interfere(() => undefined);
    await clock.advance(40_000);
    await asked(renewal, failed + 1);
    await settled(clock);
    await clock.advance(0.5 * hour);
    await settled(clock);
    expect(relay.count(renewal)).toBe(failed + 1);
    expect(said).toEqual([]);
  });

  test('a root token needs nothing', async () => {
    const { read, clock, asked, said } = await subject({ token: server.token });
    await read();
    await clock.advance(30_000);
    await asked(lookup, 1);
    // its answer has been dealt with when a later one has
    await read();
    expect(clock.timers).toBe(0);
    expect(said).toEqual([]);
  });

  test('without the default policy may not be looked up, and is used', async () => {
    const { read, clock, asked, said } = await given({ no_default_policy: true }, [policy]);
    await read();
    await clock.advance(30_000);
    await asked(lookup, 1);
    await read();
    expect(clock.timers).toBe(0);
    expect(said).toEqual([]);
  });

  test('and is revoked: not authenticated, without a login', async () => {
    const { read, provider, token } = await given({});
    await read();
    await server.request('POST', 'auth/token/revoke', { token });
    const error = await failureOf(provider.read('all', context()), token);
    expect(error.code).toBe('ERR_SECRET_UNAUTHENTICATED');
  });
});

describe('a token in a file', () => {
  test('is replaced by what the file holds by now', async () => {
    const folder = await testFolder();
    const tokenFile = join(folder, 'token');
    const first = await server.createToken({ policies: ['default', policy] });
    const second = await server.createToken({ policies: ['default', policy] });
    await writeFile(tokenFile, `${first.token}\n`);
    const { read, relay, clock, provider } = await subject({ token: { file: tokenFile } });
    await read();
    await server.request('POST', 'auth/token/revoke', { token: first.token });
    // the agent is a moment late: the file changes while the refused request is on its way
    relay.interfere(({ line }) => {
      if (line.startsWith('GET secret/data/')) writeFileSync(tokenFile, second.token);
      return undefined;
    });
    await read();
    expect(clock.timers).toBe(0);
    await provider.close?.();
    expect(await statusOf(second.token)).toBe(200);
  });

  test('that is empty or gone for a while: the last one is used, with a warning when that lasts', async () => {
    const folder = await testFolder();
    const tokenFile = join(folder, 'token');
    const first = await server.createToken({ policies: ['default', policy] });
    const second = await server.createToken({ policies: ['default', policy] });
    await writeFile(tokenFile, first.token);
    const { read, provider, clock, said, tokens } = await subject({ token: { file: tokenFile } });
    await read();
    await writeFile(tokenFile, '');
    await read();
    await rm(tokenFile);
    await read();
    expect(said).toEqual([]);
    await clock.advance(30_000);
    await read();
    expect(said).toEqual([expect.stringContaining(`${tokenFile} of the option token`)]);
    expect(tokens()).toEqual([first.token]);
    // the server does not take it any more: there is no other, and that is no outage
    await server.request('POST', 'auth/token/revoke', { token: first.token });
    const error = await failureOf(provider.read('all', context()), first.token);
    expect(error.code).toBe('ERR_SECRET_UNAUTHENTICATED');
    await writeFile(tokenFile, second.token);
    await read();
    expect(said).toHaveLength(1);
  });

  test('that was never there is a wrong configuration that names the file and why', async () => {
    const tokenFile = join(tmpdir(), 'keyfall-no-such-folder', 'token');
    const { provider } = await subject({ token: { file: tokenFile } });
    const error = await failureOf(provider.read('all', context()));
    expect(error.code).toBe('ERR_SECRET_CONFIG');
    expect(error.reason).toContain(`${tokenFile} of the option token`);
    // a token in the place of its file is shown nowhere
    const token = canary();
    const mistaken = await subject({ token: { file: token } });
    await failureOf(mistaken.provider.read('all', context()), token);
  });

  test('and is not known: the file is read again for another one', async () => {
    const folder = await testFolder();
    const tokenFile = join(folder, 'token');
    const token = canary();
    await writeFile(tokenFile, token);
    const { provider, relay } = await subject({ token: { file: tokenFile } });
    const error = await failureOf(provider.read('all', context()), token);
    expect(error.code).toBe('ERR_SECRET_UNAUTHENTICATED');
    expect(relay.requests.every((request) => request.token === token)).toBe(true);
  });
});

describe('the end', () => {
  test('revokes the token of the login and nothing else, and can be had twice', async () => {
    const { read, provider, relay, lookUp, clock } = await loggedIn();
    await read();
    expect(await lookUp()).toBe(200);
    await Promise.all([provider.close?.(), provider.close?.()]);
    await provider.close?.();
    expect(await lookUp()).toBe(403);
    expect(relay.count(revocation)).toBe(1);
    expect(clock.timers).toBe(0);
    const error = await failureOf(provider.read('all', context()));
    expect(error.code).toBe('ERR_SECRET_ABORTED');
  });

  test('of what was never used asks nothing', async () => {
    const { provider, relay } = await loggedIn();
    await provider.close?.();
    expect(relay.requests).toEqual([]);
  });

  test('in the middle of a login revokes its token', async () => {
    const { provider, relay, asked, tokens } = await loggedIn();
    let closing: Promise<void> | undefined;
    relay.interfere(({ line }) => {
      if (line === login) closing ??= provider.close?.();
      return undefined;
    });
    await failureOf(provider.read('all', context()));
    await closing;
    await asked(revocation, 1);
    expect(await statusOf(tokens()[0] ?? '')).toBe(403);
  });

  test('in the middle of another login revokes both tokens', async () => {
    const { read, provider, clock, relay, tokens } = await loggedIn({ token_type: 'service' });
    await read();
    let closing: Promise<void> | undefined;
    relay.interfere(({ line }) => {
      if (line === renewal) return 400;
      if (line === login) closing ??= provider.close?.();
      return undefined;
    });
    await clock.advance(0.75 * hour);
    await eventually(() => expect(closing).toBeDefined());
    await closing;
    expect(relay.count(revocation)).toBe(2);
    expect(tokens()).toHaveLength(2);
    for (const token of tokens()) expect(await statusOf(token)).toBe(403);
    expect(clock.timers).toBe(0);
  });

  test('that cannot revoke says so and for how long the token stays good, and does not fail', async () => {
    const { read, provider, relay, said, clock, lookUp } = await loggedIn();
    await read();
    relay.interfere(({ line }) => (line === revocation ? 'reset' : undefined));
    await provider.close?.();
    expect(said).toEqual([expect.stringMatching(/\b60 min\b/)]);
    expect(await lookUp()).toBe(200);
    expect(clock.timers).toBe(0);
  });

  test('does not wait longer than two seconds for a server that does not answer', async () => {
    const { read, provider, relay, clock, said } = await loggedIn({}, {});
    await read();
    relay.interfere(() => new Promise(() => {}));
    const closing = provider.close?.();
    await clock.advance(2_000);
    await closing;
    expect(said).toEqual([expect.stringMatching(/\bAppRole\b.*\b60 min\b/)]);
    expect(clock.timers).toBe(0);
  });
});

/** Waits until what the alarm began has been answered and dealt with: it is set again then. */
async function settled(clock: ManualClock): Promise<void> {
  await eventually(() => expect(clock.timers).toBe(1));
}
