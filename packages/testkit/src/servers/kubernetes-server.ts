/**
 * A real API server of Kubernetes on a real etcd for tests, with RBAC and tokens of service accounts. There are no nodes:
 * nothing runs in it.
 */
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { request as requestHttps } from 'node:https';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { onFreePorts } from '../machine/free-port.ts';
import { cacheFolder, isProgram, notOnPath } from './provide-once.ts';
import { serverFolder, serverProcess, until } from './server-process.ts';

/** What `scripts/provision` builds, in the cache. */
const program = 'kube-apiserver-whole-1.36.3';
const apiServer = () => join(cacheFolder('bin'), program);

/** What the API answered. */
export interface KubernetesAnswer {
  readonly status: number;
  /** The members that tests look at, all of which may be absent. */
  readonly body: {
    readonly metadata?: { readonly resourceVersion?: string };
    readonly data?: Readonly<Record<string, string>>;
    readonly status?: { readonly token?: string; readonly allowed?: boolean };
  };
}

/** A service account with a role. */
export interface KubernetesAccount {
  /** Valid for an hour. */
  readonly token: string;
  /** Takes the role from it, and waits until the API knows. */
  deny(): Promise<void>;
}

/** A running API server. */
export interface KubernetesServer {
  /** `https://127.0.0.1:PORT` */
  readonly address: string;
  /** A PEM file with the certificate of the API. */
  readonly caFile: string;
  /** As an administrator; the answer may be an error. The body of a PATCH is a merge patch. */
  request(method: string, path: string, body?: object): Promise<KubernetesAnswer>;
  /** Makes a namespace with a name of its own. Resolves with the name. */
  createNamespace(): Promise<string>;
  /**
   * Makes a service account that has these verbs on this Secret of the namespace, and waits until the API grants them.
   * `create` is granted for Secrets of any name, since RBAC cannot do otherwise.
   */
  createAccount(
    namespace: string,
    secret: string,
    verbs: readonly string[],
  ): Promise<KubernetesAccount>;
  /** Ends the API and etcd, and removes what they stored. Safe to call twice. */
  stop(): Promise<void>;
  /** As {@link stop}. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** The programs for {@link startKubernetesServer} that are not there: none of them, where it can start the API. */
export async function missingKubernetesPrograms(): Promise<readonly string[]> {
  const missing = await notOnPath(['etcd']);
  return (await isProgram(apiServer())) ? missing : [...missing, program];
}

/**
 * Starts etcd and the API on free ports of the loopback interface. Takes some seconds. They die with the process that
 * started them.
 *
 * etcd has to be on PATH. No registry has the API server as a program: `scripts/provision` of Keyfall's repository builds it
 * into the user's cache folder, which takes minutes.
 *
 * @throws an `Error` that says how to get the programs, or with the end of a program's log if it does not start
 * @example
 * ```ts
 * import { startKubernetesServer } from '@keyfall/testkit';
 *
 * const kubernetes = await startKubernetesServer();
 * const namespace = await kubernetes.createNamespace();
 * await kubernetes.request('POST', `/api/v1/namespaces/${namespace}/secrets`, {
 *   metadata: { name: 'shop' },
 *   stringData: { TOKEN: 'value' },
 * });
 * const { token } = await kubernetes.createAccount(namespace, 'shop', ['get']);
 * await kubernetes.stop();
 * ```
 */
export async function startKubernetesServer(): Promise<KubernetesServer> {
  const missing = await missingKubernetesPrograms();
  if (missing.length > 0)
    throw new Error(
      `Not installed for the API of Kubernetes: ${missing.join(', ')}. Run scripts/provision in Keyfall's repository.`,
    );
  return onFreePorts(startOnce);
}

async function startOnce(nextPort: () => Promise<number>): Promise<KubernetesServer> {
  const { folder, remove } = await serverFolder();
  const adminToken = randomUUID();
  const etcdAddress = `http://127.0.0.1:${await nextPort()}`;
  const peerAddress = `http://127.0.0.1:${await nextPort()}`;
  const port = await nextPort();
  const address = `https://127.0.0.1:${port}`;
  const certificates = join(folder, 'certificates');
  const caFile = join(certificates, 'apiserver.crt');
  const key = join(folder, 'service-accounts.pem');
  const tokens = join(folder, 'tokens.csv');
  const etcd = serverProcess({
    binary: 'etcd',
    args: [
      `--data-dir=${join(folder, 'etcd')}`,
      `--listen-client-urls=${etcdAddress}`,
      `--advertise-client-urls=${etcdAddress}`,
      `--listen-peer-urls=${peerAddress}`,
      `--initial-advertise-peer-urls=${peerAddress}`,
      `--initial-cluster=default=${peerAddress}`,
    ],
    cwd: folder,
    ready: () =>
      fetch(`${etcdAddress}/health`).then(
        ({ ok }) => ok,
        () => false,
      ),
  });
  const api = serverProcess({
    binary: apiServer(),
    args: [
      `--etcd-servers=${etcdAddress}`,
      `--secure-port=${port}`,
      '--bind-address=127.0.0.1',
      // for services, which there are none of: the loopback interface may not be announced
      '--advertise-address=192.0.2.1',
      '--endpoint-reconciler-type=none',
      `--cert-dir=${certificates}`,
      `--token-auth-file=${tokens}`,
      '--authorization-mode=RBAC',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${key}`,
      `--service-account-signing-key-file=${key}`,
    ],
    cwd: folder,
    ready: () =>
      // also when the roles and namespaces that every cluster has are there
      request('GET', '/readyz').then(
        ({ status }) => status === 200,
        () => false,
      ),
  });
  const stop = async (): Promise<void> => {
    for (const server of [api, etcd]) await server.end('SIGKILL');
    await remove();
  };

  async function request(method: string, path: string, body?: object): Promise<KubernetesAnswer> {
    const text = body && JSON.stringify(body);
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const asked = requestHttps(`${address}${path}`, {
      method,
      ca: await readFile(caFile),
      headers: {
        authorization: `Bearer ${adminToken}`,
        ...(text !== undefined && {
          'content-type': type,
          'content-length': Buffer.byteLength(text),
        }),
      },
    });
    asked.end(text);
    const [answer] = await once(asked, 'response');
    const isJson = answer.headers['content-type']?.startsWith('application/json');
    const content = isJson ? await json(answer) : answer.resume() && {};
    return { status: answer.statusCode, body: content as KubernetesAnswer['body'] };
  }
  async function create(path: string, body: object): Promise<KubernetesAnswer> {
    const created = await request('POST', path, body);
    if (created.status !== 201) throw new Error(`POST ${path}: ${created.status}`);
    return created;
  }

  try {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    await writeFile(key, privateKey.export({ type: 'sec1', format: 'pem' }), { mode: 0o600 });
    await writeFile(tokens, `${adminToken},admin,admin,system:masters\n`, { mode: 0o600 });
    await etcd.start();
    await api.start();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    address,
    caFile,
    request,
    async createNamespace() {
      const name = `shop-${randomUUID().slice(0, 8)}`;
      await create('/api/v1/namespaces', { metadata: { name } });
      return name;
    },
    async createAccount(namespace, secret, verbs) {
      const name = `account-${randomUUID().slice(0, 8)}`;
      const metadata = { name };
      const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
      const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
      const rule = { apiGroups: [''], resources: ['secrets'] };
      await create(accounts, { metadata });
      await create(`${rbac}/roles`, {
        metadata,
        rules: [
          { ...rule, verbs: verbs.filter((verb) => verb !== 'create'), resourceNames: [secret] },
          // a name cannot be checked before there is one
          ...(verbs.includes('create') ? [{ ...rule, verbs: ['create'] }] : []),
        ],
      });
      await create(`${rbac}/rolebindings`, {
        metadata,
        subjects: [{ kind: 'ServiceAccount', name, namespace }],
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
      });
      const issued = await create(`${accounts}/${name}/token`, {
        spec: { expirationSeconds: 3600 },
      });
      const isAllowed = async (): Promise<boolean> => {
        const review = await create('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
          spec: {
            user: `system:serviceaccount:${namespace}:${name}`,
            resourceAttributes: { namespace, verb: verbs[0], resource: 'secrets', name: secret },
          },
        });
        return review.body.status?.allowed === true;
      };
      await until(isAllowed, 'the role to be granted');
      return {
        token: issued.body.status?.token ?? '',
        async deny() {
          await request('DELETE', `${rbac}/rolebindings/${name}`);
          await until(async () => !(await isAllowed()), 'the role to be taken');
        },
      };
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
