// Answers that are cut, swapped or somebody else's, states that only real accounts are in, and what a
// program in plain JavaScript may hand over.
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import {
  CreateSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';
import { createSecrets, isSecretError, memoryProvider } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import { assertNoLeak, callContext as context } from '@keyfall/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Aws, exception } from '../../../test/aws.ts';
import { type AwsSecretsManagerProviderOptions, awsSecretsManagerProvider } from '../src/index.ts';
import { rights, startSecretsManager } from './secrets-manager.ts';

const canary = 'canary-value-77d0';
let aws: Aws<SecretsManagerClient>;
let client: SecretsManagerClient;
let single: SecretsManagerClient;
beforeAll(async () => {
  aws = await startSecretsManager();
  const everything = [
    ...rights.bagWrite,
    ...rights.bagHistory,
    ...rights.describe,
    ...rights.namedRead,
    ...rights.namedWrite,
  ];
  const { credentials } = await aws.createUser(everything);
  client = aws.client(credentials);
  // one that does not repeat anything by itself
  single = new SecretsManagerClient({
    region: aws.region,
    endpoint: aws.address,
    credentials,
    maxAttempts: 1,
  });
});
afterEach(() => aws.answer(undefined));
afterAll(async () => {
  client?.destroy();
  single?.destroy();
  await aws?.stop();
});

const ok = (body: unknown) => ({ status: 200, body: JSON.stringify(body) });
const write = (provider: SecretProvider, entries: Record<string, string | null>) =>
  provider.write?.({ entries: new Map(Object.entries(entries)) }, context());

describe('a broken answer does not make a name missing', () => {
  test('a secret without content', async () => {
    aws.answer(() => ok({ Name: 'shop/A' }));
    const named = awsSecretsManagerProvider({ prefix: 'shop/', client });
    const { entries } = await named.read(['A'], context());
    expect(isSecretError(entries.get('A'), 'ERR_SECRET_INVALID')).toBe(true);
  });

  test('a list without a list', async () => {
    aws.answer(() => ok({}));
    const named = awsSecretsManagerProvider({ prefix: 'shop/', client });
    await expect(named.read('all', context())).rejects.toMatchObject({
      code: 'ERR_SECRET_INVALID',
    });
  });

  test('names that a batch leaves out are each asked for', async () => {
    const prefix = `cut-${randomUUID()}/`;
    for (const name of ['A', 'B'])
      await aws.admin.send(new CreateSecretCommand({ Name: prefix + name, SecretString: name }));
    const before = aws.seen.length;
    aws.answer((action) =>
      action === 'BatchGetSecretValue'
        ? ok({
            SecretValues: [
              { Name: `${prefix}A`, SecretString: 'A', VersionId: randomUUID() },
              { Name: `${prefix}OTHER`, SecretString: canary },
            ],
            NextToken: 'more',
          })
        : undefined,
    );
    const { entries } = await awsSecretsManagerProvider({ prefix, client }).read(
      ['A', 'B', 'NOBODY'],
      context(),
    );
    expect([...entries.keys()].sort()).toEqual(['A', 'B']);
    expect(aws.seen.slice(before).sort()).toEqual([
      'BatchGetSecretValue',
      'GetSecretValue',
      'GetSecretValue',
    ]);
  });

  test('one denied name of a batch affects neither held nor missing names', async () => {
    const ErrorCode = 'AccessDeniedException';
    aws.answer(() =>
      ok({
        SecretValues: [{ Name: 'shop/A', SecretString: 'a' }],
        Errors: [
          { SecretId: 'shop/B', ErrorCode, Message: canary },
          { SecretId: 'shop/C', ErrorCode: 'DecryptionFailure', Message: canary },
          { SecretId: 'shop/D', ErrorCode: 'ResourceNotFoundException', Message: canary },
        ],
      }),
    );
    const named = awsSecretsManagerProvider({ prefix: 'shop/', client });
    const { entries } = await named.read(['A', 'B', 'C', 'D'], context());
    expect([...entries.keys()].sort()).toEqual(['A', 'B', 'C']);
    for (const name of ['B', 'C'])
      expect(entries.get(name)).toMatchObject({ code: 'ERR_SECRET_DENIED', secretName: name });
    assertNoLeak([canary], [...entries.values()]);
  });

  // moto fails for no secret alone, and its lists end: here the front stands in for AWS
  test('a name for which the service fails does not affect the answered ones', async () => {
    const failed = { ErrorCode: 'InternalServiceError', Message: canary };
    const alone: string[] = [];
    aws.answer((action, body) => {
      if (action === 'BatchGetSecretValue')
        return ok({
          SecretValues: [{ Name: 'shop/A', SecretString: 'a' }],
          Errors: [
            { SecretId: 'shop/B', ...failed },
            { SecretId: 'shop/C', ...failed },
            { SecretId: 'shop/D', ErrorCode: 'ResourceNotFoundException', Message: canary },
          ],
        });
      const { SecretId } = JSON.parse(body);
      alone.push(SecretId);
      return SecretId === 'shop/B'
        ? ok({ Name: SecretId, SecretString: 'b, the second time' })
        : exception('InternalServiceError', canary, 500);
    });
    const named = awsSecretsManagerProvider({ prefix: 'shop/', client });
    const { entries, complete } = await named.read(['A', 'B', 'C', 'D'], context());
    expect(complete).toBe(false);
    expect(entries.get('A')).toMatchObject({ value: 'a' });
    expect(entries.get('B')).toMatchObject({ value: 'b, the second time' });
    expect(entries.get('C')).toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE', secretName: 'C' });
    expect(entries.has('D')).toBe(false);
    expect(new Set(alone)).toEqual(new Set(['shop/B', 'shop/C']));
    assertNoLeak([canary], [...entries.values()]);
    // and in a chain it is that name alone which falls back
    const below = memoryProvider({ C: 'of the next' });
    const secrets = createSecrets({ providers: [named, below] });
    secrets.on('fallback', () => {});
    expect(await Promise.all(['A', 'B', 'C'].map((name) => secrets.get(name)))).toEqual([
      'a',
      'b, the second time',
      'of the next',
    ]);
    await secrets.close();
  });

  test('a store that fails for several names is not asked for every other one', async () => {
    const names = Array.from({ length: 200 }, (_, index) => `N${index}`);
    const named = awsSecretsManagerProvider({ prefix: 'shop/', client });
    for (const answer of [exception('InternalServiceError', canary, 500), 'cut'] as const) {
      aws.answer(() => answer);
      const before = aws.seen.length;
      await expect(named.read(names, context())).rejects.toMatchObject({
        code: 'ERR_SECRET_UNAVAILABLE',
      });
      // each of those that were under way, and their one repetition by the SDK
      expect(aws.seen.length - before).toBeLessThanOrEqual(2 * 7);
    }
  });

  test('the answers of one batch are kept when the next one finds the store out of service', async () => {
    const names = Array.from({ length: 40 }, (_, index) => `N${index}`);
    let batches = 0;
    aws.answer((_, body) => {
      const { SecretIdList } = JSON.parse(body) as { SecretIdList: string[] };
      if (!SecretIdList.includes('shop/N0')) return exception('ThrottlingException', canary);
      batches += 1;
      return ok({ SecretValues: SecretIdList.map((Name) => ({ Name, SecretString: Name })) });
    });
    const named = awsSecretsManagerProvider({ prefix: 'shop/', client });
    const { entries } = await named.read(names, context());
    expect(batches).toBe(1);
    for (const [index, name] of names.entries())
      expect(entries.get(name)).toMatchObject(
        index < 20
          ? { value: `shop/${name}` }
          : { code: 'ERR_SECRET_UNAVAILABLE', secretName: name },
      );
  });

  test.each<[string, (page: number) => { names: string[]; token: string }]>([
    ['repeats its token', (page) => ({ names: [`shop/N${page}`], token: 'again' })],
    ['goes from one token to the other', (page) => ({ names: [], token: `token ${page % 2}` })],
    ['lists the same under ever new tokens', (page) => ({ names: ['shop/A'], token: `${page}` })],
  ])('a list that %s ends in an error', async (_, pageOf) => {
    let pages = 0;
    aws.answer((action) => {
      const { names, token } = pageOf(++pages);
      return action === 'ListSecrets'
        ? ok({ SecretList: names.map((Name) => ({ Name })), NextToken: token })
        : ok({ Versions: names.map((VersionId) => ({ VersionId })), NextToken: token });
    });
    const named = awsSecretsManagerProvider({ prefix: 'shop/', client });
    const bag = awsSecretsManagerProvider({ secretId: 'shop', client });
    for (const listing of [
      () => named.read('all', context()),
      () => named.list?.(context()),
      () => named.history?.('A', context()),
      () => bag.history?.('A', context()),
    ]) {
      pages = 0;
      await expect(listing()).rejects.toMatchObject({ code: 'ERR_SECRET_INVALID' });
      expect(pages).toBeLessThanOrEqual(3);
    }
  });
});

describe('another writer creates the secret during a write', () => {
  const theirs = (SecretId: string) =>
    aws.admin.send(new CreateSecretCommand({ Name: SecretId, SecretString: 'theirs' }));
  const held = async (SecretId: string) =>
    (await aws.admin.send(new GetSecretValueCommand({ SecretId }))).SecretString;

  test('the secret is put once more if another writer creates it first', async () => {
    const prefix = `race-${randomUUID()}/`;
    await theirs(`${prefix}A`);
    let puts = 0;
    // moto has it by now: the front answers the first put as AWS did a moment before
    aws.answer((action) =>
      action === 'PutSecretValue' && puts++ === 0
        ? exception('ResourceNotFoundException', canary)
        : undefined,
    );
    const named = awsSecretsManagerProvider({ prefix, client });
    await write(named, { A: 'our-value-91c2' });
    expect(puts).toBe(2);
    expect(await held(`${prefix}A`)).toBe('our-value-91c2');
    expect((await named.read(['A'], context())).entries.get('A')).toMatchObject({
      value: 'our-value-91c2',
    });
  });

  test('nothing is written if the other writer deletes it again', async () => {
    const prefix = `race-${randomUUID()}/`;
    await theirs(`${prefix}A`);
    aws.answer((action) =>
      action === 'PutSecretValue' ? exception('ResourceNotFoundException', canary) : undefined,
    );
    const named = awsSecretsManagerProvider({ prefix, client });
    const error = await Promise.resolve(write(named, { A: 'our-value-91c2' })).catch(
      (thrown) => thrown,
    );
    expect(isSecretError(error)).toBe(true);
    expect(error.secretName).toBe('A');
    assertNoLeak([canary, 'our-value-91c2'], error);
    expect(await held(`${prefix}A`)).toBe('theirs');
  });
});

test('an untrusted certificate stops every call', async () => {
  const file = (kind: string) =>
    readFile(new URL(`./certificates/self-signed.${kind}`, import.meta.url));
  let asked = 0;
  const server = createServer(
    { cert: await file('pem'), key: await file('key') },
    (_, response) => {
      asked += 1;
      response.end('{}');
    },
  );
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const own = new SecretsManagerClient({
    region: aws.region,
    endpoint: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    credentials: { accessKeyId: 'AKIA', secretAccessKey: canary },
    maxAttempts: 1,
  });
  for (const where of [{ secretId: 'shop' }, { prefix: 'shop/' }]) {
    const error = await awsSecretsManagerProvider({ ...where, client: own })
      .read(['A'], context())
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'ERR_SECRET_TLS' });
    assertNoLeak([canary], error);
  }
  expect(asked).toBe(0);
  own.destroy();
  server.close();
});

describe('states of real accounts', () => {
  test('a secret that was created without a value is written by the first writer only', async () => {
    const Name = `empty-${randomUUID()}`;
    await aws.admin.send(new CreateSecretCommand({ Name }));
    const writers = ['A', 'B'].map((name) => [
      name,
      awsSecretsManagerProvider({ secretId: Name, client }),
    ]) as [string, SecretProvider][];
    expect((await writers[0]?.[1].read('all', context()))?.missingDocument).toBeDefined();
    await Promise.all(writers.map(([name, provider]) => write(provider, { [name]: name })));
    const held = await aws.admin.send(
      new GetSecretValueCommand({ SecretId: Name, VersionStage: 'AWSCURRENT' }),
    );
    expect(JSON.parse(held.SecretString ?? '')).toEqual({ A: 'A', B: 'B' });
  });

  test('no secret is created by an ARN', async () => {
    const secretId = `arn:aws:secretsmanager:${aws.region}:123456789012:secret:none-AbCdEf`;
    const provider = awsSecretsManagerProvider({ secretId, client });
    const before = aws.seen.length;
    await expect(write(provider, { A: 'a' })).rejects.toMatchObject({
      code: 'ERR_SECRET_UNSUPPORTED',
    });
    expect(aws.seen.slice(before)).not.toContain('CreateSecret');
  });

  test("a client for another region than the ARN's is a configuration error, and not a missing secret", async () => {
    const secretId = 'arn:aws:secretsmanager:us-east-1:123456789012:secret:shop-AbCdEf';
    const before = aws.seen.length;
    await expect(
      awsSecretsManagerProvider({ secretId, client }).read('all', context()),
    ).rejects.toMatchObject({
      code: 'ERR_SECRET_CONFIG',
      message: expect.stringContaining('us-east-1'),
    });
    expect(aws.seen.length).toBe(before);
  });

  test('a pending version is read by its label only, and is absent after the rotation', async () => {
    const SecretId = `rotated-${randomUUID()}`;
    const SecretString = '{"A":"old"}';
    await aws.admin.send(new CreateSecretCommand({ Name: SecretId, SecretString }));
    const bag = (versionStage: string) =>
      awsSecretsManagerProvider({ secretId: SecretId, versionStage, client });
    const named = (versionStage: string) =>
      awsSecretsManagerProvider({ prefix: SecretId.slice(0, -4), versionStage, client });
    const name = SecretId.slice(-4);
    const heldAt = async (stage: string) =>
      (await bag(stage).read('all', context())).entries.get('A');
    expect((await bag('AWSPENDING').read('all', context())).missingDocument).toBeDefined();
    await aws.admin.send(
      new PutSecretValueCommand({
        SecretId,
        SecretString: '{"A":"new"}',
        VersionStages: ['AWSPENDING'],
      }),
    );
    expect(await heldAt('AWSPENDING')).toMatchObject({ value: 'new' });
    expect(await heldAt('AWSCURRENT')).toMatchObject({ value: 'old' });
    const pending = await named('AWSPENDING').read([name, 'NOBODY'], context());
    expect([...pending.entries]).toMatchObject([[name, { value: '{"A":"new"}' }]]);
    expect(named('AWSPENDING').write).toBe(undefined);
  });

  test('a long history is in the order of time, and each version is asked for once', async () => {
    const SecretId = `long-${randomUUID()}`;
    await aws.admin.send(new CreateSecretCommand({ Name: SecretId, SecretString: '{"A":"0"}' }));
    for (let version = 1; version <= 12; version += 1) {
      const SecretString = JSON.stringify({ [version % 3 === 0 ? 'B' : 'A']: `${version}` });
      await aws.admin.send(new PutSecretValueCommand({ SecretId, SecretString }));
    }
    const before = aws.seen.length;
    const history = await awsSecretsManagerProvider({ secretId: SecretId, client }).history?.(
      'A',
      context(),
    );
    expect(history).toHaveLength(13);
    expect(history?.slice(0, 2).map(({ state, held }) => [state, held])).toEqual([
      ['current', false],
      ['previous', true],
    ]);
    expect(history?.filter(({ held }) => held)).toHaveLength(9);
    expect(aws.seen.slice(before).filter((action) => action === 'GetSecretValue')).toHaveLength(13);
  });

  test('a history passes over versions from before the secret was JSON', async () => {
    const SecretId = `history-${randomUUID()}`;
    await aws.admin.send(new CreateSecretCommand({ Name: SecretId, SecretString: canary }));
    await aws.admin.send(new PutSecretValueCommand({ SecretId, SecretString: '{"A":"a"}' }));
    const history = await awsSecretsManagerProvider({ secretId: SecretId, client }).history?.(
      'A',
      context(),
    );
    expect(history).toMatchObject([
      { state: 'current', held: true },
      { state: 'previous', held: false },
    ]);
  });

  test('a written name is in getAll although the list does not show it yet', async () => {
    const prefix = `lag-${randomUUID()}/`;
    const secrets = createSecrets({ providers: [awsSecretsManagerProvider({ prefix, client })] });
    aws.answer((action) => (action === 'ListSecrets' ? ok({ SecretList: [] }) : undefined));
    await secrets.set('A', 'a');
    expect(await secrets.getAll()).toEqual({ A: 'a' });
    await secrets.delete('A');
    expect(await secrets.getAll()).toEqual({});
  });

  test.each([
    ['InvalidRequestException', 'Operation not permitted on a replica secret', 'UNSUPPORTED'],
    ['InvalidRequestException', 'It cannot be deleted: it has replicas', 'UNSUPPORTED'],
    ['LimitExceededException', canary, 'UNSUPPORTED'],
    ['EncryptionFailure', canary, 'DENIED'],
    ['RequestTimeTooSkewed', canary, 'UNAUTHENTICATED'],
  ])('%s (%s) fails a write and a deletion as %s', async (name, message, code) => {
    const named = awsSecretsManagerProvider({ prefix: 'shop/', client });
    aws.answer(() => exception(name, message));
    for (const value of ['x', null]) {
      const error = await write(named, { A: value })?.catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: `ERR_SECRET_${code}` });
      assertNoLeak([canary], error);
    }
  });

  test('a repeat by the SDK creates no second version', async () => {
    const prefix = `token-${randomUUID()}/`;
    await aws.admin.send(new CreateSecretCommand({ Name: `${prefix}A`, SecretString: 'old' }));
    const tokens: string[] = [];
    aws.answer((action, body) => {
      if (action !== 'PutSecretValue') return undefined;
      const input = JSON.parse(body);
      tokens.push(input.ClientRequestToken);
      if (tokens.length > 1) return undefined;
      // the service acts, and the connection breaks before its answer
      void aws.admin.send(new PutSecretValueCommand(input));
      return 'cut';
    });
    const named = awsSecretsManagerProvider({ prefix, client });
    await write(named, { A: 'new' });
    await write(named, { A: 'newer' });
    expect(tokens).toHaveLength(3);
    expect(new Set(tokens).size).toBe(2);
    expect(await named.history?.('A', context())).toHaveLength(3);
  });

  test('a secret that is deleted during a write is not restored', async () => {
    const SecretId = `gone-${randomUUID()}`;
    await aws.admin.send(new CreateSecretCommand({ Name: SecretId, SecretString: '{"A":"a"}' }));
    let deleted = false;
    aws.answer((action) => {
      deleted ||= action === 'PutSecretValue';
      if (!deleted) return undefined;
      return exception('InvalidRequestException', 'it was marked for deletion');
    });
    const bag = awsSecretsManagerProvider({ secretId: SecretId, client });
    await expect(write(bag, { B: 'b' })).rejects.toMatchObject({ code: 'ERR_SECRET_CONFLICT' });
    expect(deleted).toBe(true);
  });
});

describe('applied of a rejected write', () => {
  const makeBag = async () => {
    const secretId = `applied-${randomUUID()}`;
    await aws.admin.send(new CreateSecretCommand({ Name: secretId, SecretString: '{"A":"old"}' }));
    return secretId;
  };
  const held = async (SecretId: string) =>
    (
      await aws.admin.send(
        // moto takes another one where none is named
        new GetSecretValueCommand({ SecretId, VersionStage: 'AWSCURRENT' }),
      )
    ).SecretString;
  /** The next request of this action: whether the service carries it out, and what is answered. */
  const once = (
    wanted: string,
    carriedOut: boolean,
    answer: 'cut' | ReturnType<typeof exception>,
  ) => {
    let isOver = false;
    aws.answer((action, body) => {
      if (action !== wanted || isOver) return undefined;
      isOver = true;
      if (carriedOut) void aws.admin.send(moveOf(JSON.parse(body)));
      return answer;
    });
  };
  const moveOf = (input: ConstructorParameters<typeof UpdateSecretVersionStageCommand>[0]) =>
    new UpdateSecretVersionStageCommand(input);
  const page = { status: 502, body: '<html>Bad gateway</html>' };

  test.each(['cut', page] as const)(
    'a version that was put in force is confirmed (%#)',
    async (by) => {
      const secretId = await makeBag();
      once('UpdateSecretVersionStage', true, by);
      const bag = awsSecretsManagerProvider({ secretId, client: single });
      const result = await write(bag, { A: 'new' })?.catch((error: unknown) => error);
      // the look may come before the service has acted, and then it says that nobody knows
      if (isSecretError(result)) expect(result.applied).toBe('unknown');
      else expect(result).toMatchObject({ conditional: true });
      await vi.waitFor(async () => expect(await held(secretId)).toBe('{"A":"new"}'));
    },
  );

  test.each([
    ['UpdateSecretVersionStage', page, 'unknown'],
    ['UpdateSecretVersionStage', 'cut', 'unknown'],
    ['UpdateSecretVersionStage', exception('AccessDeniedException'), 'no'],
    // what is not in force changes nothing, whatever became of it
    ['PutSecretValue', 'cut', 'no'],
    ['PutSecretValue', page, 'no'],
    ['GetSecretValue', 'cut', 'no'],
  ] as const)('%s that fails leaves it %#', async (action, by, applied) => {
    const secretId = await makeBag();
    once(action, false, by);
    const bag = awsSecretsManagerProvider({ secretId, client: single });
    await expect(write(bag, { A: 'new' })).rejects.toMatchObject({ applied });
    expect(await held(secretId)).toBe('{"A":"old"}');
  });

  test.each<[string, unknown]>([
    ['nothing', {}],
    ['a version that is none', { VersionId: 7 }],
  ])('a write whose answer is %s may have been made, and says so', async (_, body) => {
    aws.answer(() => ok(body));
    const answer = { code: 'ERR_SECRET_INVALID', applied: 'unknown' };
    const named = awsSecretsManagerProvider({ prefix: 'shop/', client });
    await expect(write(named, { A: 'a' })).rejects.toMatchObject(answer);
    aws.answer((target) => (target.endsWith('CreateSecret') ? ok(body) : undefined));
    const created = awsSecretsManagerProvider({ secretId: `new-${randomUUID()}`, client });
    await expect(write(created, { A: 'a' })).rejects.toMatchObject(answer);
  });

  test('several secrets are written one by one, and the error counts all of them', async () => {
    const prefix = `applied-${randomUUID()}/`;
    const named = awsSecretsManagerProvider({ prefix, client: single });
    aws.answer(() => exception('AccessDeniedException'));
    await expect(write(named, { A: 'a' })).rejects.toMatchObject({ applied: 'no' });
    aws.answer(() => page);
    await expect(write(named, { A: 'a' })).rejects.toMatchObject({ applied: 'unknown' });
    aws.answer((_, body) =>
      body.includes(`${prefix}B`) ? exception('AccessDeniedException') : undefined,
    );
    await expect(write(named, { A: 'a', B: 'b' })).rejects.toMatchObject({ applied: 'unknown' });
    expect(await held(`${prefix}A`)).toBe('a');
    await expect(write(named, { 'not possible': 'x' })).rejects.toMatchObject({ applied: 'no' });
  });
});

test('no text of an answer is shown that could repeat what was sent', async () => {
  const secretId = `named-${randomUUID()}`;
  const shown = 'AKIA7CANARY8VALUE9';
  for (const name of ['ExpiredToken', 'ThrottlingException', 'InternalServiceError', 'Forbidden'])
    for (const status of [400, 503]) {
      aws.answer(() => ({
        status,
        body: JSON.stringify({ __type: `${name}${shown}`, code: `CERT_${shown}`, message: shown }),
        requestId: shown,
      }));
      const provider = awsSecretsManagerProvider({ secretId, client });
      const error = await provider.read(['A'], context()).catch((thrown: unknown) => thrown);
      expect(isSecretError(error)).toBe(true);
      assertNoLeak([shown], error);
    }
});

test('a read of many names one by one limits its requests, without a warning of Node', async () => {
  const given = context();
  const warned = vi.fn();
  process.on('warning', warned);
  aws.answer((action) =>
    action === 'BatchGetSecretValue' ? exception('AccessDeniedException') : undefined,
  );
  const names = Array.from({ length: 60 }, (_, index) => `N${index}`);
  const named = awsSecretsManagerProvider({ prefix: 'shop/', client });
  expect((await named.read(names, given)).entries.size).toBe(0);
  await new Promise(setImmediate);
  process.off('warning', warned);
  expect(warned.mock.calls.filter(([{ name }]) => /MaxListeners/.test(name))).toEqual([]);
});

test('half a character is refused before anything is sent', async () => {
  const before = aws.seen.length;
  const named = awsSecretsManagerProvider({ prefix: 'shop/', client });
  await expect(write(named, { A: 'a\ud800' })).rejects.toMatchObject({
    code: 'ERR_SECRET_UNSUPPORTED',
  });
  expect(aws.seen.length).toBe(before);
});

test.each<[unknown, string | undefined]>([
  [undefined, undefined],
  [null, undefined],
  ['shop/prod', undefined],
  [{ secretId: 'a', prefix: 'b' }, 'prefix'],
  [{ secretId: '' }, 'secretId'],
  [{ secretId: 5 }, 'secretId'],
  [{ prefix: ['shop/'] }, 'prefix'],
  [{ prefix: 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:shop/' }, 'prefix'],
  [{ prefix: 'shop prod/' }, 'prefix'],
  [{ secretId: 'a', region: 1 }, 'region'],
  [
    {
      secretId: 'arn:aws:secretsmanager:us-east-1:123456789012:secret:shop-AbCdEf',
      region: 'eu-central-1',
    },
    'region',
  ],
  [{ secretId: 'a', versionStage: null }, 'versionStage'],
  [{ secretId: 'a', versionStage: '' }, 'versionStage'],
  [{ secretId: 'a', separator: 0 }, 'separator'],
  [{ secretId: 'a', name: {} }, 'name'],
  [{ secretId: 'a', client: {} }, 'client'],
  [{ secretId: 'a', pollInterval: 10 }, 'pollInterval'],
])('the options %j are refused, and the error names %s', (options, option) => {
  expect(() => awsSecretsManagerProvider(options as AwsSecretsManagerProviderOptions)).toThrow(
    expect.objectContaining({
      code: 'ERR_SECRET_CONFIG',
      setting: option === undefined ? undefined : expect.objectContaining({ option }),
    }),
  );
});

test('a region beside a client is refused: the client has its own', () => {
  expect(() =>
    awsSecretsManagerProvider({ secretId: 'a', client, region: 'eu-central-1' }),
  ).toThrow(expect.objectContaining({ code: 'ERR_SECRET_CONFIG' }));
});

test('an answer counts from the request that was answered, not from one that the SDK repeated', async () => {
  const prefix = `stamp-${randomUUID()}/`;
  for (const name of ['A', 'B'])
    await aws.admin.send(
      new CreateSecretCommand({ Name: prefix + name, SecretString: '{"X":"x"}' }),
    );
  for (const [provider, asked, expected] of [
    [awsSecretsManagerProvider({ secretId: `${prefix}A`, client }), 'all', [2, 2]],
    [awsSecretsManagerProvider({ prefix, client }), ['A', 'B'], [2, 2]],
    // the list was answered first: what is newer than that may be missing in it
    [awsSecretsManagerProvider({ prefix, client }), 'all', [2, 3]],
    [awsSecretsManagerProvider({ secretId: `${prefix}NONE`, client }), 'all', [2, 2]],
  ] as const) {
    let failures = 1;
    aws.answer(() => {
      failures -= 1;
      return failures < 0 ? undefined : { status: 500, body: '{}' };
    });
    let stamps = 0;
    const stamp = () => {
      stamps += 1;
      return stamps;
    };
    const batch = await provider.read(asked, context({ stamp }));
    expect([batch.stamp, stamps]).toEqual(expected);
  }
});
