/**
 * A real API server of Kubernetes on a real etcd (scripts/provision), with RBAC and tokens of service accounts.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { freePort, temporaryFolder } from '@keyfall/testkit';

const version = '1.36.3';
const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'keyfall', 'bin');

interface Answer {
  readonly status: number;
  readonly body: {
    readonly metadata?: { readonly resourceVersion?: string };
    readonly data?: Readonly<Record<string, string>>;
    readonly status?: { readonly token?: string; readonly allowed?: boolean };
  };
}

export interface Account {
  readonly token: string;
  /** It is bound to its role no more. */
  deny(): Promise<void>;
}

export interface Cluster {
  /** `https://127.0.0.1:PORT` */
  readonly address: string;
  /** A file with the certificate of the API. */
  readonly caFile: string;
  /** As an administrator. */
  admin(method: string, path: string, body?: object): Promise<Answer>;
  /** A namespace of its own. */
  newNamespace(): Promise<string>;
  /** A service account with these verbs on this Secret of the namespace, and a token of it. */
  newAccount(namespace: string, secret: string, verbs: readonly string[]): Promise<Account>;
  stop(): Promise<void>;
}

export async function startCluster(): Promise<Cluster> {
  const { folder, remove } = await temporaryFolder();
  const adminToken = randomUUID();
  const [client, peer, port] = [await freePort(), await freePort(), await freePort()];
  const children: ChildProcess[] = [];
  const start = (program: string, args: readonly string[]) => {
    const child = spawn(program, args, { cwd: folder, stdio: 'ignore' });
    children.push(child);
    return child;
  };
  const etcd = `http://127.0.0.1:${client}`;
  start('etcd', [
    `--data-dir=${join(folder, 'etcd')}`,
    `--listen-client-urls=${etcd}`,
    `--advertise-client-urls=${etcd}`,
    `--listen-peer-urls=http://127.0.0.1:${peer}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${peer}`,
    `--initial-cluster=default=http://127.0.0.1:${peer}`,
  ]);
  const key = join(folder, 'service-accounts.pem');
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await writeFile(key, privateKey.export({ type: 'sec1', format: 'pem' }));
  const tokens = join(folder, 'tokens.csv');
  await writeFile(tokens, `${adminToken},admin,admin,system:masters\n`);
  start(join(cache, `kube-apiserver-${version}`), [
    `--etcd-servers=${etcd}`,
    `--secure-port=${port}`,
    '--bind-address=127.0.0.1',
    `--cert-dir=${join(folder, 'certificates')}`,
    `--token-auth-file=${tokens}`,
    '--authorization-mode=RBAC',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${key}`,
    `--service-account-signing-key-file=${key}`,
  ]);
  const address = `https://127.0.0.1:${port}`;
  const caFile = join(folder, 'certificates', 'apiserver.crt');

  async function admin(method: string, path: string, body?: object): Promise<Answer> {
    const ca = await readFile(caFile);
    const text = body && JSON.stringify(body);
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const asked = request(`${address}${path}`, {
      method,
      ca,
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
    return { status: answer.statusCode, body: (await json(answer)) as Answer['body'] };
  }
  async function make(path: string, body: object): Promise<Answer> {
    const made = await admin('POST', path, body);
    if (made.status !== 201) throw new Error(`${path} answers ${made.status}`);
    return made;
  }
  const isReady = async () => (await admin('GET', '/api/v1/namespaces/kube-system')).status === 200;
  while (!(await isReady().catch(() => false))) {
    if (children.some(({ exitCode }) => exitCode !== null))
      throw new Error('etcd or the API server has ended');
    await wait(50);
  }

  return {
    address,
    caFile,
    admin,
    async newNamespace() {
      const name = `shop-${randomUUID().slice(0, 8)}`;
      await make('/api/v1/namespaces', { metadata: { name } });
      return name;
    },
    async newAccount(namespace, secret, verbs) {
      const name = `account-${randomUUID().slice(0, 8)}`;
      const metadata = { name };
      const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
      const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
      const rule = { apiGroups: [''], resources: ['secrets'] };
      await make(accounts, { metadata });
      await make(`${rbac}/roles`, {
        metadata,
        rules: [
          { ...rule, verbs: verbs.filter((verb) => verb !== 'create'), resourceNames: [secret] },
          // a name cannot be checked before there is one
          ...(verbs.includes('create') ? [{ ...rule, verbs: ['create'] }] : []),
        ],
      });
      await make(`${rbac}/rolebindings`, {
        metadata,
        subjects: [{ kind: 'ServiceAccount', name, namespace }],
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
      });
      const issued = await make(`${accounts}/${name}/token`, { spec: { expirationSeconds: 3600 } });
      const isAllowed = async () => {
        const review = await make('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
          spec: {
            user: `system:serviceaccount:${namespace}:${name}`,
            resourceAttributes: { namespace, verb: verbs[0], resource: 'secrets', name: secret },
          },
        });
        return review.body.status?.allowed === true;
      };
      while (!(await isAllowed())) await wait(10);
      return {
        token: issued.body.status?.token ?? '',
        async deny() {
          await admin('DELETE', `${rbac}/rolebindings/${name}`);
          while (await isAllowed()) await wait(10);
        },
      };
    },
    async stop() {
      for (const child of children.reverse())
        if (child.exitCode === null && child.signalCode === null) {
          const ended = once(child, 'exit');
          child.kill('SIGKILL');
          await ended;
        }
      await remove();
    },
  };
}
