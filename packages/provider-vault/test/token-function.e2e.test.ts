/**
 * A token that the program itself keeps, such as that of a client that logs in by itself.
 */
import { SecretError } from '@keyfall/core';
import { assertNoLeak, manualClock, sharedVaultServer, type VaultServer } from '@keyfall/testkit';
import { beforeAll, expect, test } from 'vitest';
import { type VaultProviderOptions, type VaultToken, vaultProvider } from '../src/index.ts';
import { canary, context, failureOf, freshPath, readPolicy, tokenFor } from './harness.ts';

let server: VaultServer;
const path = freshPath();
const value = canary();
beforeAll(async () => {
  server = await sharedVaultServer();
  await server.request('POST', `secret/data/${path}`, { data: { A: value } });
});

const open = (token: VaultToken, options: Pick<VaultProviderOptions, 'clock'> = {}) =>
  vaultProvider({ address: server.address, path, kvVersion: 2, token, env: {}, ...options });

test('is asked for at each request, so that its own logins count, and is not revoked', async () => {
  const tokens = [
    await tokenFor(server, readPolicy('secret', path)),
    await tokenFor(server, readPolicy('secret', path)),
  ];
  const [first, second] = tokens.map(({ token }) => token);
  let current = first ?? '';
  let calls = 0;
  const provider = open(async () => {
    calls += 1;
    return ` ${current}\n`;
  });
  expect(calls).toBe(0);
  expect((await provider.read('all', context())).entries.get('A')).toMatchObject({ value });
  const accessor = tokens[0]?.accessor;
  await server.request('POST', 'auth/token/revoke-accessor', { accessor });
  current = second ?? '';
  expect((await provider.read('all', context())).entries.get('A')).toMatchObject({ value });
  expect(calls).toBe(2);
  await provider.close?.();
  const { status } = await server.request('GET', 'auth/token/lookup-self', undefined, {
    token: current,
  });
  expect(status).toBe(200);
});

test.each<[string, () => unknown, SecretError['code'], RegExp]>([
  [
    'throws what may hold anything',
    () => {
      throw new Error(value);
    },
    'ERR_SECRET_UNAVAILABLE',
    /\boption token\b.*\bSecretError\b/,
  ],
  [
    'throws one of ours',
    async () => {
      throw new SecretError('ERR_SECRET_UNAUTHENTICATED', 'of the client');
    },
    'ERR_SECRET_UNAUTHENTICATED',
    /^of the client\b/,
  ],
  ['has none yet', () => '', 'ERR_SECRET_CONFIG', /\boption token\b/],
  ['returns no text', () => 7, 'ERR_SECRET_CONFIG', /\boption token\b/],
  [
    'returns what no header can carry',
    () => `${value}\nX-Evil: 1`,
    'ERR_SECRET_CONFIG',
    /\boption token\b/,
  ],
])(
  'a token function that %s fails the read, and shows nothing of the token',
  async (_, token, code, message) => {
    const error = await failureOf(open(token as () => string).read('all', context()), value);
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
  },
);

test('while the function fails, the token of before is used, and after half a minute a warning says so', async () => {
  const { token } = await tokenFor(server, readPolicy('secret', path));
  const clock = manualClock();
  let fails = false;
  const provider = open(
    () => {
      if (fails) throw new Error(value);
      return token;
    },
    { clock },
  );
  const read = async () => {
    const said: string[] = [];
    const batch = await provider.read('all', context({}, said));
    expect(batch.entries.get('A')).toMatchObject({ value });
    assertNoLeak([token, value], said, provider);
    return said;
  };
  expect(await read()).toEqual([]);
  fails = true;
  expect(await read()).toEqual([]);
  await clock.advance(29_999);
  expect(await read()).toEqual([]);
  await clock.advance(1);
  expect(await read()).toEqual([expect.stringMatching(/\boption token\b/)]);
  // a failure after that begins a new half minute
  fails = false;
  expect(await read()).toEqual([]);
  fails = true;
  expect(await read()).toEqual([]);
  await provider.close?.();
});

test('a function that does not answer ends with the call', async () => {
  const end = new AbortController();
  const reading = failureOf(
    open(() => new Promise(() => {})).read('all', context({ signal: end.signal })),
  );
  end.abort();
  expect((await reading).code).toBe('ERR_SECRET_ABORTED');
});
