/**
 * Documents of a KV engine beyond reading and writing them: odd paths, older versions, what a
 * conditional write is conditional on, and tokens that may do only a part of it. Every token has the
 * policy that the documentation names for the feature.
 */
import type { SecretProvider } from '@keyfall/core';
import { faultyServer, startVaultServer, type VaultServer } from '@keyfall/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type VaultProviderOptions, vaultProvider } from '../src/index.ts';
import {
  canary,
  context,
  eventually,
  type Fate,
  failureOf,
  freshPath,
  policyFile,
  relayTo,
  tokenFor,
  writePolicy,
} from './harness.ts';

let server: VaultServer;
let mount: string;
const value = canary();
const endings: (() => Promise<void> | undefined)[] = [];
beforeAll(async () => {
  server = await startVaultServer({ external: false });
  mount = await server.mountKv();
});
afterAll(() => server?.stop());
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

function open(options: VaultProviderOptions): SecretProvider {
  const provider = vaultProvider({ address: server.address, mount, env: {}, ...options });
  endings.push(() => provider.close?.());
  return provider;
}

const put = (path: string, data: object) =>
  server.request('POST', `${mount}/data/${path}`, { data });

/** A provider whose token has these policies of the documentation and no more. */
async function openAs(path: string, ...policies: readonly string[]) {
  const rules = policies.map((name) => policyFile(name, mount, path)).join('\n');
  const { token } = await tokenFor(server, rules);
  return { token, provider: open({ path, token }) };
}

const write = (
  { write }: SecretProvider,
  entries: Readonly<Record<string, string | null>>,
  ifRevision?: string,
) => {
  if (!write) throw new Error('the provider cannot write');
  const changes = { entries: new Map(Object.entries(entries)) };
  return write(ifRevision === undefined ? changes : { ...changes, ifRevision }, context());
};

describe('paths', () => {
  test.each([
    'with space',
    'ques?tion',
    'ha#sh',
    'per%cent',
    '%2e%2e',
    'plus+semi;amp&equals=',
    `quotes "'`,
    'back\\slash',
    'colon:at@',
    'ünïcode/日本/🔑',
    '...',
    `long-${'x'.repeat(300)}`,
  ])('%s names one document, and no other', async (name) => {
    const path = `${freshPath()}/${name}`;
    const { provider } = await openAs(path, 'editor');
    expect(await provider.read('all', context())).toHaveProperty('missingDocument');
    await write(provider, { A: name });
    expect((await provider.read('all', context())).entries.get('A')).toMatchObject({ value: name });
    const encoded = path.split('/').map(encodeURIComponent).join('/');
    const { body } = await server.request('GET', `${mount}/data/${encoded}`);
    expect(body.data).toMatchObject({ data: { A: name } });
  });

  test.each(['a//b', 'a/./b', 'a/../b', '..', 'a/\u0007b', 'a/\u00a0b', 'a/\u200bb'])(
    '%j is refused before anything is sent',
    (path) => {
      expect(() => vaultProvider({ path, token: 'x', env: {} })).toThrow(
        expect.objectContaining({ code: 'ERR_SECRET_CONFIG' }),
      );
    },
  );
});

describe('older versions', () => {
  test('readVersion gives what a name was, and nothing where it was not', async () => {
    const path = freshPath();
    await put(path, { A: 'one', N: 1.5 });
    await put(path, { A: 'two' });
    await put(path, { B: 'three' });
    await put(path, { A: 'four' });
    await server.request('POST', `${mount}/delete/${path}`, { versions: [2] });
    const { provider } = await openAs(path, 'editor');
    const at = (version: string, name = 'A') => provider.readVersion?.(name, version, context());
    expect(await at('1')).toMatchObject({ value: 'one', version: '1' });
    expect(await at('1', 'N')).toMatchObject({ value: '1.5' });
    expect(await at('2')).toBeUndefined();
    expect(await at('3')).toBeUndefined();
    expect(await at('4')).toMatchObject({ value: 'four' });
    expect(await at('99')).toBeUndefined();
  });

  test.each(['0', '-1', '1.5', 'abc', '', '1e400'])(
    '%j is no version, although the server takes some of them for the newest',
    async (version) => {
      const path = freshPath();
      await put(path, { A: value });
      const { provider, token } = await openAs(path, 'shop');
      const call = provider.readVersion?.('A', version, context()) ?? Promise.resolve();
      expect((await failureOf(call, value, token)).code).toBe('ERR_SECRET_CONFIG');
    },
  );

  test('a rollback is a read of an old version and a conditional write of one name', async () => {
    const path = freshPath();
    await put(path, { A: 'one', B: 'b' });
    await put(path, { A: 'two', B: 'changed' });
    const { provider } = await openAs(path, 'editor');
    const { revision } = await provider.read('all', context());
    const old = await provider.readVersion?.('A', '1', context());
    await write(provider, { A: old?.value ?? '' }, revision);
    const { entries } = await provider.read('all', context());
    expect(entries.get('A')).toMatchObject({ value: 'one', version: '3' });
    expect(entries.get('B')).toMatchObject({ value: 'changed' });
  });
});

test('a document that was removed and written anew is another one, although its version is the same', async () => {
  const path = freshPath();
  await put(path, { A: 'old' });
  const { provider, token } = await openAs(path, 'editor');
  const { revision } = await provider.read('all', context());
  await server.request('DELETE', `${mount}/metadata/${path}`);
  await put(path, { A: 'new' });
  const error = await failureOf(write(provider, { A: value }, revision), value, token);
  expect(error.code).toBe('ERR_SECRET_CONFLICT');
  const now = await provider.read('all', context());
  expect(now.entries.get('A')).toMatchObject({ value: 'new', version: '1' });
  expect(now.revision).not.toBe(revision);
});

test('a live version that holds null instead of names is there, empty, and can be written', async () => {
  const path = freshPath();
  await server.request('POST', `${mount}/data/${path}`, { data: null });
  const { provider } = await openAs(path, 'editor');
  const batch = await provider.read('all', context());
  expect(batch.entries.size).toBe(0);
  expect(batch).not.toHaveProperty('missingDocument');
  expect(await write(provider, { A: value }, batch.revision)).toMatchObject({ version: '2' });
});

describe('a token that may patch and not replace', () => {
  test('changes and removes names, and leaves the others alone', async () => {
    const path = freshPath();
    const odd = { n: 12.5, o: { deep: [1, { x: null }] }, z: null };
    await put(path, { A: 'old', B: 'gone', ...odd });
    const { provider } = await openAs(path, 'patch');
    const { revision } = await provider.read('all', context());
    const receipt = await write(provider, { A: value, B: null, C: 'new' }, revision);
    expect(receipt).toMatchObject({ version: '2', conditional: true });
    expect(receipt.revision).toBe((await provider.read('all', context())).revision);
    const { body } = await server.request('GET', `${mount}/data/${path}`);
    expect(body.data).toMatchObject({ data: { A: value, C: 'new', ...odd } });
    expect((body.data as { data: object }).data).not.toHaveProperty('B');
  });

  test('meets another writer as anybody does', async () => {
    const path = freshPath();
    await put(path, { A: 'x' });
    const { provider, token } = await openAs(path, 'patch');
    const { revision } = await provider.read('all', context());
    await put(path, { A: 'theirs' });
    const error = await failureOf(write(provider, { A: value }, revision), value, token);
    expect(error.code).toBe('ERR_SECRET_CONFLICT');
  });

  test('finds a lost answer by reading back, and sends the patch once', async () => {
    const path = freshPath();
    await put(path, { A: 'x', B: 'y' });
    const { token } = await tokenFor(server, policyFile('patch', mount, path));
    const relay = await relayTo(server.address, ({ method }) =>
      method === 'PATCH' ? 'lose-answer' : 'pass',
    );
    endings.push(relay.close);
    const provider = open({ address: relay.address, path, token });
    expect(await write(provider, { A: value })).toMatchObject({ version: '2', conditional: true });
    expect(relay.requests.filter((sent) => sent.startsWith('PATCH'))).toHaveLength(1);
  });

  describe('while somebody else is faster, between its read and its patch', () => {
    /** What `others` do comes to the server just before the first patch. */
    async function overtaken(path: string, others: () => Promise<unknown>) {
      const { token } = await tokenFor(server, policyFile('patch', mount, path));
      let isFirst = true;
      const relay = await relayTo(server.address, async ({ method }): Promise<Fate> => {
        if (method === 'PATCH' && isFirst) {
          isFirst = false;
          await others();
        }
        return 'pass';
      });
      endings.push(relay.close);
      return { token, provider: open({ address: relay.address, path, token }) };
    }
    const stored = async (path: string) => {
      const { body } = await server.request('GET', `${mount}/data/${path}`, undefined, {
        allow: [404],
      });
      return (body.data as { data: unknown }).data;
    };

    test('it is merged again with what they wrote, or refused where it names a revision', async () => {
      const path = freshPath();
      await put(path, { A: 'x', B: 'y' });
      const first = await overtaken(path, () => put(path, { A: 'theirs', C: 'theirs' }));
      expect(await write(first.provider, { B: value })).toMatchObject({ version: '3' });
      expect(await stored(path)).toEqual({ A: 'theirs', B: value, C: 'theirs' });
      const second = await overtaken(path, () => put(path, { A: 'theirs again' }));
      const { revision } = await second.provider.read('all', context());
      const error = await failureOf(
        write(second.provider, { A: value }, revision),
        value,
        second.token,
      );
      expect(error).toMatchObject({ code: 'ERR_SECRET_CONFLICT', applied: 'no' });
      expect(await stored(path)).toEqual({ A: 'theirs again' });
    });

    test('a document that they delete is not made again by who may not make one', async () => {
      const path = freshPath();
      await put(path, { A: 'x' });
      const { provider, token } = await overtaken(path, () =>
        server.request('DELETE', `${mount}/data/${path}`),
      );
      const error = await failureOf(write(provider, { A: value }), value, token);
      expect(error).toMatchObject({ code: 'ERR_SECRET_DENIED', applied: 'no' });
      expect(await stored(path)).toBeNull();
    });
  });

  test('may not start a document, and is told what it takes', async () => {
    const { provider, token } = await openAs(freshPath(), 'patch');
    const error = await failureOf(write(provider, { A: value }), value, token);
    expect(error).toMatchObject({ code: 'ERR_SECRET_DENIED' });
    expect(error.hint).toContain('"create"');
  });
});

describe('list', () => {
  test('names without values, for a token that may read no more', async () => {
    const path = freshPath();
    await put(path, { A: value, O: { inner: value }, __proto: 'x' });
    const { provider, token } = await openAs(path, 'names');
    expect((await provider.list?.(context()))?.toSorted()).toEqual(['A', 'O', '__proto']);
    const denied = await failureOf(provider.read('all', context()), value, token);
    expect(denied.code).toBe('ERR_SECRET_DENIED');
    await server.request('DELETE', `${mount}/data/${path}`);
    expect(await provider.list?.(context())).toEqual([]);
  });

  test('one request for a token that may read', async () => {
    const path = freshPath();
    await put(path, { A: value });
    const { token } = await tokenFor(server, policyFile('shop', mount, path));
    const relay = await relayTo(server.address);
    endings.push(relay.close);
    const provider = open({ address: relay.address, path, token, kvVersion: 2 });
    expect(await provider.list?.(context())).toEqual(['A']);
    expect(relay.requests).toEqual([`GET /v1/${mount}/data/${path}`]);
  });

  test('a token that may do neither is told what reading takes', async () => {
    const path = freshPath();
    const { token } = await tokenFor(server, policyFile('shop', mount, `${path}-other`));
    const list = open({ path, token }).list?.(context()) ?? Promise.resolve();
    const error = await failureOf(list, token);
    expect(error).toMatchObject({ code: 'ERR_SECRET_DENIED' });
    expect(error.hint).toContain(`${mount}/data/${path}`);
  });
});

test('version 1, under its policy: a document with a name ttl is no lease, and lists', async () => {
  const first = await server.mountKv({ version: 1 });
  const path = freshPath();
  await server.request('POST', `${first}/${path}`, { A: value, ttl: '5m' });
  const { token } = await tokenFor(server, policyFile('kv1', first, path));
  const provider = open({ mount: first, path, token });
  const { entries, revision } = await provider.read('all', context());
  expect(entries.get('A')).toEqual({ value });
  expect(entries.get('ttl')).toEqual({ value: '5m' });
  expect(revision).toBeUndefined();
  expect((await provider.list?.(context()))?.toSorted()).toEqual(['A', 'ttl']);
  await write(provider, { A: null, ttl: null });
  expect(await provider.read('all', context())).toHaveProperty('missingDocument');
  const old = provider.readVersion?.('A', '1', context()) ?? Promise.resolve();
  expect((await failureOf(old, value, token)).code).toBe('ERR_SECRET_UNSUPPORTED');
  expect(open({ mount: first, path, token, kvVersion: 1 })).not.toHaveProperty('readVersion');
});

test('what the server itself refuses as too large is said of the document, without a value', async () => {
  const path = freshPath();
  const { token } = await tokenFor(server, writePolicy(mount, path));
  const provider = open({ path, token, writeLimits: { strings: 10_000, bytes: 1e9 } });
  const huge = await failureOf(write(provider, { BIG: value + 'x'.repeat(33_600_000) }), value);
  expect(huge.code).toBe('ERR_SECRET_UNSUPPORTED');
  expect(huge.message).toContain(`${mount}/${path}`);
});

test('versioning that is enabled while we run needs no restart', async () => {
  const first = await server.mountKv({ version: 1 });
  const path = freshPath();
  await server.request('POST', `${first}/${path}`, { A: value });
  const policy = await server.createPolicy(policyFile('kv1', first, path));
  const { token } = await server.createToken({ policies: ['default', policy] });
  const provider = open({ mount: first, path, token });
  const read = async () => (await provider.read('all', context())).entries.get('A');
  expect(await read()).toEqual({ value });
  await server.request('POST', `sys/mounts/${first}/tune`, { options: { version: '2' } });
  await server.createPolicy(policyFile('editor', first, path), policy);
  await eventually(async () => {
    for (const each of await Promise.all([read(), read()]))
      expect(each).toMatchObject({ value, version: '1' });
  });
  expect(await write(provider, { A: 'new' })).toMatchObject({ version: '2', conditional: true });
});

describe('an answer that is not one of KV version 2', () => {
  const metadata = { version: 2, created_time: '2026-01-02T03:04:05Z' };
  test.each<[string, unknown]>([
    ['no data', {}],
    ['null for the data', { data: null }],
    ['a list for the content', { data: { data: [value], metadata } }],
    ['text for the content', { data: { data: value, metadata } }],
    ['no content', { data: { metadata } }],
    ['no metadata', { data: { data: { A: value } } }],
    ['null for the metadata', { data: { data: { A: value }, metadata: null } }],
    ...[undefined, null, '2', 0, -1, 1.5, 2 ** 53].map((version): [string, unknown] => [
      `${JSON.stringify(version)} for the version`,
      { data: { data: { A: value }, metadata: { ...metadata, version } } },
    ]),
  ])('%s: it is refused, nothing of it is shown, and nothing is written', async (_, body) => {
    const odd = await faultyServer({ kind: 'status', status: 200, body });
    endings.push(odd.close);
    const token = 'canary-of-the-token';
    const provider = open({ address: odd.address, path: 'shop', token, kvVersion: 2 });
    for (const call of [() => provider.read('all', context()), () => write(provider, { B: 'b' })])
      expect((await failureOf(call(), value, token)).code).toBe('ERR_SECRET_INVALID');
    expect(odd.requests.filter(({ method }) => method !== 'GET')).toEqual([]);
  });
});
