/** What the conformance suite does not ask, since only this store has it. */
import { createServer, type TlsOptions } from 'node:tls';
import { isSecretError, type SecretErrorCode } from '@keyfall/core/provider';
import { assertNoLeak, callContext, type Fault, faultyServer } from '@keyfall/testkit';
import { expect, test, vi } from 'vitest';
import { __camel__Provider } from '../src/index.ts';
import { startStore } from './store.ts';

const token = 'token-canary-1f0c';

/** What is read of the store at `address`. */
function readAt(address: string, bearer = token) {
  return __camel__Provider({ address, token: bearer }).read('all', callContext());
}

/** The error of a read, without the token in it. */
async function failureAt(address: string): Promise<unknown> {
  const error = await readAt(address).catch((thrown: unknown) => thrown);
  assertNoLeak([token], error);
  return error;
}

test.each<[Fault, SecretErrorCode]>([
  [{ kind: 'status', status: 400 }, 'ERR_SECRET_INVALID'],
  [{ kind: 'reset' }, 'ERR_SECRET_UNAVAILABLE'],
  [{ kind: 'cut' }, 'ERR_SECRET_UNAVAILABLE'],
  [{ kind: 'garbage' }, 'ERR_SECRET_INVALID'],
  [{ kind: 'null-json' }, 'ERR_SECRET_INVALID'],
  [{ kind: 'flood' }, 'ERR_SECRET_INVALID'],
])('an answer of the kind %s is reported as %s', async (fault, code) => {
  const server = await faultyServer(fault);
  try {
    expect(await failureAt(server.address)).toMatchObject({ code });
  } finally {
    await server.close();
  }
});

test('a value that is not text is the error of its name alone', async () => {
  const store = await startStore(
    new Map<string, unknown>([
      ['PORT', 8080],
      ['HOST', 'shop'],
    ]),
  );
  const { entries } = await readAt(store.address, store.token);
  await store.stop();
  expect(entries.get('HOST')).toEqual({ value: 'shop' });
  expect(isSecretError(entries.get('PORT'), 'ERR_SECRET_INVALID')).toBe(true);
});

test('a TLS connection that cannot be made is ERR_SECRET_TLS, and not an outage', async () => {
  const options: TlsOptions = {}; // no certificate: the handshake fails
  const server = createServer(options);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const error = await failureAt(`https://127.0.0.1:${port}/`);
  server.close();
  expect(error).toMatchObject({ code: 'ERR_SECRET_TLS' });
});

test.each([
  ['address', 'shop'],
  ['address', 'ftp://shop.example/'],
  ['address', 'https://user:password-canary@shop.example/'],
  ['token', ''],
  ['token', 'two\nlines-canary'],
])('the option %s is refused where it is %j', (option, value) => {
  const options = { address: 'https://shop.example/', token, [option]: value };
  let error: unknown;
  try {
    __camel__Provider(options);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toMatchObject({ code: 'ERR_SECRET_CONFIG', setting: { option } });
  assertNoLeak(['password-canary', 'lines-canary'], error);
});

test('the token is read from the environment at the first read, and one that is missing is named', async () => {
  const store = await startStore(new Map([['HOST', 'shop']]));
  const provider = __camel__Provider({ address: store.address });
  const variable = '__UPPER___TOKEN';
  await expect(provider.read('all', callContext())).rejects.toMatchObject({
    code: 'ERR_SECRET_CONFIG',
    setting: { option: 'token', variable, isMissing: true },
  });
  vi.stubEnv(variable, store.token);
  const { entries } = await provider.read('all', callContext());
  vi.unstubAllEnvs();
  await store.stop();
  expect(entries.get('HOST')).toEqual({ value: 'shop' });
});
