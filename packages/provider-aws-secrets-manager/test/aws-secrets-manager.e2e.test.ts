// What the conformance suite does not ask: the errors of AWS by name, requests counted, versions,
// writers that meet, and what the SDK is left to do.
import { randomUUID } from 'node:crypto';
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  type SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';
import { createSecrets, isSecretError, type SecretErrorCode } from '@keyfall/core';
import { assertNoLeak, callContext as context } from '@keyfall/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Answer, type Aws, exception } from '../../../test/aws.ts';
import { awsSecretsManagerProvider } from '../src/index.ts';
import { rights, startSecretsManager } from './secrets-manager.ts';

const canary = 'canary-value-31f7';
let aws: Aws<SecretsManagerClient>;
beforeAll(async () => {
  aws = await startSecretsManager();
});
afterEach(() => {
  aws.answer(undefined);
  vi.unstubAllEnvs();
});
afterAll(async () => {
  await aws?.stop();
});

async function clientFor(...actions: (readonly string[])[]): Promise<SecretsManagerClient> {
  const user = await aws.createUser(actions.flat());
  return aws.client(user.credentials);
}

async function seed(values: Record<string, unknown>): Promise<string> {
  const Name = `shop/${randomUUID()}`;
  await aws.admin.send(new CreateSecretCommand({ Name, SecretString: JSON.stringify(values) }));
  return Name;
}

describe('a failure of AWS has the code of its kind', () => {
  const kms = 'Access to KMS is not allowed';
  test.each<[string, Answer, SecretErrorCode, RegExp]>([
    [
      'ThrottlingException',
      () => exception('ThrottlingException'),
      'ERR_SECRET_UNAVAILABLE',
      /rate/,
    ],
    [
      'TooManyRequests',
      () => exception('TooManyRequestsException'),
      'ERR_SECRET_UNAVAILABLE',
      /rate/,
    ],
    [
      'a 500',
      () => exception('InternalServiceError', canary, 500),
      'ERR_SECRET_UNAVAILABLE',
      /500/,
    ],
    ['a 503 in HTML', () => ({ status: 503, body: '<html>' }), 'ERR_SECRET_UNAVAILABLE', /503/],
    ['a reset', () => 'cut', 'ERR_SECRET_UNAVAILABLE', /ECONNRESET/],
    ['AccessDenied', () => exception('AccessDeniedException', canary), 'ERR_SECRET_DENIED', /IAM/],
    [
      'KMS denied',
      () => exception('AccessDeniedException', kms),
      'ERR_SECRET_DENIED',
      /kms:Decrypt/,
    ],
    ['DecryptionFailure', () => exception('DecryptionFailure'), 'ERR_SECRET_DENIED', /kms:Decrypt/],
    [
      'ExpiredToken',
      () => exception('ExpiredTokenException'),
      'ERR_SECRET_UNAUTHENTICATED',
      /expired/,
    ],
    [
      'a wrong signature',
      () => exception('InvalidSignatureException'),
      'ERR_SECRET_UNAUTHENTICATED',
      /clock/,
    ],
    [
      'a wrong parameter',
      () => exception('InvalidParameterException'),
      'ERR_SECRET_CONFIG',
      /versionStage/,
    ],
    ['no JSON', () => ({ status: 200, body: `<html>${canary}` }), 'ERR_SECRET_INVALID', /endpoint/],
    ['JSON of another kind', () => ({ status: 200, body: '[]' }), 'ERR_SECRET_INVALID', /bytes/],
    ['an unknown exception', () => exception('Whatever', canary), 'ERR_SECRET_INVALID', /400/],
  ])('%s', async (_, answer, code, said) => {
    const client = await clientFor(rights.bagRead, rights.namedRead);
    aws.answer(answer);
    for (const where of [{ secretId: 'shop/any' }, { prefix: 'shop/' }]) {
      const provider = awsSecretsManagerProvider({ ...where, client });
      let error: unknown;
      try {
        const { entries } = await provider.read(['A'], context());
        error = entries.get('A');
      } catch (thrown) {
        error = thrown;
      }
      if ('prefix' in where && said.source === 'bytes') continue; // an empty value of no JSON bag
      expect(error).toMatchObject({ code, message: expect.stringMatching(said) });
      assertNoLeak([canary], error);
      if (isSecretError(error) && error.storeStatus === 400)
        expect(error.requestId).toBe('3b1f0d0c-6a58-4b44-9d57-2f6f0c6b1a77');
    }
  });

  test('a secret that is scheduled for deletion is absent, and a write does not restore it', async () => {
    const secretId = await seed({ A: canary });
    await aws.admin.send(new DeleteSecretCommand({ SecretId: secretId }));
    const client = await clientFor(rights.bagWrite);
    const bag = awsSecretsManagerProvider({ secretId, client });
    expect(await bag.read('all', context())).toMatchObject({
      missingDocument: { description: expect.stringContaining('deletion') },
    });
    await expect(bag.write?.({ entries: new Map([['B', 'b']]) }, context())).rejects.toMatchObject({
      code: 'ERR_SECRET_CONFLICT',
    });
    const prefix = `${secretId.slice(0, -6)}`;
    const named = awsSecretsManagerProvider({ prefix, client });
    const name = secretId.slice(-6);
    expect((await named.read([name], context())).entries.size).toBe(0);
  });

  test('missing credentials and a missing region are named in the error', async () => {
    for (const variable of [
      'AWS_ACCESS_KEY_ID',
      'AWS_SECRET_ACCESS_KEY',
      'AWS_PROFILE',
      'AWS_REGION',
    ])
      vi.stubEnv(variable, undefined);
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    vi.stubEnv('AWS_CONFIG_FILE', '/nowhere');
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nowhere');
    const nobody = awsSecretsManagerProvider({ secretId: 'shop', region: 'eu-central-1' });
    await expect(nobody.read('all', context())).rejects.toMatchObject({
      code: 'ERR_SECRET_UNAUTHENTICATED',
      message: expect.stringContaining('AWS_ACCESS_KEY_ID'),
    });
    const nowhere = awsSecretsManagerProvider({ secretId: 'shop' });
    await expect(nowhere.read('all', context())).rejects.toMatchObject({
      code: 'ERR_SECRET_CONFIG',
      message: expect.stringContaining('AWS_REGION'),
    });
  });
});

test("the SDK's own settings hold: endpoint, region and credentials of the environment", async () => {
  const secretId = await seed({ A: 'a' });
  const { credentials } = await aws.createUser(rights.bagRead);
  vi.stubEnv('AWS_ENDPOINT_URL_SECRETS_MANAGER', aws.address);
  vi.stubEnv('AWS_REGION', aws.region);
  vi.stubEnv('AWS_ACCESS_KEY_ID', credentials.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', credentials.secretAccessKey);
  vi.stubEnv('AWS_MAX_ATTEMPTS', '1');
  const provider = awsSecretsManagerProvider({ secretId });
  expect((await provider.read('all', context())).entries.get('A')).toMatchObject({ value: 'a' });
  const before = aws.seen.length;
  aws.answer(() => exception('InternalServiceError', '', 500));
  await expect(provider.read('all', context())).rejects.toMatchObject({
    code: 'ERR_SECRET_UNAVAILABLE',
  });
  expect(aws.seen.length - before).toBe(1);
  await provider.close?.();
});

describe('the number of requests', () => {
  test('one JSON secret needs one request for all its names', async () => {
    const secretId = await seed({ A: 'a', B: 'b' });
    const provider = awsSecretsManagerProvider({
      secretId,
      client: await clientFor(rights.bagRead),
    });
    const secrets = createSecrets({ providers: [provider] });
    const before = aws.seen.length;
    expect(await Promise.all([secrets.get('A'), secrets.get('B')])).toEqual(['a', 'b']);
    expect(aws.seen.slice(before)).toEqual(['GetSecretValue']);
  });

  test('one secret a name needs one request for twenty names, or one each where a batch is denied', async () => {
    const prefix = `many-${randomUUID()}/`;
    const names = Array.from({ length: 41 }, (_, index) => `N${index}`);
    for (const name of names)
      await aws.admin.send(new CreateSecretCommand({ Name: prefix + name, SecretString: name }));
    const read = async (client: SecretsManagerClient) => {
      const before = aws.seen.length;
      const provider = awsSecretsManagerProvider({ prefix, client });
      const { entries } = await provider.read([...names, 'NOBODY'], context());
      expect(
        [...entries].map(([name, entry]) => [name, 'value' in entry && entry.value]).sort(),
      ).toEqual(names.map((name) => [name, name]).sort());
      await provider.read(names, context());
      return aws.seen.slice(before);
    };
    expect(await read(await clientFor(rights.namedRead))).toEqual(
      Array.from({ length: 6 }, () => 'BatchGetSecretValue'),
    );
    const alone = await read(await clientFor(['secretsmanager:GetSecretValue']));
    // a policy without batches is found out once, by the batches that were under way
    expect(alone.filter((action) => action === 'BatchGetSecretValue')).toHaveLength(3);
    expect(alone.filter((action) => action === 'GetSecretValue')).toHaveLength(42 + 41);
  });

  test('a read of all names lists them by pages', async () => {
    const prefix = `all-${randomUUID()}/`;
    const values = Array.from({ length: 103 }, (_, index) => `N${index}`);
    for (const name of values)
      await aws.admin.send(new CreateSecretCommand({ Name: prefix + name, SecretString: 'x' }));
    const client = await clientFor(rights.namedRead);
    const secrets = createSecrets({ providers: [awsSecretsManagerProvider({ prefix, client })] });
    expect(await secrets.list()).toEqual(values.sort());
  }, 60_000);
});

describe('one secret a name', () => {
  test('bytes become base64, an impossible name is not asked for, and an empty value is refused', async () => {
    const prefix = `bytes-${randomUUID()}/`;
    const SecretBinary = new Uint8Array([0, 255, 10]);
    await aws.admin.send(new CreateSecretCommand({ Name: `${prefix}CERT`, SecretBinary }));
    const provider = awsSecretsManagerProvider({
      prefix,
      client: await clientFor(rights.namedRead, rights.namedWrite),
    });
    const { entries } = await provider.read(['CERT'], context());
    expect(entries.get('CERT')).toMatchObject({ value: 'AP8K' });
    const before = aws.seen.length;
    expect((await provider.read(['a b', '../x y', 'ü'], context())).entries.size).toBe(0);
    for (const pair of [
      ['a b', 'x'],
      ['A', ''],
      ['A', 'x'.repeat(65_537)],
    ] as const)
      await expect(
        provider.write?.({ entries: new Map([['OK', 'x'], pair]) }, context()),
      ).rejects.toMatchObject({ code: 'ERR_SECRET_UNSUPPORTED', secretName: pair[0] });
    expect(aws.seen.length).toBe(before);
  });

  test('a write that fails half-way says what was written', async () => {
    const prefix = `half-${randomUUID()}/`;
    const provider = awsSecretsManagerProvider({
      prefix,
      client: await clientFor(rights.namedRead, rights.namedWrite),
    });
    aws.answer((_, body) => (body.includes(`${prefix}B`) ? exception('AccessDenied') : undefined));
    const entries = new Map([
      ['A', canary],
      ['B', canary],
      ['C', canary],
    ]);
    const error = await provider.write?.({ entries }, context()).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'ERR_SECRET_DENIED',
      secretName: 'B',
      message: expect.stringMatching(/\bB\b.*\bA\b/),
    });
    assertNoLeak([canary], error);
  });

  test('a deleted secret can be written again', async () => {
    const prefix = `again-${randomUUID()}/`;
    const client = await clientFor(rights.namedRead, rights.namedWrite);
    const secrets = createSecrets({ providers: [awsSecretsManagerProvider({ prefix, client })] });
    await secrets.set('A', 'one');
    await secrets.delete('A');
    expect(await secrets.find('A')).toBe(undefined);
    let refused = 0;
    aws.answer((action) => {
      // moto writes into a secret that is deleted, which AWS refuses in these words
      if (action !== 'PutSecretValue' || refused > 0) return undefined;
      refused += 1;
      const words =
        'You can’t perform this operation on the secret because it was marked for deletion.';
      return exception('InvalidRequestException', words);
    });
    await secrets.set('A', 'two');
    expect(refused).toBe(1);
    expect(await secrets.get('A')).toBe('two');
  });
});

describe('one JSON secret', () => {
  test('concurrent writers lose no change of each other', async () => {
    const secretId = await seed({ A: 'a' });
    const client = await clientFor(rights.bagWrite);
    const writers = Array.from({ length: 3 }, () =>
      awsSecretsManagerProvider({ secretId, client }),
    );
    await Promise.all(
      writers.map((writer, index) =>
        writer.write?.({ entries: new Map([[`W${index}`, `${index}`]]) }, context()),
      ),
    );
    const held = await aws.admin.send(
      new GetSecretValueCommand({ SecretId: secretId, VersionStage: 'AWSCURRENT' }),
    );
    expect(JSON.parse(held.SecretString ?? '')).toEqual({ A: 'a', W0: '0', W1: '1', W2: '2' });
  });

  test("one program's concurrent writes do not conflict", async () => {
    const secretId = await seed({ A: 'a' });
    const client = await clientFor(rights.bagWrite);
    const secrets = createSecrets({ providers: [awsSecretsManagerProvider({ secretId, client })] });
    const names = Array.from({ length: 8 }, (_, index) => `W${index}`);
    await Promise.all(names.map((name) => secrets.set(name, name)));
    expect(await secrets.list()).toEqual(['A', ...names]);
  });

  test('a move whose answer is lost is known to have happened', async () => {
    const secretId = await seed({ A: 'a' });
    const client = await clientFor(rights.bagWrite);
    const provider = awsSecretsManagerProvider({ secretId, client });
    let lost = 0;
    aws.answer((action, body) => {
      if (action !== 'UpdateSecretVersionStage' || lost > 0) return undefined;
      lost += 1;
      // the service acts, and the connection breaks before its answer
      void aws.admin.send(new UpdateSecretVersionStageCommand(JSON.parse(body)));
      return 'cut';
    });
    const receipt = await provider.write?.({ entries: new Map([['A', 'new']]) }, context());
    expect(lost).toBe(1);
    const held = await aws.admin.send(
      new GetSecretValueCommand({ SecretId: secretId, VersionStage: 'AWSCURRENT' }),
    );
    expect(held).toMatchObject({ SecretString: '{"A":"new"}', VersionId: receipt?.version });
  });

  test('a secret that is too large for AWS is refused before anything is sent', async () => {
    const secretId = await seed({ A: 'a' });
    const client = await clientFor(rights.bagWrite);
    const provider = awsSecretsManagerProvider({ secretId, client });
    const before = aws.seen.length;
    await expect(
      provider.write?.({ entries: new Map([['BIG', 'x'.repeat(65_536)]]) }, context()),
    ).rejects.toMatchObject({ code: 'ERR_SECRET_UNSUPPORTED' });
    expect(aws.seen.slice(before)).toEqual(['GetSecretValue']);
  });

  test('a version with another label can be read and not written', async () => {
    const secretId = await seed({ A: 'old' });
    await aws.admin.send(
      new PutSecretValueCommand({ SecretId: secretId, SecretString: '{"A":"new"}' }),
    );
    const client = await clientFor(rights.bagWrite);
    const previous = awsSecretsManagerProvider({ secretId, versionStage: 'AWSPREVIOUS', client });
    expect((await previous.read('all', context())).entries.get('A')).toMatchObject({
      value: 'old',
    });
    expect(previous.write).toBe(undefined);
  });

  test('bytes, and text that is not a JSON object, are invalid, and the hint says what to use instead', async () => {
    const Name = `shop/${randomUUID()}`;
    await aws.admin.send(new CreateSecretCommand({ Name, SecretString: canary }));
    const client = await clientFor(rights.bagRead);
    const error = await awsSecretsManagerProvider({ secretId: Name, client })
      .read('all', context())
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'ERR_SECRET_INVALID',
      message: expect.stringContaining('prefix'),
    });
    assertNoLeak([canary], error);
  });

  test('check reports what exists, what does not, and what it may not look at', async () => {
    const secretId = await seed({ A: 'a' });
    const allowed = await clientFor(rights.bagRead, rights.describe);
    const limited = await clientFor(rights.bagRead);
    const check = (client: SecretsManagerClient, id: string) =>
      awsSecretsManagerProvider({ secretId: id, client }).check?.(context());
    expect(await check(allowed, secretId)).toMatchObject([
      { subject: 'secret', state: 'ready' },
      { subject: 'rotation', state: 'ready', message: expect.any(String) },
    ]);
    expect(await check(limited, secretId)).toMatchObject([
      { state: 'ready' },
      { subject: 'rotation', state: 'failing' },
    ]);
    expect(await check(allowed, 'shop/typo')).toMatchObject([
      { state: 'failing', hint: expect.stringContaining('secretId') },
      { state: 'unknown' },
    ]);
  });
});

describe('a rotation as AWS does it, the database first and the label a moment later', () => {
  /** A database of one user, whose password is what it was set to last. */
  function databaseOf(password: string) {
    const database = {
      password,
      refused: 0,
      async connect(given: string) {
        if (given === database.password) return 'connected';
        database.refused += 1;
        throw new Error('28P01');
      },
    };
    return database;
  }

  const steps = (SecretId: string, SecretString: string) => {
    const ClientRequestToken = randomUUID();
    return {
      create: () =>
        aws.admin.send(
          new PutSecretValueCommand({
            SecretId,
            SecretString,
            ClientRequestToken,
            VersionStages: ['AWSPENDING'],
          }),
        ),
      async finish() {
        const { VersionIdsToStages = {} } = await aws.admin.send(
          new DescribeSecretCommand({ SecretId }),
        );
        const current = Object.entries(VersionIdsToStages).find(([, stages]) =>
          stages.includes('AWSCURRENT'),
        );
        await aws.admin.send(
          new UpdateSecretVersionStageCommand({
            SecretId,
            VersionStage: 'AWSCURRENT',
            MoveToVersionId: ClientRequestToken,
            RemoveFromVersionId: current?.[0],
          }),
        );
        return ClientRequestToken;
      },
    };
  };

  test.each(['secretId', 'prefix'] as const)(
    'a client that a rotation locks out reads the secret again and gets in, without a watch and within the ttl: %s',
    async (option) => {
      const bag = option === 'secretId';
      const textOf = (password: string) => (bag ? JSON.stringify({ PASS: password }) : password);
      const place = `rotated-${randomUUID()}/`;
      const SecretId = bag ? place : `${place}PASS`;
      await aws.admin.send(
        new CreateSecretCommand({ Name: SecretId, SecretString: textOf('one') }),
      );
      const client = await clientFor(rights.bagRead);
      const provider = awsSecretsManagerProvider({ [option]: place, client });
      const secrets = createSecrets({ providers: [provider], ttl: '1h' });
      const changed = vi.fn();
      secrets.on('changed', changed);
      const database = databaseOf('one');
      const connect = async () => database.connect(await secrets.get('PASS'));
      expect(await connect()).toBe('connected');
      const before = aws.seen.length;

      const { create, finish } = steps(SecretId, textOf('two'));
      await create();
      database.password = 'two';
      await expect(connect()).rejects.toThrow('28P01');
      await secrets.refresh();
      // the label is still with the old version: the one that AWS calls current
      await expect(connect()).rejects.toThrow('28P01');
      expect(changed).not.toHaveBeenCalled();
      const versionAfter = await finish();
      await secrets.refresh();
      expect(await connect()).toBe('connected');
      expect(database.refused).toBe(2);
      expect(changed).toHaveBeenCalledTimes(1);
      expect(changed.mock.calls[0]?.[0]).toMatchObject({ name: 'PASS', versionAfter });
      expect(aws.seen.slice(before)).toEqual(['GetSecretValue', 'GetSecretValue']);
      const previous = awsSecretsManagerProvider({
        [option]: place,
        versionStage: 'AWSPREVIOUS',
        client,
      });
      expect((await previous.read(['PASS'], context())).entries.get('PASS')).toMatchObject({
        value: 'one',
      });
      await secrets.close();
    },
  );

  test('many callers that are refused together cost a few requests', async () => {
    const secretId = await seed({ PASS: 'one' });
    const provider = awsSecretsManagerProvider({
      secretId,
      client: await clientFor(rights.bagRead),
    });
    const secrets = createSecrets({ providers: [provider], ttl: '1h' });
    expect(await secrets.get('PASS')).toBe('one');
    const before = aws.seen.length;
    await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        for (let turns = 0; turns < index; turns += 1) await undefined;
        await secrets.refresh();
      }),
    );
    expect(aws.seen.length - before).toBeLessThan(10);
    await secrets.close();
  });
});

test.each([
  ['secretId', rights.describe],
  ['prefix', ['secretsmanager:ListSecrets']],
] as const)('watch notices a rotation, and stops: %s', async (option, actions) => {
  const secretId = await seed({ A: 'old' });
  const client = await clientFor(actions);
  const place = option === 'secretId' ? secretId : secretId.slice(0, -4);
  const provider = awsSecretsManagerProvider({ [option]: place, client, pollInterval: '1s' });
  const stop = new AbortController();
  const before = aws.seen.length;
  const changed = new Promise<void>((resolve) => {
    void provider.watch?.(resolve, stop.signal).then(() => {
      if (stop.signal.aborted) ended();
    });
  });
  let ended = () => {};
  const over = new Promise<void>((resolve) => {
    ended = resolve;
  });
  await vi.waitFor(() => expect(aws.seen.length).toBeGreaterThan(before));
  await aws.admin.send(new DescribeSecretCommand({ SecretId: secretId }));
  await aws.admin.send(new PutSecretValueCommand({ SecretId: secretId, SecretString: '{}' }));
  await changed;
  stop.abort();
  await over;
});

test('a policy that forbids watching ends the watch', async () => {
  const client = await clientFor(rights.bagRead);
  const provider = awsSecretsManagerProvider({ secretId: 'shop', client });
  await expect(provider.watch?.(() => {}, new AbortController().signal)).rejects.toMatchObject({
    code: 'ERR_SECRET_DENIED',
  });
});

test('an ARN names its region', async () => {
  const secretId = await seed({ A: 'a' });
  const { ARN } = await aws.admin.send(new DescribeSecretCommand({ SecretId: secretId }));
  const { credentials } = await aws.createUser(rights.bagRead);
  vi.stubEnv('AWS_ENDPOINT_URL', aws.address);
  vi.stubEnv('AWS_REGION', 'us-east-1'); // another one
  vi.stubEnv('AWS_ACCESS_KEY_ID', credentials.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', credentials.secretAccessKey);
  const provider = awsSecretsManagerProvider({ secretId: ARN ?? '' });
  expect((await provider.read('all', context())).entries.get('A')).toMatchObject({ value: 'a' });
  await provider.close?.();
});
