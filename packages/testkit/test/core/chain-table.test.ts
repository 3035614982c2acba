// The table of answers: for every kind of answer of a first provider, what the chain does with each
// way of asking.
import {
  createSecrets,
  SecretError,
  type SecretErrorCode,
  type SecretsEvents,
} from '@keyfall/core';
import { describe, expect, test } from 'vitest';
import { type Mood, outcome, scripted } from './scripted-provider.ts';

interface Row {
  readonly mood: Mood;
  /** What `get` answers for a name that the second provider holds. */
  readonly get: string;
  /** What `find` answers for a name that nobody holds. */
  readonly find: string | undefined;
  /** What `getAll` answers. */
  readonly getAll: string | Record<string, string>;
  /** The `fallback` notice, if one must be given. */
  readonly notice?: SecretsEvents['fallback']['reason'];
  /** `get` with `required` on the first provider. */
  readonly required: string;
}

const table: readonly Row[] = [
  {
    mood: 'answers',
    get: 'from-second',
    find: undefined,
    getAll: { A: 'from-second', F: 'first' },
    required: 'from-second',
  },
  {
    mood: 'no-file',
    get: 'from-second',
    find: undefined,
    getAll: { A: 'from-second' },
    required: 'from-second',
  },
  {
    mood: 'missing-document',
    get: 'from-second',
    find: undefined,
    getAll: { A: 'from-second' },
    notice: 'missing-document',
    required: 'ERR_SECRET_NOT_FOUND',
  },
  {
    mood: 'unavailable',
    get: 'from-second',
    find: 'ERR_SECRET_UNAVAILABLE',
    getAll: { A: 'from-second' },
    notice: 'unavailable',
    required: 'ERR_SECRET_UNAVAILABLE',
  },
  ...(['denied', 'unauthenticated', 'tls', 'invalid', 'config'] as const).map((mood): Row => {
    const code = `ERR_SECRET_${mood.toUpperCase()}`;
    return { mood, get: code, find: code, getAll: code, required: code };
  }),
];

describe.each(table)(
  'a first provider that is: $mood',
  ({ mood, get, find, getAll, notice, required }) => {
    const make = (options: { required?: boolean } = {}) => {
      const first = scripted('first', { F: 'first' }, { mood });
      const second = scripted('second', { A: 'from-second' });
      const secrets = createSecrets({ providers: [{ provider: first, ...options }, second] });
      const notices: SecretsEvents['fallback'][] = [];
      secrets.on('fallback', (event) => notices.push(event));
      return { secrets, notices };
    };

    test('get', async () => {
      const { secrets, notices } = make();
      expect(await outcome(secrets.get('A'))).toBe(get);
      expect(notices.map(({ reason, answeredBy, names }) => [reason, answeredBy, names])).toEqual(
        notice ? [[notice, 'second', ['A']]] : [],
      );
      // a document that is not there is an answer, and no error
      const code = notice === 'missing-document' ? undefined : find;
      if (notice) expect(notices[0]?.code).toBe(code);
    });

    test('find of a name that no provider holds', async () => {
      const { secrets, notices } = make();
      expect(await outcome(secrets.find('NOBODY'))).toBe(find);
      // an unavailable provider fails the call, which is louder than a notice
      expect(notices.map(({ reason, answeredBy, names }) => [reason, answeredBy, names])).toEqual(
        notice === 'missing-document' ? [[notice, 'none', ['NOBODY']]] : [],
      );
    });

    test('getAll and list', async () => {
      const { secrets, notices } = make();
      const all = await outcome(secrets.getAll());
      expect(typeof all === 'string' ? all : { ...all }).toEqual(getAll);
      const list = await outcome(secrets.list());
      expect(list).toEqual(typeof getAll === 'string' ? getAll : Object.keys(getAll).sort());
      expect(notices.map(({ reason, answeredBy, names }) => [reason, answeredBy, names])).toEqual(
        notice ? [[notice, 'second', ['A']]] : [],
      );
    });

    test('get, with required', async () => {
      const { secrets, notices } = make({ required: true });
      expect(await outcome(secrets.get('A'))).toBe(required);
      expect(notices).toEqual([]);
    });

    test('explain says what each provider said, and does not reject', async () => {
      const { secrets } = make();
      const explanation = await secrets.explain('A');
      expect(explanation.found).toBe(!get.startsWith('ERR_'));
      expect(explanation.attempts[0]?.provider).toBe('first');
      expect(JSON.stringify(explanation)).not.toContain('from-second');
      if (notice) expect(explanation.degraded).toContain('first (somewhere/shop)');
    });
  },
);

describe('no provider holds the name', () => {
  test('NOT_FOUND says what each provider answered, and what to do', async () => {
    const secrets = createSecrets({
      providers: [scripted('vault'), scripted('dotenv', {}, { mood: 'no-file' })],
    });
    await expect(secrets.get('TOKEN')).rejects.toMatchObject({
      code: 'ERR_SECRET_NOT_FOUND',
      secretName: 'TOKEN',
      retryable: false,
      message: expect.stringMatching(/^TOKEN .*\bvault \(somewhere\/shop\).*\bdotenv \(/),
      hint: expect.stringContaining('`keyfall set TOKEN`'),
      attempts: [
        { provider: 'vault', outcome: 'absent' },
        { provider: 'dotenv', outcome: 'absent' },
      ],
    });
  });

  test('NOT_FOUND names only the provider that the name is bound to', async () => {
    const secrets = createSecrets({
      only: { TOKEN: 'vault' },
      providers: [scripted('env', { TOKEN: 'env' }), scripted('vault')],
    });
    await expect(secrets.get('TOKEN')).rejects.toMatchObject({
      code: 'ERR_SECRET_NOT_FOUND',
      message: expect.stringMatching(/^TOKEN (?!.*\benv\b).*\bvault \(somewhere\/shop\)/),
    });
  });

  test('an unavailable later provider makes it UNAVAILABLE as well', async () => {
    const secrets = createSecrets({
      providers: [scripted('vault'), scripted('aws', {}, { mood: 'unavailable' })],
    });
    await expect(secrets.get('TOKEN')).rejects.toMatchObject({
      code: 'ERR_SECRET_UNAVAILABLE',
      provider: 'aws',
      retryable: true,
    });
  });

  test('the empty text is a value', async () => {
    const secrets = createSecrets({
      providers: [scripted('a', { A: '' }), scripted('b', { A: 'b' })],
    });
    expect(await secrets.get('A')).toBe('');
    expect(await secrets.find('A')).toBe('');
  });
});

describe('an error names the provider that was asked', () => {
  const errorOf = (mood: Mood, required = false) =>
    createSecrets({ providers: [{ provider: scripted('vault', {}, { mood }), required }] })
      .get('A')
      .catch((error: unknown) => error);

  test.each<[Mood, SecretErrorCode]>([
    ['unavailable', 'ERR_SECRET_UNAVAILABLE'],
    ['config', 'ERR_SECRET_CONFIG'],
  ])('and its place, if it is %s', async (mood, code) => {
    expect(await errorOf(mood)).toMatchObject({
      code,
      provider: 'vault',
      message: expect.stringMatching(/^A .*: vault \(somewhere\/shop\): /),
    });
  });

  test('and what to do about a required document that does not exist', async () => {
    expect(await errorOf('missing-document', true)).toMatchObject({
      code: 'ERR_SECRET_NOT_FOUND',
      provider: 'vault',
      hint: expect.any(String),
    });
  });

  test('but not for an abort by the caller', async () => {
    const caller = new AbortController();
    const secrets = createSecrets({ providers: [scripted('vault', {}, { mood: 'silent' })] });
    const get = secrets.get('A', { signal: caller.signal });
    await new Promise(setImmediate);
    caller.abort();
    const error = await get.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'ERR_SECRET_ABORTED' });
    expect(String(error)).not.toContain('vault');
  });
});

describe('onDenied: next', () => {
  test('goes on, says so, and never answers "not here" for what it may not see', async () => {
    for (const mood of ['denied', 'unauthenticated'] as const) {
      const provider = scripted('vault', { A: 'a' }, { mood });
      const secrets = createSecrets({
        providers: [{ provider, onDenied: 'next' }, scripted('dotenv', { A: 'plain' })],
      });
      const notices: string[] = [];
      secrets.on('fallback', ({ reason }) => notices.push(reason));
      expect(await secrets.get('A')).toBe('plain');
      expect(notices).toEqual(['denied']);
      expect(await outcome(secrets.find('NOBODY'))).toBe(`ERR_SECRET_${mood.toUpperCase()}`);
    }
  });

  test('does not let a bad certificate or a broken file pass', async () => {
    for (const mood of ['tls', 'invalid', 'config'] as const) {
      const provider = scripted('vault', {}, { mood });
      const secrets = createSecrets({
        providers: [{ provider, onDenied: 'next' }, scripted('dotenv', { A: 'plain' })],
      });
      expect(await outcome(secrets.get('A'))).toBe(`ERR_SECRET_${mood.toUpperCase()}`);
    }
  });
});

describe('getAll with a provider that fails', () => {
  test('is UNAVAILABLE if no later store exists and answers', async () => {
    for (const later of [[], [scripted('dotenv', {}, { mood: 'no-file' })]]) {
      const vault = scripted('vault', {}, { mood: 'unavailable' });
      const secrets = createSecrets({ providers: [scripted('env', { E: 'e' }), vault, ...later] });
      expect(await outcome(secrets.getAll())).toBe('ERR_SECRET_UNAVAILABLE');
    }
  });

  test('counts only the names that came from behind it', async () => {
    const secrets = createSecrets({
      providers: [
        scripted('env', { E: 'e' }),
        scripted('vault', {}, { mood: 'unavailable' }),
        scripted('dotenv', { E: 'plain', A: 'a', B: 'b' }),
      ],
    });
    const names: (readonly string[])[] = [];
    secrets.on('fallback', (event) => names.push(event.names));
    expect({ ...(await secrets.getAll()) }).toEqual({ E: 'e', A: 'a', B: 'b' });
    expect(names).toEqual([['A', 'B']]);
  });

  test('one denied or invalid name rejects the whole, unless an earlier provider holds it', async () => {
    const aws = scripted('aws', { A: 'a' });
    aws.held.set('B', new SecretError('ERR_SECRET_DENIED', 'denied'));
    const denied = createSecrets({ providers: [aws, scripted('dotenv', { B: 'plain' })] });
    await expect(denied.getAll()).rejects.toMatchObject({
      code: 'ERR_SECRET_DENIED',
      secretName: 'B',
    });
    // also when all that is not denied is known
    expect(await outcome(denied.getAll())).toBe('ERR_SECRET_DENIED');
    expect(await denied.get('A')).toBe('a');
    expect(await outcome(denied.get('B'))).toBe('ERR_SECRET_DENIED');
    const shadowed = createSecrets({ providers: [scripted('env', { B: 'env' }), aws] });
    expect({ ...(await shadowed.getAll()) }).toEqual({ A: 'a', B: 'env' });
  });

  test('a name that could not be read is UNAVAILABLE unless a later provider holds it', async () => {
    const aws = scripted('aws', { A: 'a' });
    aws.held.set('B', new SecretError('ERR_SECRET_UNAVAILABLE', 'it was throttled'));
    const alone = createSecrets({ providers: [aws] });
    await expect(alone.getAll()).rejects.toMatchObject({
      code: 'ERR_SECRET_UNAVAILABLE',
      secretName: 'B',
    });
    const chain = createSecrets({ providers: [aws, scripted('dotenv', { B: 'plain' })] });
    const notices: unknown[] = [];
    chain.on('fallback', ({ provider, names }) => notices.push([provider, names]));
    expect({ ...(await chain.getAll()) }).toEqual({ A: 'a', B: 'plain' });
    expect(notices).toEqual([['aws', ['B']]]);
  });

  test('names the provider that gave no answer when a later one ends it', async () => {
    const secrets = createSecrets({
      providers: [
        scripted('file', {}, { mood: 'missing-document' }),
        scripted('vault', {}, { mood: 'unavailable' }),
        scripted('aws', {}, { mood: 'denied' }),
      ],
    });
    const error = await secrets.getAll().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'ERR_SECRET_DENIED', secretName: undefined });
    expect((error as SecretError).attempts).toEqual([
      {
        provider: 'vault',
        store: 'somewhere/shop',
        outcome: 'failed',
        reason: 'it is unavailable',
        code: 'ERR_SECRET_UNAVAILABLE',
      },
      {
        provider: 'aws',
        store: 'somewhere/shop',
        outcome: 'failed',
        reason: 'it is denied',
        code: 'ERR_SECRET_DENIED',
      },
    ]);
  });

  test('says that no provider answered for a document that is not there', async () => {
    const secrets = createSecrets({
      providers: [scripted('vault', {}, { mood: 'missing-document' })],
    });
    const notices: unknown[] = [];
    secrets.on('fallback', ({ answeredBy, names }) => notices.push([answeredBy, names]));
    expect(await secrets.getAll()).toEqual({});
    expect(notices).toEqual([['none', []]]);
  });

  test('has last good values, and says so', async () => {
    const vault = scripted('vault', { A: 'a' });
    const secrets = createSecrets({ providers: [vault], ttl: 0 });
    const notices: unknown[] = [];
    secrets.on('fallback', ({ answeredBy, names }) => notices.push([answeredBy, names]));
    await secrets.getAll();
    vault.mood = 'unavailable';
    expect(await secrets.getAll()).toEqual({ A: 'a' });
    expect(notices).toEqual([['last-good', ['A']]]);
    const context = {
      signal: new AbortController().signal,
      remainingTimeout: () => 1_000,
      warn: () => {},
    };
    expect(await secrets.asProvider().read('all', context)).toMatchObject({
      degraded: 'vault (somewhere/shop): it is unavailable',
    });
  });

  test('is frozen, without a prototype, and holds hostile names', async () => {
    const provider = scripted('memory');
    provider.held.set('__proto__', { value: 'p' });
    provider.held.set('constructor', { value: 'c' });
    const all = await createSecrets({ providers: [provider] }).getAll();
    expect(Object.isFrozen(all)).toBe(true);
    expect(Object.getPrototypeOf(all)).toBe(null);
    expect(Object.entries(all).sort()).toEqual([
      ['__proto__', 'p'],
      ['constructor', 'c'],
    ]);
  });
});

describe('only', () => {
  const only = { SECRET: 'vault' };
  const chain = (mood: Mood, values: Record<string, string> = {}) =>
    createSecrets({
      only,
      providers: [
        scripted('env', { SECRET: 'env' }),
        scripted('vault', values, { mood }),
        scripted('dotenv', { SECRET: 'plain', A: 'a' }),
      ],
    });

  test('takes the name from that provider alone', async () => {
    const secrets = chain('answers', { SECRET: 'vault' });
    expect(await secrets.get('SECRET')).toBe('vault');
    expect({ ...(await secrets.getAll()) }).toEqual({ SECRET: 'vault', A: 'a' });
    expect(await secrets.list()).toEqual(['A', 'SECRET']);
    expect((await secrets.explain('SECRET')).attempts.map(({ outcome }) => outcome)).toEqual([
      'skipped',
      'held',
      'skipped',
    ]);
  });

  test('no other provider answers when that one does not hold it', async () => {
    const secrets = chain('answers');
    expect(await secrets.find('SECRET')).toBe(undefined);
    expect({ ...(await secrets.getAll()) }).toEqual({ A: 'a' });
  });

  test('no other provider answers when that one cannot be asked, for getAll and list too', async () => {
    const secrets = chain('unavailable');
    secrets.on('fallback', () => {});
    expect(await outcome(secrets.get('SECRET'))).toBe('ERR_SECRET_UNAVAILABLE');
    expect(await secrets.get('A')).toBe('a');
    await expect(secrets.getAll()).rejects.toMatchObject({
      code: 'ERR_SECRET_UNAVAILABLE',
      secretName: 'SECRET',
    });
    expect(await outcome(secrets.list())).toBe('ERR_SECRET_UNAVAILABLE');
  });

  test('costs the others nothing where another name of that provider could not be had', async () => {
    const vault = scripted('vault', { SECRET: 'vault' });
    vault.held.set('A', new SecretError('ERR_SECRET_UNAVAILABLE', 'it was throttled'));
    vault.held.set('B', new SecretError('ERR_SECRET_UNAVAILABLE', 'it was throttled'));
    const secrets = createSecrets({
      // the first is bound to one that answered, the last is held by nobody
      only: { OTHER: 'dotenv', SECRET: 'vault', NOBODY: 'dotenv' },
      providers: [vault, scripted('dotenv', { A: 'a', B: 'b', OTHER: 'o' })],
    });
    const notices: unknown[] = [];
    secrets.on('fallback', ({ provider, names }) => notices.push([provider, names]));
    expect(await secrets.getAll()).toEqual({ SECRET: 'vault', A: 'a', B: 'b', OTHER: 'o' });
    expect(notices).toEqual([['vault', ['A', 'B', 'OTHER']]]);
  });
});

describe('wrong configuration fails in createSecrets, naming the option', () => {
  const a = scripted('a');
  test.each([
    ['no options', () => createSecrets(undefined as never), /^createSecrets: /],
    ['an empty list of providers', () => createSecrets({ providers: [] }), /providers/],
    ['a provider instead of a list', () => createSecrets({ providers: a } as never), /providers/],
    [
      'a function that was not called',
      () => createSecrets({ providers: [a, scripted as never] }),
      /\bproviders\[1\]/,
    ],
    [
      'nothing in the place of a provider',
      () => createSecrets({ providers: [{ provider: undefined as never }] }),
      /\bproviders\[0\]/,
    ],
    ['a name', () => createSecrets({ providers: ['vault' as never] }), /\bproviders\[0\]/],
    ['a number', () => createSecrets({ providers: [7 as never] }), /\bproviders\[0\]/],
    ['an empty object', () => createSecrets({ providers: [{} as never] }), /\bproviders\[0\]/],
    ['two of one name', () => createSecrets({ providers: [a, scripted('a')] }), /\ba\b/],
    [
      'only with an unknown provider',
      () => createSecrets({ providers: [a], only: { X: 'vault' } }),
      /only.*vault/,
    ],
    [
      'a ttl that is not a length of time',
      () => createSecrets({ providers: [a], ttl: '5 minutes' as never }),
      /ttl/,
    ],
    ['a negative budget', () => createSecrets({ providers: [a], budget: -1 }), /budget/],
    [
      'a timeout that is not a length of time',
      () => createSecrets({ providers: [{ provider: a, timeout: 'x' as never }] }),
      /timeout/,
    ],
  ])('%s is refused, naming the option', (_, make, message) => {
    let thrown: SecretError | undefined;
    try {
      make();
    } catch (error) {
      thrown = error as SecretError;
    }
    expect(thrown?.code).toBe('ERR_SECRET_CONFIG');
    expect(thrown?.message).toMatch(message);
  });

  test('an empty or missing name is refused', async () => {
    const secrets = createSecrets({ providers: [a] });
    expect(await outcome(secrets.get(''))).toBe('ERR_SECRET_CONFIG');
    expect(await outcome(secrets.get(undefined as never))).toBe('ERR_SECRET_CONFIG');
  });
});
