/** The built bot against a Telegram on this machine and a real Vault-compatible server. */

import { readdir, readFile, writeFile } from 'node:fs/promises';

import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { startVaultServer, type VaultServer } from '@keyfall/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import {
  type BotCall,
  startTelegramStub,
  type TelegramStub,
} from '../src/testing/telegram-stub.ts';
import { texts } from '../src/texts/texts.ts';
import { admin, canaries, customer, leaksIn, settings } from './fixtures.ts';
import { signatureOf, startKryptoExpress } from './krypto-express.ts';
import { type ShopProcess, type ShopProcessOptions, startShopProcess } from './shop-process.ts';

let telegram: TelegramStub;
const shops: ShopProcess[] = [];
const vaultTokens: string[] = [];

beforeEach(async () => {
  telegram = await startTelegramStub({ token: canaries.TOKEN });
});

afterEach(async () => {
  const outputs: string[] = [];
  for (const shop of shops.splice(0)) {
    await shop.dispose();
    outputs.push(shop.raw());
  }
  await telegram.close();
  for (const output of outputs) {
    expect(leaksIn(output)).toEqual([]);
    for (const token of vaultTokens) expect(output).not.toContain(token);
  }
});

/** Starts it with grammY's own debugging output on, which shows its errors as they are. */
async function startShop({ file, environment, ...rest }: ShopProcessOptions): Promise<ShopProcess> {
  const shop = await startShopProcess({
    ...rest,
    ...(file && { file: { TELEGRAM_API_ROOT: telegram.apiRoot, ...file } }),
    environment: { DEBUG: 'grammy*', ...environment },
  });
  shops.push(shop);
  return shop;
}

/** Presses a button, and resolves to what the bot shows above the chat. */
async function notice(user: number, data: string): Promise<string> {
  const from = telegram.calls.length;
  telegram.press(user, data);
  const answered = ({ method }: BotCall) => method === 'answerCallbackQuery';
  return String((await telegram.waitFor(answered, from)).payload['text']);
}

const polls = /@tea_shop_bot .*\bupdates\b/;

describe('with .env alone', () => {
  it('answers, and says where its settings come from', async () => {
    const shop = await startShop({ file: settings });
    await shop.says(polls);
    expect(shop.output()).toMatch(/^Settings: 11 from dotenv \(.*\.env\), 26 by default\.$/m);
    expect(await telegram.ask(customer, '/start')).toMatch(/^Welcome/);
    expect(await telegram.ask(customer, '/support')).toContain('https://t.me/tea_support');
    const menu = telegram.calls.find(({ method }) => method === 'setMyCommands');
    expect(JSON.stringify(menu?.payload)).not.toContain('broadcast');
  });

  it('has the carts, the orders and the customers again after a restart', async () => {
    const first = await startShop({ file: settings });
    await first.says(polls);
    expect(await notice(customer, 'add:mint')).toContain('1 × Peppermint');
    first.signal('SIGTERM');
    expect(await first.ended).toBe(0);
    const second = await startShop({ directory: first.directory });
    await second.says(polls);
    expect(await telegram.ask(customer, '/cart')).toContain('1 × Peppermint');
    telegram.say(admin, '/broadcast Closed on Monday.');
    await telegram.waitFor(({ payload }) => payload['text'] === texts.en.broadcastDone(2, 0));
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('stops cleanly on %s', async (signal) => {
    const shop = await startShop({ file: settings });
    await shop.says(polls);
    await telegram.ask(customer, '/start');
    shop.signal(signal);
    expect(await shop.ended).toBe(0);
    expect(shop.output()).toContain(`\n${signal}: stopping.\n`);
    expect(shop.output()).toMatch(/\nStopped\.\n$/);
  });

  it('stops cleanly while Telegram cannot be reached', async () => {
    await telegram.close();
    const shop = await startShop({ file: settings });
    await shop.says(/\(ECONNREFUSED\)/);
    shop.signal('SIGTERM');
    expect(await shop.ended).toBe(0);
    telegram = await startTelegramStub({ token: canaries.TOKEN });
  });

  it('lets the environment win over the file, as under `keyfall run`', async () => {
    const { TOKEN, ...rest } = settings;
    const shop = await startShop({
      file: { ...rest, TOKEN: '1:not-the-token-that-is-used', USE_VAULT: 'true' },
      environment: {
        TOKEN: TOKEN ?? '',
        SUPPORT_LINK: 'https://t.me/inherited',
        USE_VAULT: 'false',
      },
    });
    await shop.says(polls);
    expect(shop.output()).toMatch(/Settings: 2 from env \(environment variables\), 9 from dotenv/);
    expect(await telegram.ask(customer, '/support')).toContain('https://t.me/inherited');
  });

  it('needs no file where the environment has everything', async () => {
    const shop = await startShop({
      environment: { ...settings, TELEGRAM_API_ROOT: telegram.apiRoot },
    });
    await shop.says(polls);
    expect(await telegram.ask(customer, '/start')).toMatch(/^Welcome/);
  });

  it('names every wrong setting at once, and does not start', async () => {
    const shop = await startShop({
      file: {
        ...settings,
        ADMIN_ID_LIST: canaries.DB_PASS,
        PAGE_ENTRIES: canaries.REDIS_PASSWORD,
        MULTIBOT: 'maybe',
        RUNTIME_ENVIRONMENT: 'prod',
      },
    });
    expect(await shop.ended).toBe(2);
    expect(shop.output()).toMatch(/^The shop cannot run: 4 /m);
    for (const name of ['ADMIN_ID_LIST', 'PAGE_ENTRIES', 'MULTIBOT', 'WEBHOOK_HOST'])
      expect(shop.output()).toContain(`${name} `);
    expect(telegram.calls).toEqual([]);
  });

  it.each([
    ['USE_VAULT', 'yes', 'USE_VAULT '],
    ['KEYFALL_TTL', 'soon', 'KEYFALL_TTL '],
  ])('does not start with %s=%s', async (name, value, message) => {
    const shop = await startShop({ file: { ...settings, [name]: value } });
    expect(await shop.ended).toBe(2);
    expect(shop.output()).toContain(message);
  });

  it('says that Telegram does not accept the token', async () => {
    const shop = await startShop({ file: { ...settings, TOKEN: `${canaries.TOKEN}x` } });
    expect(await shop.ended).toBe(1);
    expect(shop.output()).toMatch(/^The shop cannot run: .*\bgetMe\b.*\b401\b.*\bTOKEN\b/m);
  });
});

describe('as a webhook', () => {
  const production = {
    ...settings,
    RUNTIME_ENVIRONMENT: 'prod',
    WEBHOOK_HOST: 'https://shop.example',
    WEBHOOK_PATH: '/telegram',
    WEBAPP_HOST: '127.0.0.1',
    WEBAPP_PORT: '0',
  };

  it('answers what Telegram posts with the secret token, and nothing else', async () => {
    const shop = await startShop({ file: production });
    await shop.says(/@tea_shop_bot listens on 127\.0\.0\.1:\d+\/telegram for Telegram\./);
    const port = /listens on 127\.0\.0\.1:(\d+)/.exec(shop.output())?.[1];
    expect(telegram.calls.find(({ method }) => method === 'setWebhook')?.payload).toEqual({
      url: 'https://shop.example/telegram',
      secret_token: canaries.WEBHOOK_SECRET_TOKEN,
    });
    const post = (text: string, token: string) =>
      fetch(`http://127.0.0.1:${port}/telegram`, {
        method: 'POST',
        headers: { 'X-Telegram-Bot-Api-Secret-Token': token },
        body: JSON.stringify(telegram.messageUpdate(customer, text)),
      });
    const health = await fetch(`http://127.0.0.1:${port}/health`);
    expect([health.status, await health.json()]).toEqual([
      200,
      { status: 'ok', providers: [{ provider: 'dotenv', state: 'ready' }] },
    ]);
    expect((await post('/cart', 'wrong')).status).toBe(401);
    expect((await post('/start', canaries.WEBHOOK_SECRET_TOKEN)).status).toBe(200);
    await telegram.waitFor(({ payload }) => String(payload['text']).startsWith('Welcome'));
    expect(telegram.calls.filter(({ method }) => method === 'sendMessage')).toHaveLength(1);
    shop.signal('SIGTERM');
    expect(await shop.ended).toBe(0);
  });

  it('takes payments with the key and the secret of now, each changed while it runs', async () => {
    const krypto = await startKryptoExpress(canaries.KRYPTO_EXPRESS_API_KEY);
    const file = { ...production, KRYPTO_EXPRESS_API_URL: krypto.url, KEYFALL_TTL: '1h' };
    const shop = await startShop({ file });
    await shop.says(/ listens on /);
    const at = /listens on (127\.0\.0\.1:\d+)/.exec(shop.output())?.[1];
    const press = async (data: string) => {
      const from = telegram.calls.length;
      const headers = { 'X-Telegram-Bot-Api-Secret-Token': canaries.WEBHOOK_SECRET_TOKEN };
      const body = JSON.stringify(telegram.pressUpdate(customer, data));
      await fetch(`http://${at}/telegram`, { method: 'POST', headers, body });
      await telegram.waitFor(({ method }) => method === 'answerCallbackQuery', from);
      return telegram.calls.slice(from).find(({ method }) => method === 'editMessageText');
    };
    const pay = (id: number, secret: string) =>
      fetch(`http://${at}/telegramcryptoprocessing/event`, {
        method: 'POST',
        headers: { 'X-Signature': signatureOf(`{"id":${id},"isPaid":true}`, secret) },
        body: `{ "id": ${id}, "isPaid": true }`,
      });

    await press('add:mint');
    expect((await press('order:'))?.payload['text']).toMatch(/pay 0\.0001 BTC to\nbc1q-1$/);
    expect((await pay(1, 'forged')).status).toBe(403);
    expect((await pay(1, canaries.KRYPTO_EXPRESS_API_SECRET)).status).toBe(200);
    await telegram.waitFor(({ payload }) => payload['text'] === texts.en.paid(1));

    krypto.key = 'canary-krypto-key-2';
    await shop.writeEnv({
      TELEGRAM_API_ROOT: telegram.apiRoot,
      ...file,
      KRYPTO_EXPRESS_API_KEY: krypto.key,
    });
    await press('add:mint');
    const second = await press('order:');
    expect(second?.payload['text'], shop.output()).toMatch(/bc1q-2$/);

    krypto.key = 'canary-that-no-store-has';
    await press('add:mint');
    expect((await press('order:'))?.payload['text']).toContain(texts.en.payLater);
    expect(shop.output()).toMatch(
      /^No payment for order 3: .*does not accept KRYPTO_EXPRESS_API_KEY\.$/m,
    );
    const data = await readFile(join(shop.directory, 'data/database.db'), 'latin1');
    expect(data).toContain('mint');
    for (const text of [shop.raw(), data]) expect(text).not.toContain('canary');
  });

  it('says which address it cannot listen on', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as AddressInfo;
    const shop = await startShop({ file: { ...production, WEBAPP_PORT: String(port) } });
    expect(await shop.ended).toBe(1);
    expect(shop.output()).toMatch(/^The shop cannot run: .*EADDRINUSE/m);
    await new Promise((resolve) => taken.close(resolve));
  });
});

describe('with Vault', () => {
  let vault: VaultServer;
  let mount: string;

  beforeAll(async () => {
    vault = await startVaultServer({ external: false });
    vaultTokens.push(vault.token);
  });
  afterAll(() => vault.stop());
  beforeEach(async () => {
    mount = await vault.mountKv({ version: 2 });
  });

  const store = (values: Record<string, string>) =>
    vault.request('POST', `${mount}/data/aiogram-shop`, { data: values });

  /** `.env` holds what finds the settings, but for the token. */
  const pointer = () => ({
    USE_VAULT: 'true',
    VAULT_ADDR: vault.address,
    VAULT_MOUNT_POINT: mount,
    VAULT_SECRET_PATH: 'aiogram-shop',
    KEYFALL_TTL: '0ms',
  });

  it('takes its settings from there, and shows a changed one without a restart', async () => {
    await store({ ...settings, TELEGRAM_API_ROOT: telegram.apiRoot, BOT_LANGUAGE: 'de' });
    const shop = await startShop({
      file: pointer(),
      environment: { VAULT_TOKEN: vault.token },
    });
    await shop.says(polls);
    expect(shop.output()).toMatch(/^Settings: 12 from vault .*, 25 by default\.$/m);
    expect(await telegram.ask(customer, '/start')).toMatch(/^Willkommen/);
    expect(await telegram.ask(customer, '/support')).toContain('https://t.me/tea_support');

    await store({ ...settings, SUPPORT_LINK: 'https://t.me/new_support' });
    const support = () => telegram.ask(customer, '/support');
    await expect.poll(support, { timeout: 10_000 }).toContain('https://t.me/new_support');

    await store({ ...settings, SUPPORT_LINK: canaries.DB_PASS });
    await shop.says(/^SUPPORT_LINK keeps its last good value .*must be an http/m);
    expect(await support()).toContain('https://t.me/new_support');

    await store({ ...settings, ADMIN_ID_LIST: String(customer) });
    const broadcast = () => telegram.ask(customer, '/broadcast');
    await expect.poll(broadcast, { timeout: 10_000 }).toContain('Befehl: /broadcast');
    expect(shop.output()).not.toContain('FALLBACK');
  });

  describe('a database whose password changes', () => {
    const encrypted = (DB_PASS: string) =>
      store({ ...settings, TELEGRAM_API_ROOT: telegram.apiRoot, DB_ENCRYPTION: 'true', DB_PASS });
    const start = async (directory?: string) => {
      const shop = await startShop({
        ...(directory
          ? { directory }
          : {
              file: {
                ...settings,
                ...pointer(),
                DB_PASS: 'canary-db-of-the-file',
                KEYFALL_TTL: '100ms',
              },
            }),
        environment: { VAULT_TOKEN: vault.token },
      });
      await shop.says(polls);
      return shop;
    };
    const end = async (shop: ShopProcess) => {
      shop.signal('SIGTERM');
      expect(await shop.ended).toBe(0);
    };

    it('loses no order, whether the bot runs meanwhile or is stopped', async () => {
      await encrypted(canaries.DB_PASS);
      const first = await start();
      for (const [round, password] of ['canary-db-2', 'canary-db-3'].entries()) {
        await notice(customer, 'add:mint');
        await notice(customer, 'order:');
        await encrypted(password);
        const changed = Array(round + 1).fill('The database has its new password\\.');
        await first.says(new RegExp(changed.join('[^]*')));
      }
      await vault.request('DELETE', `${mount}/data/aiogram-shop`);
      await first.says(/^The database keeps its password/m);
      await vault.request('POST', `${mount}/undelete/aiogram-shop`, { versions: [3] });
      await end(first);

      await encrypted('canary-db-4');
      await store({
        ...settings,
        TELEGRAM_API_ROOT: telegram.apiRoot,
        DB_ENCRYPTION: 'true',
        DB_PASS: 'canary-db-5',
      });
      const second = await start(first.directory);
      expect(second.output()).toContain('An earlier version opened the database');
      await notice(customer, 'add:mint');
      await notice(customer, 'order:');
      await second.says(/^Order 3 is placed\.$/m);
      await end(second);

      const files = join(first.directory, 'data');
      expect(await readdir(files)).toEqual(['database.db']);
      const data = await readFile(join(files, 'database.db'), 'latin1');
      for (const text of [first.raw(), second.raw(), data]) expect(text).not.toMatch(/canary-db/);
    });

    it('is not opened with what the file holds during an outage', async () => {
      await encrypted(canaries.DB_PASS);
      const first = await start();
      await end(first);
      const second = await startShop({
        directory: first.directory,
        environment: {
          ...settings,
          DB_ENCRYPTION: 'true',
          DB_PASS: 'canary-db-old',
          VAULT_ADDR: 'http://127.0.0.1:1',
          VAULT_TOKEN: vault.token,
        },
      });
      expect(await second.ended).toBe(3);
      expect(second.output()).toContain('DB_PASS does not open the database');
    });
  });

  it('prefers Vault to the environment and the file, and names what is wrong there', async () => {
    await store({ ...settings, PAGE_ENTRIES: 'many' });
    const tokenFile = join(await testFolder(), 'token');
    await writeFile(tokenFile, vault.token);
    const shop = await startShop({
      file: { ...settings, ...pointer() },
      environment: { VAULT_TOKEN_PATH: tokenFile, PAGE_ENTRIES: '8' },
    });
    expect(await shop.ended).toBe(2);
    expect(shop.output()).toMatch(/^The shop cannot run: 1 .*PAGE_ENTRIES \(from vault\) /m);
  });

  it('does not start with a token that may not read, whatever .env holds', async () => {
    await store(settings);
    const { token } = await vault.createToken();
    vaultTokens.push(token);
    const shop = await startShop({
      file: { ...settings, ...pointer() },
      environment: { VAULT_TOKEN: token },
    });
    expect(await shop.ended).toBe(4);
    expect(shop.output()).toMatch(/^The shop cannot run: .*\bvault\b/m);
    expect(shop.output()).toContain('aiogram-shop');
    expect(telegram.calls).toEqual([]);
  });

  it('says that nothing is at a mistyped path, and goes on with .env', async () => {
    const shop = await startShop({
      file: { ...settings, ...pointer(), VAULT_SECRET_PATH: 'aiogram-shp' },
      environment: { VAULT_TOKEN: vault.token },
    });
    await shop.says(polls);
    expect(shop.output()).toMatch(/^FALLBACK: .*aiogram-shp.*dotenv\.$/m);
  });

  describe('and the server gone', () => {
    let doomed: VaultServer;
    let gone: Record<string, string>;

    beforeAll(async () => {
      doomed = await startVaultServer({ external: false });
      vaultTokens.push(doomed.token);
    });
    afterAll(() => doomed.stop());
    beforeEach(() => {
      gone = { ...pointer(), VAULT_ADDR: doomed.address, VAULT_MOUNT_POINT: 'secret' };
    });

    it('goes on with the last good values when it dies, and says so once', async () => {
      await doomed.request('POST', 'secret/data/aiogram-shop', {
        data: { ...settings, SUPPORT_LINK: 'https://t.me/from_vault' },
      });
      const shop = await startShop({
        file: { ...settings, ...gone },
        environment: { VAULT_TOKEN: doomed.token },
      });
      await shop.says(polls);
      await doomed.kill();
      for (let count = 0; count < 3; count += 1)
        expect(await telegram.ask(customer, '/support')).toContain('https://t.me/from_vault');
      await shop.says(/^FALLBACK: .*\brefused\b(?!.*dotenv)/m);
      expect(shop.output().match(/FALLBACK/g)).toHaveLength(1);
    });

    it('is degraded to what asks for its health, and has no reason or address for it', async () => {
      await doomed.kill();
      const shop = await startShop({
        file: {
          ...settings,
          ...gone,
          RUNTIME_ENVIRONMENT: 'PROD',
          WEBHOOK_HOST: 'https://shop.example',
          WEBAPP_HOST: '127.0.0.1',
          WEBAPP_PORT: '0',
        },
        environment: { VAULT_TOKEN: doomed.token },
      });
      await shop.says(/ listens on /);
      const port = /listens on 127\.0\.0\.1:(\d+)/.exec(shop.output())?.[1];
      const health = await fetch(`http://127.0.0.1:${port}/health`);
      expect([health.status, await health.json()]).toEqual([
        200,
        {
          status: 'degraded',
          providers: [
            { provider: 'vault', state: 'failing', code: 'ERR_SECRET_UNAVAILABLE' },
            { provider: 'dotenv', state: 'ready' },
          ],
        },
      ]);
    });

    it('starts from .env, and says so', async () => {
      await doomed.kill();
      const shop = await startShop({
        file: { ...settings, ...gone },
        environment: { VAULT_TOKEN: doomed.token },
      });
      await shop.says(polls);
      expect(shop.output()).toMatch(/^FALLBACK: .*\brefused\b.*dotenv\.$/m);
      expect(shop.output()).toMatch(/^Settings: 11 from dotenv .*, 26 by default\.$/m);
      expect(shop.output()).toMatch(/^Could not check .*: .*\bPAGE_ENTRIES\b/m);
      expect(await telegram.ask(customer, '/support')).toContain('https://t.me/tea_support');
    });

    it('does not call a setting missing that only Vault could know', async () => {
      await doomed.kill();
      const { TOKEN: _, ...rest } = settings;
      const shop = await startShop({
        file: { ...rest, ...gone },
        environment: { VAULT_TOKEN: doomed.token },
      });
      expect(await shop.ended).toBe(3);
      expect(shop.output()).toMatch(/^The shop cannot run: TOKEN .*: vault /m);
      expect(shop.output()).not.toContain('.env.template');
    });

    it('does not start where nothing else holds the settings', async () => {
      await doomed.kill();
      const shop = await startShop({ environment: { ...gone, VAULT_TOKEN: doomed.token } });
      expect(await shop.ended).toBe(3);
      expect(shop.output()).toContain('The shop cannot run: ');
    });
  });
});
