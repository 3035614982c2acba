/**
 * The page about Python, and a bot started as its owner starts it: real aiogram, FastAPI, python-dotenv and hvac from PyPI, a
 * real server for the secrets, and a stand-in for Telegram. The bot is a stand-in, too: `python-bot/config.py` says for what.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort, startVaultServer, temporaryFolder, type VaultServer } from '@keyfall/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  startTelegramStub,
  type TelegramStub,
} from '../../examples/aiogram-shop/src/testing/telegram-stub.ts';
import { cacheFolder } from '../../packages/testkit/src/servers/provide-once.ts';
import { runDocument } from './document-run.ts';
import { codeBlocks, root } from './markdown.ts';
import { shopSettings, writeShop } from './shop-folder.ts';

const page = 'docs/python.md';
const bot = join(root, 'docs/test/python-bot');
const keyfall = join(root, 'packages/cli/dist/bundle/bin.cjs');
const fromVault = { ...shopSettings, WEBHOOK_SECRET_TOKEN: 'of-vault', SUPPORT_LINK: 'https://v' };

let telegram: TelegramStub;
/** What a terminal has in these tests. pip takes what `scripts/provision` fetched. */
let terminal: NodeJS.ProcessEnv;

beforeAll(async () => {
  telegram = await startTelegramStub({ token: shopSettings['TOKEN'] ?? '' });
  const wheels = createHash('sha256').update(
    await readFile(join(root, 'docs/test/python-wheels.txt')),
  );
  terminal = {
    PIP_NO_INDEX: '1',
    PIP_FIND_LINKS: cacheFolder(`python-bot-${wheels.digest('hex').slice(0, 12)}`),
    PIP_DISABLE_PIP_VERSION_CHECK: '1',
    TELEGRAM_API_ROOT: telegram.apiRoot,
  };
});
afterAll(() => telegram.close());

/** The bot's folder: the shop's `.env`, and the program. */
async function writeBot(folder: string): Promise<void> {
  await writeShop(folder, { WEBAPP_PORT: String(await freePort()) });
  await cp(bot, folder, { recursive: true });
}

test('every command of the page does what it says', async () => {
  const text = await readFile(join(root, page), 'utf8');
  await runDocument(
    { path: page, text, blocks: codeBlocks(text) },
    { prepare: writeBot, env: terminal },
  );
}, 240_000);

test('the page has every name of the shop, once in the table of kinds or as one that is needed', async () => {
  const [, section = ''] = (await readFile(join(root, page), 'utf8')).split('\n## Its names\n');
  const rows = section.split('\n').filter((line) => line.startsWith('| '));
  const named = rows.flatMap((row) => [...row.matchAll(/`([A-Z_]+)`/g)].map(([, name]) => name));
  expect([...new Set(named)].sort()).toEqual(Object.keys(shopSettings).sort());
  const config = await readFile(join(bot, 'config.py'), 'utf8');
  for (const name of Object.keys(shopSettings)) expect(config).toContain(`"${name}"`);
});

describe('the bot under keyfall run', () => {
  let server: VaultServer;
  let folder: string;
  let remove: () => Promise<void>;

  beforeAll(async () => {
    server = await startVaultServer({ external: false });
    ({ folder, remove } = await temporaryFolder());
    await writeBot(folder);
    const pip = ['-m', 'pip', 'install', '--quiet', '-r', 'requirements.txt'];
    const options = { cwd: folder, env: { ...process.env, ...terminal } };
    await promisify(execFile)('python3', ['-m', 'venv', 'venv'], options);
    await promisify(execFile)(join(folder, 'venv/bin/python'), pip, options);
  });
  afterAll(() => Promise.all([server.stop(), remove()]));
  beforeEach(async () => {
    await server.request('POST', 'secret/data/shop', { data: fromVault });
  });

  /** A program of the folder under `keyfall run`, until it serves or ends. */
  async function start(
    env: NodeJS.ProcessEnv = {},
    program = 'run.py',
  ): Promise<{ code: number | null; output: string; calls: TelegramStub['calls'] }> {
    const from = telegram.calls.length;
    const child: ChildProcess = spawn(
      process.execPath,
      [keyfall, 'run', '--', 'venv/bin/python', program],
      {
        cwd: folder,
        env: {
          PATH: process.env['PATH'],
          HOME: folder,
          TELEGRAM_API_ROOT: telegram.apiRoot,
          USE_VAULT: 'true',
          VAULT_ADDR: server.address,
          VAULT_TOKEN: server.token,
          VAULT_SECRET_PATH: 'shop',
          ...env,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    let output = '';
    let isServing = false;
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        const [, address] = /Uvicorn running on (\S+)/.exec(output) ?? [];
        if (address === undefined || isServing) return;
        isServing = true;
        // it says so before it serves, and leaves out its own end if a signal comes in between
        void fetch(address)
          .catch(() => {})
          .finally(() => child.kill('SIGTERM'));
      });
    const [code] = (await once(child, 'close')) as [number | null];
    for (const value of [...Object.values(shopSettings), server.token, env['VAULT_TOKEN'] ?? ''])
      if (value.length > 12 && !value.startsWith('http')) expect(output).not.toContain(value);
    return { code, output, calls: telegram.calls.slice(from) };
  }

  const terminated = 128 + 15;
  const secretOf = (calls: TelegramStub['calls']) =>
    calls.find(({ method }) => method === 'setWebhook')?.payload['secret_token'];

  test('starts from Vault, whose values win over its own load_dotenv', async () => {
    const { code, output, calls } = await start();
    expect([code, secretOf(calls)]).toEqual([terminated, 'of-vault']);
    expect(output).not.toContain('could not be asked');
    expect(calls.map(({ method }) => method)).toEqual([
      'setWebhook',
      'sendMessage',
      'sendMessage',
      'deleteWebhook',
    ]);
    expect(calls[1]?.payload).toMatchObject({ chat_id: '1001', text: 'Bot is working' });
  });

  test('falls back to .env while the server is down, and says so', async () => {
    const { code, output, calls } = await start({ VAULT_ADDR: 'http://127.0.0.1:1' });
    expect([code, secretOf(calls)]).toEqual([terminated, shopSettings['WEBHOOK_SECRET_TOKEN']]);
    expect(output).toContain('35 names come from .env.');
  });

  test('falls back to .env while the server is sealed, and says so', async () => {
    const sealed = await startVaultServer({ external: false });
    try {
      await sealed.request('PUT', 'sys/seal');
      const { code, output, calls } = await start({
        VAULT_ADDR: sealed.address,
        VAULT_TOKEN: sealed.token,
      });
      expect([code, secretOf(calls)]).toEqual([terminated, shopSettings['WEBHOOK_SECRET_TOKEN']]);
      expect(output).toMatch(/is sealed.*35 names come from \.env\./);
    } finally {
      await sealed.stop();
    }
  });

  test('is not started with a token whose policy does not allow the path', async () => {
    const { token } = await server.createToken();
    const { code, output, calls } = await start({ VAULT_TOKEN: token });
    expect([code, calls]).toEqual([4, []]);
    expect(output).toContain('denied');
  });

  test('is not started with a token that has expired', async () => {
    const { token } = await server.createToken({ policies: ['root'], ttl: '1s' });
    await expect
      .poll(
        async () =>
          (
            await server.request('GET', 'auth/token/lookup-self', undefined, {
              token,
              allow: [403],
            })
          ).status,
        { timeout: 30_000 },
      )
      .toBe(403);
    const { code, output, calls } = await start({ VAULT_TOKEN: token });
    expect([code, calls]).toEqual([4, []]);
    expect(output).toContain('not authenticated');
  });

  test('ends at its first line if RUNTIME_ENVIRONMENT is not spelled as its enum spells it', async () => {
    const data = { ...fromVault, RUNTIME_ENVIRONMENT: 'dev' };
    await server.request('POST', 'secret/data/shop', { data });
    const { code, output, calls } = await start();
    expect([code, calls]).toEqual([1, []]);
    expect(output).toContain("ValueError: 'dev' is not a valid RuntimeEnvironment");
  });

  test('is run.py: bot.py ends without an error and without a bot', async () => {
    expect(await start({}, 'bot.py')).toEqual({ code: 0, output: '', calls: [] });
  });

  test('has the token of its .env again by its own load_dotenv, as the page warns', async () => {
    const program = `import os\nbefore = "VAULT_TOKEN" in os.environ\nimport config\nprint(before, "VAULT_TOKEN" in os.environ)\n`;
    await writeFile(join(folder, 'returns.py'), program);
    const file = join(folder, '.env');
    const text = await readFile(file, 'utf8');
    await writeFile(file, `${text}VAULT_TOKEN=${server.token}\n`);
    try {
      expect((await start({ VAULT_TOKEN: undefined }, 'returns.py')).output).toBe('False True\n');
    } finally {
      await writeFile(file, text);
    }
  });
});
