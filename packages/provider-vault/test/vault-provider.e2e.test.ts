/**
 * What a real server answers and what the provider makes of it, with tokens that may do no more
 * than the README says they need.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isSecretError, type SecretError } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import {
  assertNoLeak,
  sharedVaultServer,
  startVaultServer,
  type VaultServer,
} from '@keyfall/testkit';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { type VaultProviderOptions, vaultProvider } from '../src/index.ts';
import {
  canary,
  context,
  type Fate,
  freshPath,
  policyFile,
  readPolicy,
  relayTo,
  tokenFor,
  writePolicy,
} from './harness.ts';

let server: VaultServer;
const value = canary();
const endings: (() => Promise<void> | undefined)[] = [];
beforeAll(async () => {
  server = await sharedVaultServer();
});
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

function open(options: VaultProviderOptions): SecretProvider {
  const provider = vaultProvider({ address: server.address, env: {}, ...options });
  endings.push(() => provider.close?.());
  return provider;
}

/** A document and a provider whose token has these rights on it. */
async function documentOf(
  data: Readonly<Record<string, unknown>> | undefined,
  rules: (mount: string, path: string) => string = readPolicy,
) {
  const path = freshPath();
  if (data) await server.request('POST', `secret/data/${path}`, { data });
  const granted = await tokenFor(server, rules('secret', path));
  return { path, ...granted, provider: open({ path, token: granted.token }) };
}

/** What the server itself holds there, and in which version. */
async function stored(path: string): Promise<unknown> {
  const { body } = await server.request('GET', `secret/data/${path}`);
  const { data, metadata } = body.data as { data: unknown; metadata: { version: number } };
  return [data, metadata.version];
}

const read = (provider: SecretProvider) => provider.read('all', context());
const write = (
  provider: SecretProvider,
  entries: Readonly<Record<string, string | null>>,
  ifRevision?: string,
  limit?: number,
) => {
  if (!provider.write) throw new Error('the provider cannot write');
  const changes = { entries: new Map(Object.entries(entries)) };
  const bounds = context(limit === undefined ? {} : { limit });
  return provider.write(ifRevision === undefined ? changes : { ...changes, ifRevision }, bounds);
};
/** A write that is given up after `limit` milliseconds. */
const writeWithin = (
  limit: number,
  provider: SecretProvider,
  entries: Readonly<Record<string, string | null>>,
) => write(provider, entries, undefined, limit);

async function errorOf(call: Promise<unknown>, ...secrets: string[]): Promise<SecretError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assertNoLeak([value, ...secrets], error);
  if (!isSecretError(error)) throw new Error('no SecretError');
  return error;
}

describe('reading', () => {
  test('one request answers every name, with version and time', async () => {
    const { provider, path } = await documentOf({ A: value, EMPTY: '' });
    const before = Date.now();
    const { entries, complete, revision } = await provider.read(['A'], context());
    expect(complete).toBe(true);
    expect(revision).toMatch(/^1@\d{4}-/);
    expect(entries.get('A')).toMatchObject({ value, version: '1' });
    expect(entries.get('EMPTY')).toMatchObject({ value: '' });
    const record = entries.get('A');
    expect(record && 'createdAt' in record && record.createdAt).toBeLessThanOrEqual(
      before + 60_000,
    );
    expect(provider.store).toBe(`${server.address} secret/${path}`);
  });

  test('values that are no text have their JSON text, and null is an error of its name', async () => {
    const text =
      '{"data":{"int":5432,"big":9007199254740993,"neg":-0.5,"yes":true,"obj":{"a":[1,"}"],"b":"\\"x"},"arr":[],"nil":null,"__proto__":"p"}}';
    const { provider, path } = await documentOf(undefined);
    await fetch(`${server.address}/v1/secret/data/${path}`, {
      method: 'POST',
      headers: { 'X-Vault-Token': server.token },
      body: text,
    });
    const { entries } = await read(provider);
    const shown = [...entries].map(([name, entry]) => [
      name,
      'code' in entry ? entry.code : entry.value,
    ]);
    // the server itself stores numbers as float64: what it sends is what is shown
    expect(new Map(shown as [string, string][])).toEqual(
      new Map([
        ['__proto__', 'p'],
        ['arr', '[]'],
        ['big', '9007199254740992'],
        ['int', '5432'],
        ['neg', '-0.5'],
        ['nil', 'ERR_SECRET_INVALID'],
        ['obj', '{"a":[1,"}"],"b":"\\"x"}'],
        ['yes', 'true'],
      ]),
    );
  });

  test('never written, deleted and destroyed: no name, no error, and the document is missing', async () => {
    const { provider, path } = await documentOf(undefined);
    const described = async () => {
      const { entries, missingDocument } = await read(provider);
      expect(entries.size).toBe(0);
      expect(missingDocument?.optional).toBe(false);
      return missingDocument?.description;
    };
    expect(await described()).toMatch(new RegExp(` secret/${path}$`));
    await server.request('POST', `secret/data/${path}`, { data: { A: value } });
    await server.request('DELETE', `secret/data/${path}`);
    expect(await described()).toMatch(new RegExp(` secret/${path} \\(.*\\b1\\b.*\\bdeleted\\b`));
    await server.request('PUT', `secret/destroy/${path}`, { versions: [1] });
    expect(await described()).toMatch(new RegExp(` secret/${path} \\(.*\\b1\\b.*\\bdestroyed\\b`));
  });

  test('a live version without names is not missing', async () => {
    const { provider } = await documentOf({});
    expect(await read(provider)).not.toHaveProperty('missingDocument');
  });

  test('a deletion that is yet to come is a live secret', async () => {
    const { provider, path } = await documentOf(undefined);
    await server.request('POST', `secret/metadata/${path}`, { delete_version_after: '1h' });
    await server.request('POST', `secret/data/${path}`, { data: { A: value } });
    expect((await read(provider)).entries.get('A')).toMatchObject({ value });
  });

  test('a mount of several segments', async () => {
    const mount = await server.mountKv({ path: `team/${freshPath()}` });
    await server.request('POST', `${mount}/data/a/b`, { data: { A: value } });
    const { token } = await tokenFor(server, readPolicy(mount, 'a/b'));
    const provider = open({ mount: `/${mount}/`, path: 'a/b', token });
    expect((await read(provider)).entries.get('A')).toMatchObject({ value });
  });

  test('a namespace', async () => {
    const namespace = freshPath();
    await server.request('POST', `sys/namespaces/${namespace}`);
    const inside = { headers: { 'X-Vault-Namespace': namespace } };
    await server.request(
      'POST',
      'sys/mounts/kv',
      { type: 'kv', options: { version: '1' } },
      inside,
    );
    await server.request('POST', 'kv/shop', { A: value }, inside);
    const rules = { policy: policyFile('kv1', 'kv', 'shop') };
    await server.request('POST', 'sys/policies/acl/shop', rules, inside);
    const created = await server.request(
      'POST',
      'auth/token/create',
      { policies: ['shop'] },
      inside,
    );
    const token = created.body.auth?.client_token ?? '';
    const options = { mount: 'kv', path: 'shop', token };
    const provider = open({ ...options, namespace });
    expect((await read(provider)).entries.get('A')).toMatchObject({ value });
    const error = await errorOf(read(open({ ...options, namespace: 'nowhere' })), token);
    expect(error.code).toBe('ERR_SECRET_CONFIG');
    expect(error.message).toContain('VAULT_NAMESPACE');
  });
});

describe('denied or not known', () => {
  test('a token without the policy is denied, also while the mount is looked for', async () => {
    const { path } = await documentOf({ A: value });
    for (const rules of [readPolicy('secret', 'another'), readPolicy('elsewhere', 'x')]) {
      const { token } = await tokenFor(server, rules);
      const error = await errorOf(read(open({ path, token })), token);
      expect(error).toMatchObject({ code: 'ERR_SECRET_DENIED', storeStatus: 403 });
    }
    const { token } = await tokenFor(server, readPolicy('elsewhere', 'x'));
    expect((await errorOf(read(open({ path, token })), token)).hint).toMatch(/secret.*kvVersion/);
  });

  test('a token that may not even look itself up is denied all the same', async () => {
    const { path } = await documentOf({ A: value });
    const policy = await server.createPolicy(readPolicy('secret', 'another'));
    const { token } = await server.createToken({
      policies: [policy],
      more: { no_default_policy: true },
    });
    expect((await errorOf(read(open({ path, token })), token)).code).toBe('ERR_SECRET_DENIED');
  });

  test('a revoked, an invented and a used-up token are not known', async () => {
    const { path, provider, token, accessor, policy } = await documentOf({ A: value });
    await read(provider);
    await server.request('POST', 'auth/token/revoke-accessor', { accessor });
    const invented = canary();
    const used = await server.createToken({ policies: [policy], more: { num_uses: 1 } });
    const last = open({ path, token: used.token, kvVersion: 2 });
    await read(last);
    for (const call of [
      () => read(provider),
      () => read(open({ path, token: invented })),
      () => read(open({ path, token: invented, kvVersion: 2 })),
      () => read(last),
    ]) {
      const error = await errorOf(call(), token, invented, used.token);
      expect(error).toMatchObject({ code: 'ERR_SECRET_UNAUTHENTICATED', storeStatus: 403 });
    }
  });

  test('however many are refused at once, the token is looked up once', async () => {
    const { path } = await documentOf({ A: value });
    const { token } = await tokenFor(server, readPolicy('secret', 'another'));
    let arrived: () => void = () => {};
    const allArrived = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    let reads = 0;
    const relay = await relayTo(server.address, async ({ path: asked }): Promise<Fate> => {
      if (asked.includes('lookup-self')) return 'pass';
      reads += 1;
      if (reads === 4) arrived();
      await allArrived;
      return 'pass';
    });
    endings.push(relay.close);
    const provider = open({ address: relay.address, path, token, kvVersion: 2 });
    const errors = await Promise.all([1, 2, 3, 4].map(() => errorOf(read(provider), token)));
    for (const error of errors) expect(error.code).toBe('ERR_SECRET_DENIED');
    const lookups = relay.requests.filter((sent) => sent.includes('lookup-self')).length;
    expect(lookups).toBeGreaterThan(0);
    expect(lookups).toBeLessThan(4);
  });

  test('a write without the capability is denied and says which one it takes', async () => {
    const { provider, path, token } = await documentOf({ A: 'old' });
    for (const entries of [{ A: value }, { A: null }, { B: value }]) {
      const error = await errorOf(write(provider, entries), token);
      expect(error.code).toBe('ERR_SECRET_DENIED');
      expect(error.hint).toContain('"update"');
    }
    expect(await stored(path)).toEqual([{ A: 'old' }, 1]);
  });
});

// root, to whom nothing is denied: so it is up to us
describe('a 404 that is a wrong setting', () => {
  test('no such mount, and KV version 1 said of a mount of version 2', async () => {
    const { path } = await documentOf({ A: value });
    const { token } = server;
    const nowhere = { mount: 'nowhere', path, token };
    // also root is answered 403 for a mount that is not there
    const undetected = await errorOf(read(open(nowhere)), token);
    expect(undetected.message).toContain('VAULT_MOUNT_POINT');
    for (const options of [
      { ...nowhere, kvVersion: 2 as const },
      { path, token, kvVersion: 1 as const },
    ])
      for (const call of [() => read(open(options)), () => write(open(options), { A: value })])
        expect((await errorOf(call(), token)).code).toBe('ERR_SECRET_CONFIG');
    expect(await stored(path)).toEqual([{ A: value }, 1]);
  });

  test('KV version 2 said of a mount of version 1: nothing is read, nothing is written', async () => {
    const mount = await server.mountKv({ version: 1 });
    await server.request('POST', `${mount}/shop`, { A: value });
    const provider = open({ mount, path: 'shop', token: server.token, kvVersion: 2 });
    expect((await errorOf(read(provider), server.token)).code).toBe('ERR_SECRET_CONFIG');
    expect((await errorOf(write(provider, { B: value }))).code).toBe('ERR_SECRET_CONFIG');
    const { body } = await server.request('GET', `${mount}?list=true`);
    expect((body.data as { keys: string[] }).keys).toEqual(['shop']);
    expect((await server.request('GET', `${mount}/shop`)).body.data).toEqual({ A: value });
  });

  test('the wrong version said to a token whose policy is for the right one is no lack of rights', async () => {
    const mount = await server.mountKv({ version: 1 });
    const { path } = await documentOf({ A: value });
    for (const [options, policy] of [
      [{ mount, path: 'shop', kvVersion: 2 as const }, policyFile('kv1', mount, 'shop')],
      [{ path, kvVersion: 1 as const }, readPolicy('secret', path)],
    ] as const) {
      const { token } = await tokenFor(server, policy);
      const error = await errorOf(read(open({ ...options, token })), token);
      expect(error.code).toBe('ERR_SECRET_CONFIG');
      expect(error.hint).toContain('kvVersion');
    }
  });

  test('a path for a mount, and a mount of another engine', async () => {
    const { token } = server;
    const below = await errorOf(read(open({ mount: 'secret/shop', path: 'x', token })), token);
    expect(below.code).toBe('ERR_SECRET_CONFIG');
    const other = await errorOf(read(open({ mount: 'sys', path: 'x', token })), token);
    expect(other.code).toMatch(/CONFIG|DENIED/);
  });
});

describe('writing', () => {
  test('merges in one version and leaves untouched values as they are, whatever they are', async () => {
    const odd = { n: 12.5, o: { deep: [1, 'x'] }, z: null, t: true };
    const { provider, path } = await documentOf({ A: 'old', B: 'gone', ...odd }, writePolicy);
    const receipt = await write(provider, { A: value, B: null, C: 'new' });
    expect(receipt).toEqual({
      revision: (await read(provider)).revision,
      version: '2',
      conditional: true,
    });
    const { body } = await server.request('GET', `secret/data/${path}`);
    expect((body.data as { data: unknown }).data).toEqual({ A: value, C: 'new', ...odd });
  });

  test('a document that is not there, or is deleted, is made', async () => {
    const { provider, path } = await documentOf(undefined, writePolicy);
    expect(await write(provider, { A: 'x' })).toMatchObject({ version: '1' });
    await server.request('DELETE', `secret/data/${path}`);
    expect(await write(provider, { B: 'y' }, '1')).toMatchObject({ version: '2' });
    expect([...(await read(provider)).entries.keys()]).toEqual(['B']);
  });

  test('what changes nothing writes nothing', async () => {
    const { provider } = await documentOf({ A: 'x' }, writePolicy);
    expect(await write(provider, { A: 'x', NOBODY: null })).toMatchObject({ version: '1' });
  });

  test('another revision than the one that was read is a conflict', async () => {
    const { provider, path } = await documentOf({ A: 'x' }, writePolicy);
    await server.request('POST', `secret/data/${path}`, { data: { A: 'theirs' } });
    const error = await errorOf(write(provider, { A: value }, '1'));
    expect(error.code).toBe('ERR_SECRET_CONFLICT');
    expect((await read(provider)).revision).toMatch(/^2@/);
    // the other side: what was read is at the revision still
    expect(await stored(path)).toEqual([{ A: 'theirs' }, 2]);
    expect(await write(provider, { B: value }, '2')).toMatchObject({ version: '3' });
    expect(await stored(path)).toEqual([{ A: 'theirs', B: value }, 3]);
  });

  test('a mount that requires check-and-set is served', async () => {
    const { provider, path } = await documentOf(undefined, writePolicy);
    await server.request('POST', `secret/metadata/${path}`, { cas_required: true });
    expect(await write(provider, { A: 'x' })).toMatchObject({ version: '1' });
  });

  const posts = (requests: readonly string[]) =>
    requests.filter((sent) => sent.startsWith('POST') || sent.startsWith('PUT')).length;

  test('a write whose answer is lost is found by reading back, and not sent twice', async () => {
    const { path, token } = await documentOf({ A: 'x', n: 1.5 }, writePolicy);
    const relay = await relayTo(server.address, ({ method }) =>
      method === 'POST' ? 'lose-answer' : 'pass',
    );
    endings.push(relay.close);
    const provider = open({ address: relay.address, path, token });
    const receipt = await write(provider, { A: value });
    const { revision } = await read(provider);
    expect(receipt).toEqual({ revision, version: '2', conditional: true });
    expect(posts(relay.requests)).toBe(1);
    const { body } = await server.request('GET', `secret/metadata/${path}`);
    expect(body.data).toMatchObject({ current_version: 2 });
  });

  test('a write that was lost on its way is made by sending it again, once', async () => {
    const { path, token } = await documentOf({ A: 'x' }, writePolicy);
    let lost = 0;
    const relay = await relayTo(server.address, ({ method }) =>
      method === 'POST' && ++lost <= 2 ? 'lose-request' : 'pass',
    );
    endings.push(relay.close);
    const provider = open({ address: relay.address, path, token });
    expect(await write(provider, { A: value })).toMatchObject({ version: '2', conditional: true });
    const { body } = await server.request('GET', `secret/data/${path}`);
    expect(body.data).toMatchObject({ data: { A: value }, metadata: { version: 2 } });
    // between two requests to write there is a look
    expect(relay.requests.filter((sent) => /^POST|version=2/.test(sent))).toEqual([
      `POST /v1/secret/data/${path}`,
      `GET /v1/secret/data/${path}?version=2`,
      `POST /v1/secret/data/${path}`,
      `GET /v1/secret/data/${path}?version=2`,
      `POST /v1/secret/data/${path}`,
    ]);
  });

  test('a write that is lost again and again is not known to be made, and never said not to be', async () => {
    const { path, token } = await documentOf({ A: 'x' }, writePolicy);
    const relay = await relayTo(server.address, ({ method }) =>
      method === 'POST' ? 'lose-request' : 'pass',
    );
    endings.push(relay.close);
    const provider = open({ address: relay.address, path, token, kvVersion: 2 });
    const error = await errorOf(writeWithin(1_500, provider, { A: value }), token);
    expect(error).toMatchObject({
      code: 'ERR_SECRET_UNAVAILABLE',
      retryable: false,
      applied: 'unknown',
    });
  });

  test('one that waits in a frozen server cannot land once it was sent again and made', async () => {
    const { path, token } = await documentOf({ A: 'x' }, writePolicy);
    let queued: (() => Promise<unknown>) | undefined;
    const relay = await relayTo(server.address, async ({ method }): Promise<Fate> => {
      if (method !== 'POST' || queued) return 'pass';
      // the first request waits, and is carried out when everything is over
      queued = () =>
        server.request('POST', `secret/data/${path}`, { options: { cas: 1 }, data: { A: value } });
      return 'lose-request';
    });
    endings.push(relay.close);
    const provider = open({ address: relay.address, path, token });
    expect(await write(provider, { A: value })).toMatchObject({ version: '2' });
    await server.request('POST', `secret/data/${path}`, { data: { A: 'newer' } });
    await expect(queued?.()).rejects.toThrow('check-and-set');
    expect((await read(provider)).entries.get('A')).toMatchObject({ value: 'newer', version: '3' });
  });

  test('one that is lost, and meets the version of another writer when it is looked for, is merged again', async () => {
    const { path, token } = await documentOf({ A: 'x', B: 'y' }, writePolicy);
    let sent = 0;
    const relay = await relayTo(server.address, async ({ method }): Promise<Fate> => {
      if (method !== 'POST') return 'pass';
      sent += 1;
      if (sent % 2 === 0) return 'pass';
      // as an earlier request of ours does that was given up, and lands late
      await server.request('POST', `secret/data/${path}`, { data: { A: 'x', B: 'late' } });
      return 'lose-request';
    });
    endings.push(relay.close);
    const provider = open({ address: relay.address, path, token });
    expect(await write(provider, { A: value })).toMatchObject({ version: '3' });
    const { entries, revision } = await read(provider);
    expect([entries.get('A'), entries.get('B')]).toMatchObject([{ value }, { value: 'late' }]);
    const error = await errorOf(write(provider, { A: 'newer' }, revision), token);
    expect(error).toMatchObject({ code: 'ERR_SECRET_CONFLICT', applied: 'no' });
  });

  test('a write that somebody in between sent twice is no conflict with itself', async () => {
    const { path, token } = await documentOf({ A: 'x' }, writePolicy);
    const relay = await relayTo(server.address, async ({ method, body }): Promise<Fate> => {
      if (method === 'POST') await server.request('POST', `secret/data/${path}`, JSON.parse(body));
      return 'pass';
    });
    endings.push(relay.close);
    const provider = open({ address: relay.address, path, token });
    const { revision = '' } = await read(provider);
    expect(await write(provider, { A: value }, revision)).toMatchObject({ version: '2' });
  });

  test('an abort says whether the request had left', async () => {
    const { path, token } = await documentOf({ A: 'x' }, writePolicy);
    for (const [at, applied] of [
      ['GET', 'no'],
      ['POST', 'unknown'],
    ] as const) {
      const caller = new AbortController();
      const relay = await relayTo(server.address, ({ method }): Fate | Promise<Fate> => {
        if (method !== at) return 'pass';
        caller.abort();
        return new Promise<never>(() => {});
      });
      endings.push(relay.close);
      const provider = open({ address: relay.address, path, token, kvVersion: 2 });
      const error = await errorOf(
        provider.write?.(
          { entries: new Map([['A', value]]) },
          context({ signal: caller.signal }),
        ) ?? Promise.resolve(),
      );
      expect(error).toMatchObject({ code: 'ERR_SECRET_ABORTED', applied });
    }
  });

  test('what never left, and what Vault refuses, was not written', async () => {
    const { path, token } = await documentOf({ A: 'x' }, writePolicy);
    const { token: reader } = await tokenFor(server, readPolicy('secret', path));
    const denied = await errorOf(write(open({ path, token: reader }), { A: value }));
    expect(denied).toMatchObject({ code: 'ERR_SECRET_DENIED', applied: 'no' });
    const nowhere = open({ address: 'http://127.0.0.1:9', path, token, kvVersion: 2 });
    expect(await errorOf(write(nowhere, { A: value }))).toMatchObject({ applied: 'no' });
  });

  test.each([true, false])(
    'a write that is not answered within its time (made: %s) is looked for before that is over',
    async (made) => {
      const { path, token } = await documentOf({ A: 'x' }, writePolicy);
      // a quarter of it is for the look, which a busy machine must have made by then
      const limit = made ? 2_000 : 400;
      const controller = new AbortController();
      let end: number | undefined;
      const relay = await relayTo(server.address, async ({ method }): Promise<Fate> => {
        if (method === 'POST') {
          if (made) await server.request('POST', `secret/data/${path}`, { data: { A: value } });
          return new Promise<never>(() => {});
        }
        // as the core ends a call: its time begins here, since the machine may be busy before
        if (end === undefined) setTimeout(() => controller.abort(), limit);
        end ??= performance.now() + limit;
        return 'pass';
      });
      endings.push(relay.close);
      const provider = open({ address: relay.address, path, token, kvVersion: 2 });
      const bounds = {
        signal: controller.signal,
        remainingTimeout: () => (end === undefined ? 20_000 : Math.max(0, end - performance.now())),
        warn: () => {},
      };
      const writing = provider.write?.({ entries: new Map([['A', value]]) }, bounds);
      if (made) expect(await writing).toMatchObject({ version: '2' });
      else {
        const error = await errorOf(Promise.resolve(writing), token);
        expect(error).toMatchObject({
          code: 'ERR_SECRET_UNAVAILABLE',
          retryable: false,
          applied: 'unknown',
        });
      }
      if (made) expect(posts(relay.requests)).toBe(1);
    },
  );

  test('where it cannot be read back either, the result is unknown', async () => {
    const { path, token } = await documentOf({ A: 'x' }, writePolicy);
    const relay = await relayTo(server.address, ({ method, path: asked }) =>
      method === 'POST' || asked.includes('version=') ? 'lose-answer' : 'pass',
    );
    endings.push(relay.close);
    const provider = open({ address: relay.address, path, token, kvVersion: 2 });
    const error = await errorOf(writeWithin(1_500, provider, { A: value }), token);
    expect(error).toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE', retryable: false });
    expect(error.applied).toBe('unknown');
  });

  test('nor where the caller gives up before it is settled', async () => {
    const { path, token } = await documentOf({ A: 'x' }, writePolicy);
    const stop = new AbortController();
    const relay = await relayTo(server.address, ({ method, path: asked }) => {
      if (method === 'GET' && asked.includes('version=')) stop.abort();
      return method === 'POST' || asked.includes('version=') ? 'lose-answer' : 'pass';
    });
    endings.push(relay.close);
    const provider = open({ address: relay.address, path, token, kvVersion: 2 });
    const entries = new Map([['A', value]]);
    const writing = provider.write?.({ entries }, context({ signal: stop.signal }));
    expect(await errorOf(Promise.resolve(writing), token)).toMatchObject({
      code: 'ERR_SECRET_ABORTED',
      applied: 'unknown',
    });
  });

  test('nor where its version has been deleted: it was there, so nothing is sent again', async () => {
    const { path, token } = await documentOf({ A: 'x' }, writePolicy);
    const relay = await relayTo(server.address, async ({ method, path: asked }): Promise<Fate> => {
      if (method === 'POST') return 'lose-answer';
      if (asked.includes('version=2')) await server.request('DELETE', `secret/data/${path}`);
      return 'pass';
    });
    endings.push(relay.close);
    const provider = open({ address: relay.address, path, token, kvVersion: 2 });
    const error = await errorOf(write(provider, { A: value }), token);
    expect(error).toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE', applied: 'unknown' });
    expect(posts(relay.requests)).toBe(1);
  });

  test('nor where its version is gone by the time it is looked for', async () => {
    const { path, token } = await documentOf({ A: 'x' }, writePolicy);
    await server.request('POST', `secret/metadata/${path}`, { max_versions: 1 });
    const relay = await relayTo(server.address, async ({ method, path: asked }): Promise<Fate> => {
      if (method === 'POST') return 'lose-answer';
      if (asked.includes('version='))
        await server.request('POST', `secret/data/${path}`, { data: { A: 'theirs' } });
      return 'pass';
    });
    endings.push(relay.close);
    const provider = open({ address: relay.address, path, token });
    const entries = new Map([['A', value]]);
    // each answer to a write is lost, so it looks and sends for as long as it may
    const writing = provider.write?.({ entries }, context({ limit: 3_000 }));
    const error = await errorOf(Promise.resolve(writing), token);
    expect(error).toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE', retryable: false });
    expect(posts(relay.requests)).toBeGreaterThan(1);
    expect(error.applied).toBe('unknown');
  });

  test('version 1: a write whose answer is lost is compared, too', async () => {
    const mount = await server.mountKv({ version: 1 });
    const relay = await relayTo(server.address, ({ method }) =>
      method === 'POST' || method === 'DELETE' ? 'lose-answer' : 'pass',
    );
    endings.push(relay.close);
    const { address } = relay;
    const { token } = await tokenFor(server, policyFile('kv1', mount, 'shop'));
    const provider = open({ address, mount, path: 'shop', token });
    expect(await write(provider, { A: value })).toEqual({ conditional: false });
    expect((await read(provider)).entries.get('A')).toMatchObject({ value });
    expect(await write(provider, { A: null })).toEqual({ conditional: false });
  });

  test('version 1: a write that is lost on its way is not sent again, over what another writer wrote', async () => {
    const mount = await server.mountKv({ version: 1 });
    const theirs = { A: 'theirs', B: 'theirs' };
    const relay = await relayTo(server.address, async ({ method }): Promise<Fate> => {
      if (method !== 'POST') return 'pass';
      if (posts(relay.requests) > 1) return 'pass';
      await server.request('POST', `${mount}/shop`, theirs);
      return 'lose-request';
    });
    endings.push(relay.close);
    const { token } = await tokenFor(server, policyFile('kv1', mount, 'shop'));
    const provider = open({ address: relay.address, mount, path: 'shop', token });
    const entries = new Map([['A', value]]);
    const writing = provider.write?.({ entries }, context({ limit: 1_500 }));
    expect(await errorOf(Promise.resolve(writing), token)).toMatchObject({
      code: 'ERR_SECRET_UNAVAILABLE',
      applied: 'unknown',
      retryable: false,
    });
    expect(posts(relay.requests)).toBe(1);
    expect((await server.request('GET', `${mount}/shop`)).body.data).toEqual(theirs);
  });

  test('a write that meets another one in between is merged again, a few times', async () => {
    const { path, token } = await documentOf({ A: 'x' }, writePolicy);
    let others = 1;
    const relay = await relayTo(server.address, async ({ method }): Promise<Fate> => {
      if (method === 'POST' && others > 0) {
        others -= 1;
        await server.request('POST', `secret/data/${path}`, { data: { A: `theirs ${others}` } });
      }
      return 'pass';
    });
    endings.push(relay.close);
    const provider = open({ address: relay.address, path, token });
    expect(await write(provider, { B: 'ours' })).toMatchObject({ version: '3' });
    const { entries } = await read(provider);
    expect(entries.get('A')).toMatchObject({ value: 'theirs 0' });
    expect(entries.get('B')).toMatchObject({ value: 'ours' });

    others = Number.POSITIVE_INFINITY;
    const before = posts(relay.requests);
    expect((await errorOf(write(provider, { B: value }))).code).toBe('ERR_SECRET_CONFLICT');
    expect(posts(relay.requests) - before).toBe(5);
  });

  test.each([2, 1] as const)(
    'version %i: writes of one provider at the same time are all made',
    async (version) => {
      const mount = await server.mountKv({ version });
      const { token } = await tokenFor(
        server,
        policyFile(version === 2 ? 'editor' : 'kv1', mount, 'shop'),
      );
      const provider = open({ mount, path: 'shop', token });
      const names = Array.from({ length: 20 }, (_, index) => `K${index}`);
      await Promise.all(names.map((name) => write(provider, { [name]: value })));
      expect([...(await read(provider)).entries.keys()].sort()).toEqual(names.sort());
      // one that gives up while it waits for its turn changes nothing, and holds up nobody
      const impatient = new AbortController();
      const change = (name: string, signal = new AbortController().signal) =>
        provider.write?.({ entries: new Map([[name, 'x']]) }, context({ signal }));
      const [first, second, third] = [
        change('FIRST'),
        change('SECOND', impatient.signal),
        change('THIRD'),
      ];
      impatient.abort();
      expect((await errorOf(Promise.resolve(second))).code).toBe('ERR_SECRET_ABORTED');
      await Promise.all([first, third]);
      const { entries } = await read(provider);
      expect(['FIRST', 'SECOND', 'THIRD'].map((name) => entries.has(name))).toEqual([
        true,
        false,
        true,
      ]);
    },
  );

  test('what the server would refuse is refused beforehand, at exactly its own limit', async () => {
    const { provider, path, token } = await documentOf(undefined, writePolicy);
    const pairs = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`K${index}`, 'v']));
    const tooMany = await errorOf(write(provider, pairs(499)));
    expect(tooMany).toMatchObject({ code: 'ERR_SECRET_UNSUPPORTED', provider: 'vault' });
    expect(await read(provider)).toMatchObject({ revision: '0' });
    const unlimited = open({ path, token, writeLimits: { strings: 10_000, bytes: 10_000_000 } });
    expect((await errorOf(write(unlimited, pairs(499)))).code).toBe('ERR_SECRET_UNSUPPORTED');
    expect(await read(provider)).toMatchObject({ revision: '0' });
    expect(await write(provider, pairs(498))).toMatchObject({ version: '1' });
    const tooLarge = await errorOf(write(provider, { BIG: value.repeat(60_000) }));
    expect(tooLarge.code).toBe('ERR_SECRET_UNSUPPORTED');
    expect(await stored(path)).toEqual([pairs(498), 1]);
    // at a limit of its own it sends nothing
    const relay = await relayTo(server.address);
    endings.push(relay.close);
    const { address } = relay;
    const small = open({
      address,
      path: freshPath(),
      token: server.token,
      writeLimits: { strings: 4, bytes: 60 },
    });
    expect((await errorOf(write(small, pairs(3)))).code).toBe('ERR_SECRET_UNSUPPORTED');
    expect((await errorOf(write(small, { A: 'x'.repeat(53) }))).code).toBe(
      'ERR_SECRET_UNSUPPORTED',
    );
    expect(posts(relay.requests)).toBe(0);
    expect(await write(small, { A: 'x'.repeat(23), B: 'x'.repeat(22) })).toMatchObject({
      version: '1',
    });
  });

  test('version 1: the receipt claims nothing, and the last name takes the document along', async () => {
    const mount = await server.mountKv({ version: 1 });
    const { token } = await tokenFor(server, policyFile('kv1', mount, 'shop'));
    const provider = open({ mount, path: 'shop', token });
    expect(await write(provider, { A: 'x' })).toEqual({ conditional: false });
    expect((await errorOf(write(provider, { A: value }, '1'))).code).toBe('ERR_SECRET_UNSUPPORTED');
    expect((await server.request('GET', `${mount}/shop`)).body.data).toEqual({ A: 'x' });
    expect(await write(provider, { A: null })).toEqual({ conditional: false });
    expect(await read(provider)).toHaveProperty('missingDocument');
    const history = provider.history?.('A', context()) ?? Promise.resolve();
    expect((await errorOf(history)).code).toBe('ERR_SECRET_UNSUPPORTED');
  });
});

describe('history', () => {
  test('says what became of each version, when, and whether it held the name', async () => {
    const { provider, path } = await documentOf({ OTHER: 'x' }, writePolicy);
    for (const data of [{ A: '2' }, { A: '3' }, { A: '4' }, { B: '5' }])
      await server.request('POST', `secret/data/${path}`, { data });
    await server.request('PUT', `secret/delete/${path}`, { versions: [3] });
    await server.request('PUT', `secret/destroy/${path}`, { versions: [2] });
    const history = (await provider.history?.('A', context())) ?? [];
    expect(history.map(({ version, state, held }) => [version, state, held])).toEqual([
      ['5', 'current', false],
      ['4', 'previous', true],
      ['3', 'deleted', false],
      ['2', 'destroyed', false],
      ['1', 'previous', false],
    ]);
    expect(history.map(({ createdAt }) => typeof createdAt)).toEqual(Array(5).fill('number'));
  });

  test('looks at the twenty newest versions, and at none where there are none', async () => {
    const { provider, path } = await documentOf(undefined, writePolicy);
    expect(await provider.history?.('A', context())).toEqual([]);
    await server.request('POST', `secret/metadata/${path}`, { max_versions: 30 });
    for (let count = 0; count < 22; count += 1)
      await server.request('POST', `secret/data/${path}`, { data: { A: `${count}` } });
    const history = (await provider.history?.('A', context())) ?? [];
    expect(history.map(({ version }) => Number(version))).toEqual(
      Array.from({ length: 20 }, (_, index) => 22 - index),
    );
  });
});

test('a token file is read for each request, so that an agent may rotate it', async () => {
  const { path, token, accessor, policy } = await documentOf({ A: value });
  const directory = await testFolder();
  const tokenFile = join(directory, 'token');
  const provider = open({ path, token: { file: tokenFile } });
  const absent = await errorOf(read(provider));
  expect(absent.code).toBe('ERR_SECRET_CONFIG');
  await writeFile(tokenFile, `${token}\n`);
  expect((await read(provider)).entries.get('A')).toMatchObject({ value });
  await server.request('POST', 'auth/token/revoke-accessor', { accessor });
  const next = await server.createToken({ policies: [policy] });
  await writeFile(tokenFile, next.token);
  expect((await read(provider)).entries.get('A')).toMatchObject({ value });
  await writeFile(tokenFile, `${value}\nsecond line`);
  const odd = await errorOf(read(provider));
  expect(odd.code).toBe('ERR_SECRET_CONFIG');
});

test('a server that is killed is unavailable, and answers again when it is back', async () => {
  const mortal = await startVaultServer({ external: false });
  endings.push(() => mortal.stop());
  await mortal.request('POST', 'secret/data/shop', { data: { A: value } });
  // of root, since the server that comes back is another one and knows no other token
  const provider = open({ address: mortal.address, path: 'shop', token: mortal.token });
  await read(provider);
  await mortal.kill();
  expect((await errorOf(read(provider), mortal.token)).code).toBe('ERR_SECRET_UNAVAILABLE');
  await mortal.restart();
  expect(await read(provider)).toHaveProperty('missingDocument');
  await mortal.request('PUT', 'sys/seal');
  const sealed = await errorOf(read(provider), mortal.token);
  expect(sealed).toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE' });
});
