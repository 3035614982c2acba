// The least that a Node script needs to start a program with secrets in its environment.
import { spawn } from 'node:child_process';

const [kind, file, ...args] = process.argv.slice(2);

async function secrets() {
  if (kind === 'dotenv') {
    const { readFileSync } = await import('node:fs');
    const { parse } = await import('dotenv');
    return parse(readFileSync('.env'));
  }
  const { VAULT_ADDR, VAULT_TOKEN, VAULT_MOUNT_POINT, VAULT_SECRET_PATH } = process.env;
  const url = `${VAULT_ADDR}/v1/${VAULT_MOUNT_POINT}/data/${VAULT_SECRET_PATH}`;
  const headers = { 'X-Vault-Token': VAULT_TOKEN };
  if (kind === 'vault-node-vault') {
    const { default: connect } = await import('node-vault');
    const client = connect({ endpoint: VAULT_ADDR, token: VAULT_TOKEN });
    return (await client.read(`${VAULT_MOUNT_POINT}/data/${VAULT_SECRET_PATH}`)).data.data;
  }
  if (kind === 'vault-fetch') return (await (await fetch(url, { headers })).json()).data.data;
  const { get } = await import('node:http');
  const response = await new Promise((resolve, reject) => {
    get(url, { headers }, resolve).on('error', reject);
  });
  const chunks = [];
  for await (const chunk of response) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString()).data.data;
}

const env = { ...process.env, ...(await secrets()) };
const child = spawn(file, args, { env, stdio: 'inherit' });
child.on('exit', (code) => {
  process.exitCode = code ?? 1;
});
