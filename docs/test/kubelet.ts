/**
 * Stands in for the parts of Kubernetes that run pods. It makes the pod that a Deployment describes, as the Deployment controller
 * does, so that the real API server admits it; writes its volumes, as the kubelet does, with tokens that the API server issues for
 * this pod; and starts its command as process 1 of namespaces of its own, as a container runtime does, with the user and the
 * rights of the pod's security context. What it leaves out: images, a network of its own (all ports are this machine's), a
 * read-only root, owners and modes of the volumes' files, probes by itself, and `preStop`.
 *
 * It needs root, as itself or by `sudo -n`.
 */
import { execFile } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { KubernetesServer } from '@keyfall/testkit';
import { onTestFinished } from 'vitest';
import { writeVolume } from '../../packages/provider-files/test/kubernetes-volume.mjs';
import { root } from './markdown.ts';
import { type StartedProgram, startProgram } from './started-program.ts';

/** The members of a pod's volumes that this writes. */
interface Volume {
  readonly name: string;
  readonly secret?: { readonly secretName: string; readonly defaultMode: number };
  readonly projected?: {
    readonly sources: readonly {
      readonly serviceAccountToken?: {
        readonly path: string;
        readonly audience?: string;
        readonly expirationSeconds: number;
      };
      readonly configMap?: { readonly name: string };
      readonly downwardAPI?: { readonly items: readonly { readonly path: string }[] };
    }[];
  };
}

interface PodSpec {
  readonly serviceAccountName: string;
  readonly securityContext: { readonly runAsUser: number; readonly fsGroup: number };
  readonly containers: readonly {
    readonly workingDir: string;
    readonly command: readonly string[];
    readonly env?: readonly { readonly name: string; readonly value: string }[];
    readonly readinessProbe?: { readonly httpGet: { readonly path: string } };
    readonly volumeMounts?: readonly {
      readonly name: string;
      readonly mountPath: string;
      readonly readOnly?: boolean;
    }[];
  }[];
  readonly volumes: readonly Volume[];
}

interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the API has
  readonly body: any;
}

/** A pod whose container has been started. */
export interface Pod extends StartedProgram {
  readonly name: string;
  readonly spec: PodSpec;
  /** The text of a file of a volume. */
  file(volume: string, path: string): Promise<string>;
  /** Writes the volumes again, as the kubelet does from time to time. */
  sync(): Promise<void>;
  /** Sends TERM to process 1 of the container. Resolves with what it ends with. */
  terminate(): Promise<number>;
}

/** How a pod is started here. */
export interface PodOptions {
  /** What the image has in the working directory. This repository is in `/srv/keyfall`. */
  readonly image: string;
  /** In the place of variables of the container, or besides. */
  readonly env: Readonly<Record<string, string>>;
  /** In the place of the container's command. */
  readonly command?: readonly string[];
  /** The folder with the program `node`. Default: that of ours. */
  readonly node?: string;
}

const asRoot = process.getuid?.() === 0 ? [] : ['sudo', '-n'];

/** Makes a pod of the Deployment, as the API server admits it. @throws an `Error` with its reason, if it does not */
async function createPod(
  cluster: KubernetesServer,
  namespace: string,
  deployment: string,
): Promise<{ readonly name: string; readonly uid: string; readonly spec: PodSpec }> {
  const ask = asking(cluster);
  const { template } = (
    await ask('GET', `/apis/apps/v1/namespaces/${namespace}/deployments/${deployment}`)
  ).spec;
  const { metadata, spec } = await ask('POST', `/api/v1/namespaces/${namespace}/pods`, {
    metadata: { ...template.metadata, generateName: `${deployment}-` },
    spec: template.spec,
  });
  return { name: metadata.name, uid: metadata.uid, spec };
}

/** Starts a pod of the Deployment. It ends with the test. */
export async function startPod(
  cluster: KubernetesServer,
  namespace: string,
  deployment: string,
  { image, env, command, node = dirname(realpathSync(process.execPath)) }: PodOptions,
): Promise<Pod> {
  const ask = asking(cluster);
  const { name, uid, spec } = await createPod(cluster, namespace, deployment);
  const [container] = spec.containers;
  if (container === undefined) throw new Error('The pod has no container.');
  const folder = await mkdtemp(join(tmpdir(), 'keyfall-pod-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));

  async function filesOf({ secret, projected }: Volume): Promise<Map<string, string | Buffer>> {
    const files = new Map<string, string | Buffer>();
    const inNamespace = `/api/v1/namespaces/${namespace}`;
    if (secret !== undefined) {
      const { data } = await ask('GET', `${inNamespace}/secrets/${secret.secretName}`);
      for (const [key, value] of Object.entries(data))
        files.set(key, Buffer.from(String(value), 'base64'));
    }
    for (const { serviceAccountToken, configMap, downwardAPI } of projected?.sources ?? []) {
      if (serviceAccountToken !== undefined) {
        const { path, audience, expirationSeconds } = serviceAccountToken;
        const account = `${inNamespace}/serviceaccounts/${spec.serviceAccountName}`;
        const { status } = await ask('POST', `${account}/token`, {
          spec: {
            ...(audience !== undefined && { audiences: [audience] }),
            expirationSeconds,
            boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
          },
        });
        files.set(path, status.token);
      }
      if (configMap !== undefined) {
        const { data } = await ask('GET', `${inNamespace}/configmaps/${configMap.name}`);
        for (const [key, value] of Object.entries(data)) files.set(key, String(value));
      }
      // what is asked for in the volume of the API is the namespace alone
      for (const { path } of downwardAPI?.items ?? []) files.set(path, namespace);
    }
    return files;
  }
  async function sync(): Promise<void> {
    for (const volume of spec.volumes) {
      const path = join(folder, volume.name);
      await mkdir(path, { recursive: true });
      writeVolume(path, await filesOf(volume));
    }
  }
  await sync();

  const { hostname, port } = new URL(cluster.address);
  const variables = {
    PATH: '/srv/node:/usr/local/bin:/usr/bin:/bin',
    KUBERNETES_SERVICE_HOST: hostname,
    KUBERNETES_SERVICE_PORT: port,
    ...Object.fromEntries((container.env ?? []).map(({ name, value }) => [name, value])),
    ...env,
  };
  const { runAsUser, fsGroup } = spec.securityContext;
  const mounts = (container.volumeMounts ?? []).map(({ name, mountPath, readOnly }) => [
    join(folder, name),
    mountPath,
    ...(readOnly === true ? ['ro'] : []),
  ]);
  const script = `
    set -eu
    mount -t tmpfs -o mode=755 tmpfs /run
    mount -t tmpfs -o mode=755 tmpfs /srv
    bind() { mkdir -p "$2"; mount --bind "$1" "$2"; [ -z "\${3-}" ] || mount -o remount,bind,ro "$2"; }
    bind '${root}' /srv/keyfall ro
    bind '${node}' /srv/node ro
    bind '${image}' '${container.workingDir}' ro
    ${mounts.map((mount) => `bind ${mount.map((part) => `'${part}'`).join(' ')}`).join('\n')}
    cd '${container.workingDir}'
    exec setpriv --reuid=${runAsUser} --regid=${runAsUser} --groups=${fsGroup} --bounding-set=-all --inh-caps=-all \
      --no-new-privs -- "$@"`;
  const spaces = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const [program = '', ...args] = [
    ...[...asRoot, 'unshare', ...spaces, '--propagation', 'private', 'bash', '-c', script, name],
    ...['env', '-i', ...Object.entries(variables).map(([name, value]) => `${name}=${value}`)],
    ...(command ?? container.command),
  ];
  const started = startProgram(program, args, { cwd: '/', env: process.env });
  /** The process that made the namespaces: with it ends what is in them. */
  const unshared = async () => {
    const pid = String(started.child.pid);
    return asRoot.length === 0 ? pid : childOf(pid);
  };
  // by the rights that it was started with
  onTestFinished(async () => signal('KILL', await unshared()).catch(() => {}));
  return {
    ...started,
    name,
    spec,
    file: (volume, path) => readFile(join(folder, volume, path), 'utf8'),
    sync,
    async terminate() {
      await signal('TERM', await childOf(await unshared()));
      return started.ended;
    },
  };
}

async function childOf(pid: string): Promise<string> {
  return (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim();
}

async function signal(name: string, pid: string): Promise<void> {
  const [kill = '', ...args] = [...asRoot, 'kill', `-${name}`, pid];
  await promisify(execFile)(kill, args);
}

/** Asks the API as an administrator. @throws an `Error` with what it says, if it refuses */
function asking(cluster: KubernetesServer) {
  return async (method: string, path: string, body?: object) => {
    const answer: Answer = await cluster.request(method, path, body);
    if (answer.status < 300) return answer.body;
    throw new Error(`${method} ${path}: ${answer.status} ${answer.body.message}`);
  };
}
