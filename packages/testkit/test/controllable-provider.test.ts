// The provider that applications' tests control: it keeps the contract, and a chain sees the state that it is in.
import { createSecrets, memoryProvider } from '@keyfall/core';
import { describe, expect, test } from 'vitest';
import {
  type ConformanceSubject,
  type ControllableProvider,
  callContext,
  conformanceTests,
  controllableProvider,
} from '../src/index.ts';

interface Subject extends ConformanceSubject {
  readonly provider: ControllableProvider;
}

const fail = (code: Parameters<ControllableProvider['fail']>[0]) => async (subject: Subject) =>
  subject.provider.fail(code);
const failName =
  (code: Parameters<ControllableProvider['fail']>[0]) => async (subject: Subject, name: string) =>
    subject.provider.fail(code, name);

describe.each([true, false])('the contract, writable %s', (writable) => {
  const tests = conformanceTests<Subject>({
    create: async (values) => ({
      provider: controllableProvider(values, { writable }),
      close: async () => {},
    }),
    change: async ({ provider }, changes) => provider.rotate(Object.fromEntries(changes)),
    capabilities: {
      writes: writable ? 'store' : 'none',
      conditionalWrites: writable,
      bag: true,
      list: true,
      check: true,
    },
    faults: {
      unavailable: fail('ERR_SECRET_UNAVAILABLE'),
      stalled: async ({ provider }) => provider.hang(),
      denied: async ({ provider }) => provider.deny(),
      unauthenticated: fail('ERR_SECRET_UNAUTHENTICATED'),
      invalid: fail('ERR_SECRET_INVALID'),
      untrusted: fail('ERR_SECRET_TLS'),
      missingDocument: async ({ provider }) => provider.loseDocument(),
      http: 'impossible',
      oneName: {
        denied: async ({ provider }, name) => provider.deny(name),
        unavailable: failName('ERR_SECRET_UNAVAILABLE'),
        invalid: failName('ERR_SECRET_INVALID'),
      },
    },
    recover: async ({ provider }) => provider.recover(),
  });
  for (const { name, run } of tests) test(name, run);
});

test.each([
  'ERR_SECRET_UNAVAILABLE',
  'ERR_SECRET_DENIED',
  'ERR_SECRET_UNAUTHENTICATED',
  'ERR_SECRET_TLS',
  'ERR_SECRET_INVALID',
  'ERR_SECRET_CONFIG',
  'ERR_SECRET_PROVIDER',
] as const)(
  'a chain fails with %s when the provider is set to, and recovers with it',
  async (code) => {
    const store = controllableProvider({ TOKEN: 'value' });
    const secrets = createSecrets({ providers: [store], ttl: 0, staleIfError: 0 });
    store.fail(code);
    await expect(secrets.get('TOKEN')).rejects.toMatchObject({ code, provider: 'controllable' });
    store.recover();
    await secrets.refresh();
    expect(await secrets.get('TOKEN')).toBe('value');
    await secrets.close();
  },
);

test('a call that hangs is answered once the store recovers', async () => {
  const store = controllableProvider({ TOKEN: 'value' });
  store.hang();
  const read = store.read(['TOKEN'], callContext());
  store.recover();
  expect((await read).entries.get('TOKEN')).toMatchObject({ value: 'value' });
});

test('a chain falls back from it, and says so', async () => {
  const store = controllableProvider({ TOKEN: 'first' }, { name: 'vault' });
  const fallback = memoryProvider({ TOKEN: 'second' });
  const secrets = createSecrets({ providers: [store, fallback], ttl: 0, staleIfError: 0 });
  const notices: unknown[] = [];
  secrets.on('fallback', (event) => notices.push(event));
  store.loseDocument();
  expect(await secrets.get('TOKEN')).toBe('second');
  store.fail('ERR_SECRET_UNAVAILABLE');
  expect(await secrets.get('TOKEN')).toBe('second');
  expect(notices[0]).toMatchObject({ provider: 'vault' });
  await secrets.close();
});

test('a watch notices a rotated value and a deleted name', async () => {
  const store = controllableProvider({ TOKEN: 'first' });
  const secrets = createSecrets({ providers: [store] });
  const changes = secrets.watch('TOKEN');
  const change = changes.next();
  // the watch has begun once the store was read for it
  await expect.poll(() => store.calls.length).toBeGreaterThan(0);
  store.rotate({ TOKEN: 'second' });
  expect((await change).value).toMatchObject({ name: 'TOKEN', provider: 'controllable' });
  expect(await secrets.get('TOKEN')).toBe('second');
  store.rotate({ TOKEN: null });
  await changes.next();
  expect(await secrets.find('TOKEN')).toBeUndefined();
  await secrets.close();
});

test('calls are recorded by their names, without values', async () => {
  const store = controllableProvider();
  await store.read(['A', 'B'], callContext());
  await store.write?.({ entries: new Map([['A', 'value-canary']]) }, callContext());
  await store.read('all', callContext());
  expect(store.calls).toEqual([
    { method: 'read', names: ['A', 'B'] },
    { method: 'write', names: ['A'] },
    { method: 'read', names: 'all' },
  ]);
});

test('values that are not text are refused, and are not shown', () => {
  const wrong = { PORT: 4711 } as never;
  const calls = [
    () => controllableProvider(wrong),
    () => controllableProvider().rotate(wrong),
    () => controllableProvider(null as never),
    () => controllableProvider('text' as never),
  ];
  for (const call of calls) {
    expect(call).toThrow(expect.objectContaining({ code: 'ERR_SECRET_CONFIG' }));
    expect(call).not.toThrow('4711');
  }
});
