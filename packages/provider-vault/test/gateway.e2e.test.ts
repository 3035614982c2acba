/**
 * A gateway in front of a real server that answers in its place: after the server has carried the request
 * out, or without having passed it on. Whatever is said of a write must be true of what the server holds.
 */
import { type Applied, isSecretError } from '@keyfall/core';
import type { SecretProvider, WriteReceipt } from '@keyfall/core/provider';
import { sharedVaultServer, type VaultServer } from '@keyfall/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { vaultProvider } from '../src/index.ts';
import { vaultKv } from '../src/kv.ts';
import { canary, context, freshPath } from './harness.ts';
import { Instead, type LoginRelay, loginRelay } from './login-relay.ts';

let server: VaultServer;
let relay: LoginRelay;
const providers: SecretProvider[] = [];
beforeAll(async () => {
  server = await sharedVaultServer();
  relay = await loginRelay(server.address);
});
afterEach(async () => {
  relay.interfere(() => undefined);
  for (const provider of providers.splice(0)) await provider.close?.();
});
afterAll(async () => {
  await relay.close();
});

const page = '<html><body>It did not work</body></html>';
/** A gateway's own answers, as a page and as JSON of its own make. */
const answers: readonly (readonly [string, Instead['answer']])[] = [
  ['reset', 'reset'],
  ['FIN', 'fin'],
  ['a page with 200', { status: 200, body: page }],
  ['JSON with 200', { status: 200, body: '{"message":"accepted"}' }],
  ...[400, 401, 403, 404, 408, 409, 451, 460, 499, 500, 502, 503, 504, 520, 522, 524, 530].flatMap(
    (status) =>
      [
        [`a page with ${status}`, { status, body: page }],
        [`JSON with ${status}`, { status, body: '{"message":"no"}' }],
      ] as const,
  ),
];

/** What becomes of the writes to each path: many are tried beside each other. */
const fates = new Map<string, (method: string) => Instead | undefined>();

interface Attempt {
  readonly said: Applied;
  readonly receipt?: WriteReceipt | undefined;
}

/** Writes `A` through the gateway, which answers the writes that `fate` has something for. */
async function attempt(
  mount: string,
  path: string,
  value: string,
  fate: (write: number) => Instead | undefined,
  /** Milliseconds from the first request to write: the machine may be busy before. */
  limit = 20_000,
): Promise<Attempt> {
  let writes = 0;
  let end: number | undefined;
  fates.set(path, (method) => {
    if (method === 'GET') return undefined;
    end ??= performance.now() + limit;
    writes += 1;
    return fate(writes);
  });
  relay.interfere(({ method, path: asked }) =>
    fates.get(asked.match(/shop-\w+/)?.[0] ?? '')?.(method),
  );
  const { address } = relay;
  const provider = vaultProvider({ address, token: server.token, mount, path, env: {} });
  providers.push(provider);
  const changes = { entries: new Map([['A', value]]) };
  const remainingTimeout = () =>
    end === undefined ? 20_000 : Math.max(0, end - performance.now());
  try {
    const receipt = await provider.write?.(changes, { ...context(), remainingTimeout });
    return { said: 'yes', receipt };
  } catch (error) {
    if (!isSecretError(error)) throw error;
    return { said: error.applied ?? 'unknown' };
  }
}

describe('KV version 2', () => {
  const versionAt = async (path: string) => {
    const { body } = await server.request('GET', `secret/data/${path}`);
    return { held: body.data?.['data'], version: Object(body.data?.['metadata']).version };
  };
  const begin = async () => {
    const path = freshPath();
    await server.request('POST', `secret/data/${path}`, { data: { A: 'before' } });
    return { path, value: canary() };
  };

  /** What is said of a write, and what is there then, for each answer. */
  const tryEach = (
    fateOf: (by: Instead['answer']) => (write: number) => Instead | undefined,
    limit?: number,
  ) =>
    Promise.all(
      answers.map(async ([name, by]) => {
        const { path, value } = await begin();
        const { said, receipt } = await attempt('secret', path, value, fateOf(by), limit);
        const { held, version } = await versionAt(path);
        const isOurs = Object(held).A === value;
        return [name, said, receipt?.version, isOurs, version];
      }),
    );
  const each = (...expected: unknown[]) => answers.map(([name]) => [name, ...expected]);

  test.each([1, 100])(
    'a write that was carried out is confirmed, whatever the first %i are answered',
    async (times) => {
      const tried = await tryEach(
        (by) => (write) => (write <= times ? new Instead(true, by) : undefined),
      );
      expect(tried).toEqual(each('yes', '2', true, 2));
    },
  );

  test('one whose first request was not passed on is made, whatever that was answered', async () => {
    const tried = await tryEach(
      (by) => (write) => (write === 1 ? new Instead(false, by) : undefined),
    );
    expect(tried).toEqual(each('yes', '2', true, 2));
  });

  test('one that is never passed on is not known to be made, whatever is answered', async () => {
    const tried = await tryEach((by) => () => new Instead(false, by), 300);
    expect(tried).toEqual(each('unknown', undefined, false, 1));
  });

  test.each([405, 413, 414, 415, 421, 425, 429, 431])(
    'a %i says itself that nothing was carried out',
    async (status) => {
      const { path, value } = await begin();
      const by = { status, body: page };
      const { said } = await attempt('secret', path, value, () => new Instead(false, by), 1_000);
      expect(said).toBe('no');
      expect(await versionAt(path)).toEqual({ held: { A: 'before' }, version: 1 });
    },
  );

  test('a version of ours is confirmed although others have come after it', async () => {
    const { path, value } = await begin();
    let others = 3;
    const { said, receipt } = await attempt(
      'secret',
      path,
      value,
      () => new Instead(true, 'reset'),
    );
    expect([said, receipt?.version]).toEqual(['yes', '2']);
    const again = await begin();
    relay.interfere(async ({ method, path: asked }) => {
      if (method !== 'GET') return new Instead(true, 'reset');
      if (asked.includes('version=2'))
        for (; others > 0; others -= 1)
          await server.request('POST', `secret/data/${again.path}`, { data: { A: `${others}` } });
      return undefined;
    });
    const { address } = relay;
    const provider = vaultProvider({ address, token: server.token, path: again.path, env: {} });
    providers.push(provider);
    expect(
      await provider.write?.({ entries: new Map([['A', again.value]]) }, context()),
    ).toMatchObject({ version: '2' });
    expect(await versionAt(again.path)).toEqual({ held: { A: '1' }, version: 5 });
  });

  test('changes of a document by its own verbs say what became of them', async () => {
    const { path } = await begin();
    const kv = vaultKv({ address: relay.address, token: server.token, env: {}, timeout: 1_000 });
    const document = kv.document(path);
    const calls = [
      () => document.patch({ B: 'b' }, { ifVersion: 1 }),
      () => document.softDelete([1]),
      () => document.undelete([1]),
      () => document.configure({ maxVersions: 5 }),
      () => document.destroy([1]),
      () => document.removeAll(),
    ];
    for (const call of calls)
      for (const [by, applied] of [
        [{ status: 408, body: page }, 'unknown'],
        [{ status: 502, body: page }, 'unknown'],
        ['reset', 'unknown'],
        [{ status: 400, body: '{"errors":["no"]}' }, 'no'],
        [{ status: 405, body: page }, 'no'],
      ] as const) {
        relay.interfere(({ method }) => (method === 'GET' ? undefined : new Instead(false, by)));
        await expect(call()).rejects.toMatchObject({ applied });
      }
    await kv.close();
  });
});

test('KV version 1: what is found is confirmed, and what is not found is never said not to be written', async () => {
  const mount = await server.mountKv({ version: 1 });
  const cases = answers
    .filter(([name]) => !name.startsWith('JSON'))
    .flatMap(([name, by]) => [true, false].map((carriedOut) => ({ name, by, carriedOut })));
  const tried = await Promise.all(
    cases.map(async ({ name, by, carriedOut }) => {
      const [path, value] = [freshPath(), canary()];
      await server.request('POST', `${mount}/${path}`, { A: 'before' });
      // what is there is found at once, and what is not is looked for until the time is over
      const limit = carriedOut ? 20_000 : 200;
      const { said } = await attempt(mount, path, value, () => new Instead(carriedOut, by), limit);
      const { body } = await server.request('GET', `${mount}/${path}`);
      return [name, said, body.data?.['A'] === value];
    }),
  );
  expect(tried).toEqual(
    cases.map(({ name, carriedOut }) => [name, carriedOut ? 'yes' : 'unknown', carriedOut]),
  );
});
