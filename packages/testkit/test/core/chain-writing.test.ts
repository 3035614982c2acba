// Writing through a chain, chains in chains, and notices that nobody listens to.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import {
  createSecrets,
  envProvider,
  memoryProvider,
  SecretError,
  type Secrets,
  withPrefix,
} from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import { describe, expect, test } from 'vitest';
import { assertNoLeak, manualClock } from '../../src/index.ts';
import { outcome, scripted } from './scripted-provider.ts';

describe('set', () => {
  test('writes to the first provider that can, and the next get sees it', async () => {
    const vault = scripted('vault', { A: 'old' }, { writable: true });
    const secrets = createSecrets({ providers: [scripted('env'), vault, memoryProvider()] });
    expect(await secrets.get('A')).toBe('old');
    expect(await secrets.set('A', 'new')).toEqual({ provider: 'vault', version: '2' });
    expect(await secrets.get('A')).toBe('new');
    await secrets.set('EMPTY', '');
    expect(await secrets.get('EMPTY')).toBe('');
  });

  test('ends a refusal of the name that was kept', async () => {
    const refusal = new SecretError('ERR_SECRET_DENIED', 'it is denied');
    const store = scripted('store', {}, { writable: true, byName: true });
    store.held.set('A', refusal);
    const secrets = createSecrets({
      providers: [{ provider: store, onDenied: 'next' }, scripted('own', { A: 'own' })],
    });
    expect(await secrets.get('A')).toBe('own');
    await secrets.set('A', 'new');
    expect(await secrets.get('A')).toBe('new');
  });

  test('a read that was under way does not bring the old value back', async () => {
    const vault = scripted('vault', { A: 'old' }, { writable: true });
    const secrets = createSecrets({ providers: [vault] });
    let answer: (() => void) | undefined;
    vault.mood = () =>
      new Promise((resolve) => {
        answer = () => resolve({ entries: new Map([['A', { value: 'old' }]]), complete: true });
      });
    const early = secrets.get('A');
    await new Promise(setImmediate);
    await secrets.set('A', 'new');
    vault.mood = 'answers';
    const late = secrets.get('A');
    answer?.();
    // the early one is not given what is known to be old by the time it is answered
    expect(await Promise.all([early, late])).toEqual(['new', 'new']);
    expect(await secrets.get('A')).toBe('new');
  });

  test.each(['lands during an outage', 'lands before the outage'])(
    'a read that was under way does not count as the last good value afterwards: it %s',
    async (order) => {
      const vault = scripted('vault', { A: 'old', B: 'b' }, { writable: true });
      const secrets = createSecrets({ providers: [vault, scripted('dotenv', { A: 'plain' })] });
      secrets.on('fallback', () => {});
      let answer = () => {};
      vault.mood = () =>
        new Promise((resolve) => {
          const entries = new Map([['A', { value: 'old' }]]);
          answer = () => resolve({ entries, complete: true });
        });
      const early = secrets.get('A');
      await new Promise(setImmediate);
      await secrets.set('A', 'new');
      vault.mood = 'unavailable';
      const fallenBack = () => secrets.get('A');
      if (order === 'lands during an outage') expect(await fallenBack()).toBe('plain');
      answer();
      expect(await early).toBe('old'); // it was asked before the write
      expect(await fallenBack()).toBe('plain');
      expect(await secrets.getAll()).toEqual({ A: 'plain' });
    },
  );

  test('never goes to another store because the first one fails', async () => {
    for (const mood of ['unavailable', 'denied', 'tls'] as const) {
      const dotenv = scripted('dotenv', {}, { writable: true });
      const secrets = createSecrets({
        providers: [scripted('vault', {}, { writable: true, mood }), dotenv],
      });
      const canary = 'canary-of-the-write';
      const error = await secrets.set('A', canary).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: `ERR_SECRET_${mood.toUpperCase()}` });
      assertNoLeak([canary], error);
      expect(dotenv.held.size).toBe(0);
      expect(dotenv.reads).toEqual([]);
      await expect(secrets.set('A', 'new')).rejects.toMatchObject({
        secretName: 'A',
        provider: 'vault',
        message: expect.stringMatching(/^A .*: vault \(somewhere\/shop\): it is/),
      });
    }
  });

  test('is a CONFLICT where an earlier provider shadows the name', async () => {
    const vault = scripted('vault', {}, { writable: true });
    const secrets = createSecrets({ providers: [envProvider({ env: { A: 'env' } }), vault] });
    await expect(secrets.set('A', 'new')).rejects.toMatchObject({
      code: 'ERR_SECRET_CONFLICT',
      provider: 'env',
    });
    expect(vault.held.size).toBe(0);
    expect(await secrets.get('A')).toBe('env');
  });

  test('fails where it is unknown whether an earlier provider shadows the name', async () => {
    const vault = scripted('vault', {}, { writable: true });
    const secrets = createSecrets({
      providers: [scripted('files', {}, { mood: 'unavailable' }), vault],
    });
    await expect(secrets.set('A', 'new')).rejects.toMatchObject({
      code: 'ERR_SECRET_UNAVAILABLE',
      provider: 'files',
    });
    expect(vault.held.size).toBe(0);
  });

  test('ends with its caller, also while that is being found out', async () => {
    const files = scripted('files', {}, { mood: 'silent' });
    const secrets = createSecrets({
      providers: [files, scripted('vault', {}, { writable: true })],
      clock: manualClock(),
    });
    const caller = new AbortController();
    const set = outcome(secrets.set('A', 'new', { signal: caller.signal }));
    await expect.poll(() => files.reads).toHaveLength(1);
    caller.abort();
    expect(await set).toBe('ERR_SECRET_ABORTED');
  });

  test('is UNSUPPORTED without a writable provider, or where `only` names one that is not', async () => {
    await expect(
      createSecrets({ providers: [scripted('env')] }).set('A', 'a'),
    ).rejects.toMatchObject({
      code: 'ERR_SECRET_UNSUPPORTED',
      hint: expect.any(String),
    });
    const bound = createSecrets({
      only: { A: 'env' },
      providers: [scripted('env'), scripted('vault', {}, { writable: true })],
    });
    expect(await outcome(bound.set('A', 'a'))).toBe('ERR_SECRET_UNSUPPORTED');
  });

  test('refuses a value that is not text, without showing it', async () => {
    const secrets = createSecrets({ providers: [memoryProvider()] });
    const error = await secrets.set('A', 31_337 as never).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'ERR_SECRET_CONFIG', secretName: 'A' });
    expect(String(error)).not.toContain('31337');
  });
});

describe('writes beside each other', () => {
  /** A store whose writes end when the test says so. */
  function slow() {
    const begun: string[] = [];
    const ends: (() => void)[] = [];
    const provider: SecretProvider = {
      ...scripted('store'),
      write: ({ entries }) => {
        begun.push(...entries.keys());
        return new Promise((resolve) => ends.push(() => resolve({ conditional: false })));
      },
    };
    const end = async () => {
      ends.shift()?.();
      await new Promise(setImmediate);
    };
    return { begun, end, provider };
  }

  test('come one after the other, in the order of the calls, and none after close', async () => {
    const { begun, end, provider } = slow();
    const secrets = createSecrets({ providers: [provider] });
    const sets = ['A', 'B', 'C'].map((name) => outcome(secrets.set(name, 'x')));
    await new Promise(setImmediate);
    expect(begun).toEqual(['A']);
    await end();
    expect(begun).toEqual(['A', 'B']);
    await secrets.close();
    await end();
    const done = { provider: 'store' };
    expect(await Promise.all(sets)).toStrictEqual([done, done, 'ERR_SECRET_ABORTED']);
    expect(begun).toEqual(['A', 'B']);
  });

  test('one that hangs, and one that is given up, hold up no call longer than their timeout', async () => {
    const { begun, end, provider } = slow();
    const clock = manualClock();
    const secrets = createSecrets({ providers: [provider], clock });
    const hanging = outcome(secrets.set('A', 'x'));
    const caller = new AbortController();
    const aborted = outcome(secrets.set('B', 'x', { signal: caller.signal }));
    await clock.advance(1_000);
    const next = outcome(secrets.set('C', 'x'));
    caller.abort();
    expect(await aborted).toBe('ERR_SECRET_ABORTED');
    await clock.advance(2_000);
    expect(begun).toEqual(['A']);
    await clock.advance(1_000);
    expect(await hanging).toBe('ERR_SECRET_UNAVAILABLE');
    await end();
    await end();
    expect(await next).toEqual({ provider: 'store' });
    expect(begun).toEqual(['A', 'C']);
  });
});

describe('a write that is rejected says what became of it', () => {
  /** A store whose write does as it is given. */
  const store = (write: NonNullable<SecretProvider['write']>): SecretProvider => ({
    ...scripted('store'),
    write,
  });
  const rejectionOf = (promise: Promise<unknown>) =>
    promise.then(
      () => undefined,
      (error: SecretError) => error,
    );
  const lost = (applied?: 'no' | 'yes' | 'unknown') =>
    new SecretError('ERR_SECRET_UNAVAILABLE', 'lost', { applied });

  test.each(['no', 'yes', 'unknown', undefined] as const)(
    'is what the provider says: %s',
    async (applied) => {
      const secrets = createSecrets({ providers: [store(() => Promise.reject(lost(applied)))] });
      const error = await rejectionOf(secrets.set('A', 'x'));
      expect(error?.applied).toBe(applied ?? 'unknown');
      expect(error?.message).toMatch(/\bA\b/);
      expect(JSON.parse(JSON.stringify(error)).applied).toBe(applied ?? 'unknown');
    },
  );

  test.each([undefined, null, 'written'])('no receipt leaves it unknown: %s', async (receipt) => {
    const store = { ...memoryProvider({ A: 'a' }), write: async () => receipt as never };
    const secrets = createSecrets({ providers: [store] });
    const error = await rejectionOf(secrets.set('A', 'x'));
    expect(error).toMatchObject({ code: 'ERR_SECRET_PROVIDER', applied: 'unknown' });
    await secrets.close();
  });

  test('an error that is not a SecretError leaves it unknown', async () => {
    const secrets = createSecrets({ providers: [store(() => Promise.reject(new Error('x')))] });
    expect((await rejectionOf(secrets.set('A', 'x')))?.applied).toBe('unknown');
  });

  test('before anything was asked of the store it is no', async () => {
    const aborted = { signal: AbortSignal.abort() };
    const writable = () => scripted('store', {}, { writable: true });
    const closed = createSecrets({ providers: [writable()] });
    await closed.close();
    for (const call of [
      () => createSecrets({ providers: [scripted('env')] }).set('A', 'x'),
      () => createSecrets({ providers: [writable()] }).set('A', 'x', aborted),
      () => createSecrets({ providers: [writable()] }).delete('A', aborted),
      () => createSecrets({ providers: [writable()] }).set('', 'x'),
      () => createSecrets({ providers: [scripted('env', { A: 'a' }), writable()] }).set('A', 'x'),
      () =>
        createSecrets({
          providers: [scripted('env', {}, { mood: 'unavailable' }), writable()],
        }).set('A', 'x'),
      () => closed.set('A', 'x'),
    ])
      expect((await rejectionOf(call()))?.applied).toBe('no');
  });

  test('a time limit and an abort leave it unknown, unless the provider says at once what it is', async () => {
    for (const says of [undefined, 'no', 'yes', 'unknown'] as const) {
      const clock = manualClock();
      const provider = store(
        (_, { signal }) =>
          new Promise((_, reject) => {
            if (says) signal.addEventListener('abort', () => reject(lost(says)));
          }),
      );
      const secrets = createSecrets({ providers: [provider], clock });
      const late = rejectionOf(secrets.set('A', 'x'));
      await clock.advance(4_000);
      expect(await late).toMatchObject({
        code: 'ERR_SECRET_UNAVAILABLE',
        applied: says ?? 'unknown',
      });
      const caller = new AbortController();
      const aborted = rejectionOf(secrets.set('A', 'x', { signal: caller.signal }));
      await new Promise(setImmediate);
      caller.abort();
      expect(await aborted).toMatchObject({
        code: 'ERR_SECRET_ABORTED',
        applied: says ?? 'unknown',
      });
    }
  });

  test('an abort that comes with the receipt leaves it written', async () => {
    const caller = new AbortController();
    const provider = store(async () => {
      caller.abort();
      return { conditional: false };
    });
    const set = createSecrets({ providers: [provider] }).set('A', 'x', { signal: caller.signal });
    expect((await rejectionOf(set))?.applied).toBe('yes');
  });

  test('what the provider says at once may take it a few promises', async () => {
    const caller = new AbortController();
    const provider = store(async (_, { signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      for (let turn = 0; turn < 20; turn += 1) await undefined;
      throw lost('no');
    });
    const set = createSecrets({ providers: [provider] }).set('A', 'x', { signal: caller.signal });
    await new Promise(setImmediate);
    caller.abort();
    expect((await rejectionOf(set))?.applied).toBe('no');
  });

  test('one that is given up before its turn is no', async () => {
    const provider = store(() => new Promise(() => {}));
    const clock = manualClock();
    const secrets = createSecrets({ providers: [provider], clock });
    const first = rejectionOf(secrets.set('A', 'x'));
    const caller = new AbortController();
    const second = rejectionOf(secrets.set('B', 'x', { signal: caller.signal }));
    await clock.advance(1_000);
    caller.abort();
    await clock.advance(3_000);
    expect([(await first)?.applied, (await second)?.applied]).toEqual(['unknown', 'no']);
  });

  test('through a chain in a chain, and in the words of a delete', async () => {
    const inner = createSecrets({ providers: [store(() => Promise.reject(lost('no')))] });
    const outer = createSecrets({ providers: [inner], budget: 60_000 });
    expect(await rejectionOf(outer.delete('A'))).toMatchObject({
      applied: 'no',
      message: expect.stringMatching(/^A .*\bdeleted\b/),
    });
  });
});

test('a set and a delete are reported as changed, with what is known of the versions', async () => {
  const vault = scripted('vault', { A: 'old' }, { writable: true });
  const secrets = createSecrets({ providers: [vault] });
  const events: unknown[] = [];
  secrets.on('changed', (event) => events.push(event));
  await secrets.set('NEW', 'new');
  await secrets.get('A');
  await secrets.set('A', 'new');
  await secrets.get('A');
  await secrets.delete('A');
  vault.mood = 'denied';
  expect(await outcome(secrets.set('A', 'never'))).toBe('ERR_SECRET_DENIED');
  const told = { type: 'changed', provider: 'vault' };
  expect(events).toEqual([
    { ...told, name: 'NEW', versionAfter: '2' },
    { ...told, name: 'A', versionBefore: '1', versionAfter: '3' },
    { ...told, name: 'A', versionBefore: '3' },
  ]);
});

test('delete says which providers hold the name still', async () => {
  const vault = scripted('vault', { A: 'v' }, { writable: true });
  const secrets = createSecrets({ providers: [vault, scripted('dotenv', { A: 'plain' })] });
  expect(await secrets.delete('A')).toEqual({
    provider: 'vault',
    stillHeldBy: ['dotenv'],
    unknown: [],
  });
  expect(await secrets.get('A')).toBe('plain');
});

test('delete asks the others alone, and no longer than its caller waits', async () => {
  const vault = scripted('vault', { A: 'v' }, { writable: true });
  const silent = scripted('silent', {}, { mood: 'silent' });
  const secrets = createSecrets({
    providers: [vault, scripted('env'), silent],
    clock: manualClock(),
  });
  const caller = new AbortController();
  const deleted = secrets.delete('A', { signal: caller.signal });
  await expect.poll(() => silent.reads).toHaveLength(1);
  caller.abort();
  expect(await deleted).toEqual({ provider: 'vault', stillHeldBy: [], unknown: ['silent'] });
  expect(vault.reads).toEqual([]);
});

test('a provider is warned of in a write too', async () => {
  const vault = scripted('vault', {}, { writable: true });
  const write: SecretProvider['write'] = async (_, { warn }) => {
    warn('TLS is not verified');
    return { conditional: false };
  };
  const secrets = createSecrets({ providers: [{ ...vault, write }] });
  const warnings: string[] = [];
  secrets.on('warning', ({ message }) => warnings.push(message));
  await secrets.set('A', 'x');
  expect(warnings).toEqual(['TLS is not verified']);
});

test('a read of the chain names the provider of each record', async () => {
  const secrets = createSecrets({
    providers: [scripted('vault', { A: 'v' }), scripted('dotenv', { A: 'plain', B: 'plain' })],
  });
  const context = {
    signal: new AbortController().signal,
    remainingTimeout: () => 1_000,
    warn: () => {},
  };
  for (const names of ['all', ['A', 'B']] as const) {
    const { entries } = await secrets.asProvider().read(names, context);
    expect([...entries]).toMatchObject([
      ['A', { value: 'v', provider: 'vault' }],
      ['B', { value: 'plain', provider: 'dotenv' }],
    ]);
  }
});

describe('a chain in a chain', () => {
  test('is an entry as it is, and what only a provider needs is on its provider alone', async () => {
    const inner = createSecrets({ name: 'inner', providers: [memoryProvider({ A: 'a' })] });
    for (const entry of [inner, { provider: inner }, inner.asProvider()]) {
      const outer = createSecrets({ providers: [entry] });
      expect((await outer.explain('A')).provider).toBe('inner');
    }
    const provider = inner.asProvider();
    expect(inner.asProvider()).toBe(provider);
    for (const member of ['store', 'timeout', 'credentialVariables', 'read', 'readings', 'write'])
      expect([member, member in inner, member in provider]).toEqual([member, false, true]);
    expect(() => withPrefix(inner as never, 'SHOP_')).toThrow(
      expect.objectContaining({
        code: 'ERR_SECRET_CONFIG',
        message: expect.stringMatching(/^withPrefix: .*asProvider\(\)/),
      }),
    );
    await provider.close?.();
    expect(await outcome(inner.get('A'))).toBe('ERR_SECRET_ABORTED');
  });

  test('falls back inside, and the outer chain knows', async () => {
    const vault = scripted('vault', { A: 'v' }, { mood: 'unavailable' });
    const inner = createSecrets({
      name: 'inner',
      providers: [vault, scripted('dotenv', { A: 'plain' })],
    });
    const heard: string[] = [];
    inner.on('fallback', ({ provider }) => heard.push(provider));
    const outer = createSecrets({ providers: [inner, memoryProvider({ B: 'b' })] });
    const told: string[] = [];
    outer.on('fallback', ({ provider }) => told.push(provider));
    expect(await outer.get('A')).toBe('plain');
    expect(await outer.explain('A')).toMatchObject({
      provider: 'inner',
      freshness: 'fallback',
      degraded: 'vault (somewhere/shop): it is unavailable',
    });
    expect(heard).toEqual(['vault']);
    expect(await outcome(outer.find('NOBODY'))).toBe('ERR_SECRET_UNAVAILABLE');
    expect(await outer.get('A')).toBe('plain'); // one name that nobody knows does not shut the inner chain out
    expect(told).toEqual([]); // the inner chain has told it
    expect(await outer.get('B')).toBe('b');
    expect(told).toEqual(['inner']); // but this answer is second-hand to the outer chain as well
  });

  test('writes on the condition of what was read, and on none that it was not given', async () => {
    const vault = scripted('vault', { A: 'a', B: 'b' }, { writable: true });
    const changes: unknown[] = [];
    const write: SecretProvider['write'] = (given, context) => {
      changes.push(given);
      return vault.write?.(given, context) as never;
    };
    const chain = createSecrets({
      providers: [scripted('env'), { ...vault, write }],
    }).asProvider();
    let stamps = 0;
    const stamp = () => {
      stamps += 1;
      return stamps;
    };
    const signal = new AbortController().signal;
    const context = { signal, remainingTimeout: () => 1_000, warn: () => {}, stamp };
    const { revision, stamp: readAt } = await chain.read('all', context);
    // one moment for all of it: that at which the first of them had answered
    expect([revision, readAt, stamps]).toEqual(['1', 1, 1]);
    const entries = new Map([
      ['A', 'x'],
      ['B', 'y'],
    ]);
    await chain.write?.({ entries }, context);
    await expect(chain.write?.({ entries, ifRevision: '1' }, context)).rejects.toMatchObject({
      code: 'ERR_SECRET_CONFLICT',
      secretName: undefined,
      provider: 'vault',
    });
    expect(changes).toStrictEqual([{ entries }, { entries, ifRevision: '1' }]);
  });

  test('passes on that what it gave of all is second-hand', async () => {
    const vault = scripted('vault', {}, { mood: 'unavailable' });
    const providers = [vault, memoryProvider({ A: 'a' })];
    const inner = createSecrets({ name: 'inner', providers });
    inner.on('fallback', () => {});
    const outer = createSecrets({ providers: [inner] });
    const context = {
      signal: new AbortController().signal,
      remainingTimeout: () => 1_000,
      warn: () => {},
    };
    expect(await outer.asProvider().read('all', context)).toMatchObject({
      degraded: 'vault (somewhere/shop): it is unavailable',
    });
  });

  test('has write only if one of its providers has', () => {
    const providerOf = (provider: SecretProvider) =>
      createSecrets({ providers: [provider] }).asProvider();
    expect(providerOf(scripted('env')).write).toBe(undefined);
    expect(providerOf(memoryProvider())).toMatchObject({
      atomicity: 'store',
      conditionalWrites: 'always',
    });
  });
});

describe('a chain over what is not there', () => {
  const file = () => scripted('file', {}, { mood: 'no-file' });
  let count = 0;
  const inner = (...providers: (SecretProvider | Secrets)[]) => {
    count += 1;
    return createSecrets({ name: `inner-${count}`, providers });
  };

  test('stands for no store that could not be asked', async () => {
    const other = scripted('other', {}, { mood: 'no-file' });
    for (const last of [file(), inner(file()), inner(inner(file()), other)]) {
      const providers = [scripted('vault', {}, { mood: 'unavailable' }), last];
      expect(await outcome(createSecrets({ providers }).getAll())).toBe('ERR_SECRET_UNAVAILABLE');
    }
    const there = inner(file(), memoryProvider({ A: 'a' }));
    const providers = [scripted('vault', {}, { mood: 'unavailable' }), there];
    expect(await createSecrets({ providers }).getAll()).toEqual({ A: 'a' });
    // the notices that nobody listens to
    await new Promise(setImmediate);
  });

  test('that has fallen back does not call a name missing, also after a read of all', async () => {
    const broken = scripted('vault', {}, { mood: 'unavailable' });
    const chain = inner(broken, memoryProvider({ X: 'x' }));
    const secrets = createSecrets({ providers: [chain, memoryProvider({}, { name: 'last' })] });
    expect(await outcome(secrets.find('A'))).toBe('ERR_SECRET_UNAVAILABLE');
    const [all, asked] = await Promise.all([secrets.getAll(), outcome(secrets.find('A'))]);
    expect(all).toEqual({ X: 'x' });
    expect(asked).toBe('ERR_SECRET_UNAVAILABLE');
    expect(await outcome(secrets.find('A'))).toBe('ERR_SECRET_UNAVAILABLE');
    expect(await secrets.get('X')).toBe('x');
    await new Promise(setImmediate);
  });

  test.each<[string, boolean | undefined, () => SecretProvider[]]>([
    [
      'all of its files may be missing',
      true,
      () => [file(), scripted('b', {}, { mood: 'no-file' })],
    ],
    [
      'one of them should exist',
      false,
      () => [file(), scripted('b', {}, { mood: 'missing-document' })],
    ],
    ['one of them exists', undefined, () => [file(), memoryProvider()]],
  ])('says so when it is asked for a name: %s', async (_, optional, providers) => {
    const chain = inner(...providers());
    chain.on('fallback', () => {});
    const context = {
      signal: new AbortController().signal,
      remainingTimeout: () => 1_000,
      warn: () => {},
    };
    const { missingDocument } = await chain.asProvider().read(['A'], context);
    expect(missingDocument?.optional).toBe(optional);
    if (optional !== undefined) expect(missingDocument?.description).toEqual(expect.any(String));
  });

  test('is missing where it is required, and reported where it should be there', async () => {
    const missing = () => inner(scripted('vault', {}, { mood: 'missing-document' }));
    const own = memoryProvider({ A: 'own' });
    const required = createSecrets({ providers: [{ provider: missing(), required: true }, own] });
    expect(await outcome(required.getAll())).toBe('ERR_SECRET_NOT_FOUND');
    const told: unknown[] = [];
    const secrets = createSecrets({ providers: [missing(), own] });
    secrets.on('fallback', ({ reason }) => told.push(reason));
    expect(await secrets.getAll()).toEqual({ A: 'own' });
    expect(told).toEqual(['missing-document']);
    await new Promise(setImmediate);
  });
});

describe('notices', () => {
  const falling = () =>
    createSecrets({
      providers: [
        scripted('vault', {}, { mood: 'unavailable' }),
        scripted('dotenv', { A: 'plain' }),
      ],
    });

  test('become a process warning when there is no listener', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on('warning', onWarning);
    try {
      await falling().get('A');
      const heard = falling();
      heard.on('fallback', () => {});
      await heard.get('A');
      await new Promise(setImmediate);
    } finally {
      process.off('warning', onWarning);
    }
    expect(warnings.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^vault \(somewhere\/shop\) .*: it is unavailable\. A .*\bdotenv\b/),
    ]);
    expect(warnings[0]).toMatchObject({ name: 'KeyfallWarning', code: 'KEYFALL_FALLBACK' });
  });

  test('become a process warning again once the last listener has left, and not before', async () => {
    const warnings: string[] = [];
    const onWarning = ({ message }: Error) => warnings.push(message);
    process.on('warning', onWarning);
    try {
      const vault = scripted('vault', { A: 'a' });
      const secrets = createSecrets({ providers: [vault] });
      await secrets.get('A');
      const tell = async (message: string) => {
        vault.contexts[0]?.warn(message);
        await new Promise(setImmediate);
      };
      const heard: string[] = [];
      const [first, last] = [1, 2].map((listener) =>
        secrets.on('warning', ({ message }) => heard.push(`${listener}: ${message}`)),
      );
      await tell('one');
      first?.();
      await tell('two');
      last?.();
      await tell('three');
      expect(heard).toEqual(['1: one', '2: one', '2: two']);
    } finally {
      process.off('warning', onWarning);
    }
    expect(warnings).toEqual(['vault: three']);
  });

  test('are on diagnostics_channel too, without values', async () => {
    const messages: unknown[] = [];
    const listener = (message: unknown) => messages.push(message);
    subscribe('keyfall:fallback', listener);
    try {
      const secrets = falling();
      secrets.on('fallback', () => {});
      await secrets.get('A');
    } finally {
      unsubscribe('keyfall:fallback', listener);
    }
    expect(messages).toMatchObject([{ type: 'fallback', provider: 'vault', names: ['A'] }]);
    expect(JSON.stringify(messages)).not.toContain('plain');
  });

  test('an async listener that rejects ends no process', async () => {
    const warned: string[] = [];
    const hear = (warning: Error) => warned.push(warning.message);
    process.on('warning', hear);
    const secrets = createSecrets({
      providers: [scripted('vault', {}, { mood: 'unavailable' }), memoryProvider({ A: 'a' })],
    });
    secrets.on('fallback', async () => {
      throw new Error('canary-listener');
    });
    expect(await secrets.get('A')).toBe('a');
    await new Promise(setImmediate);
    process.off('warning', hear);
    expect(warned).toEqual([expect.stringContaining("'fallback'")]);
  });

  test('a listener that throws does not decide whether a secret is found', async () => {
    const secrets = falling();
    secrets.on('fallback', () => {
      throw new Error('a defect');
    });
    expect(await secrets.get('A')).toBe('plain');
  });

  test("a provider's warning is emitted once", async () => {
    const provider = scripted('vault', { A: 'a' });
    const secrets = createSecrets({ providers: [provider], ttl: 0 });
    const warnings: string[] = [];
    const off = secrets.on('warning', ({ message }) => warnings.push(message));
    for (let count = 0; count < 3; count += 1) {
      await secrets.get('A');
      provider.contexts.at(-1)?.warn('TLS is not verified');
    }
    off();
    provider.contexts.at(-1)?.warn('nobody listens any more');
    expect(warnings).toEqual(['TLS is not verified']);
  });

  test('a new warning is emitted however many others there were', async () => {
    const provider = scripted('vault', { A: 'a' });
    const secrets = createSecrets({ providers: [provider] });
    const warnings: string[] = [];
    secrets.on('warning', ({ message }) => warnings.push(message));
    await secrets.get('A');
    const [context] = provider.contexts;
    for (let count = 0; count < 500; count += 1) context?.warn(`left: ${count} s`);
    context?.warn('somebody has read this first');
    context?.warn('somebody has read this first');
    expect(warnings).toHaveLength(501);
    // what is remembered has an end
    context?.warn('left: 0 s');
    expect(warnings).toHaveLength(502);
  });
});

test('redact masks what any provider answered or was given, whichever call that was', async () => {
  const secrets = createSecrets({
    providers: [scripted('vault', { A: 'first-secret', B: 'second-secret' }, { writable: true })],
  });
  expect(secrets.redact('first-secret')).toBe('first-secret'); // nothing was seen yet
  await secrets.get('A');
  await secrets.set('C', 'third-secret');
  expect(secrets.redact('first-secret, second-secret, third-secret, 8')).toBe(
    '[redacted], [redacted], [redacted], 8',
  );
  expect(secrets.redactor.serialize({ password: 'first-secret' })).toEqual({
    password: '[redacted]',
  });
});

test('delete does not take a provider that could not be asked for one that does not hold the name', async () => {
  const secrets = createSecrets({
    providers: [
      scripted('files', {}, { mood: 'unavailable' }),
      scripted('vault', { A: 'v' }, { writable: true }),
    ],
  });
  expect(await secrets.delete('A')).toEqual({
    provider: 'vault',
    stillHeldBy: [],
    unknown: ['files'],
  });
});

test('delete names the provider that held it last, where that one cannot be asked any more', async () => {
  const files = scripted('files', { A: 'f' });
  const vault = scripted('vault', { A: 'v' }, { writable: true });
  const secrets = createSecrets({ providers: [vault, files], ttl: 0 });
  secrets.on('fallback', () => {});
  await secrets.getAll();
  files.mood = 'unavailable';
  expect(await secrets.delete('A')).toEqual({
    provider: 'vault',
    stillHeldBy: ['files'],
    unknown: [],
  });
  expect(vault.held.has('A')).toBe(false);
});

test('an empty name is no name, for writing either', async () => {
  const secrets = createSecrets({ providers: [memoryProvider()] });
  expect(await outcome(secrets.set('', 'x'))).toBe('ERR_SECRET_CONFIG');
});

test('a failed set of a name that was not there is reported as changed by the read that finds it', async () => {
  const vault = scripted('vault', { B: 'b' }, { writable: true });
  const write = async () => {
    vault.held.set('A', { value: 'new', version: '2' });
    throw new SecretError('ERR_SECRET_UNAVAILABLE', 'lost');
  };
  const secrets = createSecrets({ providers: [{ ...vault, write }] });
  const told: unknown[] = [];
  secrets.on('changed', ({ name, versionAfter }) => told.push([name, versionAfter]));
  expect(await secrets.find('A')).toBe(undefined);
  expect(await outcome(secrets.set('A', 'new'))).toBe('ERR_SECRET_UNAVAILABLE');
  expect(await secrets.get('A')).toBe('new');
  expect(told).toEqual([['A', '2']]);
});

test('a failed set leaves the last good values of the other names', async () => {
  const vault = scripted('vault', { A: 'a', B: 'b' }, { writable: true });
  const secrets = createSecrets({ providers: [vault], ttl: 0 });
  secrets.on('fallback', () => {});
  await secrets.get('A');
  vault.mood = 'unavailable';
  expect(await secrets.get('A')).toBe('a');
  expect(await outcome(secrets.set('B', 'new'))).toBe('ERR_SECRET_UNAVAILABLE');
  expect(await secrets.get('A')).toBe('a');
  // the write may have reached the store: what B was is not what it is
  expect(await outcome(secrets.get('B'))).toBe('ERR_SECRET_UNAVAILABLE');
  vault.mood = 'answers';
  await secrets.refresh();
  expect(await secrets.get('B')).toBe('b');
});

test('an error of another install of the package is what it says', async () => {
  const foreign = Object.assign(new Error('x'), {
    name: 'SecretError',
    code: 'ERR_SECRET_DENIED',
    reason: 'x',
  });
  const provider = scripted('vault', {}, { mood: () => Promise.reject(foreign) });
  const secrets = createSecrets({ providers: [provider, scripted('dotenv', { A: 'plain' })] });
  expect(await outcome(secrets.get('A'))).toBe('ERR_SECRET_DENIED');
  expect(await outcome(secrets.getAll())).toBe('ERR_SECRET_DENIED');
});

test('a chain in a chain falls back from a store that hangs', async () => {
  const clock = manualClock();
  const inner = createSecrets({
    name: 'inner',
    providers: [scripted('vault', {}, { mood: 'silent' }), scripted('dotenv', { A: 'plain' })],
    clock,
  });
  inner.on('fallback', () => {});
  const get = createSecrets({ providers: [inner], clock }).get('A');
  await clock.advance(2_500);
  expect(await get).toBe('plain');
});

test("one caller's abort does not reach another caller that waits for its turn", async () => {
  const answers: (() => void)[] = [];
  const store = scripted('store', { A: 'a' }, { byName: true });
  const secrets = createSecrets({ providers: [store] });
  await secrets.find('FIRST');
  store.mood = () =>
    new Promise((resolve) => answers.push(() => resolve({ entries: new Map(), complete: false })));
  const finds = [];
  for (let count = 0; count < 8; count += 1) {
    finds.push(secrets.find(`N${count}`));
    await new Promise(setImmediate);
  }
  const caller = new AbortController();
  const aborted = outcome(secrets.get('A', { signal: caller.signal }));
  await new Promise(setImmediate);
  caller.abort();
  const other = secrets.get('A');
  expect(await aborted).toBe('ERR_SECRET_ABORTED');
  store.mood = 'answers';
  for (const answer of answers) answer();
  expect(await other).toBe('a');
  await Promise.all(finds);
});
