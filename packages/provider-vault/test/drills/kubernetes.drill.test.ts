/**
 * The login of a Kubernetes pod while its projected token rotates and the API server that vouches for
 * it is away. The server asks a `TokenReview` API of ours: the real one is a cluster.
 */
import { createSign, generateKeyPairSync } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type TemporaryFolder, temporaryFolder } from '@keyfall/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { kubernetesAuth, vaultProvider } from '../../src/index.ts';
import { canary } from '../harness.ts';
import { canaries, drill, path, policy, relay, server, stage, value } from './stage.ts';

let folder: TemporaryFolder;
const login = 'POST auth/kubernetes/login';

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const seconds = () => Math.floor(Date.now() / 1_000);

/** A token of the service account, signed as Kubernetes does (RS256). */
function accountToken(): string {
  const part = (content: object) => Buffer.from(JSON.stringify(content)).toString('base64url');
  const claims = {
    iss: 'https://kubernetes.default.svc.cluster.local',
    sub: 'system:serviceaccount:default:shop',
    iat: seconds(),
    exp: seconds() + 600,
    jti: canary(),
    'kubernetes.io': { namespace: 'default', serviceaccount: { name: 'shop', uid: 'uid-1' } },
  };
  const unsigned = `${part({ alg: 'RS256', typ: 'JWT' })}.${part(claims)}`;
  const signature = createSign('RSA-SHA256').update(unsigned).sign(privateKey, 'base64url');
  const token = `${unsigned}.${signature}`;
  canaries.push(token);
  return token;
}

/** Whether the API server is there, and the tokens that it was asked about. */
let away = false;
let reviewed: string[] = [];
const api = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += String(chunk);
  reviewed.push((JSON.parse(body) as { spec: { token: string } }).spec.token);
  if (away) return void response.writeHead(500).end('{}');
  const user = { username: 'system:serviceaccount:default:shop', uid: 'uid-1', groups: [] };
  response.writeHead(201, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify({ status: { authenticated: true, user } }));
});

stage();
beforeAll(async () => {
  folder = await temporaryFolder();
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
  await server.request('POST', 'sys/auth/kubernetes', { type: 'kubernetes' });
  await server.request('POST', 'auth/kubernetes/config', {
    kubernetes_host: `http://127.0.0.1:${(api.address() as AddressInfo).port}`,
    kubernetes_ca_cert: await readFile(
      new URL('../certificates/authority.pem', import.meta.url),
      'utf8',
    ),
    token_reviewer_jwt: accountToken(),
    pem_keys: [publicKey.export({ type: 'spki', format: 'pem' }).toString()],
    disable_local_ca_jwt: true,
  });
  await server.request('POST', 'auth/kubernetes/role/shop', {
    bound_service_account_names: 'shop',
    bound_service_account_namespaces: 'default',
    token_policies: policy,
    token_ttl: '6s',
    token_max_ttl: '6s',
  });
});
afterAll(async () => {
  api.close();
  api.closeAllConnections();
  await folder.remove();
});

/** Puts a token in the pod, as the kubelet does: a new file in the place of the old. */
async function project(token: string): Promise<string> {
  const file = join(folder.folder, 'token');
  await writeFile(`${file}.new`, `${token}\n`);
  await rename(`${file}.new`, file);
  return file;
}

test('a token that rotates is read at each login, and an API server that is away is outlasted', async () => {
  reviewed = [];
  const first = accountToken();
  const auth = kubernetesAuth({ role: 'shop', jwt: { file: await project(first) } });
  const { address } = relay;
  const vault = vaultProvider({ address, path, kvVersion: 2, env: {}, auth });
  const secrets = drill.open({ providers: [vault], ttl: 1 });
  expect(await secrets.get('A')).toBe(value);
  expect(reviewed).toEqual([first]);

  const second = accountToken();
  await project(second);
  // it is away when the first token is to be replaced, and comes back after a refusal
  away = true;
  const used = () => new Set(relay.requests.flatMap(({ token }) => token ?? []));
  while (used().size < 2) {
    expect(await secrets.get('A')).toBe(value);
    if (reviewed.includes(second)) away = false;
    await wait(20); // an application's pace
  }
  // refused once at least, and then accepted
  expect(relay.count(login)).toBeGreaterThanOrEqual(3);
  expect(new Set(reviewed.slice(reviewed.indexOf(second)))).toEqual(new Set([second]));
  canaries.push(...used());
  expect(drill.events.filter(({ type }) => type === 'fallback' || type === 'denied')).toEqual([]);
});
