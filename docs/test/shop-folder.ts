/**
 * The folder that the documents are about: a shop bot with its 36 settings in `.env`.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Every setting of the original bot but `USE_VAULT`, with a value that a shop might have. */
export const shopSettings: Readonly<Record<string, string>> = {
  TOKEN: '123456789:AAexample-of-a-token-from-BotFather',
  ADMIN_ID_LIST: '1001,1002',
  SUPPORT_LINK: 'https://t.me/tea_shop_support',
  WEBHOOK_PATH: '/webhook',
  WEBAPP_HOST: 'localhost',
  WEBAPP_PORT: '5001',
  WEBHOOK_SECRET_TOKEN: 'example-webhook-secret',
  RUNTIME_ENVIRONMENT: 'DEV',
  NGROK_TOKEN: 'example-ngrok-token',
  DB_NAME: 'database.db',
  DB_ENCRYPTION: 'true',
  DB_PASS: 'example database password',
  REDIS_HOST: 'localhost',
  REDIS_PASSWORD: 'example-redis-password',
  PAGE_ENTRIES: '8',
  BOT_LANGUAGE: 'en',
  MULTIBOT: 'false',
  CURRENCY: 'USD',
  KRYPTO_EXPRESS_API_KEY: 'example-api-key',
  KRYPTO_EXPRESS_API_URL: 'https://kryptoexpress.pro/api',
  KRYPTO_EXPRESS_API_SECRET: 'example-api-secret',
  ORDER_TIMEOUT_MINUTES: '30',
  ORDER_CANCEL_GRACE_PERIOD_MINUTES: '5',
  PAYMENT_CHECK_INTERVAL_SECONDS: '60',
  PAYMENT_TOLERANCE_OVERPAYMENT_PERCENT: '0.1',
  PAYMENT_UNDERPAYMENT_RETRY_ENABLED: 'true',
  PAYMENT_UNDERPAYMENT_RETRY_TIMEOUT_MINUTES: '30',
  PAYMENT_UNDERPAYMENT_PENALTY_PERCENT: '5',
  PAYMENT_LATE_PENALTY_PERCENT: '5',
  DATA_RETENTION_DAYS: '30',
  REFERRAL_DATA_RETENTION_DAYS: '365',
  ENCRYPTION_SECRET: '5d41402abc4b2a76b9719d911017c592ae2f0a1d8f3c5e7b9d0c2a4f6e8b1d3f',
  MAX_STRIKES_BEFORE_BAN: '3',
  EXEMPT_ADMINS_FROM_BAN: 'true',
  UNBAN_TOP_UP_AMOUNT: '50',
};

/** In the place of the reader's bot: fails unless it is given every setting, and no credentials. */
const bot = `
import os, sys

missing = [name for name in ${JSON.stringify(Object.keys(shopSettings))} if not os.environ.get(name)]
leaked = [name for name in ("VAULT_TOKEN", "BAO_TOKEN") if name in os.environ]
if missing or leaked:
    sys.exit(f"run.py: missing {missing}, should not be here: {leaked}")
print("The bot runs.")
`;

/** In the place of the reader's server: fails unless it is given the token. */
const server = 'if (!process.env.TOKEN) process.exit(1);\n';

/** Writes `.env` (values quoted where they need it) `run.py` and `server.js` into a folder. */
export async function writeShop(
  folder: string,
  changes: Readonly<Record<string, string>> = {},
): Promise<void> {
  const lines = Object.entries({ ...shopSettings, ...changes }).map(
    ([name, value]) => `${name}=${value.includes(' ') ? `"${value}"` : value}`,
  );
  await mkdir(folder, { recursive: true });
  await writeFile(
    join(folder, '.env'),
    `# The settings of the tea shop\nUSE_VAULT=false\n${lines.join('\n')}\n`,
  );
  await writeFile(join(folder, 'run.py'), bot);
  await writeFile(join(folder, 'server.js'), server);
}
