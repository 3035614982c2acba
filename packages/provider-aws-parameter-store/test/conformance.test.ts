import { randomUUID } from 'node:crypto';
import { DeleteParameterCommand, PutParameterCommand, type SSMClient } from '@aws-sdk/client-ssm';
import { type ConformanceSubject, type CuttingProxy, conformanceTests } from '@keyfall/testkit';
import { afterAll, beforeAll, test } from 'vitest';
import { type Aws, exception, type Reply, type User } from '../../../test/aws.ts';
import { awsParameterStoreProvider } from '../src/index.ts';
import { rights, startParameterStore } from './parameter-store.ts';

let aws: Aws<SSMClient>;
beforeAll(async () => {
  aws = await startParameterStore();
});
afterAll(async () => {
  await aws?.stop();
});

interface Subject extends ConformanceSubject {
  readonly path: string;
  readonly user: User;
  readonly line: CuttingProxy;
}

const put = (Name: string, Value: string) =>
  aws.admin.send(new PutParameterCommand({ Name, Value, Type: 'SecureString', Overwrite: true }));

const tests = conformanceTests<Subject>({
  async create(values) {
    const path = `/shop-${randomUUID()}/`;
    for (const [name, value] of values) if (canHold(name, value)) await put(path + name, value);
    const user = await aws.createUser(Object.values(rights).flat());
    const line = await aws.line();
    const client = aws.client(user.credentials, line.address);
    return {
      provider: awsParameterStoreProvider({ path, client }),
      path,
      user,
      line,
      credentials: [user.credentials.secretAccessKey],
      async close() {
        aws.answer(undefined);
        client.destroy();
        await line.close();
      },
    };
  },
  capabilities: { writes: 'name', bag: false, list: true, history: true, check: true },
  faults: {
    unavailable: async ({ line }) => line.set({ kind: 'cut', after: 0, how: 'reset' }),
    stalled: async ({ line }) => line.set({ kind: 'dark' }),
    denied: ({ user }) => user.allow([]),
    unauthenticated: ({ user }) => user.forget(),
    http: async (_, answer) => aws.answer(() => answer),
    // moto knows no policy for one parameter: AWS's own words, for this one alone
    oneName: {
      denied: answersOneName(exception('AccessDeniedException')),
      unavailable: answersOneName(exception('InternalServerError', '', 500)),
      invalid: answersOneName({ status: 200, body: '{"Parameter":{}}' }),
    },
    invalid: async () => aws.answer(() => ({ status: 200, body: '{"Parameters":' })),
    missingDocument: 'impossible',
  },
  recover: async ({ line }) => line.set({ kind: 'pass' }),
  async change({ path }, changes) {
    for (const [name, value] of changes)
      if (value === null) await aws.admin.send(new DeleteParameterCommand({ Name: path + name }));
      else await put(path + name, value);
  },
  canHold,
  hostileNames: ['A:1', 'A/', '/A', 'A//B', 'arn:aws:ssm:eu-central-1:123456789012:parameter/A'],
});
for (const { name, run } of tests) test(name, run);

function answersOneName(reply: Reply) {
  return async ({ path }: Subject, name: string) =>
    aws.answer((_, body) => (body.includes(`${path}${name}"`) ? reply : undefined));
}

function canHold(name: string, value: string): boolean {
  return (
    /^[A-Za-z0-9_.-]+(?:\/[A-Za-z0-9_.-]+){0,13}$/.test(name) &&
    value !== '' &&
    !value.includes('{{') &&
    value.isWellFormed() &&
    Buffer.byteLength(value) <= 8_192
  );
}
