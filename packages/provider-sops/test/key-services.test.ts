/**
 * To which services the real sops may show credentials, and what of the environment it gets. That it is so with the real
 * program is in sops-binary.provisioned.test.ts.
 */
import { describe, expect, test } from 'vitest';
import { sopsProvider } from '../src/index.ts';
import { environmentFor } from '../src/reading/key-services.ts';
import { loadedSource, unloadedSource } from '../src/reading/sops-source.ts';

const variables = {
  PATH: '/bin',
  HOME: '/home/user',
  VAULT_ADDR: 'https://vault.example:8200/',
  VAULT_TOKEN: 'canary',
  AWS_SECRET_ACCESS_KEY: 'canary',
  AZURE_CLIENT_SECRET: 'canary',
  GOOGLE_CREDENTIALS: 'canary',
  SOPS_AGE_KEY: 'canary',
  GNUPGHOME: '/gnupg',
  DATABASE_URL: 'canary',
};

/** What sops gets for a file with these keys under `sops`. */
async function givenFor(sops: unknown, keyServers?: readonly string[]): Promise<string[]> {
  const source = await loadedSource(
    unloadedSource('x.json', 'sops', { environment: variables, ...(keyServers && { keyServers }) }),
  );
  return Object.keys(environmentFor(source, Buffer.from(JSON.stringify({ a: 'x', sops })))).sort();
}

describe('sops gets the variables that it needs for', () => {
  const base = ['HOME', 'PATH', 'SOPS_AGE_KEY'];
  test.each([
    ['age alone', { age: [{}] }, []],
    ['pgp', { pgp: [{ fp: 'x' }] }, ['GNUPGHOME']],
    [
      'hc_vault',
      { hc_vault: [{ vault_address: 'https://vault.example:8200' }] },
      ['VAULT_ADDR', 'VAULT_TOKEN'],
    ],
    ['gcp_kms', { gcp_kms: [{ resource_id: 'projects/x' }] }, ['GOOGLE_CREDENTIALS']],
    [
      'azure_kv',
      { azure_kv: [{ vault_url: 'https://shop.vault.azure.net' }] },
      ['AZURE_CLIENT_SECRET'],
    ],
    [
      'kms',
      { kms: [{ arn: 'arn:aws:kms:eu-west-1:123456789012:key/x' }] },
      ['AWS_SECRET_ACCESS_KEY'],
    ],
    [
      'two in groups',
      { key_groups: [{ pgp: [{}] }, { kms: [{ arn: 'arn:aws-cn:kms:cn-north-1:1:alias/x' }] }] },
      ['AWS_SECRET_ACCESS_KEY', 'GNUPGHOME'],
    ],
    [
      'the names of an encryption context',
      { kms: [{ arn: 'arn:aws:kms:eu-west-1:1:key/x', context: { AppName: 'x' } }] },
      ['AWS_SECRET_ACCESS_KEY'],
    ],
  ])('%s', async (_, sops, more) => {
    expect(await givenFor(sops)).toEqual([...base, ...more].sort());
  });
});

test('the variables with credentials that sops gets are recorded', async () => {
  const environment = { ...variables, AWS_SESSION_TOKEN: undefined };
  const source = await loadedSource(unloadedSource('x.json', 'sops', { environment }));
  const given = (sops: unknown) => environmentFor(source, Buffer.from(JSON.stringify({ sops })));
  given({ pgp: [{}] });
  expect([...source.credentialVariables]).toEqual([]);
  given({ kms: [{ arn: 'arn:aws:kms:eu-west-1:1:key/x' }] });
  given({ azure_kv: [{ vault_url: 'https://shop.vault.azure.net' }] });
  const expected = ['AWS_SECRET_ACCESS_KEY', 'AZURE_CLIENT_SECRET'];
  expect([...source.credentialVariables]).toEqual(expected);
  // a provider has them from its first read on
  expect(sopsProvider({ path: 'x.json' }).credentialVariables).toBeInstanceOf(Set);
});

describe('a service that is not configured', () => {
  const vault = (address: unknown) => ({ hc_vault: [{ vault_address: address }] });
  test.each([
    ['another host', vault('https://evil.example:8200')],
    ['another port', vault('https://vault.example:8201')],
    ['plain http', vault('http://vault.example:8200')],
    ['another path', vault('https://vault.example:8200/evil')],
    ['credentials before the host', vault('https://vault.example:8200@evil.example')],
    ['a backslash', vault('https://evil.example\\@vault.example:8200')],
    ['a host that is written otherwise', vault('https://vault\u3002example:8200')],
    ['a host in percents', vault('https://vault%2eexample:8200')],
    ['a line break', vault('https://vault.exam\nple:8200')],
    ['a query', vault('https://vault.example:8200?x')],
    ['no address', vault('')],
    [
      'one of several',
      {
        hc_vault: [
          { vault_address: 'https://vault.example:8200' },
          { vault_address: 'https://e.example' },
        ],
      },
    ],
    ['in a group', { pgp: [{}], key_groups: [vault('https://evil.example')] }],
    [
      'a key vault that is not of Azure',
      { azure_kv: [{ vault_url: 'https://shop.vault.azure.net.evil.example' }] },
    ],
    ['a key vault over http', { azure_kv: [{ vault_url: 'http://shop.vault.azure.net' }] }],
    ['a region that makes another host', { kms: [{ arn: 'arn:aws:kms:evil.example/#:1:key/x' }] }],
    ['what is no ARN', { kms: [{ arn: 'x' }] }],
  ])('%s is refused', async (_, sops) => {
    await expect(givenFor(sops)).rejects.toMatchObject({
      code: 'ERR_SECRET_CONFIG',
      hint: expect.any(String),
    });
  });

  test('is asked if it is named', async () => {
    const servers = ['https://other.example', 'https://keys.corp.example/'];
    expect(await givenFor(vault('https://other.example/'), servers)).toContain('VAULT_TOKEN');
    const corp = { azure_kv: [{ vault_url: 'https://keys.corp.example' }] };
    expect(await givenFor(corp, servers)).toContain('AZURE_CLIENT_SECRET');
  });

  test.each([
    [
      'upper case',
      {
        hc_vault: [
          { vault_address: 'https://vault.example:8200', VAULT_ADDRESS: 'https://e.example' },
        ],
      },
    ],
    ['the long s', { hc_vault: [{ 'vault_addre\u017f\u017f': 'https://e.example' }] }],
    ['a field', { pgp: [{}], HC_VAULT: [{ vault_address: 'https://e.example' }] }],
    ['a merge', { '<<': vault('https://e.example') }],
  ])('and hidden from us behind %s is refused', async (_, sops) => {
    await expect(givenFor(sops)).rejects.toMatchObject({ code: 'ERR_SECRET_INVALID' });
  });

  test('is shown without control characters', async () => {
    const error = await givenFor(
      vault(`https://e.example/\u001b[2J\nkeyfall: done${'x'.repeat(200)}`),
    ).catch((thrown) => thrown);
    expect(error.message).not.toMatch(/\p{Cc}/u);
  });
});

test.each([[['x']], ['https://x.example'], [[1]]])(
  'the option keyServers cannot be %j',
  (keyServers) => {
    expect(() => sopsProvider({ path: 'x.json', keyServers: keyServers as string[] })).toThrow(
      expect.objectContaining({ code: 'ERR_SECRET_CONFIG' }),
    );
  },
);
