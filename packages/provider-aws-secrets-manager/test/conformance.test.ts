import { randomUUID } from 'node:crypto';
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import {
  type ConformanceSubject,
  type CuttingProxy,
  conformanceTests,
  type HttpAnswer,
} from '@keyfall/testkit';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { type Aws, exception, type Reply, type User } from '../../../test/aws.ts';
import { awsSecretsManagerProvider } from '../src/index.ts';
import { rights, startSecretsManager } from './secrets-manager.ts';

let aws: Aws<SecretsManagerClient>;
beforeAll(async () => {
  aws = await startSecretsManager();
});
afterAll(async () => {
  await aws?.stop();
});

interface Subject extends ConformanceSubject {
  readonly place: string;
  readonly user: User;
  readonly line: CuttingProxy;
}

/** A user of its own on a line of its own. */
async function subjectOf(
  place: string,
  actions: readonly string[],
  option: 'secretId' | 'prefix',
): Promise<Subject> {
  const user = await aws.createUser(actions);
  const line = await aws.line();
  const client = aws.client(user.credentials, line.address);
  const provider = awsSecretsManagerProvider({ [option]: place, client });
  const credentials = [user.credentials.secretAccessKey];
  const close = async () => {
    aws.answer(undefined);
    client.destroy();
    await line.close();
  };
  return { provider, place, user, line, credentials, close };
}

const faults = {
  unavailable: async ({ line }: Subject) =>
    line.set({ kind: 'cut', after: 0, how: 'reset' as const }),
  stalled: async ({ line }: Subject) => line.set({ kind: 'dark' }),
  denied: ({ user }: Subject) => user.allow([]),
  unauthenticated: ({ user }: Subject) => user.forget(),
  http: async (_subject: Subject, answer: HttpAnswer) => aws.answer(() => answer),
};
const recover = async ({ line }: Subject) => line.set({ kind: 'pass' });

function jsonOf(values: Iterable<readonly [string, string]>): string {
  const object: Record<string, string> = Object.create(null);
  for (const [name, value] of values) object[name] = value;
  return JSON.stringify(object);
}

describe('one JSON secret', () => {
  const tests = conformanceTests<Subject>({
    async create(values) {
      const place = `shop/${randomUUID()}`;
      await aws.admin.send(new CreateSecretCommand({ Name: place, SecretString: jsonOf(values) }));
      const { bagWrite, bagHistory } = rights;
      return subjectOf(place, [...bagWrite, ...bagHistory], 'secretId');
    },
    capabilities: {
      writes: 'store',
      conditionalWrites: true,
      bag: true,
      history: true,
      check: true,
    },
    faults: {
      ...faults,
      async invalid({ place }) {
        const SecretString = '{"ALPHA":"';
        await aws.admin.send(new PutSecretValueCommand({ SecretId: place, SecretString }));
      },
      async missingDocument({ place }) {
        await aws.admin.send(
          new DeleteSecretCommand({ SecretId: place, ForceDeleteWithoutRecovery: true }),
        );
      },
      oneName: 'impossible',
    },
    recover,
    async change({ place }, changes) {
      const held = await aws.admin.send(
        new GetSecretValueCommand({ SecretId: place, VersionStage: 'AWSCURRENT' }),
      );
      const values = new Map(Object.entries(JSON.parse(held.SecretString ?? '{}')));
      for (const [name, value] of changes)
        if (value === null) values.delete(name);
        else values.set(name, value);
      const SecretString = jsonOf(values as Map<string, string>);
      await aws.admin.send(new PutSecretValueCommand({ SecretId: place, SecretString }));
    },
    // the service stores UTF-8
    canHold: (name, value) =>
      !/\p{Surrogate}/u.test(name + value) && Buffer.byteLength(value) < 60_000,
  });
  for (const { name, run } of tests) test(name, run);
});

describe('one secret a name', () => {
  const tests = conformanceTests<Subject>({
    async create(values) {
      const place = `shop-${randomUUID()}/`;
      for (const [name, value] of values)
        if (canHold(name, value))
          await aws.admin.send(
            new CreateSecretCommand({ Name: place + name, SecretString: value }),
          );
      const { namedRead, namedWrite, bagHistory } = rights;
      return subjectOf(place, [...namedRead, ...namedWrite, ...bagHistory], 'prefix');
    },
    capabilities: { writes: 'name', bag: false, list: true, history: true, check: true },
    faults: {
      ...faults,
      // moto knows no policy for one secret: AWS's own words, for this one alone
      oneName: {
        denied: answersOneName(exception('AccessDeniedException')),
        unavailable: answersOneName(exception('InternalServiceError', '', 500)),
        invalid: answersOneName({ status: 200, body: '{"SecretString":' }),
      },
      invalid: async () => aws.answer(() => ({ status: 200, body: '{"SecretString":' })),
      missingDocument: 'impossible',
    },
    recover,
    async change({ place }, changes) {
      for (const [name, value] of changes) {
        const SecretId = place + name;
        if (value === null)
          await aws.admin.send(
            new DeleteSecretCommand({ SecretId, ForceDeleteWithoutRecovery: true }),
          );
        else
          await aws.admin
            .send(new PutSecretValueCommand({ SecretId, SecretString: value }))
            .catch(() =>
              aws.admin.send(new CreateSecretCommand({ Name: SecretId, SecretString: value })),
            );
      }
    },
    canHold,
  });
  for (const { name, run } of tests) test(name, run);
});

function answersOneName(reply: Reply) {
  return async ({ place }: Subject, name: string) =>
    aws.answer((_, body) => (body.includes(`${place}${name}"`) ? reply : undefined));
}

function canHold(name: string, value: string): boolean {
  return (
    /^[A-Za-z0-9/_+=.@-]+$/.test(name) &&
    value !== '' &&
    !/\p{Surrogate}/u.test(value) &&
    Buffer.byteLength(value) <= 65_536
  );
}
