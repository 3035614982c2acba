/**
 * Documents of a KV engine beyond reading and writing them: odd paths, older versions, what a
 * conditional write is conditional on, and tokens that may do only a part of it. Every token has the
 * policy that the documentation names for the feature.
 */
import type { SecretProvider } from '@keyfall/core/provider';
import { faultyServer, sharedVaultServer, type VaultServer } from '@keyfall/testkit';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
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
import { Instead } from './login-relay.ts';

let server: VaultServer;
let mount: string;
const value = canary();
const endings: (() => Promise<void> | undefined)[] = [];
beforeAll(async () => {
  server = await sharedVaultServer();
  mount = await server.mountKv();
});
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

/** A provider behind a relay to the server, and what went through that. */
async function openBehind(
  fateOf: Parameters<typeof relayTo>[1],
  options: VaultProviderOptions & { readonly path: string },
) {
  const relay = await relayTo(server.address, fateOf);
  endings.push(relay.close);
  const { requests } = relay;
  const provider = open({ address: relay.address, token: server.token, ...options });
  return { provider, requests };
}

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
    async (path) => {
      const provider = vaultProvider({ path, token: 'x', env: {} });
      expect(await failureOf(provider.read('all', context()))).toMatchObject({
        code: 'ERR_SECRET_CONFIG',
        setting: { option: 'path' },
      });
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

test('a document that was removed and written again is another one, although its version is the same', async () => {
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

describe('the mount is asked about', () => {
  const isAboutMounts = (request: string) => request.includes('/sys/internal/ui/mounts/');

  test('where nothing is found, and not for what is deleted, or was never in that version', async () => {
    const path = freshPath();
    const { provider, requests } = await openBehind(() => 'pass', { path, kvVersion: 2 });
    await put(path, { A: value });
    expect(await provider.readVersion?.('A', '9', context())).toBeUndefined();
    await server.request('DELETE', `${mount}/data/${path}`);
    expect(await provider.read('all', context())).toHaveProperty('missingDocument');
    expect(requests.filter(isAboutMounts)).toEqual([]);
    await server.request('DELETE', `${mount}/metadata/${path}`);
    await provider.read('all', context());
    expect(requests.filter(isAboutMounts)).toHaveLength(1);
  });

  test('not where the server does not answer, and nor are the names alone', async () => {
    const options = { path: freshPath(), kvVersion: 2 } as const;
    const { provider, requests } = await openBehind(() => 'lose-answer', options);
    const list = provider.list?.(context()) ?? Promise.resolve();
    expect((await failureOf(list)).code).toBe('ERR_SECRET_UNAVAILABLE');
    expect(new Set(requests)).toEqual(new Set([`GET /v1/${mount}/data/${options.path}`]));
  });
});

test('a write is one request to read and one to write, in either version', async () => {
  for (const version of [1, 2] as const) {
    const own = await server.mountKv({ version });
    const options = { mount: own, path: 'shop', kvVersion: version };
    const { provider, requests } = await openBehind(() => 'pass', options);
    await write(provider, { A: value });
    const before = requests.length;
    await write(provider, { B: value });
    const place = version === 1 ? `/v1/${own}/shop` : `/v1/${own}/data/shop`;
    expect(requests.slice(before)).toEqual([`GET ${place}`, `POST ${place}`]);
  }
});

describe('a write whose answer is lost', () => {
  const posts = (requests: readonly string[]) => requests.filter((sent) => sent.startsWith('POST'));
  const stored = async (path: string) => {
    const { body } = await server.request('GET', `${mount}/data/${path}`);
    const { data, metadata } = body.data as { data: unknown; metadata: { version: number } };
    return [data, metadata.version];
  };

  test('and that leaves no name is not taken for made before it is', async () => {
    const path = freshPath();
    await put(path, { A: 'x' });
    const fates: Fate[] = ['lose-request', 'lose-answer'];
    const { provider, requests } = await openBehind(
      ({ method }) => (method === 'POST' ? (fates.shift() ?? 'pass') : 'pass'),
      { path },
    );
    expect(await write(provider, { A: null })).toMatchObject({ version: '2' });
    expect(await stored(path)).toEqual([{}, 2]);
    expect(posts(requests)).toHaveLength(2);
  });

  test('and that others are faster than, each time that it is merged again, was not made for certain', async () => {
    const path = freshPath();
    await put(path, { A: 'x' });
    const { provider, requests } = await openBehind(
      async ({ method }): Promise<Fate> => {
        if (method !== 'POST') return 'pass';
        await put(path, { A: 'theirs' });
        return 'lose-request';
      },
      { path },
    );
    const error = await failureOf(write(provider, { A: value }), value);
    const { code, provider: name, applied } = error;
    expect([code, name, applied]).toEqual(['ERR_SECRET_CONFLICT', 'vault', 'no']);
    expect(posts(requests)).toHaveLength(5);
    expect(await stored(path)).toEqual([{ A: 'theirs' }, 6]);
  });

  test('is not sent again once a conflict has said that its version is there', async () => {
    const path = freshPath();
    await put(path, { A: 'x' });
    let looks = 0;
    // a node that is behind answers the first looks
    const none = new Instead(false, { status: 404, body: '{"errors":[]}' });
    const { provider, requests } = await openBehind(
      ({ method, path: asked }) => {
        if (method === 'POST') return posts(requests).length === 1 ? 'lose-answer' : 'pass';
        if (!asked.includes('version=2')) return 'pass';
        looks += 1;
        return looks > 2 ? 'pass' : none;
      },
      { path },
    );
    expect(await write(provider, { A: value })).toMatchObject({ version: '2' });
    expect(posts(requests)).toHaveLength(2);
    expect(looks).toBe(3);
  });

  test('or that met another one and cannot be looked at, is not known to be made', async () => {
    const path = freshPath();
    await put(path, { A: 'x' });
    const { token } = await tokenFor(server, policyFile('editor', mount, path));
    const { provider } = await openBehind(
      async ({ method, path: asked }): Promise<Fate> => {
        if (method === 'POST') await put(path, { A: 'theirs' });
        if (asked.includes('version=2'))
          await server.request('POST', 'auth/token/revoke', { token });
        return 'pass';
      },
      { path, token },
    );
    const error = await failureOf(write(provider, { A: value }), value, token);
    expect(error).toMatchObject({ code: 'ERR_SECRET_UNAUTHENTICATED', applied: 'unknown' });
  });

  test.each([
    ['a page with 401', 401, '<html></html>', 'ERR_SECRET_UNAUTHENTICATED'],
    ['a page with 403', 403, '<html></html>', 'ERR_SECRET_DENIED'],
    ['JSON that is not its own', 200, '{"message":"accepted"}', 'ERR_SECRET_UNAVAILABLE'],
  ])('to %s, for good, is not known, and a refusal is no outage', async (_, status, body, code) => {
    const path = freshPath();
    await put(path, { A: 'x' });
    // from the first request to write: the machine may be busy before
    let end: number | undefined;
    const { provider } = await openBehind(
      ({ method }) => {
        if (method !== 'POST') return 'pass';
        end ??= performance.now() + 300;
        return new Instead(false, { status, body });
      },
      { path, kvVersion: 2 },
    );
    const remainingTimeout = () =>
      end === undefined ? 20_000 : Math.max(0, end - performance.now());
    const changes = { entries: new Map([['A', value]]) };
    const writing =
      provider.write?.(changes, { ...context(), remainingTimeout }) ?? Promise.resolve();
    expect(await failureOf(writing, value)).toMatchObject({ code, applied: 'unknown' });
  });
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

  test('is denied where the server knows no patch; what became of one is not hidden by that', async () => {
    const path = freshPath();
    await put(path, { A: 'x' });
    const { token } = await tokenFor(server, policyFile('patch', mount, path));
    const caller = new AbortController();
    const unknown = new Instead(false, { status: 405, body: '{"errors":[]}' });
    for (const [fate, expected] of [
      [() => unknown, { code: 'ERR_SECRET_DENIED', applied: 'no' }],
      [
        () => {
          caller.abort();
          return new Promise<never>(() => {});
        },
        { code: 'ERR_SECRET_ABORTED', applied: 'unknown' },
      ],
    ] as const) {
      const { provider } = await openBehind(
        ({ method }) => (method === 'PATCH' ? fate() : 'pass'),
        { path, token, kvVersion: 2 },
      );
      const changes = { entries: new Map([['A', value]]) };
      const bounds = context({ signal: caller.signal });
      const writing = provider.write?.(changes, bounds) ?? Promise.resolve();
      expect(await failureOf(writing, value, token)).toMatchObject(expected);
    }
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
      expect(error).toMatchObject({
        code: 'ERR_SECRET_CONFLICT',
        provider: 'vault',
        applied: 'no',
      });
      expect(await stored(path)).toEqual({ A: 'theirs again' });
    });

    test('a document that they delete is not created again by a token that may not create one', async () => {
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

  test('may not create a document, and the error names the capability that it lacks', async () => {
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

  test.each([
    [200, '{}'],
    [200, '{"data":null}'],
    [200, '{"data":{"subkeys":null}}'],
    [200, '{"data":{"subkeys":["A"]}}'],
    [400, '{"errors":["check-and-set parameter did not match the current version"]}'],
  ])('an answer about the names with %i that is not one: %s', async (status, body) => {
    const path = freshPath();
    const { token } = await tokenFor(server, policyFile('names', mount, path));
    const { provider } = await openBehind(
      ({ path: asked }) =>
        asked.includes('/subkeys/') ? new Instead(false, { status, body }) : 'pass',
      { path, token, kvVersion: 2 },
    );
    const list = provider.list?.(context()) ?? Promise.resolve();
    expect(await failureOf(list)).toMatchObject({ code: 'ERR_SECRET_INVALID', provider: 'vault' });
  });

  test('a token that may do neither gets an error that names the capability for reading', async () => {
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
  const none = await provider.read('all', context());
  expect(none).toHaveProperty('missingDocument');
  expect(none.revision).toBeUndefined();
  const old = provider.readVersion?.('A', '1', context()) ?? Promise.resolve();
  expect((await failureOf(old, value, token)).code).toBe('ERR_SECRET_UNSUPPORTED');
  expect(open({ mount: first, path, token, kvVersion: 1 })).not.toHaveProperty('readVersion');
});

test('version 1: a token that may not write, or read, is denied after one request for it', async () => {
  const first = await server.mountKv({ version: 1 });
  await server.request('POST', `${first}/shop`, { A: value });
  for (const capabilities of ['read', 'update']) {
    const rules = `path "${first}/shop" { capabilities = ["${capabilities}"] }`;
    const { token } = await tokenFor(server, rules);
    const options = { mount: first, path: 'shop', token, kvVersion: 1 } as const;
    const { provider, requests } = await openBehind(() => 'pass', options);
    const call =
      capabilities === 'read' ? write(provider, { A: 'new' }) : provider.list?.(context());
    const error = await failureOf(Promise.resolve(call), value, token);
    expect(error.code).toBe('ERR_SECRET_DENIED');
    const sent = requests.filter((request) => request.includes(`/v1/${first}/shop`));
    expect(sent.map((request) => request.split(' ')[0])).toEqual(
      capabilities === 'read' ? ['GET', 'POST'] : ['GET'],
    );
  }
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
  // to whom nothing is denied, so that the server says itself that the path is not one of version 2
  const asRoot = open({ mount: first, path, token: server.token });
  await asRoot.read('all', context());
  await server.request('POST', `sys/mounts/${first}/tune`, { options: { version: '2' } });
  await server.createPolicy(policyFile('editor', first, path), policy);
  await eventually(async () => {
    for (const each of await Promise.all([read(), read()]))
      expect(each).toMatchObject({ value, version: '1' });
  });
  const { entries } = await asRoot.read('all', context());
  expect(entries.get('A')).toMatchObject({ value, version: '1' });
  expect(await write(provider, { A: 'new' })).toMatchObject({ version: '2', conditional: true });
});

describe('an answer that is not one of KV', () => {
  const metadata = { version: 2, created_time: '2026-01-02T03:04:05Z' };
  const refused = async (kvVersion: 1 | 2, status: number, body: unknown) => {
    const odd = await faultyServer({ kind: 'status', status, body });
    endings.push(odd.close);
    const token = 'canary-of-the-token';
    const provider = open({ address: odd.address, path: 'shop', token, kvVersion });
    for (const call of [() => provider.read('all', context()), () => write(provider, { B: 'b' })]) {
      const error = await failureOf(call(), value, token);
      expect(error).toMatchObject({ code: 'ERR_SECRET_INVALID', provider: 'vault' });
    }
    expect(odd.requests.filter(({ method }) => method !== 'GET')).toEqual([]);
  };

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
  ])('version 2, %s: it is refused, nothing of it is shown, and nothing is written', (_, body) =>
    refused(2, 200, body),
  );

  test.each<[string, unknown]>([
    ['no data', {}],
    ['null for the data', { data: null }],
    ['a list for the data', { data: [value] }],
  ])('version 1, %s: likewise', (_, body) => refused(1, 200, body));

  test('no content at all, likewise', () => refused(2, 204, ''));

  test('the refusal of a write for a read, likewise', () =>
    refused(2, 400, { errors: ['check-and-set parameter did not match the current version'] }));
});
