/**
 * The contract's rules on a real server, under the README's policies, with both versions of the KV
 * engine.
 */
import {
  type ConformanceSubject,
  conformanceTests,
  type FaultyServer,
  faultyServer,
  sharedVaultServer,
  type VaultServer,
} from '@keyfall/testkit';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { vaultProvider } from '../src/index.ts';
import { type Front, frontOf } from './front.ts';
import { freshPath, policyFile, tokenFor } from './harness.ts';

interface Subject extends ConformanceSubject {
  readonly front: Front;
  readonly path: string;
  readonly policy: string;
  readonly accessor: string;
}

let server: VaultServer;
let broken: FaultyServer;
let answering: FaultyServer;
let silent: FaultyServer;
const mounts = new Map<1 | 2, string>();

beforeAll(async () => {
  server = await sharedVaultServer();
  broken = await faultyServer({ kind: 'truncated-json' });
  answering = await faultyServer({ kind: 'status', status: 500 });
  silent = await faultyServer({ kind: 'black-hole' });
  for (const version of [1, 2] as const) mounts.set(version, await server.mountKv({ version }));
});
afterAll(async () => {
  await broken.close();
  await answering.close();
  await silent.close();
});

/** JSON of entries, since the object of a `__proto__` is not the one that is meant. */
function json(values: ReadonlyMap<string, string>): string {
  const members = [...values].map(
    ([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`,
  );
  return `{${members.join(',')}}`;
}

async function put(path: string, body: string): Promise<void> {
  const answer = await fetch(`${server.address}/v1/${path}`, {
    method: 'POST',
    headers: { 'X-Vault-Token': server.token, 'X-Vault-Request': 'true' },
    body,
  });
  if (!answer.ok) throw new Error(`writing ${path}: ${answer.status}`);
}

for (const version of [2, 1] as const) {
  const mount = () => mounts.get(version) ?? '';
  const seed = (path: string, values: ReadonlyMap<string, string>) =>
    version === 2
      ? put(`${mount()}/data/${path}`, `{"data":${json(values)}}`)
      : put(`${mount()}/${path}`, json(values));
  const rules = (path: string) =>
    version === 2 ? policyFile('editor', mount(), path) : policyFile('kv1', mount(), path);

  describe(`KV version ${version}`, () => {
    const tests = conformanceTests<Subject>({
      capabilities: {
        writes: 'store',
        conditionalWrites: version === 2,
        bag: true,
        list: true,
        history: version === 2,
        check: true,
      },
      async create(values) {
        const path = freshPath();
        if (values.size > 0 || version === 2) await seed(path, values);
        const { token, accessor, policy } = await tokenFor(server, rules(path));
        const front = await frontOf(server.address);
        return {
          provider: vaultProvider({
            address: front.address,
            mount: mount(),
            path,
            token,
            env: {},
            ...(version === 1 ? { kvVersion: 1 } : {}),
          }),
          credentials: [token],
          front,
          path,
          policy,
          accessor,
          close: () => front.close(),
        };
      },
      async change({ path }, changes) {
        const values = new Map<string, string>();
        const { body } = await server.request(
          'GET',
          version === 2 ? `${mount()}/data/${path}` : `${mount()}/${path}`,
        );
        const data = body.data as Record<string, unknown>;
        const held = (version === 2 ? data['data'] : data) as Record<string, string>;
        for (const [name, value] of Object.entries(held)) values.set(name, value);
        for (const [name, value] of changes)
          if (value === null) values.delete(name);
          else values.set(name, value);
        await seed(path, values);
      },
      canHold: (name, value) => !/\p{Surrogate}/u.test(name + value),
      faults: {
        unavailable: ({ front }) => front.refuse(),
        stalled: async ({ front }) => front.leadTo(silent.address),
        invalid: async ({ front }) => front.leadTo(broken.address),
        async denied({ policy }) {
          await server.createPolicy(
            'path "secret/data/something-else" { capabilities = ["read"] }',
            policy,
          );
        },
        async unauthenticated({ accessor }) {
          await server.request('POST', 'auth/token/revoke-accessor', { accessor });
        },
        async http({ front }, answer) {
          answering.become({ kind: 'status', ...answer });
          front.leadTo(answering.address);
        },
        oneName: 'impossible',
        async missingDocument({ path }) {
          await server.request(
            'DELETE',
            version === 2 ? `${mount()}/metadata/${path}` : `${mount()}/${path}`,
          );
        },
      },
      recover: ({ front }) => front.accept(),
    });
    for (const { name, run } of tests) test(name, run);
  });
}
