/**
 * The stores, each a real one with a name of its own and the name SHARED: OpenBao, a SOPS file, a folder
 * of secret files, AWS Secrets Manager and Parameter Store as moto emulates them, Google Cloud's as drongo does, a program with a
 * folder of its own, and a `.env`; where their programs are installed, GNOME Keyring and the API of Kubernetes. Doppler alone is
 * a stand-in, since its service cannot be had on this machine.
 */
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import type { GcpCredentials } from '@keyfall/provider-gcp-secret-manager';
import { encryptSopsFile } from '@keyfall/provider-sops';
import {
  missingKeyringPrograms,
  missingKubernetesPrograms,
  startDrongoServer,
  startKeyringSession,
  startKubernetesServer,
  startMotoServer,
  startVaultServer,
} from '@keyfall/testkit';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { startDoppler } from './doppler-stand-in.ts';

/** The stores whose programs npm and PyPI do not have, with what finds which of them are missing. */
const missingPrograms = {
  keychain: missingKeyringPrograms,
  kubernetes: missingKubernetesPrograms,
};

/** A store that `scripts/provision` brings. */
export type Provisioned = keyof typeof missingPrograms;

export const provisioned = Object.keys(missingPrograms) as readonly Provisioned[];

/** Those whose programs are on this machine. */
export async function installedStores(): Promise<readonly Provisioned[]> {
  const missing = await Promise.all(provisioned.map((name) => missingPrograms[name]()));
  return provisioned.filter((_, index) => missing[index]?.length === 0);
}

/** What each provider is told of its store. */
export interface Stores {
  readonly vault: { readonly address: string; readonly token: string };
  readonly sops: { readonly path: string; readonly ageKey: string };
  readonly files: { readonly directory: string };
  readonly aws: { readonly secretId: string; readonly client: SecretsManagerClient };
  readonly ssm: { readonly path: string; readonly client: SSMClient };
  readonly gcp: {
    readonly project: string;
    readonly address: string;
    readonly credentials: GcpCredentials;
  };
  readonly doppler: {
    readonly address: string;
    readonly token: string;
    readonly fallbackFile: string;
  };
  readonly exec: { readonly command: readonly string[] };
  readonly dotenv: { readonly path: string };
  readonly keychain?: { readonly service: string };
  readonly kubernetes?: {
    readonly secret: string;
    readonly namespace: string;
    readonly address: string;
    readonly caFile: string;
    readonly token: string;
  };
  /** Vault's process is killed. */
  killVault(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts all stores, of the provisioned ones those that are named. */
export async function startStores(installed: readonly Provisioned[]): Promise<Stores> {
  const folder = await mkdtemp(join(tmpdir(), 'keyfall-all-stores-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  // as the servers, which die with their parent: also where the start fails, or is broken off
  process.once('exit', remove);
  const valuesOf = (store: string) => ({ [`FROM_${store}`]: `${store}'s own`, SHARED: store });

  const server = await startVaultServer({ external: false });
  await server.request('POST', 'secret/data/shop', { data: valuesOf('VAULT') });
  const policy = 'path "secret/data/shop" { capabilities = ["read"] }';
  await server.request('PUT', 'sys/policies/acl/shop', { policy });
  const { token } = await server.createToken({ policies: ['shop'] });

  const ageKey = await generateIdentity();
  const sopsFile = join(folder, 'secrets.enc.yaml');
  await encryptSopsFile(sopsFile, new Map(Object.entries(valuesOf('SOPS'))), {
    ageRecipients: [await identityToRecipient(ageKey)],
  });

  const directory = join(folder, 'run-secrets');
  await mkdir(directory, { mode: 0o700 });
  for (const [name, value] of Object.entries(valuesOf('FILES')))
    await writeFile(join(directory, name), value, { mode: 0o600 });

  const moto = await startMotoServer();
  const account = {
    region: 'eu-central-1',
    endpoint: moto.address,
    credentials: { accessKeyId: 'example', secretAccessKey: 'example' },
  };
  const client = new SecretsManagerClient(account);
  const SecretString = JSON.stringify(valuesOf('AWS'));
  await client.send(new CreateSecretCommand({ Name: 'shop', SecretString }));

  const ssm = new SSMClient(account);
  for (const [name, Value] of Object.entries(valuesOf('SSM')))
    await ssm.send(new PutParameterCommand({ Name: `/shop/${name}`, Value, Type: 'SecureString' }));

  const drongo = await startDrongoServer();
  const ask = (path: string, body: object) =>
    fetch(`${drongo.address}/v1/projects/shop/secrets${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
    });
  for (const [name, value] of Object.entries(valuesOf('GCP'))) {
    await ask(`?secretId=${name}`, { replication: { automatic: {} } });
    await ask(`/${name}:addVersion`, { payload: { data: btoa(value) } });
  }

  const doppler = await startDoppler(valuesOf('DOPPLER'));

  const ofProgram = join(folder, 'of-program');
  await mkdir(ofProgram, { mode: 0o700 });
  for (const [name, value] of Object.entries(valuesOf('EXEC')))
    await writeFile(join(ofProgram, name), value, { mode: 0o600 });
  const helper = fileURLToPath(new URL('../../exec-helpers/folder.sh', import.meta.url));

  const dotenv = join(folder, '.env');
  const lines = Object.entries(valuesOf('DOTENV')).map(([name, value]) => `${name}="${value}"\n`);
  await writeFile(dotenv, lines.join(''), { mode: 0o600 });

  const keychain = installed.includes('keychain')
    ? await startKeychain(valuesOf('KEYCHAIN'))
    : undefined;
  const kubernetes = installed.includes('kubernetes')
    ? await startKubernetes(valuesOf('KUBERNETES'))
    : undefined;

  return {
    vault: { address: server.address, token },
    sops: { path: sopsFile, ageKey },
    files: { directory },
    aws: { secretId: 'shop', client },
    ssm: { path: '/shop', client: ssm },
    gcp: {
      project: 'shop',
      address: drongo.address,
      // drongo asks for none
      credentials: { getAccessToken: async () => 'example' },
    },
    doppler: {
      address: doppler.address,
      token: doppler.token,
      fallbackFile: join(folder, 'doppler-fallback'),
    },
    exec: { command: ['sh', helper, ofProgram] },
    dotenv: { path: dotenv },
    ...(keychain && { keychain: keychain.options }),
    ...(kubernetes && { kubernetes: kubernetes.options }),
    killVault: () => server.kill(),
    async stop() {
      client.destroy();
      ssm.destroy();
      const started = [server, moto, drongo, doppler, keychain, kubernetes];
      await Promise.all(started.map((store) => store?.stop()));
      process.off('exit', remove);
      remove();
    },
  };
}

async function startKeychain(values: Readonly<Record<string, string>>) {
  const service = 'shop';
  const session = await startKeyringSession();
  for (const [name, value] of Object.entries(values)) await session.store(service, name, value);
  // the provider uses the session of its process, as every program does
  const before = process.env['DBUS_SESSION_BUS_ADDRESS'];
  process.env['DBUS_SESSION_BUS_ADDRESS'] = session.address;
  return {
    options: { service },
    async stop() {
      if (before === undefined) delete process.env['DBUS_SESSION_BUS_ADDRESS'];
      else process.env['DBUS_SESSION_BUS_ADDRESS'] = before;
      await session.stop();
    },
  };
}

async function startKubernetes(stringData: Readonly<Record<string, string>>) {
  const secret = 'shop';
  const server = await startKubernetesServer();
  const namespace = await server.createNamespace();
  await server.request('POST', `/api/v1/namespaces/${namespace}/secrets`, {
    metadata: { name: secret },
    stringData,
  });
  const { token } = await server.createAccount(namespace, secret, ['get']);
  const { address, caFile } = server;
  return { options: { secret, namespace, address, caFile, token }, stop: () => server.stop() };
}
