/**
 * Logins by AWS IAM to a real OpenBao with the method of HashiCorp Vault as its plugin (scripts/provision), which asks moto in
 * place of AWS who has signed. moto checks the signatures.
 */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { createServer, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  CreateAccessKeyCommand,
  CreateRoleCommand,
  CreateUserCommand,
  DeleteAccessKeyCommand,
  IAMClient,
} from '@aws-sdk/client-iam';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { createSecrets, isSecretError, memoryProvider, type Secrets } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import { type VaultLoginContext, vaultProvider } from '@keyfall/provider-vault';
import {
  assertNoLeak,
  type MotoServer,
  startMotoServer,
  startVaultServer,
  temporaryFolder,
  type VaultServer,
} from '@keyfall/testkit';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type AwsCredentials, type AwsIamAuthOptions, awsIamAuth } from '../src/index.ts';

const run = promisify(execFile);
const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'keyfall', 'bin');
const plugin = join(cache, 'vault-plugin-auth-aws-1.21.4');

const value = `canary-${Math.random().toString(36).slice(2)}`;
const serverId = 'vault.example.com';
const region = 'us-east-1';
const bound = ['user/shop', 'role/shop'].map((who) => `arn:aws:iam::123456789012:${who}`);
const endings: (() => unknown)[] = [];
let server: VaultServer;
let moto: MotoServer;
let folder = '';
let remove: () => Promise<void>;
let ofUser: AwsCredentials;
let ofStranger: AwsCredentials;
let ofRole: AwsCredentials;
let iam: IAMClient;

/** In front of moto, which has another content type than AWS, that Vault goes by. */
let asked: string[] = [];
let throttles = false;
const sts = createServer(async (incoming, outgoing) => {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  asked.push(String(incoming.headers.authorization));
  const xml = { 'Content-Type': 'text/xml' };
  if (throttles) {
    outgoing.writeHead(400, xml);
    const error = '<Error>\n<Type>Sender</Type>\n<Code>Throttling</Code>\n</Error>';
    return void outgoing.end(`<ErrorResponse>\n${error}\n</ErrorResponse>`);
  }
  const { hostname, port } = new URL(moto.address);
  const { method, headers } = incoming;
  // Vault asks for `//`
  send({ hostname, port, method, headers, path: '/' }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 500, xml);
    answer.pipe(outgoing);
  }).end(Buffer.concat(chunks));
});
const listen = (port = 0) =>
  new Promise<void>((resolve) => void sts.listen(port, '127.0.0.1', resolve));
const portOf = () => (sts.address() as AddressInfo).port;
const unreachable = () => {
  sts.close();
  sts.closeAllConnections();
};

async function userOf(UserName: string): Promise<AwsCredentials> {
  await iam.send(new CreateUserCommand({ UserName }));
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
  return {
    accessKeyId: AccessKey?.AccessKeyId ?? '',
    secretAccessKey: AccessKey?.SecretAccessKey ?? '',
  };
}

beforeAll(async () => {
  ({ folder, remove } = await temporaryFolder());
  const plugins = join(folder, 'plugins');
  await mkdir(plugins);
  await copyFile(plugin, join(plugins, 'aws'));
  [server, moto] = await Promise.all([
    startVaultServer({ external: false, args: [`-dev-plugin-dir=${plugins}`] }),
    startMotoServer(),
  ]);
  const own = {
    region,
    endpoint: moto.address,
    credentials: { accessKeyId: 'AKIAROOT', secretAccessKey: 'root' },
  };
  iam = new IAMClient(own);
  ofUser = await userOf('shop');
  ofStranger = await userOf('stranger');
  const { Role } = await iam.send(
    new CreateRoleCommand({ RoleName: 'shop', AssumeRolePolicyDocument: '{}' }),
  );
  const { Credentials } = await new STSClient(own).send(
    new AssumeRoleCommand({ RoleArn: Role?.Arn, RoleSessionName: 'pod-1' }),
  );
  ofRole = {
    accessKeyId: Credentials?.AccessKeyId ?? '',
    secretAccessKey: Credentials?.SecretAccessKey ?? '',
    sessionToken: Credentials?.SessionToken,
  };
  await moto.enforcePolicies(true);
  await listen();

  const policy = await server.createPolicy('path "secret/data/shop" { capabilities = ["read"] }');
  await server.request('POST', 'secret/data/shop', { data: { TOKEN: value } });
  await server.request('POST', 'sys/auth/aws', { type: 'aws' });
  await server.request('POST', 'auth/aws/config/client', {
    sts_endpoint: `http://127.0.0.1:${portOf()}`,
    iam_server_id_header_value: serverId,
    max_retries: 0,
  });
  await server.request('POST', 'auth/aws/role/shop', {
    auth_type: 'iam',
    bound_iam_principal_arn: bound,
    // the id would be looked up in IAM
    resolve_aws_unique_ids: false,
    token_policies: policy,
  });
});
afterAll(async () => {
  await server?.stop();
  await moto?.stop();
  unreachable();
  await remove();
});
afterEach(async () => {
  throttles = false;
  for (const end of endings.splice(0)) await end();
});

const context = {
  signal: new AbortController().signal,
  remainingTimeout: () => 20_000,
  warn: () => {},
};

function providerOf(credentials: AwsCredentials, options: AwsIamAuthOptions = {}): SecretProvider {
  asked = [];
  const auth = authOf(credentials, options);
  return vaultProvider({ address: server.address, path: 'shop', auth, env: {} });
}

function authOf(credentials: AwsCredentials, options: AwsIamAuthOptions = {}) {
  return awsIamAuth({ role: 'shop', serverId, credentials: async () => credentials, ...options });
}

function open(
  credentials: AwsCredentials,
  options: AwsIamAuthOptions = {},
  ...more: readonly SecretProvider[]
): Secrets {
  const secrets = createSecrets({ providers: [providerOf(credentials, options), ...more] });
  endings.push(() => secrets.close());
  return secrets;
}

/** Why it was not read, without anything of a key or a signature. */
async function failureOf(
  reading: Promise<unknown>,
  { secretAccessKey, sessionToken = secretAccessKey }: AwsCredentials,
) {
  const error = await reading.catch((thrown: unknown) => thrown);
  const signatures = asked.map((header) => header.split('Signature=')[1] ?? header);
  assertNoLeak([secretAccessKey, sessionToken, ...signatures], error);
  if (!isSecretError(error)) throw new Error('it was read');
  return error;
}

test('a user, and a role with its session token, log in by what AWS says of their signature', async () => {
  expect(await open(ofUser).get('TOKEN')).toBe(value);
  // the server asks more than once what it gets in one login
  expect(new Set(asked).size).toBe(1);
  expect(await open(ofRole).get('TOKEN')).toBe(value);
  // the role of the method is the one of the same name
  expect(await open(ofUser, { role: undefined }).get('TOKEN')).toBe(value);
});

test('a token that the server no longer knows is replaced by another login, with a signature of its own', async () => {
  const secrets = open(ofUser);
  await secrets.get('TOKEN');
  await server.request('POST', 'sys/leases/revoke-prefix/auth/aws/login');
  await secrets.refresh();
  expect(await secrets.get('TOKEN')).toBe(value);
  expect(new Set(asked).size).toBe(2);
});

test('a wrong key is not authenticated, and is not sent again at once', async () => {
  const wrong = { ...ofUser, secretAccessKey: 'canary-of-another-key' };
  const provider = providerOf(wrong);
  endings.push(() => provider.close?.());
  for (let reads = 0; reads < 2; reads += 1) {
    const error = await failureOf(provider.read(['TOKEN'], context), wrong);
    expect(error).toMatchObject({ code: 'ERR_SECRET_UNAUTHENTICATED', storeStatus: 400 });
    expect(new Set(asked).size).toBe(1);
  }
});

test('a token whose role has become that of others is not renewed, which is a refusal', async () => {
  const { path, body } = await authOf(ofUser).login(context as unknown as VaultLoginContext);
  const login = await server.request('POST', path, body, { token: '' });
  const token = login.body.auth?.client_token ?? '';
  const role = { bound_iam_principal_arn: 'arn:aws:iam::123456789012:user/stranger' };
  await server.request('POST', 'auth/aws/role/shop', role);
  endings.push(() =>
    server.request('POST', 'auth/aws/role/shop', { bound_iam_principal_arn: bound }),
  );
  const renewal = await server.request(
    'POST',
    'auth/token/renew-self',
    {},
    { token, allow: [400, 500] },
  );
  expect([renewal.status, renewal.body.errors?.join()]).toEqual([
    500,
    expect.stringContaining('no longer bound to ARN'),
  ]);
});

test.each<[string, () => AwsCredentials, AwsIamAuthOptions, string]>([
  ['somebody whom the role does not let in', () => ofStranger, {}, 'ERR_SECRET_UNAUTHENTICATED'],
  [
    'a login for another server',
    () => ofUser,
    { serverId: 'another' },
    'ERR_SECRET_UNAUTHENTICATED',
  ],
  ['a login for any server', () => ofUser, { serverId: undefined }, 'ERR_SECRET_UNAUTHENTICATED'],
  ['a role that the method does not have', () => ofUser, { role: 'nobody' }, 'ERR_SECRET_CONFIG'],
])('%s is refused', async (_, who, options, code) => {
  const secrets = open(who(), options, memoryProvider({ TOKEN: 'of a laptop' }));
  expect(await failureOf(secrets.get('TOKEN'), who())).toMatchObject({ code });
});

test('while the server cannot reach AWS, or AWS limits its rate, the login is unavailable, and the chain falls back', async () => {
  throttles = true;
  expect(await failureOf(open(ofUser).get('TOKEN'), ofUser)).toMatchObject({
    code: 'ERR_SECRET_UNAVAILABLE',
  });
  throttles = false;
  const port = portOf();
  unreachable();
  const fallback = open(ofUser, {}, memoryProvider({ TOKEN: 'of a laptop' }));
  expect(await fallback.get('TOKEN')).toBe('of a laptop');
  expect(await failureOf(open(ofUser).get('TOKEN'), ofUser)).toMatchObject({
    code: 'ERR_SECRET_UNAVAILABLE',
  });
  await listen(port);
  expect(await open(ofUser).get('TOKEN')).toBe(value);
});

test('`keyfall run` logs in by a configuration that says so, and its program does not inherit the access key', async () => {
  const project = join(folder, 'project');
  const modules = join(project, 'node_modules/@keyfall');
  await mkdir(modules, { recursive: true });
  for (const name of ['provider-vault', 'vault-aws-iam'])
    await symlink(fileURLToPath(new URL(`../../${name}`, import.meta.url)), join(modules, name));
  await writeFile(join(project, 'package.json'), '{}');
  await writeFile(
    join(project, 'keyfall.config.mjs'),
    `import { vaultProvider } from '@keyfall/provider-vault';
import { awsIamAuth } from '@keyfall/vault-aws-iam';

export default {
  providers: [vaultProvider({ path: 'shop', auth: awsIamAuth({ role: 'shop', serverId: '${serverId}' }) })],
};
`,
  );
  const keyfall = fileURLToPath(new URL('../../cli/dist/bundle/bin.cjs', import.meta.url));
  const show = 'console.log(process.env.TOKEN, process.env.AWS_SECRET_ACCESS_KEY)';
  const { stdout, stderr } = await run(
    process.execPath,
    [keyfall, 'run', '--', 'node', '-e', show],
    {
      cwd: project,
      env: {
        PATH: process.env['PATH'],
        VAULT_ADDR: server.address,
        AWS_ACCESS_KEY_ID: ofUser.accessKeyId,
        AWS_SECRET_ACCESS_KEY: ofUser.secretAccessKey,
      },
    },
  );
  expect(stdout).toBe(`${value} undefined\n`);
  assertNoLeak([ofUser.secretAccessKey, value], stderr);
});

test('a deleted access key is refused', async () => {
  const gone = await userCredentials();
  expect(await failureOf(open(gone).get('TOKEN'), gone)).toMatchObject({
    code: 'ERR_SECRET_UNAUTHENTICATED',
  });
});

async function userCredentials(): Promise<AwsCredentials> {
  await moto.enforcePolicies(false);
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: 'shop' }));
  const AccessKeyId = AccessKey?.AccessKeyId ?? '';
  await iam.send(new DeleteAccessKeyCommand({ UserName: 'shop', AccessKeyId }));
  await moto.enforcePolicies(true);
  return { accessKeyId: AccessKeyId, secretAccessKey: AccessKey?.SecretAccessKey ?? '' };
}
