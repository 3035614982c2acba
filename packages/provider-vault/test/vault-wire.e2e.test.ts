/**
 * The five verbs on a real server. Whatever client is behind the wire must pass these.
 */
import { faultyServer, sharedVaultServer, type VaultServer } from '@keyfall/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openWire } from '../src/http/open-wire.ts';
import { parseAddress } from '../src/settings/connection-settings.ts';
import { resolveSettings } from '../src/settings/vault-settings.ts';
import { encodePath } from '../src/wire/vault-path.ts';
import type { Wire, WireCall, WireRequest } from '../src/wire/vault-wire.ts';
import { freshPath, readPolicy, tokenFor, wires } from './harness.ts';

let server: VaultServer;
beforeAll(async () => {
  server = await sharedVaultServer();
});

/** The verbs of a wire, as these tests call them. */
function verbsAt(address: string, adapter: keyof typeof wires) {
  const options = { address, token: 'unused', path: 'shop', env: {}, wire: wires[adapter] };
  const wire: Wire = openWire(resolveSettings(options));
  const ask = (verb: WireRequest['verb'], path: string, call: WireCall, body?: string) =>
    wire.send({ verb, path, body }, call);
  return {
    read: (path: string, call: WireCall) => ask('read', path, call),
    list: (path: string, call: WireCall) =>
      ask('read', `${path}${path.includes('?') ? '&' : '?'}list=true`, call),
    write: (path: string, body: string, call: WireCall) => ask('write', path, call, body),
    update: (path: string, body: string, call: WireCall) => ask('update', path, call, body),
    delete: (path: string, call: WireCall) => ask('delete', path, call),
    close: () => wire.close(),
  };
}

describe.each(['direct', 'node-vault'] as const)('wire %s', (adapter) => {
  let mount: string;
  let wire: ReturnType<typeof verbsAt>;
  let call: WireCall;
  beforeAll(async () => {
    mount = await server.mountKv();
    const rules = `path "${mount}/*" { capabilities = ["create", "read", "update", "patch", "delete", "list"] }`;
    const { token } = await tokenFor(server, rules);
    wire = verbsAt(server.address, adapter);
    call = { signal: new AbortController().signal, remainingTimeout: () => 20_000, token };
  });
  afterAll(() => wire?.close());
  const at = (part: string, path = 'team/shop') => `${mount}/${part}/${path}`;

  test('write, read, update, list and delete', async () => {
    const written = await wire.write(at('data'), '{"data":{"A":"1","__proto__":"p"}}', call);
    expect(written).toMatchObject({ kind: 'answer', status: 200, body: { data: { version: 1 } } });

    const read = await wire.read(at('data'), call);
    expect(read).toMatchObject({ kind: 'answer', status: 200 });
    expect(read.kind === 'answer' && read.text).toContain('"__proto__":"p"');

    // PATCH is refused with 415 unless it is sent as a JSON merge patch
    const patched = await wire.update(at('data'), '{"data":{"A":null,"B":"2"}}', call);
    expect(patched).toMatchObject({ kind: 'answer', status: 200, body: { data: { version: 2 } } });
    const { body } = await server.request('GET', at('data'));
    expect(JSON.stringify(body.data?.['data'])).toBe('{"B":"2","__proto__":"p"}');

    expect(await wire.list(at('metadata', ''), call)).toMatchObject({
      body: { data: { keys: ['team/'] } },
    });
    expect(await wire.list(at('metadata', 'team'), call)).toMatchObject({
      body: { data: { keys: ['shop'] } },
    });
    expect(await wire.list(at('metadata', 'nobody'), call)).toMatchObject({
      kind: 'answer',
      status: 404,
    });

    expect(await wire.delete(at('data'), call)).toMatchObject({ kind: 'answer', status: 204 });
    expect(await wire.read(at('data'), call)).toMatchObject({ kind: 'answer', status: 404 });
  });

  test('names such as constructor and prototype come through writing and reading', async () => {
    const path = at('data', freshPath());
    const names = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty'];
    const data = `{${names.map((name) => `"${name}":"${name}"`).join()}}`;
    await wire.write(path, `{"data":${data}}`, call);
    const read = await wire.read(path, call);
    const held = (read.kind === 'answer' ? read.body?.['data'] : {}) as { data: object };
    expect(Object.keys(held.data).sort()).toEqual([...names].sort());
  });

  test('every name that can be printed is one, and is no syntax of an address', async () => {
    const names = [
      ...['a b', 'q?x=1', '#f', '50%', '%2e%2e', 'a+b', ';', '&', '=', '"', "'", '\\', ':', '@'],
      ...['ключ', '😀', '...', '~', 'x'.repeat(800)],
    ];
    const folder = freshPath();
    for (const name of names) {
      const path = `${mount}/data/${encodePath(`${folder}/${name}`)}`;
      const written = await wire.write(path, `{"data":{"A":${JSON.stringify(name)}}}`, call);
      expect(written).toMatchObject({ kind: 'answer', status: 200 });
      expect(await wire.read(path, call)).toMatchObject({ body: { data: { data: { A: name } } } });
    }
    const listed = await wire.list(at('metadata', folder), call);
    const data = listed.kind === 'answer' ? listed.body?.['data'] : undefined;
    expect((data as { keys: string[] } | undefined)?.keys.sort()).toEqual([...names].sort());
  });

  test('a list with a query of its own', async () => {
    for (const name of ['a', 'b', 'c'])
      await wire.write(at('data', `pages/${name}`), '{"data":{}}', call);
    const page = await wire.list(`${at('metadata', 'pages')}?after=a&limit=1`, call);
    expect(page).toMatchObject({ body: { data: { keys: ['b'] } } });
  });

  test('a namespace is another tree; slashes around it, root and nothing are harmless', async () => {
    const namespace = `team-${process.pid}-${adapter}`;
    await server.request('POST', `sys/namespaces/${namespace}`, {});
    const inside = await server.request(
      'POST',
      'auth/token/create',
      {},
      {
        headers: { 'X-Vault-Namespace': namespace },
      },
    );
    const token = inside.body.auth?.client_token;
    const self = (space: string) =>
      wire.read('auth/token/lookup-self', { ...call, token, namespace: space });
    expect(await self(namespace)).toMatchObject({ status: 200 });
    expect(await self(`${namespace}/`)).toMatchObject({ status: 200 });
    const nowhere = await wire.read(at('data'), { ...call, namespace: 'nobody' });
    expect(nowhere).toMatchObject({ kind: 'answer' });
    expect(nowhere.kind === 'answer' && nowhere.status).toBeGreaterThanOrEqual(400);
    for (const root of ['root', ''])
      expect(await wire.read('auth/token/lookup-self', { ...call, namespace: root })).toMatchObject(
        { status: 200 },
      );
  });

  test('health is asked without token and namespace, which it refuses', async () => {
    const { token: _token, ...anonymous } = call;
    expect(await wire.read('sys/health', anonymous)).toMatchObject({
      status: 200,
      body: { sealed: false },
    });
    expect(await wire.read('sys/health', { ...call, namespace: 'team' })).toMatchObject({
      kind: 'answer',
      status: 400,
    });
  });

  test("an answer carries the node's state and when to come again", async () => {
    const headers = { 'x-vault-index': 'eyJ9', 'retry-after': '7' };
    const node = await faultyServer({ kind: 'status', status: 429, headers });
    const asking = verbsAt(node.address, adapter);
    try {
      expect(await asking.read('kv/p', call)).toMatchObject({
        kind: 'answer',
        status: 429,
        index: 'eyJ9',
        retryAfter: 7_000,
      });
    } finally {
      asking.close();
      await node.close();
    }
  });

  test('concurrent calls keep their own tokens', async () => {
    const tokens = await Promise.all(
      Array.from({ length: 8 }, () => tokenFor(server, readPolicy('secret', 'x'))),
    );
    const accessors = await Promise.all(
      tokens.map(async ({ token }) => {
        const self = await wire.read('auth/token/lookup-self', { ...call, token });
        const data = self.kind === 'answer' ? self.body?.['data'] : undefined;
        return (data as { accessor?: string } | undefined)?.accessor;
      }),
    );
    expect(accessors).toEqual(tokens.map(({ accessor }) => accessor));
  });

  test('that is accepted without a body is a success, and a denial is not, whatever its path looks like', async () => {
    const node = await faultyServer({ kind: 'status', status: 202, body: '' });
    const asking = verbsAt(node.address, adapter);
    try {
      expect(await asking.write('sys/leases/revoke-prefix/x', '{}', call)).toMatchObject({
        kind: 'answer',
        status: 202,
      });
    } finally {
      asking.close();
      await node.close();
    }
    const denied = await wire.write('other/data/sys/health', '{"data":{}}', call);
    expect(denied).toMatchObject({ kind: 'answer', status: 403 });
  });

  test('every verb carries the request header and a node of its own', async () => {
    const [address, node] = await Promise.all([
      faultyServer({ kind: 'status', status: 204, body: '' }),
      faultyServer({ kind: 'status', status: 204, body: '' }),
    ]);
    const asking = verbsAt(address.address, adapter);
    const wrong = () => new Error('no address');
    const to = {
      ...call,
      namespace: 'ns',
      index: 'an-index',
      node: parseAddress(node.address, wrong as never),
    };
    try {
      for (const work of [
        () => asking.read('kv/p', to),
        () => asking.list('kv/p', to),
        () => asking.write('kv/p', '{}', to),
        () => asking.update('kv/p', '{}', to),
        () => asking.delete('kv/p', to),
      ])
        expect(await work()).toMatchObject({ kind: 'answer', status: 204 });
      expect(address.received()).toBe('');
      expect(node.requests.map(({ method, target }) => `${method} ${target}`)).toEqual([
        'GET /v1/kv/p',
        'GET /v1/kv/p?list=true',
        'POST /v1/kv/p',
        'PATCH /v1/kv/p',
        'DELETE /v1/kv/p',
      ]);
      const { accept, host, ...common } = node.requests[0]?.headers ?? {};
      expect(common).toEqual({
        connection: 'keep-alive',
        'x-vault-index': 'an-index',
        'x-vault-inconsistent': 'forward-active-node',
        'x-vault-namespace': 'ns',
        'x-vault-request': 'true',
        'x-vault-token': call.token,
      });
      for (const { headers } of node.requests) expect(headers).toMatchObject(common);
      expect(node.requests.map(({ headers }) => headers['content-type'])).toEqual([
        undefined,
        undefined,
        'application/json',
        'application/merge-patch+json',
        undefined,
      ]);
    } finally {
      asking.close();
      await Promise.all([address.close(), node.close()]);
    }
  });

  test('what no header can carry is refused here, and shown nowhere', async () => {
    const result = await wire.read(at('data'), { ...call, token: 'canary-\n-token' });
    expect(result).toMatchObject({ kind: 'failure', what: 'unsendable', sent: false });
    expect(JSON.stringify(result)).not.toContain('canary');
  });
});
