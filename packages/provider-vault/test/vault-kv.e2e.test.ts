/**
 * A KV engine by its own verbs, under the policies of the documentation.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { faultyServer, sharedVaultServer, type VaultServer } from '@keyfall/testkit';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { type VaultKv, type VaultKvOptions, vaultKv } from '../src/kv.ts';
import { canary, failureOf, freshPath, policyFile, relayTo, tokenFor } from './harness.ts';

let server: VaultServer;
let mount: string;
const value = canary();
const endings: (() => Promise<void>)[] = [];
beforeAll(async () => {
  server = await sharedVaultServer();
  mount = await server.mountKv();
});
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

/** As root, unless a token is given: to look behind, and where it must be us who refuse. */
function open(options: VaultKvOptions = {}): VaultKv {
  const kv = vaultKv({
    address: server.address,
    token: server.token,
    mount,
    env: {},
    ...options,
  });
  endings.push(() => kv.close());
  return kv;
}

const put = (path: string, data: object) =>
  server.request('POST', `${mount}/data/${path}`, { data });

/** A document with these versions, for a token with these policies of the documentation. */
async function documentAs(policies: readonly string[], ...versions: readonly object[]) {
  const path = freshPath();
  for (const data of versions) await put(path, data);
  const rules = policies.map((name) => policyFile(name, mount, path)).join('\n');
  const { token } = await tokenFor(server, rules);
  return { path, token, document: open({ token }).document(path) };
}

const collect = async (names: AsyncIterable<string>) => {
  const all: string[] = [];
  for await (const name of names) all.push(name);
  return all;
};

test('content is the newest version or an older one, with values that are not text as JSON', async () => {
  const { document } = await documentAs(['shop'], { A: 'one' }, { A: value, N: 2.5, Z: null });
  expect(document.place).toMatch(new RegExp(`^${mount}/`));
  const newest = await document.read();
  expect(newest?.version).toBe(2);
  expect(newest?.values).toEqual(
    new Map([
      ['A', value],
      ['N', '2.5'],
      ['Z', null],
    ]),
  );
  expect((await document.read({ version: 1 }))?.values.get('A')).toBe('one');
  expect(await document.read({ version: 7 })).toBeUndefined();
  for (const version of [0, -1, 1.5, Number.NaN, 2 ** 60])
    expect((await failureOf(document.read({ version }), value)).code).toBe('ERR_SECRET_CONFIG');
});

test('versions are deleted, undeleted and destroyed with a token that may not read values', async () => {
  const { path, token, document } = await documentAs(
    ['keeper'],
    { A: '1' },
    { A: '2' },
    { A: '3' },
  );
  const states = async () =>
    (await document.metadata())?.versions.map(({ version, state }) => `${version} ${state}`);
  await document.softDelete();
  await document.softDelete([1]);
  expect(await states()).toEqual(['3 deleted', '2 previous', '1 deleted']);
  await document.undelete([1, 3]);
  expect(await states()).toEqual(['3 current', '2 previous', '1 previous']);
  await document.destroy([2]);
  expect(await states()).toEqual(['3 current', '2 destroyed', '1 previous']);
  await document.undelete([2]);
  expect(await states()).toContain('2 destroyed');
  expect((await failureOf(document.read(), token)).code).toBe('ERR_SECRET_DENIED');
  await document.removeAll();
  expect(await document.metadata()).toBeUndefined();
  expect(await collect(open().list())).not.toContain(path);
});

test('versions must be named, and be some', async () => {
  const { document, token } = await documentAs(['keeper'], { A: '1' });
  for (const call of [
    () => document.destroy([]),
    () => document.undelete([0]),
    () => document.softDelete([-1]),
    () => document.destroy([1, 2.5]),
  ])
    expect((await failureOf(call(), token)).code).toBe('ERR_SECRET_CONFIG');
  expect((await document.metadata())?.versions[0]?.state).toBe('current');
});

test('notes and settings: what is left out stays', async () => {
  const { document } = await documentAs(['keeper'], { A: '1' });
  await document.configure({ custom: { owner: 'payments', 'odd name': 'x' }, maxVersions: 5 });
  await document.configure({ casRequired: true, deleteVersionAfter: '720h' });
  expect(await document.metadata()).toMatchObject({
    currentVersion: 1,
    custom: { owner: 'payments', 'odd name': 'x' },
    maxVersions: 5,
    casRequired: true,
    deleteVersionAfter: '720h0m0s',
  });
  await document.configure({ custom: { owner: 'shop' } });
  expect((await document.metadata())?.custom).toEqual({ owner: 'shop' });
});

test('notes about a document that was never written', async () => {
  const { document } = await documentAs(['keeper']);
  expect(await document.metadata()).toBeUndefined();
  await document.configure({ custom: { owner: 'shop' } });
  expect(await document.metadata()).toMatchObject({ currentVersion: 0, versions: [] });
});

test('a version that will delete itself is live until then', async () => {
  const { path, document } = await documentAs(['keeper']);
  await document.configure({ deleteVersionAfter: '1h' });
  await put(path, { A: '1' });
  const [version] = (await document.metadata())?.versions ?? [];
  expect(version).toMatchObject({ version: 1, state: 'current' });
  expect(version?.deletedAt).toBeGreaterThan(version?.createdAt ?? Number.POSITIVE_INFINITY);
});

describe('patch', () => {
  test('changes names without reading any', async () => {
    const { path, document } = await documentAs(['patch'], { A: 'x', B: 'y', N: 1.5 });
    expect(await document.patch({ A: value, B: null, __proto: 'p' })).toBe(2);
    expect(await document.patch({ C: 'z' }, { ifVersion: 2 })).toBe(3);
    const { body } = await server.request('GET', `${mount}/data/${path}`);
    expect((body.data as { data: unknown }).data).toEqual({
      A: value,
      N: 1.5,
      __proto: 'p',
      C: 'z',
    });
  });

  test('of another version, a missing or deleted document, and a value that is not text is refused', async () => {
    const { path, token, document } = await documentAs(['patch', 'keeper'], { A: 'x' }, { A: 'y' });
    const codeOf = async (call: Promise<unknown>) => (await failureOf(call, value, token)).code;
    expect(await codeOf(document.patch({ A: value }, { ifVersion: 1 }))).toBe(
      'ERR_SECRET_CONFLICT',
    );
    expect(await codeOf(document.patch({ A: `${value}\ud800` }))).toBe('ERR_SECRET_UNSUPPORTED');
    const odd = { A: 5 } as unknown as Record<string, string>;
    expect(await codeOf(document.patch(odd))).toBe('ERR_SECRET_CONFIG');
    await document.configure({ casRequired: true });
    const required = await failureOf(document.patch({ A: value }), value, token);
    expect(required.code).toBe('ERR_SECRET_UNSUPPORTED');
    expect(required.hint).toContain('ifVersion');
    await server.request('DELETE', `${mount}/data/${path}`);
    const deleted = document.patch({ A: value }, { ifVersion: 2 });
    expect(await codeOf(deleted)).toBe('ERR_SECRET_NOT_FOUND');
    const { document: none } = await documentAs(['patch']);
    expect(await codeOf(none.patch({ A: value }))).toBe('ERR_SECRET_NOT_FOUND');
  });

  test('whose answer is lost is sent once, and its result is unknown', async () => {
    const { path, token } = await documentAs(['patch'], { A: 'x' });
    const relay = await relayTo(server.address, ({ method }) =>
      method === 'PATCH' ? 'lose-answer' : 'pass',
    );
    endings.push(relay.close);
    const document = open({ address: relay.address, token }).document(path);
    const error = await failureOf(document.patch({ A: value }), value, token);
    expect(error).toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE', retryable: false });
    expect(relay.requests.filter((sent) => sent.startsWith('PATCH'))).toHaveLength(1);
  });

  test('without the capability says which', async () => {
    const { token, document } = await documentAs(['shop'], { A: 'x' });
    const error = await failureOf(document.patch({ A: value }), value, token);
    expect(error).toMatchObject({ code: 'ERR_SECRET_DENIED' });
    expect(error.hint).toContain('"patch"');
  });
});

describe('list', () => {
  test('folders and documents, page by page, each once', async () => {
    const folder = freshPath();
    const names = Array.from({ length: 7 }, (_, index) => `d${index}`);
    for (const name of names) await put(`${folder}/${name}`, { A: 'x' });
    await put(`${folder}/team/a`, { A: 'x' });
    await server.request('DELETE', `${mount}/data/${folder}/d3`);
    const relay = await relayTo(server.address);
    endings.push(relay.close);
    const { token } = await tokenFor(server, policyFile('keeper', mount, folder));
    const kv = open({ address: relay.address, token, kvVersion: 2 });
    const all = [...names, 'team/'];
    for (const pageSize of [1, 3, 4, 8, 500]) {
      const before = relay.requests.length;
      expect(await collect(kv.list(folder, { pageSize }))).toEqual(all);
      // a page that is full may be followed by an empty one
      expect(relay.requests.length - before).toBe(Math.floor(all.length / pageSize) + 1);
    }
    const inside = await tokenFor(server, policyFile('keeper', mount, `${folder}/team`));
    expect(await collect(open({ token: inside.token }).list(`${folder}/team/`))).toEqual(['a']);
  });

  test('a folder that is not there holds nothing; one that is denied says what it takes', async () => {
    expect(await collect(open().list(freshPath()))).toEqual([]);
    const { token } = await documentAs(['shop'], { A: value });
    const error = await failureOf(collect(open({ token }).list()), value, token);
    expect(error).toMatchObject({ code: 'ERR_SECRET_DENIED' });
    expect(error.hint).toContain(`"list" on ${mount}/metadata`);
  });

  test('a server without pages, which says so: HashiCorp Vault 1.21', async () => {
    const warnings = ['Endpoint ignored these unrecognized parameters: [after limit]'];
    const faulty = await faultyServer({ kind: 'black-hole' });
    endings.push(() => faulty.close());
    const kv = open({ address: faulty.address, kvVersion: 2 });
    const answers = (data: unknown) =>
      faulty.become({ kind: 'status', status: 200, body: { data, warnings, mount_type: 'kv' } });
    answers({ keys: ['a', 'b', 'team/'] });
    for (const pageSize of [1, 3, 500])
      expect(await collect(kv.list('', { pageSize }))).toEqual(['a', 'b', 'team/']);
    // what is not there
    answers({});
    expect(await collect(kv.list('shop'))).toEqual([]);
    for (const none of [null, { keys: 'a' }, { key: ['a'] }]) {
      answers(none);
      expect((await failureOf(collect(kv.list('shop')))).code).toBe('ERR_SECRET_INVALID');
    }
  });

  // no Vault does this: a stand-in for a gateway that keeps the pages of others
  test('pages that come again and again end in an error', async () => {
    let pages = 0;
    const gateway = createServer((_, response) => {
      const keys = [
        ['a', 'b'],
        ['c', 'd'],
        ['e', 'f'],
      ][pages++ % 3];
      response.end(JSON.stringify({ data: { keys } }));
    });
    gateway.listen(0, '127.0.0.1');
    await once(gateway, 'listening');
    endings.push(async () => void gateway.close());
    const { port } = gateway.address() as AddressInfo;
    const kv = open({ address: `http://127.0.0.1:${port}`, kvVersion: 2 });
    const error = await failureOf(collect(kv.list('shop', { pageSize: 2 })));
    expect(error).toMatchObject({ code: 'ERR_SECRET_INVALID' });
    expect(pages).toBe(4);
  });

  test('what is no folder, and no size of a page', () => {
    const kv = open();
    const config = expect.objectContaining({ code: 'ERR_SECRET_CONFIG' });
    for (const folder of ['a//b', '../x', '//']) expect(() => kv.list(folder)).toThrow(config);
    for (const pageSize of [0, 1.5]) expect(() => kv.list('a', { pageSize })).toThrow(config);
    expect(() => kv.document('a/../b')).toThrow(config);
  });
});

test('version 1: content, folders and removal, and nothing that it does not have', async () => {
  const first = await server.mountKv({ version: 1 });
  const path = freshPath();
  await server.request('POST', `${first}/${path}`, { A: value });
  const list = `path "${first}/" { capabilities = ["list"] }`;
  const { token } = await tokenFor(server, `${policyFile('kv1', first, path)}\n${list}`);
  const kv = open({ mount: first, token });
  const document = kv.document(path);
  expect(await document.read()).toMatchObject({ version: undefined });
  expect(await collect(kv.list())).toEqual([path]);
  for (const call of [
    () => document.read({ version: 1 }),
    () => document.patch({ A: value }),
    () => document.metadata(),
    () => document.configure({ maxVersions: 2 }),
    () => document.softDelete(),
    () => document.undelete([1]),
    () => document.destroy([1]),
  ])
    expect((await failureOf(call(), value)).code).toBe('ERR_SECRET_UNSUPPORTED');
  await document.removeAll();
  expect(await document.read()).toBeUndefined();
});

test('version 2 said of version 1: nothing is written in the place of a change', async () => {
  const first = await server.mountKv({ version: 1 });
  const document = open({ mount: first, kvVersion: 2 }).document('shop');
  for (const call of [
    () => document.configure({ custom: { owner: value } }),
    () => document.softDelete([1]),
    () => document.undelete([1]),
    () => document.destroy([1]),
    () => document.patch({ A: value }),
  ])
    expect((await failureOf(call(), value)).code).toMatch(/CONFIG|UNSUPPORTED/);
  const { status } = await server.request('GET', `${first}?list=true`, undefined, { allow: [404] });
  expect(status).toBe(404);
});

test('a call ends when its signal fires', async () => {
  const reason = AbortSignal.abort();
  const error = await failureOf(open().document('x').read({ signal: reason }), server.token);
  expect(error.code).toBe('ERR_SECRET_ABORTED');
});

// a pipe that nobody writes to
test.each([
  ['of the token', (pipe: string) => ({ token: { file: pipe } })],
  [
    'of the authorities',
    (pipe: string) => ({ address: 'https://127.0.0.1:9', env: { VAULT_CACERT: pipe } }),
  ],
])('a file %s that is never read holds a call no longer than its time', async (_, options) => {
  const folder = await testFolder();
  const pipe = join(folder, 'pipe');
  execFileSync('sh', ['-c', 'mkfifo "$0"', pipe]);
  // somebody has it open, and writes nothing
  const writer = openSync(pipe, constants.O_RDWR);
  try {
    const kv = open({ ...options(pipe), timeout: 200 });
    const began = performance.now();
    const document = kv.document('shop');
    for (const call of [
      () => document.read(),
      () => document.softDelete(),
      () => collect(kv.list()),
    ])
      await expect(call()).rejects.toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE' });
    expect(performance.now() - began).toBeLessThan(10_000);
  } finally {
    closeSync(writer);
  }
});
