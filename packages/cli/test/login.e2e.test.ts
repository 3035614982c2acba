/**
 * `keyfall login` against a real server, with a stand-in for the identity provider. `fetch` stands in for the browser.
 */
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort, sharedVaultServer, type VaultServer } from '@keyfall/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type IdentityProvider,
  identityProvider,
} from '../../provider-vault/test/identity-provider.ts';
import { finished, folderWith, keyfall, printed, start } from './keyfall.ts';

const canary = 'canary-5e0a77';
let server: VaultServer;
let issuer: IdentityProvider;
let port = 0;

beforeAll(async () => {
  server = await sharedVaultServer();
  issuer = await identityProvider('keyfall');
  port = await freePort();
  await server.request('POST', 'secret/data/people', { data: { TOKEN: canary } });
  await server.request('POST', 'sys/auth/people', { type: 'oidc' });
  await server.request('POST', 'auth/people/config', {
    oidc_discovery_url: issuer.origin,
    oidc_client_id: 'keyfall',
    oidc_client_secret: canary,
  });
  await server.request('POST', 'auth/people/role/developer', {
    role_type: 'oidc',
    user_claim: 'sub',
    allowed_redirect_uris: [`http://localhost:${port}/oidc/callback`],
    token_policies: await server.createPolicy(
      'path "secret/data/people" { capabilities = ["read"] }',
    ),
  });
});
afterAll(() => issuer.close());

const args = () => ['login', '--mount', 'people', '--role', 'developer', '--port', `${port}`];
const variables = () => ({ VAULT_ADDR: server.address, VAULT_SECRET_PATH: 'people' });

test('a person logs in, and commands have the token', async () => {
  const cwd = await folderWith();
  const child = start([...args(), '--no-browser'], { cwd, env: variables() });
  const page = (await printed(child, '\n')).trim();
  const ended = finished(child);
  await fetch(page);

  const { code, output } = await ended;
  const file = join(cwd, '.vault-token');
  expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining(file) });
  const token = await readFile(file, 'utf8');
  expect(output).not.toContain(token);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const env = { ...variables(), USE_VAULT: 'true' };
  const got = await keyfall(['get', 'TOKEN', '--token-helper'], { cwd, env });
  expect(got.stdout).toBe(`${canary}\n`);
});

test('the browser of the user is opened, and gets no token of ours', async () => {
  const cwd = await folderWith();
  const bin = join(cwd, 'bin');
  await mkdir(bin);
  const opener = join(bin, 'xdg-open');
  await writeFile(opener, `#!/bin/sh\nprintenv > ${cwd}/seen\nprintf %s "$1" > ${cwd}/page\n`);
  await chmod(opener, 0o755);
  const env = { ...variables(), VAULT_TOKEN: canary, PATH: `${bin}:${process.env['PATH']}` };
  const child = start(args(), { cwd, env });
  const ended = finished(child);
  await printed(child, 'in your browser', 'stderr');
  const page = () => readFile(join(cwd, 'page'), 'utf8').catch(() => '');
  while ((await page()) === '') await new Promise((resolve) => setTimeout(resolve, 10));
  await fetch(await page());

  expect(await ended).toMatchObject({ code: 0, stdout: '' });
  expect(await readFile(join(cwd, 'seen'), 'utf8')).not.toContain(canary);
});

test('a .env says nothing of where to log in, and a refusal keeps the token that is there', async () => {
  const cwd = await folderWith(`VAULT_ADDR=${server.address}\n`);
  await writeFile(join(cwd, '.vault-token'), 'before');
  expect(await keyfall(['login', '--no-browser'], { cwd })).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringContaining('Set VAULT_ADDR in the environment'),
  });
  issuer.become({ error: 'access_denied' });
  const child = start([...args(), '--no-browser'], { cwd, env: variables() });
  const page = (await printed(child, '\n')).trim();
  const ended = finished(child);
  await fetch(page);
  expect(await ended).toMatchObject({ code: 4, stderr: expect.stringContaining('access_denied') });
  expect(await readFile(join(cwd, '.vault-token'), 'utf8')).toBe('before');
});
