// The contract, and what only Kubernetes has, on its own API server.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type ConformanceSubject,
  conformanceTests,
  callContext as context,
  type KubernetesAccount,
  type KubernetesServer,
  startKubernetesServer,
  temporaryFolder,
} from '@keyfall/testkit';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { kubernetesProvider } from '../src/index.ts';
import { type Front, startFront } from './front.ts';

/** Least rights, as the page has them. */
const rights = {
  read: ['get'],
  write: ['patch', 'create'],
  watch: ['list', 'watch'],
};
const secret = 'shop';

let cluster: KubernetesServer;
let ca: string;
beforeAll(async () => {
  cluster = await startKubernetesServer();
  ca = await readFile(cluster.caFile, 'utf8');
});
afterAll(async () => {
  await cluster?.stop();
});

const base64 = (value: string | Uint8Array) => Buffer.from(value).toString('base64');
const secretsOf = (namespace: string) => `/api/v1/namespaces/${namespace}/secrets`;
const dataOf = (values: Iterable<readonly [string, string | null]>) =>
  Object.fromEntries(
    [...values].map(([name, value]) => [name, value === null ? null : base64(value)]),
  );

async function newSecret(values: Iterable<readonly [string, string]>): Promise<string> {
  const namespace = await cluster.createNamespace();
  await cluster.request('POST', secretsOf(namespace), {
    metadata: { name: secret },
    data: dataOf(values),
  });
  return namespace;
}
const patch = (namespace: string, body: object) =>
  cluster.request('PATCH', `${secretsOf(namespace)}/${secret}`, body);

interface Subject extends ConformanceSubject {
  readonly namespace: string;
  readonly account: KubernetesAccount;
  front: Front;
}

const canHold = (name: string, value: string) =>
  /^[A-Za-z0-9._-]{1,253}$/.test(name) && !/^\.(?:\.|$)/.test(name) && value.isWellFormed();

describe('the contract', () => {
  const tests = conformanceTests<Subject>({
    async create(values) {
      const namespace = await newSecret(
        [...values].filter(([name, value]) => canHold(name, value)),
      );
      const verbs = [...rights.read, ...rights.write, ...rights.watch];
      const account = await cluster.createAccount(namespace, secret, verbs);
      const { token } = account;
      const front = await startFront({ address: cluster.address, ca });
      return {
        provider: kubernetesProvider({ secret, namespace, token, address: front.address }),
        namespace,
        account,
        front,
        credentials: [token],
        close: () => front.close(),
      };
    },
    capabilities: {
      writes: 'store',
      conditionalWrites: true,
      bag: true,
      check: true,
    },
    faults: {
      unavailable: ({ front }) => front.close(),
      stalled: async ({ front }) => front.answer(() => 'silence'),
      denied: ({ account }) => account.deny(),
      // the API itself remembers for ten seconds that it knew a token
      unauthenticated: async ({ front }) => front.forgetTokens(),
      invalid: async ({ front }) => front.answer(() => ({ status: 200, body: '{"kind":"Secret' })),
      async missingDocument({ namespace }) {
        await cluster.request('DELETE', `${secretsOf(namespace)}/${secret}`);
      },
      http: async ({ front }, answer) => front.answer(() => answer),
      oneName: {
        denied: 'impossible', // one answer holds all names
        unavailable: 'impossible',
        async invalid({ namespace }, name) {
          await patch(namespace, { data: { [name]: base64(new Uint8Array([0x61, 0xff])) } });
        },
      },
    },
    async change({ namespace }, changes) {
      await patch(namespace, { data: dataOf(changes) });
    },
    canHold,
    hostileNames: ['..', '..data', '.', 'a/b'],
  });
  for (const { name, run } of tests) test(name, run);
});

/** A provider as in a pod, with the token in a file. */
async function inPod(namespace: string, verbs: readonly string[]) {
  const { folder, remove } = await temporaryFolder();
  onTestFinished(remove);
  const tokenFile = join(folder, 'token');
  const account = await cluster.createAccount(namespace, secret, verbs);
  await writeFile(tokenFile, account.token);
  const { address, caFile } = cluster;
  const provider = kubernetesProvider({ secret, namespace, address, tokenFile, caFile });
  onTestFinished(() => provider.close?.());
  return { provider, token: account.token, tokenFile };
}

test('over TLS it trusts the authority that it was given, and reads a projected token again when it changes', async () => {
  const namespace = await newSecret([['A', 'a']]);
  const { provider, token, tokenFile } = await inPod(namespace, rights.read);
  expect((await provider.read('all', context())).entries.get('A')).toMatchObject({ value: 'a' });
  await writeFile(tokenFile, 'expired-token');
  await expect(provider.read('all', context())).rejects.toMatchObject({
    code: 'ERR_SECRET_UNAUTHENTICATED',
  });
  await writeFile(tokenFile, `${token}\n`);
  expect((await provider.read('all', context())).entries.get('A')).toMatchObject({ value: 'a' });

  const { address } = cluster;
  const untrusting = kubernetesProvider({ secret, namespace, address, token });
  await expect(untrusting.read('all', context())).rejects.toMatchObject({ code: 'ERR_SECRET_TLS' });
});

test('what RBAC denies is not missing, and what it allows and is not there is', async () => {
  const namespace = await newSecret([['A', 'a']]);
  const { provider } = await inPod(namespace, rights.read);
  const other = await inPod(namespace, ['list']);
  await expect(other.provider.read(['A'], context())).rejects.toMatchObject({
    code: 'ERR_SECRET_DENIED',
    storeStatus: 403,
  });
  await expect(
    provider.write?.({ entries: new Map([['A', 'b']]) }, context()),
  ).rejects.toMatchObject({ code: 'ERR_SECRET_DENIED', applied: 'no' });
  await cluster.request('DELETE', `${secretsOf(namespace)}/${secret}`);
  const { entries, missingDocument } = await provider.read(['A'], context());
  expect([entries.size, missingDocument?.optional]).toEqual([0, false]);
});

test('an immutable Secret is not written', async () => {
  const namespace = await newSecret([['A', 'a']]);
  await patch(namespace, { immutable: true });
  const { provider } = await inPod(namespace, [...rights.read, ...rights.write]);
  await expect(
    provider.write?.({ entries: new Map([['A', 'b']]) }, context()),
  ).rejects.toMatchObject({ code: 'ERR_SECRET_UNSUPPORTED', applied: 'no' });
  await expect(
    provider.write?.({ entries: new Map([['B', 'x'.repeat(1_100_000)]]) }, context()),
  ).rejects.toMatchObject({ code: 'ERR_SECRET_UNSUPPORTED', applied: 'no' });
});

describe('watch', () => {
  async function watched(namespace: string) {
    const { token } = await cluster.createAccount(namespace, secret, [
      ...rights.read,
      ...rights.watch,
    ]);
    const front = await startFront({ address: cluster.address, ca });
    onTestFinished(() => front.close());
    const provider = kubernetesProvider({ secret, namespace, token, address: front.address });
    const stop = new AbortController();
    const changes = vi.fn();
    const watching = provider.watch?.(changes, stop.signal);
    onTestFinished(async () => {
      stop.abort();
      await watching;
      await provider.close?.();
    });
    const watches = () => front.seen.filter(({ what }) => what.includes('&watch=1'));
    await vi.waitFor(() => expect(watches()).toHaveLength(1), 10_000);
    return { front, changes, watches };
  }

  test('each change of the Secret is reported, also that it is made or removed, and none of another one', async () => {
    const namespace = await newSecret([['A', 'a']]);
    const { changes } = await watched(namespace);
    await cluster.request('POST', secretsOf(namespace), { metadata: { name: 'other' } });
    await patch(namespace, { data: dataOf([['A', 'b']]) });
    await vi.waitFor(() => expect(changes).toHaveBeenCalledTimes(1), 10_000);
    await cluster.request('DELETE', `${secretsOf(namespace)}/${secret}`);
    await vi.waitFor(() => expect(changes).toHaveBeenCalledTimes(2), 10_000);
    await cluster.request('POST', secretsOf(namespace), { metadata: { name: secret } });
    await vi.waitFor(() => expect(changes).toHaveBeenCalledTimes(3), 10_000);
  });

  test('a change while no watch could be had is reported by the list that follows', async () => {
    const namespace = await newSecret([['A', 'a']]);
    const { front, changes, watches } = await watched(namespace);
    // as a load balancer that ends the connection, and an API that is restarted
    front.answer(() => ({ status: 503, body: '' }));
    front.cut();
    await cluster.request('POST', secretsOf(namespace), { metadata: { name: 'other' } });
    await patch(namespace, { data: dataOf([['A', 'b']]) });
    front.answer(undefined);
    await vi.waitFor(() => expect(changes).toHaveBeenCalled(), 10_000);
    expect(watches().length).toBeGreaterThan(0);
  });
});

test('a watch that may not be had is an error, and no silence', async () => {
  const namespace = await newSecret([['A', 'a']]);
  const { provider } = await inPod(namespace, rights.read);
  await expect(provider.watch?.(() => {}, new AbortController().signal)).rejects.toMatchObject({
    code: 'ERR_SECRET_DENIED',
  });
});
