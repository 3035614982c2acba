/**
 * A mistyped option must not be taken for one that was left out: every function of the API that takes options refuses
 * one that it does not have, and names it.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as core from '@keyfall/core';
import * as authors from '@keyfall/core/provider';
import * as requests from '@keyfall/core/provider/http';
import * as otel from '@keyfall/otel';
import * as ssm from '@keyfall/provider-aws-parameter-store';
import * as aws from '@keyfall/provider-aws-secrets-manager';
import * as doppler from '@keyfall/provider-doppler';
import * as dotenv from '@keyfall/provider-dotenv';
import * as edit from '@keyfall/provider-dotenv/edit';
import * as exec from '@keyfall/provider-exec';
import * as files from '@keyfall/provider-files';
import * as gcpSecretManager from '@keyfall/provider-gcp-secret-manager';
import * as keychain from '@keyfall/provider-keychain';
import * as kubernetes from '@keyfall/provider-kubernetes';
import * as sops from '@keyfall/provider-sops';
import * as vault from '@keyfall/provider-vault';
import { vaultKv } from '@keyfall/provider-vault/kv';
import * as login from '@keyfall/provider-vault/login';
import * as testkit from '@keyfall/testkit';
import * as awsIam from '@keyfall/vault-aws-iam';
import { describe, expect, test } from 'vitest';
import { root } from './markdown.ts';

const memory = core.memoryProvider({ TOKEN: 'x' });
const secrets = core.createSecrets({ providers: [memory] });
const signal = AbortSignal.abort();
const missing = new core.SecretError('ERR_SECRET_CONFIG', 'the option path is missing');
const schema: core.StandardSchemaV1 = {
  '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) },
};

/** What a caller without types may write. */
// biome-ignore lint/suspicious/noExplicitAny: it is the wrong type on purpose
const wrong: any = { nonsense: true };

const functions: Readonly<Record<string, () => unknown>> = {
  createRedactor: () => core.createRedactor(wrong),
  createSecrets: () => core.createSecrets({ providers: [memory], ...wrong }),
  envProvider: () => core.envProvider(wrong),
  memoryProvider: () => core.memoryProvider({}, wrong),
  withMapping: () => core.withMapping(memory, {}, wrong),
  limitedCall: () =>
    authors.limitedCall(async () => 1, {
      clock: core.systemClock,
      timeout: 10,
      provider: 'test',
      ...wrong,
    }),
  pollForChanges: () =>
    authors.pollForChanges(
      async () => 1,
      () => {},
      signal,
      { provider: 'test', interval: 10, ...wrong },
    ),
  httpClient: () => requests.httpClient({ provider: 'test', subject: 'the test', ...wrong }),
  unconfiguredProvider: () => authors.unconfiguredProvider('test', missing, wrong),
  instrumentSecrets: () => otel.instrumentSecrets(wrong),
  awsSecretsManagerProvider: () => aws.awsSecretsManagerProvider({ secretId: 'x', ...wrong }),
  awsParameterStoreProvider: () => ssm.awsParameterStoreProvider({ path: '/x', ...wrong }),
  gcpSecretManagerProvider: () =>
    gcpSecretManager.gcpSecretManagerProvider({ project: 'x', ...wrong }),
  keychainProvider: () => keychain.keychainProvider({ service: 'x', ...wrong }),
  kubernetesProvider: () => kubernetes.kubernetesProvider({ secret: 'x', ...wrong }),
  dopplerProvider: () => doppler.dopplerProvider(wrong),
  dopplerFallbackProvider: () => doppler.dopplerFallbackProvider({ path: '/x', ...wrong }),
  dotenvProvider: () => dotenv.dotenvProvider(wrong),
  editDotenv: () => edit.editDotenv('', new Map(), wrong),
  editDotenvFile: () => edit.editDotenvFile('/nowhere/.env', () => undefined, wrong),
  inspectDotenv: () => edit.inspectDotenv('', wrong),
  execProvider: () => exec.execProvider({ command: ['./helper'], ...wrong }),
  filesProvider: () => files.filesProvider({ directory: '/run/secrets', ...wrong }),
  decryptSopsFile: () => sops.decryptSopsFile('/nowhere/secrets.yaml', wrong),
  encryptSopsFile: () =>
    sops.encryptSopsFile('/nowhere/secrets.yaml', new Map(), { ageRecipients: ['x'], ...wrong }),
  ownAgeKey: () => sops.ownAgeKey(wrong),
  ownSecretAgeKey: () => sops.ownSecretAgeKey(wrong),
  sopsProvider: () => sops.sopsProvider({ path: '/nowhere/secrets.yaml', ...wrong }),
  appRoleAuth: () => vault.appRoleAuth({ roleId: 'x', ...wrong }),
  awsIamAuth: () => awsIam.awsIamAuth(wrong),
  browserLogin: () => login.browserLogin({ open: () => {}, ...wrong }),
  certAuth: () => vault.certAuth(wrong),
  jwtAuth: () => vault.jwtAuth({ jwt: 'x', ...wrong }),
  kubernetesAuth: () => vault.kubernetesAuth({ role: 'x', ...wrong }),
  userpassAuth: () => vault.userpassAuth({ username: 'x', password: 'x', ...wrong }),
  vaultDynamicProvider: () => vault.vaultDynamicProvider({ path: 'database/creds/x', ...wrong }),
  vaultEnvironment: () => vault.vaultEnvironment({ environment: {}, file: {}, ...wrong }),
  vaultProvider: () => vault.vaultProvider(wrong),
  vaultKv: () => vaultKv(wrong),
  controllableProvider: () => testkit.controllableProvider({}, wrong),
  cuttingProxy: () => testkit.cuttingProxy({ target: 'http://127.0.0.1:1', ...wrong }),
  startVault: () => testkit.startVault(wrong),
  startVaultCluster: () => testkit.startVaultCluster(wrong),
  startVaultServer: () => testkit.startVaultServer(wrong),
};

const methods: Readonly<Record<string, () => unknown>> = {
  get: () => secrets.get('TOKEN', wrong),
  find: () => secrets.find('TOKEN', wrong),
  getAll: () => secrets.getAll(wrong),
  list: () => secrets.list(wrong),
  set: () => secrets.set('TOKEN', 'x', wrong),
  delete: () => secrets.delete('TOKEN', wrong),
  explain: () => secrets.explain('TOKEN', wrong),
  refresh: () => secrets.refresh(wrong),
  load: () => secrets.load(schema, wrong),
  view: () => secrets.view(['TOKEN'], wrong),
  watch: () => secrets.watch('TOKEN', wrong).next(),
  on: () => secrets.on('fallback', () => {}, wrong),
};

describe.each([
  ['the function', functions],
  ['the method', methods],
])('%s', (_, calls) => {
  test.each(Object.entries(calls))(
    '%s refuses an option that it does not have',
    async (_, call) => {
      await expect((async () => call())()).rejects.toMatchObject({
        code: 'ERR_SECRET_CONFIG',
        setting: { option: 'nonsense' },
      });
    },
  );
});

test('no function of the API that takes options is missing above', async () => {
  // these take the context of a call among their options, which may have members of a later version
  const given = new Set(['editFile', 'readWhole', 'assertOptions']);
  const packages = join(root, 'packages');
  const unknown: string[] = [];
  for (const name of await readdir(packages))
    for (const file of await readdir(join(packages, name, 'api')).catch(() => [])) {
      const report = await readFile(join(packages, name, 'api', file), 'utf8');
      for (const [, called = ''] of report.matchAll(
        /^export function (\w+)(?:<.*>)?\(.*: \w*(?:Options|Bounds|Sources)\b/gm,
      ))
        if (!(called in functions) && !given.has(called)) unknown.push(called);
    }
  expect(unknown).toEqual([]);
});
