import { describe, expect, test } from 'vitest';
import { envProvider, memoryProvider, type SecretErrorCode } from '../src/index.ts';

const context = {
  signal: new AbortController().signal,
  remainingTimeout: () => 1_000,
  warn: () => {},
};
const refused = (code: SecretErrorCode) => expect.objectContaining({ code });

describe('envProvider', () => {
  test('refuses a prefix in the place of the options: it would show every variable', () => {
    expect(() => envProvider('SHOP_' as never)).toThrow(refused('ERR_SECRET_CONFIG'));
  });

  test('reads the variables each time; a variable set to nothing is a value', async () => {
    const env: Record<string, string | undefined> = { A: 'a', EMPTY: '', GONE: undefined };
    const provider = envProvider({ env });
    const values = async () =>
      [...(await provider.read('all', context)).entries].map(([name, entry]) => [
        name,
        (entry as { value: string }).value,
      ]);
    expect(await values()).toEqual([
      ['A', 'a'],
      ['EMPTY', ''],
    ]);
    env['A'] = 'changed';
    expect(await values()).toEqual([
      ['A', 'changed'],
      ['EMPTY', ''],
    ]);
  });

  test('a prefix is cut off; the bare prefix is no name', async () => {
    const provider = envProvider({
      prefix: 'SHOP_',
      env: { SHOP_TOKEN: 't', SHOP_: 'x', OTHER: 'y' },
    });
    expect([...(await provider.read('all', context)).entries.keys()]).toEqual(['TOKEN']);
    expect(provider.store).toBe('environment variables SHOP_*');
  });

  test('reads process.env by default, and cannot write', async () => {
    process.env['KEYFALL_TEST_VARIABLE'] = 'here';
    try {
      const { entries } = await envProvider().read(['KEYFALL_TEST_VARIABLE'], context);
      expect(entries.get('KEYFALL_TEST_VARIABLE')).toEqual({ value: 'here' });
    } finally {
      delete process.env['KEYFALL_TEST_VARIABLE'];
    }
    expect('write' in envProvider()).toBe(false);
  });
});

describe('memoryProvider', () => {
  test('takes a copy, from an object or from entries', async () => {
    const values = { A: 'a' };
    const provider = memoryProvider(values);
    values.A = 'changed';
    expect((await provider.read('all', context)).entries.get('A')).toMatchObject({ value: 'a' });
    const hostile = memoryProvider(new Map([['__proto__', 'p']]));
    expect((await hostile.read('all', context)).entries.get('__proto__')).toMatchObject({
      value: 'p',
    });
  });

  test('refuses values that are not an object, without showing them', () => {
    for (const given of [null, 'canary-c0ffee', 5]) {
      const make = () => memoryProvider(given as never);
      expect(make).toThrow(refused('ERR_SECRET_CONFIG'));
      expect(make).toThrow(/^memoryProvider: /);
      expect(make).not.toThrow(/canary/);
    }
  });

  test('refuses a value that is not text, without showing it', () => {
    const make = () => memoryProvider({ PORT: 31_337 as never });
    expect(make).toThrow(refused('ERR_SECRET_CONFIG'));
    expect(make).toThrow(/PORT/);
    expect(make).not.toThrow(/31337/);
  });

  test('a write at another revision changes nothing', async () => {
    const provider = memoryProvider({ A: 'a', B: 'b' });
    const { revision = '' } = await provider.read('all', context);
    const write = (ifRevision: string) =>
      provider.write?.(
        {
          entries: new Map([
            ['A', 'new'],
            ['B', null],
          ]),
          ifRevision,
        },
        context,
      );
    await expect(write('another')).rejects.toEqual(refused('ERR_SECRET_CONFLICT'));
    expect([...(await provider.read('all', context)).entries.keys()]).toEqual(['A', 'B']);
    expect(await write(revision)).toMatchObject({ conditional: true });
    expect([...(await provider.read('all', context)).entries]).toEqual([
      ['A', { value: 'new', version: '2' }],
    ]);
  });
});
