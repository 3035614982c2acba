/**
 * What Keyfall writes, seen in the server's own web interface by a real browser, and what is changed
 * there, seen by Keyfall: what the guide's chapter on it tells. Whoever signs in has the rights of
 * `docs/vault/editor-policy.hcl` and no more.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startVaultServer, type VaultServer } from '@keyfall/testkit';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openVaultUi, startChromium } from '../../scripts/pictures/vault-ui.mjs';
import { root } from './markdown.ts';

vi.setConfig({ testTimeout: 120_000 }); // a page takes 15 s and more where others use the machine

const user = 'shop-owner';
const password = randomBytes(16).toString('hex');

let server: VaultServer;
let browser: Awaited<ReturnType<typeof startChromium>>;
let folder: string;
/** What is in the example's `.env`, but for Keyfall's own settings. */
let settings: Map<string, string>;

beforeAll(async () => {
  [server, browser, folder] = await Promise.all([
    startVaultServer({ external: false }),
    startChromium(),
    mkdtemp(join(tmpdir(), 'keyfall-ui-')),
  ]);
  const template = await readFile(join(root, 'examples/aiogram-shop/.env.template'), 'utf8');
  const isOwn = (name: string) => /^(USE_VAULT|VAULT_\w+|KEYFALL_TTL)$/.test(name);
  settings = new Map();
  const dotenv = template.replaceAll(/^(\w+)=(.*)$/gm, (line, name: string, value: string) => {
    if (isOwn(name)) return line;
    const filled = value || `canary-${randomBytes(8).toString('hex')}`;
    settings.set(name, filled);
    return `${name}=${filled}`;
  });
  await writeFile(join(folder, '.env'), dotenv, { mode: 0o600 });
  const rules = await readFile(join(root, 'docs/vault/editor-policy.hcl'), 'utf8');
  const token_policies = await server.createPolicy(rules);
  await server.request('POST', 'sys/auth/userpass', { type: 'userpass' });
  await server.request('POST', `auth/userpass/users/${user}`, { password, token_policies });
  await keyfall(['migrate', '--yes']);
});
afterAll(async () => {
  await Promise.all([browser?.close(), server?.stop()]);
  if (folder !== undefined) await rm(folder, { recursive: true });
});

/** Runs it as who may edit the shop's settings and nothing else. */
async function keyfall(args: readonly string[], input = ''): Promise<string> {
  const login = await server.request('POST', `auth/userpass/login/${user}`, { password });
  const child = spawn(process.execPath, [join(root, 'packages/cli/dist/bundle/bin.cjs'), ...args], {
    cwd: folder,
    env: {
      PATH: process.env['PATH'],
      HOME: folder,
      USE_VAULT: 'true',
      VAULT_ADDR: server.address,
      VAULT_TOKEN: login.body.auth?.client_token,
      VAULT_SECRET_PATH: 'aiogram-shop',
    },
  });
  child.stdin.end(input);
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  expect([code, code === 0 ? '' : stderr]).toEqual([0, '']);
  return stdout;
}

const openDocument = () =>
  openVaultUi(browser, server.address, {
    user,
    password,
    path: '/vault/secrets/secret/show/aiogram-shop',
  });
type Page = Awaited<ReturnType<typeof openDocument>>;

/** The row of a name, with its value behind a mask. */
const rowOf = (page: Page, name: string) =>
  page.locator('.info-table-row').filter({ has: page.getByText(name, { exact: true }) });

test('shows every name that was migrated, and a value once it is asked for', async () => {
  const page = await openDocument();
  await page.getByRole('button', { name: 'Version 1' }).waitFor();
  const names = await page.locator('.info-table-row .is-label').allInnerTexts();
  expect(names.sort()).toEqual([...settings.keys()].sort());

  const shown = (await page.textContent('body')) ?? '';
  const values = [...settings.values()].filter((value) => value.startsWith('canary-'));
  expect(values.length).toBeGreaterThan(8);
  expect(values.filter((value) => shown.includes(value))).toEqual([]);

  await rowOf(page, 'TOKEN').getByRole('button', { name: 'show value' }).click();
  await page.getByText(settings.get('TOKEN') ?? '').waitFor();
  const after = (await page.textContent('body')) ?? '';
  expect(values.filter((value) => after.includes(value))).toEqual([settings.get('TOKEN')]);
  await page.close();
});

test('what Keyfall sets is a new version there, and the one before it is still to be seen', async () => {
  await keyfall(['set', 'SUPPORT_LINK'], 'https://t.me/new-support');
  const page = await openDocument();
  await page.getByRole('button', { name: 'Version 2' }).click();
  await page.getByText('View version history').click();
  const versions = page.locator('.list-item-row');
  await versions.nth(1).waitFor();
  expect(await versions.allInnerTexts()).toEqual([
    expect.stringMatching(/Version 2\s+Current/),
    expect.stringContaining('Version 1'),
  ]);
  for (const [version, value] of [
    [2, 'https://t.me/new-support'],
    [1, settings.get('SUPPORT_LINK') ?? ''],
  ] as const) {
    await page.goto(
      `${server.address}/ui/vault/secrets/secret/show/aiogram-shop?version=${version}`,
    );
    await rowOf(page, 'SUPPORT_LINK').getByRole('button', { name: 'show value' }).click();
    await page.getByText(value).waitFor();
  }
  await page.close();
});

test('what is changed there is what Keyfall answers', async () => {
  const page = await openDocument();
  await page.getByRole('link', { name: 'Create new version' }).click();
  await page.locator('textarea[name=CURRENCY]').fill('EUR');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.waitForURL(/\/show\/aiogram-shop/);
  const all = JSON.parse(await keyfall(['export', '--format', 'json']));
  expect(all).toMatchObject({ CURRENCY: 'EUR', TOKEN: settings.get('TOKEN') });
  expect(Object.keys(all).sort()).toEqual([...settings.keys()].sort());
  await page.close();
});

test('has light colours only, so its pictures are for light pages and for dark ones', async () => {
  const page = await openDocument();
  await page.getByText('Version created').waitFor();
  const colours = (): Promise<string[]> =>
    page.evaluate(`[...document.querySelectorAll('*')].map((element) => {
      const { color, backgroundColor } = getComputedStyle(element);
      return color + backgroundColor;
    })`);
  const light = new Set(await colours());
  await page.emulateMedia({ colorScheme: 'dark' });
  expect(await page.evaluate(`matchMedia('(prefers-color-scheme: dark)').matches`)).toBe(true);
  expect(new Set(await colours())).toEqual(light);
  expect(light.size).toBeGreaterThan(5);
  await page.close();
});
