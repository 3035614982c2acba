/** What the conformance suite does not ask, since only this store has it. */
import { createServer, type TlsOptions } from 'node:tls';
import { isSecretError, type SecretErrorCode } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import { assertNoLeak, callContext, type Fault, faultyServer } from '@keyfall/testkit';
import { expect, test } from 'vitest';
import { __camel__Provider } from '../src/index.ts';
import { startStore } from './store.ts';

const token = 'token-canary-1f0c';

function read(provider: SecretProvider) {
  return provider.read('all', callContext());
}

/** The error of a read, without the token in it. */
async function failureAt(address: string): Promise<unknown> {
  const error = await read(__camel__Provider({ address, token })).catch(
    (thrown: unknown) => thrown,
  );
  assertNoLeak([token], error);
  return error;
}

test.each<[Fault, SecretErrorCode]>([
  [{ kind: 'status', status: 429 }, 'ERR_SECRET_UNAVAILABLE'],
  [{ kind: 'status', status: 503 }, 'ERR_SECRET_UNAVAILABLE'],
  [{ kind: 'status', status: 400 }, 'ERR_SECRET_INVALID'],
  [{ kind: 'redirect', location: 'http://127.0.0.1:9/' }, 'ERR_SECRET_INVALID'],
  [{ kind: 'reset' }, 'ERR_SECRET_UNAVAILABLE'],
  [{ kind: 'cut' }, 'ERR_SECRET_UNAVAILABLE'],
  [{ kind: 'garbage' }, 'ERR_SECRET_INVALID'],
  [{ kind: 'html' }, 'ERR_SECRET_INVALID'],
  [{ kind: 'null-json' }, 'ERR_SECRET_INVALID'],
  [{ kind: 'flood' }, 'ERR_SECRET_INVALID'],
])('$kind of a server: %s', async (fault, code) => {
  const server = await faultyServer(fault);
  try {
    expect(await failureAt(server.address)).toMatchObject({ code });
  } finally {
    await server.close();
  }
});

test('a value that is no text is the error of its name alone', async () => {
  const store = await startStore(new Map());
  store.answer((response) => response.end('{"PORT":8080,"HOST":"shop"}'));
  const { entries } = await read(__camel__Provider(store));
  await store.stop();
  expect(entries.get('HOST')).toEqual({ value: 'shop' });
  expect(isSecretError(entries.get('PORT'), 'ERR_SECRET_INVALID')).toBe(true);
});

test('a TLS connection that cannot be made is no outage', async () => {
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
])('%s %j is refused', (option, value) => {
  const options = { address: 'https://shop.example/', token, [option]: value };
  let error: unknown;
  try {
    __camel__Provider(options);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toMatchObject({ code: 'ERR_SECRET_CONFIG' });
  expect(String(error)).toContain(option);
  assertNoLeak(['password-canary', 'lines-canary'], error);
});
