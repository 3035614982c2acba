/** A `.env` is data of a repository, perhaps a hostile one: it must not get hold of the user's token. */
import { isSecretError } from '@keyfall/core';
import { assertNoLeak } from '@keyfall/testkit';
import { expect, test } from 'vitest';
import { vaultEnvironment, vaultVariableNames } from '../src/index.ts';

const token = 'the-users-own-token';
const fileToken = 'the-token-of-the-file';
const evil = 'https://evil.example:8200';

test('the names are exactly those of the clients, under both prefixes', () => {
  for (const name of ['VAULT_ADDR', 'BAO_TOKEN', 'VAULT_SECRET_PATH', 'BAO_MOUNT_POINT'])
    expect(vaultVariableNames).toContain(name);
  for (const name of ['VAULT_DB_PASSWORD', 'USE_VAULT', 'ADDR'])
    expect(vaultVariableNames).not.toContain(name);
});

test('setting by setting the environment wins, whichever prefix it uses', () => {
  const { env, warnings } = vaultEnvironment({
    environment: { VAULT_ADDR: 'https://vault.example', VAULT_TOKEN: token, PATH: '/bin' },
    file: {
      BAO_ADDR: evil,
      BAO_TOKEN: fileToken,
      VAULT_MOUNT_POINT: 'vault',
      BAO_MOUNT_POINT: 'bao',
      VAULT_SECRET_PATH: 'shop',
      VAULT_DB_PASSWORD: 'x',
    },
  });
  expect(env).toEqual({
    VAULT_ADDR: 'https://vault.example',
    VAULT_TOKEN: token,
    BAO_MOUNT_POINT: 'bao',
    VAULT_SECRET_PATH: 'shop',
  });
  expect(warnings).toEqual([]);
});

test("the profile is the environment's, and never a file's", () => {
  const file = { VAULT_SECRET_PATH: 'shop/{profile}', KEYFALL_PROFILE: 'prod' };
  expect(vaultEnvironment({ environment: {}, file }).env).toEqual({
    VAULT_SECRET_PATH: 'shop/{profile}',
  });
  const environment = { KEYFALL_PROFILE: 'dev' };
  expect(vaultEnvironment({ environment, file }).env).toMatchObject({ KEYFALL_PROFILE: 'dev' });
});

test('an empty BAO_X of the environment is an answer: the default', () => {
  const { env } = vaultEnvironment({
    environment: { BAO_NAMESPACE: '' },
    file: { VAULT_NAMESPACE: 'theirs' },
  });
  expect(env).toEqual({ BAO_NAMESPACE: '' });
});

test.each([
  'SKIP_VERIFY',
  'PROXY_ADDR',
  'HTTP_PROXY',
  'CACERT',
  'CACERT_BYTES',
  'CAPATH',
  'TLS_SERVER_NAME',
  'AGENT_ADDR',
  'SRV_LOOKUP',
])('%s of a file counts only with a token of the file', (setting) => {
  for (const name of [`VAULT_${setting}`, `BAO_${setting}`]) {
    for (const environment of [{ VAULT_TOKEN: token }, {}]) {
      const { env, warnings } = vaultEnvironment({ environment, file: { [name]: 'true' } });
      expect(env).not.toHaveProperty(name);
      expect(warnings.join()).toContain(name);
      assertNoLeak([token], warnings);
    }
    const file = { [name]: 'true', VAULT_TOKEN: fileToken };
    expect(vaultEnvironment({ environment: {}, file }).env).toHaveProperty(name);
    expect(vaultEnvironment({ environment: { BAO_TOKEN: token }, file }).env).not.toHaveProperty(
      name,
    );
  }
});

test.each([
  [
    'nothing of the file',
    { VAULT_TOKEN: fileToken, VAULT_SECRET_PATH: 'x' },
    { VAULT_ADDR: evil },
    undefined,
  ],
  ['its address', { VAULT_ADDR: evil }, { VAULT_TOKEN: token }, 'VAULT_ADDR'],
  ['its address and token', { BAO_ADDR: evil, VAULT_TOKEN: fileToken }, {}, 'BAO_ADDR'],
  ['an address that is set to nothing', { VAULT_ADDR: '', VAULT_TOKEN: fileToken }, {}, undefined],
  [
    'an address that an agent of the environment replaces',
    { VAULT_ADDR: evil },
    { VAULT_AGENT_ADDR: 'http://127.0.0.1' },
    undefined,
  ],
  [
    'a proxy before the address of the environment',
    { VAULT_PROXY_ADDR: evil, VAULT_TOKEN: fileToken },
    { VAULT_ADDR: evil },
    'VAULT_PROXY_ADDR',
  ],
  [
    'no check of a certificate',
    { VAULT_SKIP_VERIFY: '1', VAULT_TOKEN: fileToken },
    { VAULT_ADDR: evil },
    'VAULT_SKIP_VERIFY',
  ],
  [
    'a proxy that is ignored',
    { VAULT_PROXY_ADDR: evil },
    { VAULT_ADDR: evil, VAULT_TOKEN: token },
    undefined,
  ],
])('%s decides which server answers', (_, file, environment, variable) => {
  expect(vaultEnvironment({ environment, file }).serverVariable).toBe(variable);
});

test('a token file that a file names is never read', () => {
  const { env, warnings } = vaultEnvironment({
    environment: {},
    file: { VAULT_TOKEN: fileToken, VAULT_TOKEN_PATH: '/home/user/.vault-token' },
  });
  expect(env).not.toHaveProperty('VAULT_TOKEN_PATH');
  expect(warnings).toHaveLength(1);
});

test("the user's token on its way to a file's address is announced", () => {
  const { warnings } = vaultEnvironment({
    environment: { VAULT_TOKEN: token },
    file: { VAULT_ADDR: evil },
  });
  expect(warnings.join()).toContain(evil);
  expect(warnings.join()).toContain('VAULT_TOKEN');
  assertNoLeak([token], warnings);
  const helper = vaultEnvironment({
    environment: {},
    file: { VAULT_ADDR: evil },
    tokenHelper: true,
  });
  expect(helper.warnings.join()).toContain(evil);
});

test.each([
  [{}, { VAULT_ADDR: evil, VAULT_TOKEN: fileToken }],
  [{ VAULT_ADDR: evil }, { VAULT_TOKEN: fileToken }],
  [{}, { VAULT_ADDR: evil }],
  [{ VAULT_TOKEN: token, VAULT_ADDR: 'https://own.example' }, { VAULT_ADDR: evil }],
  [{ VAULT_TOKEN: token, VAULT_AGENT_ADDR: 'unix:///run/agent' }, { VAULT_ADDR: evil }],
])('nothing to announce: %j %j', (environment, file) => {
  expect(vaultEnvironment({ environment, file }).warnings).toEqual([]);
});

test.each(['http://evil.example:8200', 'http://127.0.0.1.evil.example', 'http://10.0.0.1'])(
  "the user's token does not go over plain http to %s",
  (address) => {
    try {
      vaultEnvironment({ environment: { VAULT_TOKEN: token }, file: { VAULT_ADDR: address } });
      expect.unreachable();
    } catch (error) {
      expect(isSecretError(error, 'ERR_SECRET_CONFIG')).toBe(true);
      assertNoLeak([token], error);
    }
  },
);

test.each(['http://127.0.0.1:8200', 'http://localhost:8200', 'http://[::1]:8200'])(
  'plain http on this machine is announced: %s',
  (address) => {
    const sources = { environment: { VAULT_TOKEN: token }, file: { VAULT_ADDR: address } };
    expect(vaultEnvironment(sources).warnings.join()).toContain(address);
  },
);

test('credentials in an address of a file are refused and not shown', () => {
  const file = { VAULT_ADDR: 'https://user:pa55word@evil.example' };
  try {
    vaultEnvironment({ environment: { VAULT_TOKEN: token }, file });
    expect.unreachable();
  } catch (error) {
    expect(isSecretError(error, 'ERR_SECRET_CONFIG')).toBe(true);
    assertNoLeak(['pa55word', token], error);
  }
});

test('a token that is set to nothing does not hide that the token file goes to an address of the file', () => {
  const environment = { VAULT_TOKEN: '' };
  const merge = (address: string) =>
    vaultEnvironment({ environment, file: { VAULT_ADDR: address }, tokenHelper: true });
  expect(() => merge('http://vault.example:8200')).toThrow(/http/);
  expect(merge('https://vault.example:8200').warnings.join()).toContain('the token file');
});
