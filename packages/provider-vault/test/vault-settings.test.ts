/** A wrong setting shows when the provider is made, and is named by option and variable. */
import { isSecretError } from '@keyfall/core';
import { assertNoLeak } from '@keyfall/testkit';
import { expect, test } from 'vitest';
import { type VaultProviderOptions, vaultProvider } from '../src/index.ts';
import { resolveSettings } from '../src/vault-settings.ts';

const base = { path: 'shop', token: 'a-token' };
const settings = (env: Record<string, string>, options: VaultProviderOptions = base) =>
  resolveSettings({ ...options, env });

function errorOf(options: VaultProviderOptions, ...secrets: string[]): string {
  try {
    vaultProvider({ env: {}, ...options });
  } catch (error) {
    assertNoLeak(secrets, error);
    if (isSecretError(error, 'ERR_SECRET_CONFIG')) return error.message;
    throw error;
  }
  throw new Error('did not throw');
}

test('defaults', () => {
  expect(settings({})).toMatchObject({
    name: 'vault',
    address: { origin: 'https://127.0.0.1:8200', secure: true },
    mount: 'secret',
    path: 'shop',
    namespace: '',
    kvVersion: undefined,
    timeout: undefined,
    maxRetries: 2,
    followRedirects: true,
    tls: { skipVerify: false },
  });
  const provider = vaultProvider({ ...base, env: {} });
  expect(provider.store).toBe('vault https://127.0.0.1:8200 secret/shop');
  expect(provider).not.toHaveProperty('timeout');
});

test('options beat BAO_X, which beats VAULT_X, also when it is empty', () => {
  const env = {
    VAULT_ADDR: 'https://vault.test',
    BAO_ADDR: 'https://bao.test:1234/',
    VAULT_MOUNT_POINT: 'theirs',
    BAO_MOUNT_POINT: '',
    VAULT_SECRET_PATH: 'their-path',
    VAULT_NAMESPACE: '/team-a/',
    VAULT_TOKEN: 'theirs',
    VAULT_CLIENT_TIMEOUT: '1m30s',
    VAULT_MAX_RETRIES: '0',
    VAULT_SKIP_VERIFY: 'F',
  };
  expect(settings(env, {})).toMatchObject({
    address: { origin: 'https://bao.test:1234' },
    mount: 'secret',
    path: 'their-path',
    namespace: 'team-a',
    token: { token: 'theirs', from: 'VAULT_TOKEN' },
    timeout: 90_000,
    maxRetries: 0,
    tls: { skipVerify: false },
  });
  const options = {
    address: 'http://own.test',
    mount: 'own/kv',
    path: 'p',
    token: 'own',
    timeout: '5s',
  } as const;
  expect(settings(env, options)).toMatchObject({
    address: { origin: 'http://own.test', port: 80 },
    mount: 'own/kv',
    token: { token: 'own' },
    timeout: 5_000,
  });
});

test('an agent address beats the address', () => {
  const env = { VAULT_ADDR: 'https://a.test', VAULT_AGENT_ADDR: 'unix:///run/agent.sock' };
  expect(settings(env).address).toMatchObject({ socketPath: '/run/agent.sock', secure: false });
});

test.each([
  ['5', 5_000],
  ['250ms', 250],
  ['1.5s', 1_500],
  ['1h', 3_600_000],
  ['0', undefined],
])('VAULT_CLIENT_TIMEOUT=%s', (text, milliseconds) => {
  expect(settings({ VAULT_CLIENT_TIMEOUT: text }).timeout).toBe(milliseconds);
});

test.each(['1', 't', 'T', 'TRUE', 'true', 'True'])('VAULT_SKIP_VERIFY=%s', (text) => {
  expect(settings({ VAULT_SKIP_VERIFY: text }).tls.skipVerify).toBe(true);
});

test.each<[string, VaultProviderOptions, string[]]>([
  ['no path', { token: 'x' }, ['path', 'VAULT_SECRET_PATH']],
  ['no token', { path: 'shop' }, ['token', 'VAULT_TOKEN']],
  ['an empty token', { path: 'shop', env: { BAO_TOKEN: '', VAULT_TOKEN: 'x' } }, ['VAULT_TOKEN']],
  ['two tokens', { ...base, tokenFile: '/x' }, ['token', 'tokenFile']],
  ['no address', { ...base, env: { VAULT_ADDR: 'vault.test' } }, ['address', 'VAULT_ADDR']],
  ['another protocol', { ...base, address: 'ftp://vault.test' }, ['address']],
  ['a query', { ...base, address: 'https://vault.test?x' }, ['address']],
  ['a bad node', { ...base, nodes: ['nope'] }, ['nodes']],
  [
    'SKIP_VERIFY=yes',
    { ...base, env: { VAULT_SKIP_VERIFY: 'yes' } },
    ['skipVerify', 'VAULT_SKIP_VERIFY'],
  ],
  [
    'a bad timeout',
    { ...base, env: { BAO_CLIENT_TIMEOUT: 'soon' } },
    ['timeout', 'BAO_CLIENT_TIMEOUT'],
  ],
  [
    'bad retries',
    { ...base, env: { VAULT_MAX_RETRIES: '-1' } },
    ['maxRetries', 'VAULT_MAX_RETRIES'],
  ],
  ['half a retry', { ...base, maxRetries: 0.5 }, ['maxRetries']],
  [
    'half of mTLS',
    { ...base, env: { VAULT_CLIENT_CERT: '/c' } },
    ['clientKey', 'VAULT_CLIENT_KEY'],
  ],
  ['a proxy', { ...base, env: { VAULT_PROXY_ADDR: 'http://p' } }, ['VAULT_PROXY_ADDR']],
  ['a KV version', { ...base, kvVersion: 3 as 2 }, ['kvVersion']],
  ['a namespace', { ...base, namespace: 'a\r\nX-Evil: 1' }, ['namespace', 'VAULT_NAMESPACE']],
  ['a path upwards', { ...base, path: '../other' }, ['path', 'VAULT_SECRET_PATH']],
  ['a path with a hole', { ...base, path: 'a//b' }, ['path']],
  ['a path that is a dot', { ...base, path: './a' }, ['path']],
  ['a path with a line', { ...base, path: 'a\nb' }, ['path']],
  ['a path with a joiner', { ...base, path: 'a\u200bb' }, ['path']],
  ['a mount upwards', { ...base, mount: 'secret/..' }, ['mount', 'VAULT_MOUNT_POINT']],
])('%s is named', (_, options, named) => {
  const message = errorOf(options);
  for (const text of named) expect(message).toContain(text);
});

test('credentials in an address are refused and not shown', () => {
  const message = errorOf({ ...base, address: 'https://user:pa55word@vault.test' }, 'pa55word');
  expect(message).toContain('credentials');
});

test.each(['two words', 'tab\there', 'line\nhere', 'ключ-ключ', 'nul\0here'])(
  'a token that cannot be one is refused and not shown: %j',
  (token) => {
    expect(errorOf({ path: 'shop', token }, token)).toContain('the option token');
    expect(errorOf({ path: 'shop', env: { BAO_TOKEN: token } }, token)).toContain('BAO_TOKEN');
  },
);

test('blanks around a token are no part of it', () => {
  expect(settings({}, { path: 'shop', token: ' hvs.abc\n' }).token).toMatchObject({
    token: 'hvs.abc',
  });
});
