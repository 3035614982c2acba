// What a value that refers to another store is answered with, and that it is never its own text.
import {
  createSecrets,
  describeExplanation,
  envProvider,
  isReference,
  isSecretError,
  memoryProvider,
  type ReferenceTarget,
  SecretError,
  type Secrets,
  withReferences,
} from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { callContext, leaksOf } from '../../src/index.ts';
import { scripted } from './scripted-provider.ts';

/** A chain over values that may refer to others. */
function chainOf(
  values: Readonly<Record<string, string>>,
  schemes: Readonly<Record<string, ReferenceTarget>>,
): Secrets {
  const provider = withReferences(memoryProvider(values, { name: 'dotenv' }), schemes);
  const secrets = createSecrets({ providers: [provider] });
  onTestFinished(() => secrets.close());
  return secrets;
}

const vault = () => scripted('vault', { TOKEN: 'from vault', 'a#b': 'odd' });
const failure = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('a reference', () => {
  test('has the value of the name that it leads to, in the store of its place', async () => {
    const places: string[] = [];
    const secrets = chainOf(
      {
        A: 'vault://secret/shop#TOKEN',
        B: 'vault://secret/shop#a#b',
        C: 'shop://TOKEN',
        D: 'shop://a#b',
        E: 'plain',
        F: '',
      },
      {
        vault: (place) => {
          places.push(place);
          return vault();
        },
        shop: vault(),
      },
    );
    expect({ ...(await secrets.getAll()) }).toEqual({
      A: 'from vault',
      B: 'odd',
      C: 'from vault',
      D: 'odd',
      E: 'plain',
      F: '',
    });
    expect(await secrets.get('A')).toBe('from vault');
    expect(places).toEqual(['secret/shop']);
  });

  test('of another scheme is text like any other, and so is what looks like one alone', async () => {
    const values = {
      DATABASE_URL: 'postgres://user:password@db/shop#x',
      OTHER: 'vault://secret/shop#TOKEN',
      VALS: 'ref+vault://secret/shop#/TOKEN',
      MIDDLE: 'see shop://TOKEN',
      CASE: 'SHOP://TOKEN',
      BLANK: ' shop://TOKEN',
      NO_SLASHES: 'shop:TOKEN',
      OBJECT: 'constructor://x',
    };
    expect({ ...(await chainOf(values, { shop: vault() }).getAll()) }).toEqual(values);
    const all = { ...values, A: 'shop://TOKEN' };
    expect({ ...(await chainOf(all, {}).getAll()) }).toEqual(all);
  });

  test('costs a name that is none nothing, and is not followed for another name', async () => {
    const target = vault();
    const secrets = chainOf({ A: 'shop://TOKEN', B: 'plain' }, { shop: target });
    expect(await secrets.get('B')).toBe('plain');
    expect(await secrets.find('NOBODY')).toBeUndefined();
    expect(target.reads).toEqual([]);
    target.mood = 'denied';
    expect(await secrets.get('B')).toBe('plain');
  });

  test('is read together with the others of its store', async () => {
    const target = vault();
    const values = { A: 'shop://TOKEN', B: 'shop://TOKEN', C: 'shop://a#b' };
    await chainOf(values, { shop: target }).getAll();
    expect(target.reads).toEqual([['TOKEN', 'a#b']]);
  });

  test('keeps what its store says of the secret besides the value', async () => {
    const target = vault();
    const lease = { id: 'x', renewable: true, duration: 1_000 };
    const record = { value: 'v', version: '7', createdAt: 1, expiresAt: 2, lease, provider: 'x' };
    const read = async () => ({ entries: new Map([['N', record]]), complete: true });
    const outer = withReferences(memoryProvider({ A: 's://N' }), { s: { ...target, read } });
    const { entries } = await outer.read(['A'], callContext());
    const { provider: _, ...kept } = record;
    const via = [{ provider: 'vault', store: target.store, name: 'N' }];
    expect(entries.get('A')).toEqual({ ...kept, via });
  });

  test('has no more trust than the store that it leads to', async () => {
    const { plainText: _, ...inner } = memoryProvider({ A: 'plain://N', B: 'stored://TOKEN' });
    const plain = memoryProvider({ N: 'v' });
    const outer = withReferences(inner, { plain, stored: vault() });
    const { entries } = await outer.read('all', callContext());
    expect(entries.get('A')).toMatchObject({ plainText: true });
    expect(entries.get('B')).not.toHaveProperty('plainText');
  });

  test('may lead to a chain, whose answer may be second-hand', async () => {
    const down = scripted('vault', {}, { mood: 'unavailable' });
    const target = createSecrets({ providers: [down, scripted('sops', { TOKEN: 'sealed' })] });
    target.on('fallback', () => {});
    const secrets = chainOf({ A: 'shop://TOKEN' }, { shop: target });
    secrets.on('fallback', () => {});
    expect(await secrets.get('A')).toBe('sealed');
    const explained = await secrets.explain('A');
    expect(explained.degraded).toBeDefined();
    await target.close();
  });
});

describe('a reference that leads nowhere stops, and its text is no value', () => {
  test.each<[string, string, SecretProvider, string]>([
    ['a name that is not there', 'shop://NOBODY', vault(), 'INVALID'],
    [
      'a document that is not there',
      'shop://A',
      scripted('vault', {}, { mood: 'missing-document' }),
      'INVALID',
    ],
    [
      'a file that need not be there',
      'shop://A',
      scripted('vault', {}, { mood: 'no-file' }),
      'INVALID',
    ],
    [
      'a store that is down',
      'shop://A',
      scripted('vault', {}, { mood: 'unavailable' }),
      'UNAVAILABLE',
    ],
    ['a store that denies', 'shop://A', scripted('vault', {}, { mood: 'denied' }), 'DENIED'],
    [
      'a store that does not know us',
      'shop://A',
      scripted('vault', {}, { mood: 'unauthenticated' }),
      'UNAUTHENTICATED',
    ],
    ['a store that is not trusted', 'shop://A', scripted('vault', {}, { mood: 'tls' }), 'TLS'],
    ['a store that is broken', 'shop://A', scripted('vault', {}, { mood: 'invalid' }), 'INVALID'],
    [
      'a store that is not configured',
      'shop://A',
      scripted('vault', {}, { mood: 'config' }),
      'CONFIG',
    ],
    ['no name', 'shop://', vault(), 'INVALID'],
  ])('%s', async (_, text, target, code) => {
    const secrets = chainOf({ TOKEN: text, B: 'b' }, { shop: target });
    const expected = { code: `ERR_SECRET_${code}`, secretName: 'TOKEN' };
    expect(await failure(secrets.get('TOKEN'))).toMatchObject(expected);
    expect(await failure(secrets.find('TOKEN'))).toMatchObject(expected);
    expect(await failure(secrets.getAll())).toMatchObject({ code: expected.code });
    expect(await secrets.get('B')).toBe('b');
    expect(leaksOf([text], await failure(secrets.get('TOKEN')))).toEqual([]);
  });

  test.each([
    'vault://',
    'vault://secret/shop',
    'vault://#TOKEN',
    'vault://secret/shop#',
    'vault://\n',
  ])('%j, which lacks its place or its name', async (text) => {
    const open = vi.fn(() => vault());
    const secrets = chainOf({ TOKEN: text }, { vault: open });
    expect(await failure(secrets.get('TOKEN'))).toMatchObject({ code: 'ERR_SECRET_INVALID' });
    expect(open).not.toHaveBeenCalled();
  });

  test('a place that no provider can be made for', async () => {
    const refused = new SecretError('ERR_SECRET_CONFIG', 'the option path has a part ..', {
      setting: { option: 'path', isMissing: true },
    });
    const secrets = chainOf(
      { TOKEN: 'vault://../x#TOKEN' },
      {
        vault() {
          throw refused;
        },
      },
    );
    const error = await failure(secrets.get('TOKEN'));
    expect(error).toMatchObject({ code: 'ERR_SECRET_CONFIG', setting: { option: 'path' } });
    // it is the place that lacks something, and not the provider, which a chain might go past
    expect((error as SecretError).setting?.isMissing).toBeUndefined();
  });

  test('a name of a store that fails name by name is an error of that name', async () => {
    const denied = new SecretError('ERR_SECRET_DENIED', 'is denied', { secretName: 'N' });
    const target = scripted('vault', { M: 'm' });
    target.held.set('N', denied);
    const { entries } = await withReferences(memoryProvider({ A: 's://N', B: 's://M' }), {
      s: target,
    }).read('all', callContext());
    expect(entries.get('A')).toMatchObject({
      code: 'ERR_SECRET_DENIED',
      secretName: 'A',
      provider: 'memory',
    });
    expect(entries.get('B')).toMatchObject({ value: 'm' });
  });

  test('a store that does not answer takes along no name that does not refer to it', async () => {
    const silent = scripted('vault', {}, { mood: 'silent' });
    const provider = withReferences(memoryProvider({ A: 's://N', B: 'b', C: 't://TOKEN' }), {
      s: silent,
      t: vault(),
    });
    const secrets = createSecrets({ providers: [{ provider, timeout: 500 }] });
    const [a, b, c] = await Promise.allSettled(['A', 'B', 'C'].map((name) => secrets.get(name)));
    expect(a).toMatchObject({ reason: { code: 'ERR_SECRET_UNAVAILABLE', secretName: 'A' } });
    expect([b, c]).toMatchObject([{ value: 'b' }, { value: 'from vault' }]);
    await secrets.close();
  });

  test('a read that may take any time waits for the store', async () => {
    const outer = withReferences(memoryProvider({ A: 's://TOKEN' }), { s: vault() });
    const context = callContext({ remainingTimeout: () => Number.POSITIVE_INFINITY });
    const { entries } = await outer.read('all', context);
    expect(entries.get('A')).toMatchObject({ value: 'from vault' });
  });

  test('a store that is down leaves the last good value, and the next provider of the chain', async () => {
    const target = vault();
    const outer = withReferences(memoryProvider({ A: 's://TOKEN' }, { name: 'dotenv' }), {
      s: target,
    });
    const secrets = createSecrets({
      providers: [outer, memoryProvider({ A: 'spare', B: 'b' })],
      ttl: 0,
    });
    secrets.on('fallback', () => {});
    expect(await secrets.get('A')).toBe('from vault');
    target.mood = 'unavailable';
    expect(await secrets.get('A')).toBe('from vault');
    await secrets.close();
    const later = createSecrets({ providers: [outer, memoryProvider({ A: 'spare' })] });
    later.on('fallback', () => {});
    expect(await later.get('A')).toBe('spare');
    target.mood = 'denied';
    const refused = createSecrets({ providers: [outer, memoryProvider({ A: 'spare' })] });
    expect(await failure(refused.get('A'))).toMatchObject({ code: 'ERR_SECRET_DENIED' });
    for (const each of [later, refused]) await each.close();
  });
});

describe('a reference to a reference', () => {
  const env = {
    A: 'env://B',
    B: 'shop://TOKEN',
    C: 'env://D',
    D: 'env://C',
    E: 'env://E',
    F: 'env://C',
    G: 'env://',
  };
  const schemes = { env: envProvider({ env }), shop: vault() };

  test('is followed through stores of plain text', async () => {
    const secrets = chainOf({ X: 'env://A' }, schemes);
    expect(await secrets.get('X')).toBe('from vault');
    expect(
      (await secrets.explain('X')).via?.map(({ provider, name }) => `${provider} ${name}`),
    ).toEqual(['env A', 'env B', 'vault TOKEN']);
  });

  test.each(['C', 'D', 'E', 'F'])('that leads back to itself is refused: %s', async (name) => {
    const error = await failure(chainOf({ X: `env://${name}` }, schemes).get('X'));
    expect(error).toMatchObject({ code: 'ERR_SECRET_INVALID', secretName: 'X' });
  });

  test('that is none stops, too', async () => {
    const error = await failure(chainOf({ X: 'env://G' }, schemes).get('X'));
    expect(error).toMatchObject({ code: 'ERR_SECRET_INVALID', secretName: 'X' });
  });

  test('is not followed where a store holds it: what a store holds is final', async () => {
    const target = scripted('vault', { TOKEN: 'env://SECRET' });
    const secrets = chainOf(
      { X: 'shop://TOKEN' },
      { shop: target, env: envProvider({ env: { SECRET: 'own' } }) },
    );
    expect(await secrets.get('X')).toBe('env://SECRET');
  });
});

describe('an expression of vals', () => {
  const schemes = {
    vault: (place: string) => scripted('vault', { KEY: `of ${place}` }),
    'aws-sm': (place: string) => scripted('aws', { KEY: `of ${place}` }),
    shop: vault(),
  };

  test.each([
    ['ref+vault://secret/shop#/KEY', 'of secret/shop'],
    ['ref+vault://secret/shop#/KEY+', 'of secret/shop'],
    ['ref+awssecrets://shop/prod#/KEY', 'of shop/prod'],
    ['ref+gcpsecrets://shop/prod#/KEY', 'ref+gcpsecrets://shop/prod#/KEY'],
  ])('%s is read as what it means there', async (text, value) => {
    expect(await chainOf({ A: text }, schemes).get('A')).toBe(value);
  });

  test.each([
    'ref+vault://secret/shop?address=https://evil.example#/KEY',
    'ref+vault://secret/shop',
    'ref+vault://secret/shop#KEY',
    'ref+vault://secret/shop#/KEY/deeper',
    'ref+vault://secret/shop#/KEY+more',
    'postgres://user:ref+vault://secret/shop#/KEY+@db',
    'ref+shop://TOKEN#/KEY',
  ])('%s, which means more there, stops', async (text) => {
    const error = await failure(chainOf({ A: text }, schemes).get('A'));
    expect(error).toMatchObject({ code: 'ERR_SECRET_INVALID', secretName: 'A' });
    expect(leaksOf(['evil.example', 'postgres:'], error)).toEqual([]);
  });
});

test.each([
  ['vault://x#N', true],
  ['vault://', true],
  ['ref+vault://x#/N', true],
  ['a ref+vault://x#/N+ b', true],
  ['ref+awssecrets://x#/N', true],
  ['ref+gcpsecrets://x#/N', false],
  ['shop://x', false],
  ['x', false],
  ['', false],
])('%j is taken for a reference: %s', (text, expected) => {
  expect(isReference(text, ['vault', 'aws-sm'])).toBe(expected);
  expect(isReference(text, [])).toBe(false);
});

describe('explain', () => {
  test('shows where the value came from, in facts and in words', async () => {
    const secrets = chainOf({ A: 'shop://TOKEN', B: 'plain' }, { shop: vault() });
    const explained = await secrets.explain('A');
    expect(explained).toMatchObject({
      provider: 'dotenv',
      via: [{ provider: 'vault', store: expect.any(String), name: 'TOKEN' }],
    });
    expect(describeExplanation(explained)).toMatch(/^A: from dotenv .* TOKEN in vault \(/);
    expect(await secrets.explain('B')).not.toHaveProperty('via');
    expect(leaksOf(['from vault'], explained)).toEqual([]);
  });
});

describe('a write', () => {
  test('does not put a secret where a reference stands, and changes nothing', async () => {
    const inner = memoryProvider({ A: 'shop://TOKEN', B: 'b' });
    const outer = withReferences(inner, { shop: vault() });
    const secrets = createSecrets({ providers: [outer] });
    const error = await failure(secrets.set('A', 'canary-value'));
    expect(error).toMatchObject({ code: 'ERR_SECRET_CONFLICT', secretName: 'A', applied: 'no' });
    const both = outer.write?.(
      {
        entries: new Map([
          ['B', 'x'],
          ['A', 'x'],
        ]),
      },
      callContext(),
    );
    expect(await failure(both ?? Promise.resolve())).toMatchObject({ code: 'ERR_SECRET_CONFLICT' });
    const { entries } = await inner.read('all', callContext());
    expect([...entries.values()].map((entry) => !isSecretError(entry) && entry.value)).toEqual([
      'shop://TOKEN',
      'b',
    ]);
    await secrets.set('B', 'shop://TOKEN');
    expect(await secrets.get('B')).toBe('from vault');
    await secrets.delete('A');
    await secrets.set('A', 'own');
    expect(await secrets.get('A')).toBe('own');
    await secrets.close();
  });

  test('to a store that cannot be read before has changed nothing', async () => {
    const inner = scripted('store', {}, { writable: true, mood: 'unavailable' });
    const write = withReferences(inner, {}).write?.(
      { entries: new Map([['A', 'x']]) },
      callContext(),
    );
    expect(await failure(write ?? Promise.resolve())).toMatchObject({
      code: 'ERR_SECRET_UNAVAILABLE',
      applied: 'no',
    });
  });
});

describe('the provider', () => {
  test('has no watch of its own store, since a change of another would be missed', () => {
    const watch = async () => {};
    const inner = { ...memoryProvider(), watch, compareRevisions: () => 'older' as const };
    const outer = withReferences(inner, {});
    expect(outer.watch).toBeUndefined();
    expect(outer.compareRevisions).toBeUndefined();
  });

  test('has the longest time limit, and every variable with credentials, of all its stores', async () => {
    const slow = { ...vault(), timeout: 9_000, credentialVariables: new Set(['SLOW_TOKEN']) };
    const outer = withReferences(memoryProvider({ A: 's://x#TOKEN' }), { s: () => slow });
    expect(outer.timeout).toBeUndefined();
    expect(outer.credentialVariables).toEqual(new Set());
    await outer.read('all', callContext());
    expect(outer.timeout).toBe(9_000);
    expect(outer.credentialVariables).toEqual(new Set(['SLOW_TOKEN']));
  });

  test('closes all that it has opened', async () => {
    const [fixed, made] = [vault(), vault()];
    const secrets = createSecrets({
      providers: [
        withReferences(memoryProvider({ A: 'made://x#TOKEN' }), { fixed, made: () => made }),
      ],
    });
    await secrets.get('A');
    await secrets.close();
    expect([fixed.closed, made.closed]).toEqual([1, 1]);
  });

  test('ends with the call, and does not take an abort for an answer', async () => {
    const target = scripted('vault', { TOKEN: 'x' }, { mood: 'silent' });
    const stop = new AbortController();
    const outer = withReferences(memoryProvider({ A: 's://TOKEN' }), { s: target });
    const secrets = createSecrets({ providers: [outer] });
    const read = failure(secrets.get('A', { signal: stop.signal }));
    await vi.waitFor(() => expect(target.reads).toHaveLength(1));
    stop.abort();
    expect(await read).toMatchObject({ code: 'ERR_SECRET_ABORTED' });
    await secrets.close();
  });

  test('has the defect of a store for a defect', async () => {
    const broken = { ...vault(), read: () => Promise.reject(new TypeError('canary-text')) };
    const error = await failure(chainOf({ A: 's://TOKEN' }, { s: broken }).get('A'));
    expect(error).toMatchObject({ code: 'ERR_SECRET_PROVIDER', thrown: { type: 'TypeError' } });
    expect(leaksOf(['canary-text'], error)).toEqual([]);
  });

  test('is checked with what its references lead to', async () => {
    const target = vault();
    const outer = withReferences(memoryProvider({ A: 's://TOKEN', B: 'b' }), { s: target });
    const check = () => outer.check?.(callContext());
    expect(await check()).toMatchObject([{ subject: 'references', state: 'ready' }]);
    target.mood = 'denied';
    expect(await check()).toMatchObject([{ state: 'failing', code: 'not-followed' }]);
    expect(await withReferences(memoryProvider({ B: 'b' }), {}).check?.(callContext())).toEqual([]);
    const own = [{ subject: 'file', state: 'ready', message: 'is there' }] as const;
    const inner = { ...scripted('dotenv', {}, { mood: 'unavailable' }), check: async () => own };
    expect(await withReferences(inner, {}).check?.(callContext())).toEqual(own);
    const { check: _, ...without } = inner;
    expect(await withReferences(without, {}).check?.(callContext())).toMatchObject([
      { state: 'failing' },
    ]);
  });

  test('warns in the name of the store that a reference leads to', async () => {
    const target: SecretProvider = {
      ...vault(),
      async read(_, { warn }) {
        warn('is slow');
        return { entries: new Map([['TOKEN', { value: 'v' }]]), complete: true };
      },
    };
    const warn = vi.fn();
    const outer = withReferences(memoryProvider({ A: 's://TOKEN' }), { s: target });
    await outer.read(['A'], callContext({ warn }));
    expect(warn).toHaveBeenCalledExactlyOnceWith('vault: is slow');
  });

  test.each<[unknown]>([
    [undefined],
    [[]],
    [{ 'no scheme': memoryProvider() }],
    [{ VAULT: memoryProvider() }],
    [{ '': memoryProvider() }],
    [{ 'ref+vault': memoryProvider() }],
    [{ vault: {} }],
    [{ vault: undefined }],
    [{ vault: 'x' }],
  ])('refuses the schemes %j', (schemes) => {
    expect(() => withReferences(memoryProvider(), schemes as never)).toThrow(
      expect.objectContaining({ code: 'ERR_SECRET_CONFIG' }),
    );
  });

  test.each<[unknown]>([
    [undefined],
    [5],
    [{ read: 1 }],
    [createSecrets({ providers: [memoryProvider({ B: 'b' })] })],
  ])('whose function gives no provider names the scheme: %#', async (given) => {
    const open = async () => given as SecretProvider;
    const secrets = chainOf({ A: 'store://place#B' }, { store: open });
    const error = await failure(secrets.get('A'));
    expect(error).toMatchObject({
      code: 'ERR_SECRET_CONFIG',
      message: expect.stringContaining('what store gives'),
    });
  });

  test('refuses a chain in the place of a provider', () => {
    const secrets = createSecrets({ providers: [memoryProvider()] });
    expect(() => withReferences(secrets as never, {})).toThrow(/asProvider/);
  });
});
