/** A wrong setting is named by option and variable: of a wrong type when the provider is made, else at the first call. */
import type { SecretError } from '@keyfall/core';
import { expect, test } from 'vitest';
import { type VaultProviderOptions, vaultDynamicProvider, vaultProvider } from '../src/index.ts';
import { vaultKv } from '../src/kv.ts';
import { resolveSettings } from '../src/settings/vault-settings.ts';
import { context, failureOf } from './harness.ts';

const brokenPem = '-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----\n';
const base = { path: 'shop', token: 'a-token' };
const settings = (env: Record<string, string>, options: VaultProviderOptions = base) =>
  resolveSettings({ ...options, env });

/** The error of a provider's first call, or of making it. */
async function errorOf(options: VaultProviderOptions, ...secrets: string[]): Promise<SecretError> {
  const reading = async () => vaultProvider({ env: {}, ...options }).read('all', context());
  const error = await failureOf(reading(), ...secrets);
  expect(error.code).toBe('ERR_SECRET_CONFIG');
  return error;
}

test('defaults', () => {
  expect(settings({})).toMatchObject({
    name: 'vault',
    address: { origin: 'https://127.0.0.1:8200', secure: true },
    mount: 'secret',
    paths: ['shop'],
    namespace: '',
    kvVersion: undefined,
    timeout: undefined,
    maxRetries: 2,
    followRedirects: true,
    tls: { skipVerify: false },
  });
  const provider = vaultProvider({ ...base, env: {} });
  expect(provider.store).toBe('https://127.0.0.1:8200 secret/shop');
  expect(provider.timeout).toBeUndefined();
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
    paths: ['their-path'],
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

test.each([
  ['ADDR', 'https://a.test'],
  ['AGENT_ADDR', 'https://a.test'],
  ['NAMESPACE', 'team'],
  ['CACERT', '/ca'],
  ['CACERT_BYTES', 'no certificate'],
  ['CAPATH', '/cas'],
  ['CLIENT_CERT', '/cert'],
  ['CLIENT_KEY', '/key'],
  ['CLIENT_TIMEOUT', '5s'],
  ['MAX_RETRIES', '9'],
  ['SKIP_VERIFY', 'true'],
  ['TLS_SERVER_NAME', 'a.test'],
  ['PROXY_ADDR', 'http://proxy.test'],
  ['HTTP_PROXY', 'http://proxy.test'],
  ['DISABLE_REDIRECTS', 'true'],
  ['RATE_LIMIT', '1'],
  ['SRV_LOOKUP', 'true'],
  ['WRAP_TTL', '5m'],
  ['MOUNT_POINT', 'kv'],
])('BAO_%s that is set to nothing beats VAULT_ and is the default', (setting, text) => {
  const defaults = settings({});
  const tls = { ...defaults.tls, skipVerifyFrom: expect.any(String) };
  const env = { [`VAULT_${setting}`]: text, [`BAO_${setting}`]: '' };
  expect(settings(env)).toEqual({ ...defaults, tls });
});

test('the root namespace counts as no namespace, by any of its names', () => {
  for (const text of ['', '/', 'root', '/root/', 'root/'])
    expect(settings({ VAULT_NAMESPACE: text }).namespace).toBe('');
  expect(vaultProvider({ ...base, env: {}, namespace: 'root' }).store).toBe(
    vaultProvider({ ...base, env: {} }).store,
  );
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
  ['1d', 86_400_000],
  ['1.s500000us', 1_500],
  ['.5s', 500],
  ['0', undefined],
])('VAULT_CLIENT_TIMEOUT=%s', (text, milliseconds) => {
  expect(settings({ VAULT_CLIENT_TIMEOUT: text }).timeout).toBe(milliseconds);
});

test.each(['1', 't', 'T', 'TRUE', 'true', 'True'])('VAULT_SKIP_VERIFY=%s', (text) => {
  expect(settings({ VAULT_SKIP_VERIFY: text }).tls.skipVerify).toBe(true);
});

test.each(['0', 'f', 'F', 'FALSE', 'false', 'False', ''])('VAULT_SKIP_VERIFY=%s', (text) => {
  expect(settings({ VAULT_SKIP_VERIFY: text }).tls.skipVerify).toBe(false);
});

test.each(['-5s', '5 s', 'soon', '1d2h', 's', '1.2.3s', '0x5'])(
  'VAULT_CLIENT_TIMEOUT=%s is refused',
  async (text) => {
    const error = await errorOf({ ...base, env: { VAULT_CLIENT_TIMEOUT: text } });
    expect(error.setting).toEqual({ option: 'timeout', variable: 'VAULT_CLIENT_TIMEOUT' });
  },
);

test.each(['SRV_LOOKUP', 'WRAP_TTL'])('%s that is off or empty is no setting', (setting) => {
  for (const text of ['', '0', 'false'])
    expect(settings({ [`VAULT_${setting}`]: text })).toEqual(settings({}));
});

test.each([
  ['10', { rate: 10, burst: 10 }],
  ['0.5', { rate: 0.5, burst: 1 }],
  ['2.5:7', { rate: 2.5, burst: 7 }],
])('VAULT_RATE_LIMIT=%s', (text, limit) => {
  expect(settings({ VAULT_RATE_LIMIT: text }).rateLimit).toEqual({
    ...limit,
    from: 'the variable VAULT_RATE_LIMIT',
  });
});

test("PROXY_ADDR beats Vault's HTTP_PROXY, and the system's are not read", () => {
  const env = {
    VAULT_PROXY_ADDR: 'http://us%65r:p%40ss@proxy.test:3128/',
    BAO_HTTP_PROXY: 'http://other.test',
    HTTPS_PROXY: 'http://generic.test',
    https_proxy: 'http://generic.test',
  };
  expect(settings(env).proxy).toEqual({
    origin: 'http://proxy.test:3128',
    hostname: 'proxy.test',
    port: 3128,
    authorization: `Basic ${Buffer.from('user:p@ss').toString('base64')}`,
  });
  expect(settings({ BAO_HTTP_PROXY: 'http://other.test' }).proxy?.origin).toBe('http://other.test');
  expect(settings({ HTTPS_PROXY: 'http://generic.test' }).proxy).toBeUndefined();
});

test('the password of a proxy is shown by no error', async () => {
  for (const proxy of [
    'socks5://u:pa55word@p',
    'http://u:pa55word@p/path',
    'http://u:pa55word%zz@p',
  ])
    await errorOf({ ...base, proxy }, 'pa55word');
});

test('authorities: an option before every variable; of the variables file, text, directory', () => {
  const all = { VAULT_CACERT: '/file', VAULT_CACERT_BYTES: 'x', VAULT_CAPATH: '/directory' };
  const file = (path: string, from: string) => ({ path, from });
  const directory = file('/directory', 'the variable VAULT_CAPATH');
  expect(settings(all).tls.authorities).toEqual(file('/file', 'the variable VAULT_CACERT'));
  expect(settings({ ...all, BAO_CACERT: '', BAO_CACERT_BYTES: '' }).tls.authorities).toEqual(
    directory,
  );
  expect(() => settings({ ...all, BAO_CACERT: '' })).toThrow('VAULT_CACERT_BYTES');
  expect(settings(all, { ...base, tls: { ca: '/own' } }).tls.authorities).toEqual(
    file('/own', 'the option tls.ca'),
  );
  expect(settings({}).tls.authorities).toBeUndefined();
});

test('a pair of certificate and key comes from one place', () => {
  const env = { VAULT_CLIENT_CERT: '/c', BAO_CLIENT_KEY: '/k' };
  expect(settings(env).tls.identity).toEqual({
    cert: { path: '/c', from: 'the variable VAULT_CLIENT_CERT' },
    key: { path: '/k', from: 'the variable BAO_CLIENT_KEY' },
  });
  const options = { ...base, tls: { cert: '/own.pem', key: '/own.key' } };
  expect(settings(env, options).tls.identity).toEqual({
    cert: { path: '/own.pem', from: 'the option tls.cert' },
    key: { path: '/own.key', from: 'the option tls.key' },
  });
});

test("a socket's path is taken as it stands", () => {
  expect(settings({ VAULT_ADDR: 'unix:///run/a b%20%zz/v1' }).address).toMatchObject({
    socketPath: '/run/a b%20%zz/v1',
    origin: 'unix:///run/a b%20%zz/v1',
  });
});

test('a plain node of this machine may stand beside an https address, as one beside plain ones may', () => {
  for (const local of ['http://127.0.0.1:8200', 'http://[::1]:8200', 'unix:///run/agent.sock'])
    expect(
      resolveSettings({ ...base, address: 'https://a.test', nodes: [local], env: {} }).nodes,
    ).toHaveLength(1);
  const plain = { ...base, address: 'http://a.test', nodes: ['http://b.test'], env: {} };
  expect(resolveSettings(plain).nodes).toHaveLength(1);
});

const login = () => ({ path: 'auth/x/login', body: {} });

test.each<[string, VaultProviderOptions, string[]]>([
  ['no path', { token: 'x' }, ['path', 'VAULT_SECRET_PATH']],
  ['no token', { path: 'shop' }, ['token', 'VAULT_TOKEN']],
  ['an empty token', { path: 'shop', env: { BAO_TOKEN: '', VAULT_TOKEN: 'x' } }, ['VAULT_TOKEN']],
  ['two tokens', { path: 'x', token: { file: '/x', agent: true } as never }, ['the option token']],
  ['no address', { ...base, env: { VAULT_ADDR: 'vault.test' } }, ['address', 'VAULT_ADDR']],
  ['another protocol', { ...base, address: 'ftp://vault.test' }, ['address']],
  ['a query', { ...base, address: 'https://vault.test?x' }, ['address']],
  ['a bad node', { ...base, nodes: ['nope'] }, ['nodes']],
  [
    'a plain node beside an https address',
    { ...base, address: 'https://a.test', nodes: ['https://b.test', 'http://c.test:8200'] },
    ['nodes', 'http://c.test:8200'],
  ],
  [
    'a plain address beside an https node',
    { ...base, env: { VAULT_ADDR: 'http://10.0.0.7:8200' }, nodes: ['https://b.test'] },
    ['nodes', 'http://10.0.0.7:8200'],
  ],
  [
    'a plain agent address beside an https node',
    { ...base, env: { VAULT_AGENT_ADDR: 'http://10.0.0.7:8100' }, nodes: ['https://b.test'] },
    ['http://10.0.0.7:8100'],
  ],
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
    ['retry.max', 'VAULT_MAX_RETRIES'],
  ],
  ['half a retry', { ...base, retry: { max: 0.5 } }, ['retry.max']],
  ['half of mTLS', { ...base, env: { VAULT_CLIENT_CERT: '/c' } }, ['tls.key', 'VAULT_CLIENT_KEY']],
  [
    'SRV look-up',
    { ...base, env: { BAO_SRV_LOOKUP: 'true', VAULT_SRV_LOOKUP: '' } },
    ['BAO_SRV_LOOKUP'],
  ],
  [
    'SRV look-up that is garbage',
    { ...base, env: { VAULT_SRV_LOOKUP: 'x' } },
    ['VAULT_SRV_LOOKUP'],
  ],
  ['wrapping', { ...base, env: { VAULT_WRAP_TTL: '5m' } }, ['VAULT_WRAP_TTL']],
  ['a bad rate', { ...base, env: { BAO_RATE_LIMIT: 'fast' } }, ['the variable BAO_RATE_LIMIT is']],
  ['no rate', { ...base, env: { VAULT_RATE_LIMIT: '0' } }, ['VAULT_RATE_LIMIT']],
  ['no burst', { ...base, env: { VAULT_RATE_LIMIT: '5:0' } }, ['VAULT_RATE_LIMIT']],
  [
    'redirects that are neither on nor off',
    { ...base, env: { BAO_DISABLE_REDIRECTS: 'no' } },
    ['the variable BAO_DISABLE_REDIRECTS is'],
  ],
  ['a bad proxy', { ...base, env: { VAULT_PROXY_ADDR: 'proxy:3128' } }, ['VAULT_PROXY_ADDR']],
  [
    'a proxy of another kind',
    { ...base, env: { VAULT_PROXY_ADDR: 'socks5://p:1080' } },
    ['the option proxy', 'VAULT_PROXY_ADDR', 'http proxy'],
  ],
  [
    'a proxy before a plain-text address',
    { ...base, env: { BAO_HTTP_PROXY: 'http://p:3128', BAO_ADDR: 'http://vault.test' } },
    ['BAO_HTTP_PROXY', 'http://vault.test', 'token'],
  ],
  [
    'a client certificate without its key',
    { ...base, env: { BAO_CLIENT_CERT: '/c' } },
    ['the variable BAO_CLIENT_CERT', 'tls.key', 'VAULT_CLIENT_KEY'],
  ],
  [
    'a key without its certificate',
    { ...base, tls: { key: '/k' }, env: { VAULT_CLIENT_CERT: '/c', VAULT_CLIENT_KEY: '/k' } },
    ['the option tls.key', 'the option tls.cert'],
  ],
  [
    'a text that is no certificate',
    { ...base, env: { BAO_CACERT_BYTES: 'PEM' } },
    ['the variable BAO_CACERT_BYTES'],
  ],
  ['a broken certificate', { ...base, tls: { ca: brokenPem } }, ['the option tls.ca']],
  ['verification by text', { ...base, tls: { skipVerify: 'false' as never } }, ['tls.skipVerify']],
  ['an empty name', { ...base, tls: { serverName: '' } }, ['tls.serverName']],
  ['a number for a file', { ...base, tls: { ca: 7 as never } }, ['tls.ca']],
  ['a text for a list', { ...base, nodes: 'https://a.test' as never }, ['nodes']],
  ['retries by text', { ...base, retry: { max: '2' as never } }, ['retry.max']],
  ['a wire', { ...base, wire: 'fetch' as never }, ['wire']],
  ['a relative socket', { ...base, address: 'unix://run/agent.sock' }, ['address', 'socket']],
  [
    'a socket that is too deep',
    { ...base, env: { BAO_AGENT_ADDR: `unix:///${'x'.repeat(120)}` } },
    ['BAO_AGENT_ADDR', '107'],
  ],
  ['a KV version', { ...base, kvVersion: 3 as 2 }, ['kvVersion']],
  ['a namespace', { ...base, namespace: 'a\r\nX-Evil: 1' }, ['namespace', 'VAULT_NAMESPACE']],
  ['a path upwards', { ...base, path: '../other' }, ['path', 'VAULT_SECRET_PATH']],
  ['a path with a hole', { ...base, path: 'a//b' }, ['path']],
  ['a path that is a dot', { ...base, path: './a' }, ['path']],
  ['a path with a line', { ...base, path: 'a\nb' }, ['path']],
  ['a path with a joiner', { ...base, path: 'a\u200bb' }, ['path']],
  ['a path by number', { ...base, path: [7 as never] }, ['the option path']],
  ['no path of several', { ...base, path: [] }, ['path', 'VAULT_SECRET_PATH']],
  ['an empty path of several', { ...base, path: ['a', ''] }, ['path']],
  ['one path twice', { ...base, path: ['a/{profile}', 'a/b'], profile: 'b' }, ['path', 'twice']],
  [
    'a profile that is missing',
    { ...base, path: ['shop', 'shop/{profile}'] },
    ['{profile}', 'the option profile', 'KEYFALL_PROFILE'],
  ],
  ['another placeholder', { ...base, path: 'shop/{stage}' }, ['{stage}', '{profile}']],
  ['a profile that is a path', { ...base, path: '{profile}', profile: 'a/b' }, ['profile']],
  ['a profile upwards', { ...base, path: 'a/{profile}', profile: '..' }, ['profile']],
  [
    'a profile with a hole, by variable',
    { ...base, path: 'a/{profile}', env: { KEYFALL_PROFILE: 'prod ' } },
    ['KEYFALL_PROFILE'],
  ],
  ['a token by number', { ...base, token: 7 as never }, ['option token']],
  ['a token of nothing', { ...base, token: '' }, ['option token']],
  ['a file by number', { path: 'x', token: { file: 7 as never } }, ['the option token']],
  ['a file of nothing', { path: 'x', token: { file: '' } }, ['the option token']],
  ['the helper by text', { path: 'x', token: { helper: 'false' as never } }, ['the option token']],
  ['an option that there is not', { ...base, tokenFile: 'x' } as never, ['tokenFile']],
  ['one that is mistyped', { ...base, adress: 'x' } as never, ['adress', 'address?']],
  ['one of a group', { ...base, tls: { sa: 'x' } as never }, ['tls.sa', 'tls.ca']],
  ['a group that is a list', { ...base, tls: [] as never }, ['option tls']],
  [
    'an address of its own beside that of the agent',
    { path: 'x', address: 'https://b.test', env: { VAULT_AGENT_ADDR: 'https://a.test' } },
    ['option token'],
  ],
  ['counted by text', { ...base, countedUses: 'no' as never }, ['the option countedUses']],
  [
    'counted uses of a login',
    { path: 'x', countedUses: true, auth: { name: 'x', login } },
    ['auth', 'countedUses', 'token_num_uses=0'],
  ],
  ['a login by name', { path: 'x', auth: 'approle' as never }, ['the option auth']],
  ['a login without a name', { path: 'x', auth: { login } as never }, ['the option auth']],
  ['a namespace by number', { ...base, namespace: 7 as never }, ['the option namespace']],
  ['a mount by list', { ...base, mount: ['kv'] as never }, ['the option mount']],
  ['no name', { ...base, name: '' }, ['the option name']],
  ['a limit by text', { ...base, writeLimits: { bytes: '1k' as never } }, ['writeLimits.bytes']],
  ['a mount upwards', { ...base, mount: 'secret/..' }, ['mount', 'VAULT_MOUNT_POINT']],
])('%s is named', async (_, options, named) => {
  const { message, setting } = await errorOf(options);
  for (const text of named) expect(message).toContain(text);
  // a program learns the same without reading the message
  expect(setting).toBeDefined();
  for (const name of Object.values(setting ?? {}))
    if (name !== true) expect(message).toContain(name);
});

test('a missing setting and a wrong one are different errors', async () => {
  expect((await errorOf({ token: 'x' })).setting).toEqual({
    option: 'path',
    variable: 'VAULT_SECRET_PATH',
    isMissing: true,
  });
  expect((await errorOf({ path: 'x' })).setting).toEqual({
    option: 'token',
    variable: 'VAULT_TOKEN',
    isMissing: true,
  });
  expect((await errorOf({ ...base, path: 'a/{profile}' })).setting).toEqual({
    option: 'profile',
    variable: 'KEYFALL_PROFILE',
    isMissing: true,
  });
});

test('making a provider reads no variable: what is set by the first call counts', async () => {
  const env: Record<string, string> = {};
  const provider = vaultProvider({ env });
  expect(provider.store).toBe('not configured');
  expect(provider.place).toEqual({ kind: 'vault' });
  expect(await failureOf(provider.read('all', context()))).toMatchObject({
    code: 'ERR_SECRET_CONFIG',
    setting: { isMissing: true },
  });
  Object.assign(env, { VAULT_ADDR: 'not an address', VAULT_CLIENT_TIMEOUT: 'soon' });
  expect(provider.store).toBe('not configured');
  expect(provider.timeout).toBeUndefined();
  Object.assign(env, {
    VAULT_ADDR: 'http://127.0.0.1:1',
    VAULT_TOKEN: 'x',
    VAULT_SECRET_PATH: 'shop',
    VAULT_NAMESPACE: 'team',
    VAULT_CLIENT_TIMEOUT: '3s',
  });
  expect(provider.place).toEqual({
    kind: 'vault',
    address: 'http://127.0.0.1:1',
    paths: ['team/secret/shop'],
  });
  expect(provider.timeout).toBe(3_000);
  const error = await failureOf(provider.read('all', context({ limit: 2_000 })));
  expect(error.code).toBe('ERR_SECRET_UNAVAILABLE');
  await provider.close?.();
});

test.each([vaultProvider, vaultKv, vaultDynamicProvider])(
  '%o refuses options that are not an object',
  (make) => {
    for (const given of ['shop', null])
      expect(() => make(given as never)).toThrow(
        expect.objectContaining({
          code: 'ERR_SECRET_CONFIG',
          message: expect.stringMatching(new RegExp(`^${make.name}: `)),
        }),
      );
  },
);

test('credentials in an address are refused and not shown', async () => {
  const address = 'https://user:pa55word@vault.test';
  const { message } = await errorOf({ ...base, address }, 'pa55word');
  expect(message).toContain('credentials');
});

test.each(['two words', 'tab\there', 'line\nhere', 'ключ-ключ', 'nul\0here'])(
  'a token that cannot be one is refused and not shown: %j',
  async (token) => {
    const { message } = await errorOf({ path: 'shop', token }, token);
    expect(message).toContain('the option token');
    const byVariable = await errorOf({ path: 'shop', env: { BAO_TOKEN: token } }, token);
    expect(byVariable.message).toContain('BAO_TOKEN');
  },
);

test("an agent's own token is used where its address is the variable's and there is no other", () => {
  const env = { BAO_AGENT_ADDR: 'unix:///run/agent.sock' };
  expect(settings(env, { path: 'shop' }).token).toEqual({ kind: 'agent' });
  expect(settings({ ...env, VAULT_TOKEN: 'own' }, { path: 'shop' }).token).toMatchObject({
    token: 'own',
  });
  expect(
    settings({ VAULT_ADDR: 'https://a.test' }, { path: 'shop', token: { agent: true } }),
  ).toMatchObject({
    token: { kind: 'agent' },
  });
});

test('blanks around a token are no part of it', () => {
  expect(settings({}, { path: 'shop', token: ' hvs.abc\n' }).token).toMatchObject({
    token: 'hvs.abc',
  });
});
