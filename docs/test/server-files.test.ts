/**
 * The compose file and the policies, as far as they can be tried without Docker: its server flags, its
 * health check and the policies on a real server. What docker compose says about all such files is in
 * `docker.provisioned.test.ts`; the files for production run there and in `production.provisioned.test.ts`.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createSecrets } from '@keyfall/core';
import { vaultProvider } from '@keyfall/provider-vault';
import {
  findVaultBinary,
  sharedVaultServer,
  startVaultServer,
  type VaultServer,
} from '@keyfall/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { composeArguments } from './document-run.ts';
import { root } from './markdown.ts';

const text = (path: string) => readFile(join(root, path), 'utf8');

describe('docker-compose.vault.yml', async () => {
  const compose = parse(await text('docker-compose.vault.yml'));
  const { vault } = compose.services;

  test('pins the version that the tests run against', async () => {
    const [, version] =
      /^const version = '([\d.]+)';$/m.exec(
        await text('packages/testkit/src/servers/vault-binary.ts'),
      ) ?? [];
    expect(vault.image).toBe(`openbao/openbao:${version}`);
  });

  test('is reached from this machine alone, and keeps its memory off the swap', () => {
    expect(vault.ports).toEqual(['127.0.0.1:8200:8200']);
    expect(vault.command).toContain('-dev-listen-address=0.0.0.0:8200');
    expect(vault.cap_add).toEqual(['IPC_LOCK']);
  });

  test('starts a server that takes the documented token and passes its health check', async () => {
    const token = 'dev-only-token';
    expect(vault.command).toContain(`-dev-root-token-id=${token}`);
    expect(vault.command).toContain('-dev-no-store-token');
    const server = await startVaultServer({
      external: false,
      token,
      args: await composeArguments(),
    });
    const [how, program, ...args] = vault.healthcheck.test;
    expect([how, program]).toEqual(['CMD', 'bao']);
    expect(vault.environment).toEqual({ BAO_ADDR: 'http://127.0.0.1:8200' });
    const env = { BAO_ADDR: server.address, HOME: root };
    const health = async () => promisify(execFile)(await findVaultBinary(), args, { env });
    try {
      const self = await server.request('GET', 'auth/token/lookup-self', undefined, { token });
      expect(self.body.data?.['policies']).toEqual(['root']);
      const { body } = await server.request('GET', 'sys/audit', undefined, { token });
      expect(body.data).toMatchObject({ 'file/': { options: { file_path: 'stdout' } } });
      await health();
    } finally {
      await server.stop();
    }
    await expect(health()).rejects.toMatchObject({ code: 1 });
  });
});

test("the labels of the UI guide are in the server's own web interface", async () => {
  const guide = await text('docs/VAULT_SETUP_GUIDE.md');
  const [section = ''] = /## Vault UI Guide[\s\S]*?(?=\n## )/.exec(guide) ?? [];
  // where it tells of signing in and clicking; what stands before is about other software
  const labels = [...section.slice(section.indexOf('1. ')).matchAll(/"([^"]+)"/g)].map(
    ([, label = '']) => label,
  );
  expect(labels).toContain('Create new version');
  const { address } = await sharedVaultServer();
  const page = await (await fetch(`${address}/ui/`)).text();
  const scripts = [...new Set(page.match(/(?<=")\/ui\/assets\/[^"]+\.js/g) ?? [])];
  const answers = await Promise.all(scripts.map((path) => fetch(`${address}${path}`)));
  const code = (await Promise.all(answers.map((answer) => answer.text()))).join('\n');
  expect(labels.filter((label) => !code.includes(label))).toEqual([]);
});

describe('policies', () => {
  let server: VaultServer;
  beforeAll(async () => {
    server = await startVaultServer({ external: false });
  });
  afterAll(() => server.stop());

  async function openAs(policy: string, path = 'aiogram-shop') {
    const name = await server.createPolicy(await text(`docs/vault/${policy}-policy.hcl`));
    const { token } = await server.createToken({ policies: [name] });
    return createSecrets({
      providers: [vaultProvider({ address: server.address, token, path, env: {} })],
      ttl: 0,
    });
  }

  test('an editor may start the document and change it', async () => {
    const secrets = await openAs('editor', 'aiogram-shop');
    expect(await secrets.set('CURRENCY', 'EUR')).toEqual({ provider: 'vault', version: '1' });
    expect(await secrets.set('CURRENCY', 'USD')).toEqual({ provider: 'vault', version: '2' });
    await secrets.close();
  });

  test('the shop may read the document, and not change it', async () => {
    await server.request('POST', 'secret/data/aiogram-shop', { data: { CURRENCY: 'USD' } });
    const secrets = await openAs('shop');
    expect(await secrets.get('CURRENCY')).toBe('USD');
    await expect(secrets.set('CURRENCY', 'EUR')).rejects.toMatchObject({
      code: 'ERR_SECRET_DENIED',
    });
    await secrets.close();
  });

  test.each(['shop', 'editor'])('the %s policy opens nothing else', async (policy) => {
    await server.request('POST', 'secret/data/aiogram-shop/prod', { data: { CURRENCY: 'USD' } });
    const secrets = await openAs(policy, 'aiogram-shop/prod');
    await expect(secrets.get('CURRENCY')).rejects.toMatchObject({ code: 'ERR_SECRET_DENIED' });
    await secrets.close();
  });
});
