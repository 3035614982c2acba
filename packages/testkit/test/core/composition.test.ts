// The providers made of a provider: each keeps the contract over a store that can do and suffer
// everything, and changes nothing of an answer but the names.
import {
  createSecrets,
  isSecretError,
  memoryProvider,
  readOnly,
  SecretError,
  withDefaults,
  withMapping,
  withPrefix,
  withReferences,
} from '@keyfall/core';
import type { ReadContext, SecretProvider } from '@keyfall/core/provider';
import { describe, expect, test } from 'vitest';
import {
  type ConformanceFaults,
  type ConformanceHarness,
  conformanceTests,
} from '../../src/index.ts';
import { type ModelSubject, modelHarness } from '../model-store.ts';
import { outcome, scripted } from './scripted-provider.ts';

const context: ReadContext = {
  signal: new AbortController().signal,
  remainingTimeout: () => 1_000,
  warn: () => {},
};

/** What a provider answers, errors by their code. */
async function answers(provider: SecretProvider, names: readonly string[] | 'all' = 'all') {
  const { entries } = await provider.read(names, context);
  return Object.fromEntries(
    [...entries].map(([name, entry]) => [name, isSecretError(entry) ? entry.code : entry.value]),
  );
}

/** One way to make a provider of the model, and where the model then holds what is seen outside. */
interface Composition {
  /** The provider seen, and the store that must be filled for `values` to be seen. */
  readonly compose: (
    provider: SecretProvider,
    values: ReadonlyMap<string, string>,
  ) => SecretProvider;
  /** The store's own name of a name outside. */
  readonly inside: (name: string) => string;
  /** What of the values is in the store. Default: all. */
  readonly stored?: (name: string) => boolean;
  readonly canHold?: (name: string) => boolean;
  readonly capabilities?: Partial<ConformanceHarness['capabilities']>;
}

/** Names that the suite fills, changes or writes, hostile ones among them. */
const suiteNames = [
  ...['ALPHA', 'BETA', 'GAMMA', 'DELTA', 'NEW', 'FIRST', 'NOBODY', 'EMPTY', 'LARGE', 'LINES'],
  ...['P1', 'P2', 'P3', 'P4', 'P5', '__proto__', '../up', 'with space', 'case', 'CASE'],
  ...Array.from({ length: 20 }, (_, index) => `NAME_${index}`),
];
const moved = new Map(suiteNames.map((name) => [name, `shop/${name}`]));
const swapped = new Map([
  ['ALPHA', 'BETA'],
  ['BETA', 'ALPHA'],
  ['__proto__', 'constructor'],
  ['constructor', '__proto__'],
]);
// the suite neither changes nor deletes these, so that a default may stand in for them
const defaulted = new Set(['GAMMA', 'NAME_3', 'NAME_4', 'LINES', 'UNICODE', 'LARGE', 'EMPTY']);

const compositions: readonly (readonly [string, Composition])[] = [
  [
    'withPrefix',
    {
      compose: (provider) => withPrefix(provider, 'SHOP_'),
      inside: (name) => `SHOP_${name}`,
    },
  ],
  [
    'withPrefix, where the prefix looks like a hostile name',
    {
      compose: (provider) => withPrefix(provider, '__proto__'),
      inside: (name) => `__proto__${name}`,
    },
  ],
  [
    'withMapping, other names passing through',
    {
      compose: (provider) => withMapping(provider, swapped),
      inside: (name) => swapped.get(name) ?? name,
    },
  ],
  [
    'withMapping, strict',
    {
      compose: (provider) => withMapping(provider, moved, { strict: true }),
      inside: (name) => moved.get(name) ?? 'nowhere',
      canHold: (name) => moved.has(name),
    },
  ],
  [
    'readOnly',
    {
      compose: readOnly,
      inside: (name) => name,
      capabilities: { writes: 'none', conditionalWrites: false },
    },
  ],
  [
    'withDefaults',
    {
      compose: (provider, values) =>
        withDefaults(provider, new Map([...values].filter(([name]) => defaulted.has(name)))),
      inside: (name) => name,
      stored: (name) => !defaulted.has(name),
    },
  ],
  [
    'withReferences, where no value is one',
    {
      compose: (provider) => withReferences(provider, { other: memoryProvider() }),
      inside: (name) => name,
    },
  ],
  [
    'one in another',
    {
      compose: (provider) => withDefaults(withMapping(withPrefix(provider, 'SHOP_'), swapped), {}),
      inside: (name) => `SHOP_${swapped.get(name) ?? name}`,
    },
  ],
];

type NameFaults = ConformanceFaults<ModelSubject>['oneName'];

/** The faults of one name, given by what it is called outside. */
function namedAs(inside: (name: string) => string, faults: NameFaults): NameFaults {
  if (faults === 'impossible') return faults;
  const { denied, unavailable, invalid } = faults;
  const named = (induce: typeof denied): typeof denied =>
    induce === 'impossible' ? induce : (subject, name) => induce(subject, inside(name));
  return { denied: named(denied), unavailable: named(unavailable), invalid: named(invalid) };
}

for (const [what, composition] of compositions)
  describe.each([
    ['a bag', true],
    ['a store of one secret a name', false],
  ])(`${what} over %s`, (_over, bag) => {
    const { compose, inside, stored = () => true, canHold } = composition;
    const model = modelHarness({ bag, conditionalWrites: true });
    const named = <Value>(values: ReadonlyMap<string, Value>) =>
      new Map([...values].map(([name, value]) => [inside(name), value]));
    const tests = conformanceTests<ModelSubject>({
      ...model,
      async create(values) {
        const subject = await model.create(
          named(new Map([...values].filter(([name]) => stored(name)))),
        );
        return { ...subject, provider: compose(subject.provider, values) };
      },
      change: async (subject, changes) => model.change?.(subject, named(changes)),
      capabilities: { ...model.capabilities, ...composition.capabilities },
      faults: { ...model.faults, oneName: namedAs(inside, model.faults.oneName) },
      canHold: (name, value) => (canHold?.(name) ?? true) && (model.canHold?.(name, value) ?? true),
    });
    for (const { name, run } of tests) test(name, run);
  });

describe('withPrefix', () => {
  const store = () =>
    memoryProvider([
      ['SHOP_TOKEN', 'shop'],
      ['SHOP_', 'the prefix itself'],
      ['SHOP', 'shorter'],
      ['BLOG_TOKEN', 'blog'],
      ['SHOP_SHOP_TOKEN', 'twice'],
      ['SHOP___proto__', 'hostile'],
    ]);

  test('shows what starts with it, and never the name that is the prefix', async () => {
    const { entries } = await withPrefix(store(), 'SHOP_').read('all', context);
    const seen = [...entries].map(([name, entry]) => [name, 'value' in entry && entry.value]);
    expect(seen).toEqual([
      ['TOKEN', 'shop'],
      ['SHOP_TOKEN', 'twice'],
      ['__proto__', 'hostile'],
    ]);
    const asked = await answers(withPrefix(store(), 'SHOP_'), ['', 'TOKEN']);
    expect(Object.keys(asked)).not.toContain('');
  });

  test('writes and deletes behind it, and touches nothing else', async () => {
    const inner = store();
    const before = await answers(inner);
    const secrets = createSecrets({ providers: [withPrefix(inner, 'SHOP_')] });
    await secrets.set('SHOP_TOKEN', 'new');
    await secrets.delete('TOKEN');
    const { SHOP_TOKEN: _, ...others } = before;
    expect(await answers(inner)).toEqual({ ...others, SHOP_SHOP_TOKEN: 'new' });
    const nameless = { entries: new Map([['', 'x']]) };
    await expect(withPrefix(inner, 'SHOP_').write?.(nameless, context)).rejects.toMatchObject({
      code: 'ERR_SECRET_UNSUPPORTED',
    });
  });

  test('must be text', () => {
    expect(() => withPrefix(store(), undefined as never)).toThrowError(
      expect.objectContaining({ code: 'ERR_SECRET_CONFIG' }),
    );
  });

  test('two parts of one store are two providers once each has its name, and cost one read', async () => {
    const inner = scripted(
      'vault',
      { SHOP_TOKEN: 'shop', BLOG_TOKEN: 'blog', BLOG_URL: 'url' },
      { writable: true },
    );
    const store = createSecrets({ name: 'store', providers: [inner] });
    const part = (name: string, prefix: string) =>
      createSecrets({ name, providers: [withPrefix(store.asProvider(), prefix)], ttl: 0 });
    const secrets = createSecrets({ providers: [part('shop', 'SHOP_'), part('blog', 'BLOG_')] });
    expect([await secrets.get('TOKEN'), await secrets.get('URL')]).toEqual(['shop', 'url']);
    expect(inner.reads).toHaveLength(1);
    await secrets.delete('TOKEN');
    expect(await secrets.get('TOKEN')).toBe('blog');
    expect(inner.held.has('SHOP_TOKEN')).toBe(false);
  });
});

describe('withMapping', () => {
  const store = () => memoryProvider({ 'database/password': 'p', TOKEN: 't', OLD: 'o' });
  const mapping = { DB_PASS: 'database/password', OLD: 'TOKEN' };

  test('a renamed secret has its new name alone, and a name that is taken hides its owner', async () => {
    const provider = withMapping(store(), mapping);
    expect(await answers(provider)).toEqual({ DB_PASS: 'p', OLD: 't' });
    expect(await answers(provider, ['database/password', 'TOKEN', 'OLD'])).not.toHaveProperty(
      'TOKEN',
    );
  });

  test('other names pass through unless it is strict', async () => {
    const only = { DB_PASS: 'database/password' };
    expect(await answers(withMapping(store(), only))).toEqual({
      DB_PASS: 'p',
      TOKEN: 't',
      OLD: 'o',
    });
    const strict = withMapping(store(), only, { strict: true });
    expect(await answers(strict)).toEqual({ DB_PASS: 'p' });
    expect(await answers(strict, ['TOKEN', 'DB_PASS'])).toEqual({ DB_PASS: 'p' });
  });

  test('a store of one secret a name is asked for its own names, and never for a hidden one', async () => {
    const inner = scripted('aws', { 'database/password': 'p', TOKEN: 't' }, { byName: true });
    const provider = withMapping(inner, { DB_PASS: 'database/password' });
    expect(await answers(provider, ['DB_PASS', 'database/password', 'TOKEN'])).toEqual({
      DB_PASS: 'p',
      TOKEN: 't',
    });
    expect(inner.reads).toEqual([['database/password', 'TOKEN']]);
  });

  test('writes and deletes under the own names of the store', async () => {
    const inner = store();
    const secrets = createSecrets({ providers: [withMapping(inner, mapping)] });
    await secrets.set('DB_PASS', 'new');
    await secrets.delete('OLD');
    expect(await answers(inner)).toEqual({ 'database/password': 'new', OLD: 'o' });
  });

  test('what has no name inside cannot be written, and nothing else of the call is', async () => {
    const inner = store();
    const before = await answers(inner);
    for (const [provider, name] of [
      [withMapping(inner, mapping), 'database/password'],
      [withMapping(inner, mapping, { strict: true }), 'NEW'],
    ] as const) {
      const entries = new Map([
        ['DB_PASS', 'new'],
        [name, 'new'],
      ]);
      await expect(provider.write?.({ entries }, context)).rejects.toMatchObject({
        code: 'ERR_SECRET_UNSUPPORTED',
        secretName: name,
      });
    }
    expect(await answers(inner)).toEqual(before);
  });

  test('hostile names on both sides', async () => {
    const inner = memoryProvider([
      ['__proto__', 'p'],
      ['constructor', 'c'],
    ]);
    const provider = withMapping(inner, [
      ['toString', '__proto__'],
      ['__proto__', 'constructor'],
    ]);
    expect((await provider.read('all', context)).entries).toEqual(
      new Map([
        ['toString', expect.objectContaining({ value: 'p' })],
        ['__proto__', expect.objectContaining({ value: 'c' })],
      ]),
    );
    const { entries } = await provider.read(['constructor', 'valueOf'], context);
    expect([...entries.keys()]).toEqual(['toString', '__proto__']);
  });

  test.each([
    ['two names for one', { A: 'X', B: 'X' }, /A and B both mean X/],
    [
      'one name for two',
      [
        ['A', 'X'],
        ['A', 'Y'],
      ] as const,
      /\bA\b/,
    ],
    ['an empty name', { A: '' }, /empty/],
    ['a name that is not text', { A: 1 as unknown as string }, /\bA\b/],
  ])('%s is refused', (_, wrong, message) => {
    let thrown: unknown;
    try {
      withMapping(store(), wrong);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(SecretError);
    expect(thrown).toMatchObject({
      code: 'ERR_SECRET_CONFIG',
      message: expect.stringMatching(message),
    });
  });
});

describe('errors of another name', () => {
  const inner = (error: SecretError) => {
    const provider = scripted('vault', { SHOP_A: 'a' }, { writable: true });
    provider.held.set('SHOP_B', error);
    return Object.assign(provider, {
      write: async () => {
        throw error;
      },
      history: async () => {
        throw error;
      },
      list: async () => {
        throw error;
      },
    });
  };
  const error = new SecretError('ERR_SECRET_DENIED', 'denied', {
    provider: 'vault',
    secretName: 'SHOP_B',
    storeStatus: 403,
    requestId: 'abc',
    retryable: true,
    hint: 'Ask for it.',
  });
  const told = {
    code: 'ERR_SECRET_DENIED',
    secretName: 'B',
    message: error.message,
    provider: 'vault',
    storeStatus: 403,
    requestId: 'abc',
    retryable: true,
    hint: 'Ask for it.',
  };

  test('in a batch, and thrown by any call, carry the name that is known outside', async () => {
    const provider = withPrefix(inner(error), 'SHOP_');
    const { entries } = await provider.read(['B'], context);
    expect(entries.get('B')).toMatchObject(told);
    expect(entries.get('A')).toMatchObject({ value: 'a' });
    await expect(provider.write?.({ entries: new Map() }, context)).rejects.toMatchObject(told);
    await expect(provider.history?.('B', context)).rejects.toMatchObject(told);
    await expect(provider.list?.(context)).rejects.toMatchObject(told);
  });

  test('name no secret that is not known outside', async () => {
    const provider = withPrefix(inner(error), 'BLOG_');
    const rejection = provider.list?.(context);
    await expect(rejection).rejects.toMatchObject({ ...told, secretName: undefined });
  });

  test('what is no SecretError, and what is about no name, stays what it is', async () => {
    for (const thrown of [new TypeError('x'), new SecretError('ERR_SECRET_TLS', 'not trusted')]) {
      const failing = scripted('vault', {}, { mood: () => Promise.reject(thrown) });
      await expect(withPrefix(failing, 'A').read('all', context)).rejects.toBe(thrown);
    }
  });
});

describe('what a composed provider keeps', () => {
  const compose: readonly (readonly [string, (provider: SecretProvider) => SecretProvider])[] = [
    ['withPrefix', (provider) => withPrefix(provider, 'SHOP_')],
    ['withMapping', (provider) => withMapping(provider, { A: 'B' })],
    ['readOnly', readOnly],
    ['withDefaults', (provider) => withDefaults(provider, { A: 'a' })],
  ];

  test.each(compose)(
    '%s passes on what the provider says of itself and of its snapshot',
    async (_, make) => {
      const batch = {
        entries: new Map(),
        complete: true,
        missingDocument: { description: 'has no such file', optional: true },
        revision: 'r1',
        degraded: 'vault: connection refused',
      };
      const inner = { ...scripted('vault', {}, { mood: async () => batch }), timeout: 123 };
      const provider = make(inner);
      expect(provider).toMatchObject({
        name: 'vault',
        store: 'somewhere/shop',
        timeout: 123,
      });
      const { entries: _entries, ...rest } = batch;
      expect(await provider.read('all', context)).toMatchObject(rest);
    },
  );

  test.each(compose)('%s: invents no ability and passes on each one', async (what, make) => {
    const bare = make(scripted('vault'));
    const abilities = ['write', 'list', 'history', 'readVersion', 'check', 'watch', 'atomicity'];
    for (const ability of abilities) expect(ability in bare).toBe(false);
    const asked: string[] = [];
    const noted = (call: string) => {
      asked.push(call);
      return [];
    };
    const able = make(
      Object.assign(scripted('vault', {}, { writable: true }), {
        history: async (name: string) => noted(`history ${name}`),
        readVersion: async (name: string, version: string) => {
          noted(`version ${version} of ${name}`);
          return undefined;
        },
        check: async () => noted('check'),
        watch: async () => void asked.push('watch'),
      }),
    );
    await able.history?.('A', context);
    await able.readVersion?.('A', '7', context);
    await able.check?.(context);
    await able.watch?.(() => {}, context.signal);
    const own = { withPrefix: 'SHOP_A', withMapping: 'B' }[what] ?? 'A';
    expect(asked).toEqual([`history ${own}`, `version 7 of ${own}`, 'check', 'watch']);
    expect('write' in able).toBe(what !== 'readOnly');
    expect(able.atomicity).toBe(what === 'readOnly' ? undefined : 'store');
  });

  test.each(compose)('%s: closes it', async (_, make) => {
    const inner = scripted('vault');
    await createSecrets({ providers: [make(inner)] }).close();
    expect(inner.closed).toBe(1);
  });

  test.each(compose)('%s: over an instance of a class', async (_, make) => {
    class Store implements SecretProvider {
      readonly name = 'store';
      readonly store = 'a class';
      #closed = false;
      #held = new Map([
        ['A', { value: 'a' }],
        ['SHOP_A', { value: 'a' }],
        ['B', { value: 'a' }],
      ]);
      async read() {
        return { entries: this.#held, complete: true };
      }
      async close() {
        this.#closed = true;
      }
      get closed() {
        return this.#closed;
      }
    }
    const store = new Store();
    const secrets = createSecrets({ providers: [make(store)] });
    expect(await secrets.get('A')).toBe('a');
    await secrets.close();
    expect(store.closed).toBe(true);
  });
});

describe('readOnly', () => {
  test('leaves no way to write, not even the own methods of a chain', () => {
    const secrets = createSecrets({ providers: [memoryProvider()] });
    const provider = readOnly(secrets.asProvider());
    for (const way of ['write', 'set', 'delete', 'atomicity', 'conditionalWrites'])
      expect(way in provider).toBe(false);
  });

  test('sends the writes of a chain to the next provider', async () => {
    const [first, second] = [scripted('vault', {}, { writable: true }), memoryProvider()];
    const secrets = createSecrets({ providers: [readOnly(first), second] });
    expect(await secrets.set('A', 'a')).toMatchObject({ provider: 'memory' });
    expect(first.held.size).toBe(0);
    const alone = createSecrets({ providers: [readOnly(first)] });
    expect(await outcome(alone.set('A', 'a'))).toBe('ERR_SECRET_UNSUPPORTED');
  });
});

describe('withDefaults', () => {
  const defaults = { A: 'default', EMPTY: 'default', Z: 'default' };

  test.each([
    ['a bag', false],
    ['a store of one secret a name', true],
  ])('answer for what is not held, and "" is held: %s', async (_, byName) => {
    const inner = scripted('store', { A: 'a', EMPTY: '' }, { byName });
    const provider = withDefaults(inner, defaults);
    expect(await answers(provider)).toEqual({ A: 'a', EMPTY: '', Z: 'default' });
    expect(await answers(provider, ['Z', 'NOBODY'])).toMatchObject({ Z: 'default' });
    expect(await outcome(createSecrets({ providers: [provider] }).find('NOBODY'))).toBe(undefined);
    // an answer for some names says nothing about the others
    if (byName) expect(await answers(provider, ['A'])).toEqual({ A: 'a' });
  });

  test.each(['unavailable', 'denied', 'unauthenticated', 'tls', 'invalid', 'config'] as const)(
    'never when the store is %s',
    async (mood) => {
      const provider = withDefaults(scripted('vault', {}, { mood }), defaults);
      const secrets = createSecrets({ providers: [provider] });
      expect(await outcome(secrets.get('A'))).toBe(`ERR_SECRET_${mood.toUpperCase()}`);
    },
  );

  test('never for a name that is denied', async () => {
    const inner = scripted('aws', {}, { byName: true });
    inner.held.set('A', new SecretError('ERR_SECRET_DENIED', 'denied'));
    const secrets = createSecrets({ providers: [withDefaults(inner, defaults)] });
    expect(await outcome(secrets.get('A'))).toBe('ERR_SECRET_DENIED');
    expect(await secrets.get('Z')).toBe('default');
  });

  test('for a file that need not be there, never for a document that should be', async () => {
    const file = withDefaults(scripted('dotenv', {}, { mood: 'no-file' }), defaults);
    expect(await createSecrets({ providers: [file] }).get('A')).toBe('default');
    const vault = withDefaults(scripted('vault', {}, { mood: 'missing-document' }), defaults);
    const secrets = createSecrets({ providers: [vault, scripted('dotenv', { A: 'plain' })] });
    const notices: unknown[] = [];
    secrets.on('fallback', ({ provider, reason }) => notices.push([provider, reason]));
    expect(await secrets.get('A')).toBe('plain');
    expect(notices).toEqual([['vault', 'missing-document']]);
    const required = createSecrets({ providers: [{ provider: vault, required: true }] });
    expect(await outcome(required.get('A'))).toBe('ERR_SECRET_NOT_FOUND');
  });

  test('defaults alone do not stand for a store that an earlier one could fall back to', async () => {
    const vault = scripted('vault', {}, { mood: 'unavailable' });
    const file = withDefaults(scripted('dotenv', {}, { mood: 'no-file' }), defaults);
    const secrets = createSecrets({ providers: [vault, file] });
    expect(await outcome(secrets.getAll())).toBe('ERR_SECRET_UNAVAILABLE');
  });

  test('never for what a chain could not ask its first store for', async () => {
    const chain = createSecrets({
      providers: [
        scripted('vault', {}, { mood: 'unavailable' }),
        scripted('dotenv', { A: 'plain' }),
      ],
    });
    const notices: unknown[] = [];
    chain.on('fallback', ({ provider }) => notices.push(provider));
    const secrets = createSecrets({ providers: [withDefaults(chain.asProvider(), defaults)] });
    expect(await secrets.get('A')).toBe('plain');
    expect(await outcome(secrets.get('Z'))).toBe('ERR_SECRET_UNAVAILABLE');
    const { entries, degraded } = await withDefaults(chain.asProvider(), defaults).read(
      'all',
      context,
    );
    expect([...entries.keys()]).toEqual(['A']);
    expect(degraded).toContain('vault');
    expect(notices).toEqual(['vault']);
  });

  test('a deleted name has its default again', async () => {
    const secrets = createSecrets({
      providers: [withDefaults(memoryProvider({ A: 'a' }), defaults)],
    });
    await secrets.delete('A');
    expect(await secrets.get('A')).toBe('default');
  });

  test('are listed once, and not for a document that is not there', async () => {
    const listing = (names: readonly string[], mood: 'answers' | 'missing-document') =>
      withDefaults(
        Object.assign(scripted('vault', {}, { mood }), { list: async () => names }),
        defaults,
      ).list?.(context);
    expect(await listing(['A', 'B'], 'answers')).toEqual(['A', 'B', 'EMPTY', 'Z']);
    expect(await listing([], 'answers')).toEqual(['A', 'EMPTY', 'Z']);
    expect(await listing([], 'missing-document')).toEqual([]);
  });

  test('hold hostile names, and text alone', async () => {
    const provider = withDefaults(memoryProvider(), [['__proto__', 'p']]);
    for (const names of [['__proto__', 'toString'], 'all'] as const) {
      const { entries } = await provider.read(names, context);
      expect([...entries]).toEqual([['__proto__', { value: 'p' }]]);
    }
    let thrown: unknown;
    try {
      withDefaults(memoryProvider(), { SECRET_PORT: 5432 as unknown as string });
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: 'ERR_SECRET_CONFIG' });
    expect(String(thrown)).toContain('SECRET_PORT');
    expect(String(thrown)).not.toContain('5432');
  });
});

test('a required chain whose places are all missing is not passed over by any call', async () => {
  for (const kind of ['missing-document', 'no-file'] as const) {
    const inner = createSecrets({
      name: 'inner',
      providers: [
        scripted('vault', {}, { mood: kind }),
        scripted('dotenv', {}, { mood: 'no-file' }),
      ],
    });
    for (const type of ['fallback', 'recovered'] as const) inner.on(type, () => {});
    const outer = createSecrets({
      providers: [{ provider: inner, required: true }, memoryProvider({ A: 'plain' })],
    });
    const isFailure = kind === 'missing-document';
    for (let again = 0; again < 2; again += 1) {
      expect(await outcome(outer.get('A'))).toBe(isFailure ? 'ERR_SECRET_NOT_FOUND' : 'plain');
      expect(await outcome<unknown>(outer.getAll())).toEqual(
        isFailure ? 'ERR_SECRET_NOT_FOUND' : { A: 'plain' },
      );
    }
  }
});

test('a chain whose places are missing for one name and not for another is asked for each', async () => {
  const vault = scripted('vault', {}, { mood: 'missing-document' });
  const inner = createSecrets({ name: 'inner', providers: [vault], ttl: 0 });
  for (const type of ['fallback', 'recovered'] as const) inner.on(type, () => {});
  const outer = createSecrets({ providers: [inner, memoryProvider({ A: 'plain' })] });
  for (const type of ['fallback', 'recovered'] as const) outer.on(type, () => {});
  expect(await outer.get('A')).toBe('plain');
  vault.mood = 'answers';
  vault.held.set('B', { value: 'b' });
  await outer.refresh();
  expect(await outer.get('B')).toBe('b');
  expect(await outer.get('A')).toBe('plain');
});
