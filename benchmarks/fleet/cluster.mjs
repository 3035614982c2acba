/**
 * A real cluster with what the fleet needs, and proxies before its nodes that count.
 */
import { createServer, Agent as HttpAgent, request } from 'node:http';

const policy = `
path "secret/data/fleet" { capabilities = ["read"] }
`;

/** A document of ten names, a role for AppRole, and a token of a login. */
export async function prepareStore(cluster) {
  const active = await cluster.active();
  await active.request('POST', 'sys/mounts/secret', { type: 'kv', options: { version: '2' } });
  await rotate(cluster, 1);
  await active.request('PUT', 'sys/policies/acl/fleet', { policy });
  await active.request('POST', 'sys/auth/approle', { type: 'approle' });
  const role = 'auth/approle/role/fleet';
  const settings = { token_policies: 'fleet', token_ttl: '1h', token_max_ttl: '24h' };
  await active.request('POST', role, settings);
  const { body: named } = await active.request('GET', `${role}/role-id`);
  const { body: secret } = await active.request('POST', `${role}/secret-id`);
  const roleId = named.data.role_id;
  const secretId = secret.data.secret_id;
  const credentials = { role_id: roleId, secret_id: secretId };
  const { body } = await active.request('POST', 'auth/approle/login', credentials);
  return { token: body.auth.client_token, path: 'secret/data/fleet', roleId, secretId };
}

/** Writes the document of a version. A mount that was just made may still be upgrading. */
export async function rotate(cluster, version) {
  const data = Object.fromEntries(
    Array.from({ length: 10 }, (_, index) => [`NAME_${index}`, `value ${version}`]),
  );
  for (let attempt = 1; ; attempt += 1)
    try {
      const active = await cluster.active();
      await active.request('POST', 'secret/data/fleet', { data });
      return;
    } catch (error) {
      if (attempt === 50) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
}

/** What a request is, by its path. */
function kindOf(url) {
  if (url.includes('/auth/approle/login')) return 'login';
  if (url.includes('/sys/internal/ui/mounts')) return 'mount';
  if (url.includes('/auth/token/renew-self')) return 'renewal';
  return url.includes('/data/') ? 'read' : 'other';
}

/**
 * A proxy before one node. What the node answers well is counted by its kind, in seconds since `start`, and what it refuses or
 * does not answer as `refused`.
 */
export async function countingProxy(address, count) {
  const agent = new HttpAgent({ keepAlive: true });
  const { hostname, port } = new URL(address);
  const server = createServer((asked, answer) => {
    const { method, url, headers } = asked;
    const kind = kindOf(url);
    const passed = request({ hostname, port, method, path: url, headers, agent }, (answered) => {
      const isGood = answered.statusCode < 500 && answered.statusCode !== 429;
      count(isGood ? kind : 'refused');
      answer.writeHead(answered.statusCode, answered.headers);
      answered.pipe(answer);
      answered.on('error', () => answer.destroy());
    });
    passed.on('error', () => {
      count('refused');
      answer.destroy();
    });
    asked.pipe(passed);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `http://127.0.0.1:${server.address().port}`,
    close() {
      server.closeAllConnections();
      server.close();
      agent.destroy();
    },
  };
}
