/**
 * The page about Kubernetes: its commands are typed by the real kubectl on a real API server, its files applied as they stand, and
 * its pods started after each of its steps by what stands in for the kubelet (`kubelet.ts`).
 */
import { chmod, cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  freePort,
  type KubernetesServer,
  startKubernetesServer,
  startVaultServer,
  type VaultServer,
} from '@keyfall/testkit';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { cacheFolder } from '../../packages/testkit/src/servers/provide-once.ts';
import { runDocument } from './document-run.ts';
import { type Pod, startPod } from './kubelet.ts';
import { codeBlocks, root } from './markdown.ts';

const page = 'docs/kubernetes.md';
const namespace = 'shop';
const kubectl = join(cacheFolder('bin'), 'kubectl-1.36.3');

/** In the place of the reader's bot. It does not handle TERM, as many a program. */
const bot = `
import os, time
print("The bot has", os.environ["TOKEN"], os.environ["DB_PASS"], os.getpid(), flush=True)
while True: time.sleep(60)
`;

let cluster: KubernetesServer;
let vault: VaultServer;
beforeAll(async () => {
  [cluster, vault] = await Promise.all([
    startKubernetesServer(),
    startVaultServer({ external: false }),
  ]);
});
afterAll(() => Promise.all([cluster?.stop(), vault?.stop()]));

/** A file for kubectl, of an administrator whose token the API has issued. */
async function kubeconfig(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'keyfall-kubectl-'));
  onTestFinished(() => rm(made, { recursive: true, force: true }));
  const accounts = '/api/v1/namespaces/kube-system/serviceaccounts';
  await cluster.request('POST', accounts, { metadata: { name: 'admin' } });
  await cluster.request('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    metadata: { name: 'admin' },
    subjects: [{ kind: 'ServiceAccount', name: 'admin', namespace: 'kube-system' }],
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
  });
  const issued = await cluster.request('POST', `${accounts}/admin/token`, { spec: {} });
  const config = {
    clusters: [
      { name: 'c', cluster: { server: cluster.address, 'certificate-authority': cluster.caFile } },
    ],
    users: [{ name: 'u', user: { token: issued.body.status?.token } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  await writeFile(join(made, 'config'), JSON.stringify(config), { mode: 0o600 });
  return join(made, 'config');
}

test('each step of the page gives pods their secrets', async () => {
  const text = await readFile(join(root, page), 'utf8');
  const blocks = codeBlocks(text);
  const data = { TOKEN: 'of-vault', DB_PASS: 'pass-of-vault' };
  await vault.request('POST', 'secret/data/aiogram-shop', { data });

  /** The image: the reader's folder as it is now. */
  async function imageOf(folder: string): Promise<string> {
    const image = await mkdtemp(join(tmpdir(), 'keyfall-image-'));
    onTestFinished(() => rm(image, { recursive: true, force: true }));
    for (const file of ['server.js', 'secrets.js', 'keyfall.config.js', 'both.config.js'])
      await cp(join(folder, file), join(image, file)).catch((error) => {
        if (!file.endsWith('.config.js')) throw error; // it comes later on the page
      });
    await writeFile(join(image, 'package.json'), '{ "type": "module" }');
    await writeFile(join(image, 'run.py'), bot);
    await symlink('/srv/keyfall/docs/node_modules', join(image, 'node_modules'));
    await chmod(image, 0o755);
    return image;
  }
  async function start(
    folder: string,
    command?: readonly string[],
    { node, address = vault.address }: { node?: string; address?: string } = {},
  ): Promise<Pod & { url: string }> {
    const port = await freePort();
    const pod = await startPod(cluster, namespace, 'shop', {
      image: await imageOf(folder),
      // the page's address is of another machine, and the port may be in use on this one
      env: { VAULT_ADDR: address, PORT: String(port) },
      ...(command && { command }),
      ...(node !== undefined && { node }),
    });
    return { ...pod, url: `http://127.0.0.1:${port}` };
  }
  /** The server of the page has its secrets and is ready, and ends when it has to. */
  async function serves(folder: string, token: string, command?: readonly string[]): Promise<Pod> {
    const pod = await start(folder, command);
    await pod.printed('Server listening');
    const health = await fetch(`${pod.url}/health`);
    expect([health.status, ((await health.json()) as { status: string }).status]).toEqual([
      200,
      'ok',
    ]);
    expect(await (await fetch(pod.url)).json()).toEqual({ characters: token.length });
    expect(await pod.terminate()).toBe(0);
    return pod;
  }
  const login = (jwt: string) =>
    vault.request('POST', 'auth/kubernetes/login', { role: 'shop', jwt }, { allow: [403] });
  const server = ['node', 'server.js'];

  const steps: Readonly<Record<string, (folder: string) => Promise<void>>> = {
    async 'kubectl apply -f shop.yaml'(folder) {
      // what is in every namespace of a cluster with a controller manager
      await cluster.request('POST', `/api/v1/namespaces/${namespace}/configmaps`, {
        metadata: { name: 'kube-root-ca.crt' },
        data: { 'ca.crt': await readFile(cluster.caFile, 'utf8') },
      });
      const pod = await serves(folder, 'of-vault');
      expect(pod.spec.containers[0]?.readinessProbe?.httpGet.path).toBe('/health');
      // the API's own token is not in the pod, and Vault's is good for nothing else
      expect(pod.spec.volumes.map(({ name }) => name)).toEqual(['vault']);
      const token = await pod.file('vault', 'token');
      expect((await login(token)).status).toBe(200);
      const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
      expect([claims.aud, claims.exp - claims.iat]).toEqual([['vault'], 600]);
      // a token of the same account for the API, and one whose pod is gone; the API remembers those that it has seen for 10 s
      const account = `/api/v1/namespaces/${namespace}/serviceaccounts/shop/token`;
      const other = await cluster.request('POST', account, { spec: {} });
      expect((await login(other.body.status?.token ?? '')).status).toBe(403);
      await pod.sync();
      await cluster.request('DELETE', `/api/v1/namespaces/${namespace}/pods/${pod.name}`, {
        gracePeriodSeconds: 0,
      });
      expect((await login(await pod.file('vault', 'token'))).status).toBe(403);
    },
    async 'kubectl patch deployment shop --patch-file any-program.yaml'(folder) {
      const pod = await start(folder);
      await pod.printed(/The bot has of-vault pass-of-vault (?:[2-9]|\d{2,})\n/);
      expect(pod.spec.containers[0]?.readinessProbe).toBeUndefined();
      expect(await pod.terminate()).toBe(128 + 15);
      const { command = [] } = pod.spec.containers[0] ?? {};
      const alone = command.filter((word) => word !== '--watch');
      const node = cacheFolder('node-24.21.0/bin');
      const becoming = await start(folder, alone, { node });
      await becoming.printed('The bot has of-vault pass-of-vault 1\n');
      await vault.request('POST', 'auth/kubernetes/role/shop', {
        bound_service_account_names: 'another',
      });
      expect(await (await start(folder)).ended).toBe(4);
    },
    async 'kubectl patch deployment shop --patch-file files.yaml'(folder) {
      await serves(folder, 'of-vault', server);
      running = await start(folder);
      const [mode] = running.spec.volumes.flatMap(({ secret }) => secret?.defaultMode ?? []);
      expect(mode).toBe(0o440);
      await running.printed('The bot has of-vault pass-of-vault');
    },
    async 'printf another-token | kubectl create secret generic shop --from-file=TOKEN=/dev/stdin --dry-run=client -o yaml > change.yaml'(
      folder,
    ) {
      await running?.sync();
      await running?.printed('The bot has another-token pass-of-vault');
      expect(await running?.terminate()).toBe(128 + 15);
      const keyfall = ['node_modules/.bin/keyfall', '--config', 'both.config.js', 'run', '--'];
      const both = [...keyfall, 'python3', 'run.py'];
      const fallen = await start(folder, both, { address: 'http://127.0.0.1:1' });
      await fallen.printed('The bot has another-token pass-of-vault');
      expect(await (await start(folder, both)).ended).toBe(4);
    },
    async 'kubectl apply -f role.yaml'(folder) {
      await serves(folder, 'another-token', server);
      const pod = await start(folder);
      await pod.printed('The bot has another-token');
      await cluster.request('PATCH', `/api/v1/namespaces/${namespace}/secrets/shop`, {
        stringData: { TOKEN: 'third-token' },
      });
      await pod.printed('The bot has third-token');
      expect(await pod.terminate()).toBe(128 + 15);
    },
  };
  let running: Pod | undefined;
  const taken: string[] = [];
  await runDocument(
    { path: page, text, blocks },
    {
      server: vault,
      env: { KUBECONFIG: await kubeconfig() },
      prepare: (folder) => symlink(kubectl, join(folder, '../bin/kubectl')),
      async after({ text: typed }, folder) {
        const [first = ''] = typed.split('\n');
        if (steps[first] === undefined) return;
        await steps[first](folder);
        taken.push(first);
      },
    },
  );
  expect(taken).toEqual(Object.keys(steps));
}, 180_000);
