// Clients of Vault that others publish, and the least that does the same: each reads all names of a secret of KV version 2
// from the server, every time.
import { Agent, request } from 'node:http';

/** @typedef {{ address: string, token: string, mount: string, path: string }} Settings */

/** What every reader is held to: it has read and parsed the whole secret. */
function check(data) {
  if (data.NAME_7 !== 'value 7' || data.NAME_39 !== 'value 39') throw new Error('nothing was read');
}

/** @param {Settings} settings */
export function nodeHttp({ address, token, mount, path }) {
  const agent = new Agent({ keepAlive: true });
  const { hostname, port } = new URL(address);
  const headers = {
    'X-Vault-Token': token,
    'X-Vault-Request': 'true',
    Accept: 'application/json',
  };
  const options = { agent, hostname, port, path: `/v1/${mount}/data/${path}`, headers };
  const read = () =>
    new Promise((resolve, reject) => {
      const asking = request(options, (response) => {
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('end', () => resolve(JSON.parse(Buffer.concat(chunks).toString())));
      });
      asking.on('error', reject).end();
    });
  return async () => check((await read()).data.data);
}

/** @param {Settings} settings */
export function builtInFetch({ address, token, mount, path }) {
  const url = `${address}/v1/${mount}/data/${path}`;
  const headers = { 'X-Vault-Token': token, 'X-Vault-Request': 'true' };
  return async () => check((await (await fetch(url, { headers })).json()).data.data);
}

/** @param {Settings} settings */
export async function nodeVault({ address, token, mount, path }) {
  const { default: connect } = await import('node-vault');
  const client = connect({ endpoint: address, token });
  return async () => check((await client.read(`${mount}/data/${path}`)).data.data);
}

/** @param {Settings} settings */
export async function hashiVaultJs({ address, token, mount, path }) {
  const { default: Vault } = await import('hashi-vault-js');
  const client = new Vault({ https: false, baseUrl: `${address}/v1`, rootPath: mount });
  return async () => check((await client.readKVSecret(token, path)).data);
}

/** @param {Settings} settings */
export async function litehex({ address, token, mount, path }) {
  const { Client } = await import('@litehex/node-vault');
  const client = new Client({ endpoint: address, token });
  return async () => {
    const { data, error } = await client.kv2.read({ mountPath: mount, path });
    if (error) throw error;
    check(data.data.data);
  };
}

/** @param {Settings} settings */
export async function nodeVaultClient({ address, token, mount, path }) {
  const { default: VaultClient } = await import('node-vault-client');
  const client = new VaultClient({
    api: { url: address },
    auth: { type: 'token', config: { token } },
    logger: false,
  });
  return async () => check((await client.read(`${mount}/data/${path}`)).getData().data);
}
