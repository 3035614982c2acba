import { forEachLimited } from '@keyfall/core/provider';
import { type ConformanceSubject, type CuttingProxy, conformanceTests } from '@keyfall/testkit';
import { afterAll, beforeAll, test } from 'vitest';
import { gcpSecretManagerProvider } from '../src/index.ts';
import {
  type Caller,
  googleError,
  type Reply,
  type SecretManager,
  startSecretManager,
} from './secret-manager.ts';

let cloud: SecretManager;
beforeAll(async () => {
  cloud = await startSecretManager();
});
afterAll(async () => {
  await cloud?.stop();
});

interface Subject extends ConformanceSubject {
  readonly project: string;
  readonly caller: Caller;
  readonly line: CuttingProxy;
}

let projects = 0;
const prefix = 'shop-';

const tests = conformanceTests<Subject>({
  async create(values) {
    projects += 1;
    const project = `project-${projects}`;
    const held = [...values].filter(([name, value]) => canHold(name, value));
    // drongo's queue of connections is short
    await forEachLimited(held, ([name, value]) => cloud.put(project, prefix + name, value));
    await cloud.put(project, 'of-another-application', 'not ours');
    const caller = cloud.newCaller();
    const line = await cloud.line();
    const { credentials } = caller;
    return {
      provider: gcpSecretManagerProvider({ project, prefix, credentials, address: line.address }),
      project,
      caller,
      line,
      credentials: [caller.token],
      async close() {
        cloud.answer(undefined);
        await line.close();
      },
    };
  },
  capabilities: { writes: 'name', bag: false, list: true, history: true, check: true },
  faults: {
    unavailable: async ({ line }) => line.set({ kind: 'cut', after: 0, how: 'reset' }),
    stalled: async ({ line }) => line.set({ kind: 'dark' }),
    denied: async ({ caller }) => caller.deny(),
    unauthenticated: async ({ caller }) => caller.forget(),
    http: async (_, answer) => cloud.answer(() => answer),
    oneName: {
      denied: answersOneName(googleError(403, 'PERMISSION_DENIED')),
      unavailable: answersOneName(googleError(503, 'UNAVAILABLE')),
      async invalid({ project }, name) {
        await cloud.put(project, prefix + name, new Uint8Array([0x61, 0xff]));
      },
    },
    invalid: async () => cloud.answer(() => ({ status: 200, body: '{"payload":' })),
    missingDocument: 'impossible',
  },
  recover: async ({ line }) => line.set({ kind: 'pass' }),
  async change({ project }, changes) {
    for (const [name, value] of changes)
      if (value === null)
        await cloud.admin('DELETE', `projects/${project}/secrets/${prefix}${name}`);
      else await cloud.put(project, prefix + name, value);
  },
  canHold,
  // the front has twenty on a page
  manyNames: 50,
  hostileNames: ['A:access', 'A/versions/1', 'A?alt=media', 'A%2F'],
});
for (const { name, run } of tests) test(name, run);

function answersOneName(reply: Reply) {
  return async ({ project }: Subject, name: string) =>
    cloud.answer((_, path) =>
      path.startsWith(`/v1/projects/${project}/secrets/${prefix}${name}/`) ||
      path.startsWith(`/v1/projects/${project}/secrets/${prefix}${name}:`)
        ? reply
        : undefined,
    );
}

function canHold(name: string, value: string): boolean {
  return (
    /^[A-Za-z0-9_-]{1,200}$/.test(name) &&
    value !== '' &&
    value.isWellFormed() &&
    Buffer.byteLength(value) <= 65_536
  );
}
