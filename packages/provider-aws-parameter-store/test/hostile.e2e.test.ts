// Answers that are cut or somebody else's, what a write must not change, and what a program in plain JavaScript may hand over.
import { randomUUID } from 'node:crypto';
import {
  DescribeParametersCommand,
  GetParameterCommand,
  PutParameterCommand,
  type SSMClient,
} from '@aws-sdk/client-ssm';
import { createSecrets, isSecretError, memoryProvider } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import { assertNoLeak, callContext as context } from '@keyfall/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Aws, exception } from '../../../test/aws.ts';
import { type AwsParameterStoreProviderOptions, awsParameterStoreProvider } from '../src/index.ts';
import { rights, startParameterStore } from './parameter-store.ts';

const canary = 'canary-value-51b7';
let aws: Aws<SSMClient>;
let client: SSMClient;
/** Does not repeat anything by itself. */
let single: SSMClient;
beforeAll(async () => {
  aws = await startParameterStore();
  const { credentials } = await aws.createUser(Object.values(rights).flat());
  client = aws.client(credentials);
  single = aws.client(credentials, aws.address, 1);
});
afterEach(() => aws.answer(undefined));
afterAll(async () => {
  client?.destroy();
  single?.destroy();
  await aws?.stop();
});

const ok = (body: unknown) => ({ status: 200, body: JSON.stringify(body) });
const write = async (provider: SecretProvider, entries: Record<string, string | null>) =>
  provider.write?.({ entries: new Map(Object.entries(entries)) }, context());
const failureOf = (work: Promise<unknown> | undefined) =>
  Promise.resolve(work).then(
    () => undefined,
    (thrown) => thrown,
  );

describe('a broken answer does not make a name missing', () => {
  test.each<[string, object]>([
    ['no value', { Parameter: { Name: '/shop/A' } }],
    ['no parameter', {}],
  ])('%s', async (_, body) => {
    aws.answer(() => ok(body));
    const { entries } = await awsParameterStoreProvider({ path: '/shop', client }).read(
      ['A'],
      context(),
    );
    expect(isSecretError(entries.get('A'), 'ERR_SECRET_INVALID')).toBe(true);
  });

  test.each<[string, object]>([
    ['no list', {}],
    ['an object', { Parameters: { A: 'a' } }],
    ['things without names', { Parameters: [{ Version: 1 }] }],
    ['names that are none', { Parameters: [{ Name: 7 }] }],
  ])('a list that holds %s', async (_, body) => {
    aws.answer(() => ok(body));
    const provider = awsParameterStoreProvider({ path: '/shop', client });
    for (const ask of [() => provider.read('all', context()), () => provider.list?.(context())])
      expect(await failureOf(ask())).toMatchObject({ code: 'ERR_SECRET_INVALID' });
  });

  test.each<[string, object]>([
    ['an object', { Parameters: { A: 'a' } }],
    ['names that are none', { InvalidParameters: [7] }],
    ['values that are none', { Parameters: [{ Name: '/shop/A', Value: 7 }] }],
  ])('a batch that holds %s', async (_, body) => {
    aws.answer(() => ok(body));
    const provider = awsParameterStoreProvider({ path: '/shop', client });
    const found = await provider.read(['A', 'B'], context()).then(
      ({ entries }) => ['A', 'B'].map((name) => entries.get(name)),
      (thrown: unknown) => [thrown],
    );
    for (const each of found) expect(isSecretError(each, 'ERR_SECRET_INVALID')).toBe(true);
  });

  test('names that a batch leaves out are each asked for', async () => {
    const asked: string[] = [];
    aws.answer((action, body) => {
      if (action === 'GetParameters')
        return ok({
          Parameters: [
            { Name: '/shop/A', Value: 'a', Version: 1 },
            { Name: '/other/B', Value: canary, Version: 1 },
          ],
          InvalidParameters: ['/shop/C'],
        });
      asked.push(JSON.parse(body).Name);
      return ok({ Parameter: { Name: '/shop/B', Value: 'b', Version: 1 } });
    });
    const provider = awsParameterStoreProvider({ path: '/shop', client });
    const { entries } = await provider.read(['A', 'B', 'C'], context());
    expect([...entries].map(([name, entry]) => [name, Object(entry).value])).toEqual([
      ['A', 'a'],
      ['B', 'b'],
    ]);
    expect(asked).toEqual(['/shop/B']);
  });

  test('a list that sends a page again ends in an error', async () => {
    let pages = 0;
    aws.answer(() => {
      pages += 1;
      return ok({ Parameters: [{ Name: '/shop/A', Version: 1 }], NextToken: `${pages}` });
    });
    const provider = awsParameterStoreProvider({ path: '/shop', client });
    for (const listing of [
      () => provider.read('all', context()),
      () => provider.list?.(context()),
      () => provider.history?.('A', context()),
    ]) {
      pages = 0;
      expect(await failureOf(listing())).toMatchObject({ code: 'ERR_SECRET_INVALID' });
      expect(pages).toBeLessThanOrEqual(3);
    }
  });
});

test('where the policy allows no batches, names are read one by one from then on', async () => {
  const path = `/one-by-one-${randomUUID()}/`;
  const { credentials } = await aws.createUser(['ssm:GetParameter', 'ssm:PutParameter']);
  const restricted = aws.client(credentials);
  for (const Name of ['A', 'B'])
    await restricted.send(
      new PutParameterCommand({ Name: path + Name, Value: Name, Type: 'String' }),
    );
  const provider = awsParameterStoreProvider({ path, client: restricted });
  const before = aws.seen.length;
  for (let round = 0; round < 2; round += 1) {
    const { entries } = await provider.read(['A', 'B', 'NOBODY'], context());
    expect([...entries.keys()].sort()).toEqual(['A', 'B']);
  }
  const batches = aws.seen.slice(before).filter((action) => action === 'GetParameters');
  expect(batches).toHaveLength(1);
  restricted.destroy();
});

describe('a write', () => {
  const heldAt = async (Name: string) =>
    (await aws.admin.send(new GetParameterCommand({ Name, WithDecryption: true }))).Parameter;
  const describedAt = async (Name: string) => {
    const ParameterFilters = [{ Key: 'Name', Values: [Name] }];
    const command = new DescribeParametersCommand({ ParameterFilters });
    return (await aws.admin.send(command)).Parameters?.[0];
  };

  test.each<[string, 'String' | 'StringList' | 'SecureString', string | undefined]>([
    ['text', 'String', undefined],
    ['a list', 'StringList', undefined],
    ['encrypted by a key of its own', 'SecureString', 'alias/shop'],
  ])('keeps what the parameter is: %s', async (_, Type, KeyId) => {
    const path = `/kept-${randomUUID()}/`;
    const Name = `${path}A`;
    await aws.admin.send(new PutParameterCommand({ Name, Value: 'a,b', Type, KeyId }));
    const provider = awsParameterStoreProvider({ path, client });
    expect(await write(provider, { A: 'c,d' })).toEqual({ conditional: false, version: '2' });
    expect(await heldAt(Name)).toMatchObject({ Type, Value: 'c,d' });
    expect(await describedAt(Name)).toMatchObject({ Type, ...(KeyId && { KeyId }) });
  });

  test('makes an encrypted parameter, by the key that the option names', async () => {
    const path = `/new-${randomUUID()}`;
    const provider = awsParameterStoreProvider({ path, client, keyId: 'alias/shop' });
    await write(provider, { A: canary });
    const made = { Type: 'SecureString', KeyId: 'alias/shop' };
    expect(await describedAt(`${path}/A`)).toMatchObject(made);
  });

  test('replaces nothing where it may not learn which key a parameter has', async () => {
    const path = `/unknown-key-${randomUUID()}/`;
    const Name = `${path}A`;
    await aws.admin.send(new PutParameterCommand({ Name, Value: 'theirs', Type: 'SecureString' }));
    const { credentials } = await aws.createUser(['ssm:PutParameter']);
    const restricted = aws.client(credentials);
    const provider = awsParameterStoreProvider({ path, client: restricted });
    const error = await failureOf(write(provider, { A: canary }));
    expect(error).toMatchObject({ code: 'ERR_SECRET_DENIED', applied: 'no', secretName: 'A' });
    assertNoLeak([canary], error);
    expect(await heldAt(Name)).toMatchObject({ Value: 'theirs' });
    restricted.destroy();
  });

  test('whose answer is lost may have been made, and says so', async () => {
    aws.answer((action) => (action === 'PutParameter' ? 'cut' : undefined));
    const provider = awsParameterStoreProvider({ path: '/shop', client: single });
    const error = await failureOf(write(provider, { A: canary }));
    expect(error).toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE', applied: 'unknown' });
    assertNoLeak([canary], error);
  });

  test.each<[string, unknown]>([
    ['nothing', {}],
    ['no object', []],
    ['a version that is none', { Version: canary }],
  ])('whose answer is %s may have been made, and says so', async (_, body) => {
    aws.answer(() => ok(body));
    const error = await failureOf(
      write(awsParameterStoreProvider({ path: '/shop', client }), { A: 'a' }),
    );
    expect(error).toMatchObject({ code: 'ERR_SECRET_INVALID', applied: 'unknown' });
    assertNoLeak([canary], error);
  });

  test.each([
    ['TooManyUpdates', 'ERR_SECRET_UNAVAILABLE'],
    ['ParameterLimitExceeded', 'ERR_SECRET_UNSUPPORTED'],
    ['ParameterMaxVersionLimitExceeded', 'ERR_SECRET_UNSUPPORTED'],
    ['ParameterPatternMismatchException', 'ERR_SECRET_UNSUPPORTED'],
    ['InvalidKeyId', 'ERR_SECRET_DENIED'],
    ['ValidationException', 'ERR_SECRET_CONFIG'],
  ])('that AWS refuses with %s changed nothing', async (name, code) => {
    aws.answer(() => exception(name, canary));
    const provider = awsParameterStoreProvider({ path: '/shop', client: single });
    const error = await failureOf(write(provider, { A: 'a' }));
    expect(error).toMatchObject({ code, applied: 'no' });
    assertNoLeak([canary], error);
  });

  test.each<[string, Record<string, string>]>([
    ['a reference to another parameter', { A: '{{ssm:/other}}' }],
    ['more bytes than AWS keeps', { A: 'é'.repeat(4_097) }],
    ['half a character', { A: 'a\ud800' }],
    ['nothing', { A: '' }],
    ['a name with a version', { 'A:1': 'a' }],
    ['a name with too many levels', { ['a/'.repeat(15)]: 'a' }],
  ])('of %s is refused before anything is sent', async (_, entries) => {
    const before = aws.seen.length;
    const provider = awsParameterStoreProvider({ path: '/shop', client });
    const error = await failureOf(write(provider, { FIRST: 'first', ...entries }));
    expect(error).toMatchObject({ code: 'ERR_SECRET_UNSUPPORTED', applied: 'no' });
    expect(aws.seen.length).toBe(before);
  });
});

test("at the root, no name leads to AWS's own parameters", async () => {
  const before = aws.seen.length;
  const provider = awsParameterStoreProvider({ path: '/', client });
  const names = ['aws/reference/secretsmanager/shop', 'AWS/x', 'ssm-x'];
  expect((await provider.read(names, context())).entries.size).toBe(0);
  expect(aws.seen.length).toBe(before);
});

test('watch reports a new version, and nothing before it', async () => {
  const path = `/watched-${randomUUID()}/`;
  const put = (Value: string) =>
    aws.admin.send(
      new PutParameterCommand({ Name: `${path}A`, Value, Type: 'SecureString', Overwrite: true }),
    );
  await put('one');
  const provider = awsParameterStoreProvider({ path, client, pollInterval: '1s' });
  const stop = new AbortController();
  const changes = vi.fn();
  const before = aws.seen.length;
  const watching = provider.watch?.(changes, stop.signal);
  await vi.waitFor(() => expect(aws.seen.length).toBeGreaterThan(before + 1), 10_000);
  expect(changes).not.toHaveBeenCalled();
  await put('two');
  await vi.waitFor(() => expect(changes).toHaveBeenCalled(), 10_000);
  stop.abort();
  await watching;
});

test.each<[string, object[]]>([
  ['no-secrets', []],
  ['ready', [{ Name: '/shop/A', Version: 1 }]],
])('doctor says %s', async (what, parameters) => {
  aws.answer(() => ok({ Parameters: parameters }));
  const found = await awsParameterStoreProvider({ path: '/shop', client }).check?.(context());
  expect(found?.map(({ state, code }) => code ?? state)).toEqual([what]);
});

test.each<[unknown, string | undefined]>([
  [null, undefined],
  ['/shop', undefined],
  [{ path: 5 }, 'path'],
  [{ path: '' }, 'path'],
  [{ path: 'shop' }, 'path'],
  [{ path: '/shop//prod' }, 'path'],
  [{ path: '/shop/:1' }, 'path'],
  [{ path: '/shop', keyId: '' }, 'keyId'],
  [{ path: '/shop', client: {} }, 'client'],
  [{ path: '/shop', client: { send: () => {} }, region: 'eu-central-1' }, 'region'],
  [{ path: '/shop', pollInterval: 5 }, 'pollInterval'],
  [{ path: '/shop', name: [] }, 'name'],
])('the options %j are refused, and the error names %s', (options, option) => {
  expect(() => awsParameterStoreProvider(options as AwsParameterStoreProviderOptions)).toThrow(
    expect.objectContaining({
      code: 'ERR_SECRET_CONFIG',
      setting: option === undefined ? undefined : expect.objectContaining({ option }),
    }),
  );
});

test('without a path the first call fails, and a chain may go past it', async () => {
  const provider = awsParameterStoreProvider({ path: undefined });
  await expect(createSecrets({ providers: [provider] }).get('A')).rejects.toMatchObject({
    code: 'ERR_SECRET_CONFIG',
    provider: 'aws-parameter-store',
    setting: { option: 'path', isMissing: true },
  });
  const providers = [{ provider, ifUnconfigured: 'skip' } as const, memoryProvider({ A: 'a' })];
  const secrets = createSecrets({ providers });
  secrets.on('fallback', () => {});
  expect(await secrets.get('A')).toBe('a');
});
