/** What the tests share: settings with a canary in every secret place. */
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { type Database, openDatabase } from '../src/database.ts';

export const admin = 700;
export const customer = 800;

/** Found in no output, whatever goes wrong. */
export const canaries = {
  TOKEN: '110201543:AAHcanaryTelegramToken_0123456789abc',
  WEBHOOK_SECRET_TOKEN: 'canary-webhook-secret-token',
  DB_PASS: 'canary-db-pass',
  REDIS_PASSWORD: 'canary-redis-password',
  NGROK_TOKEN: 'canary-ngrok-token',
  KRYPTO_EXPRESS_API_KEY: 'canary-krypto-key',
  KRYPTO_EXPRESS_API_SECRET: 'canary-krypto-secret',
  ENCRYPTION_SECRET: 'ca4a'.repeat(16),
};

/** Complete settings, but for where Telegram is. */
export const settings: Readonly<Record<string, string>> = {
  ...canaries,
  ADMIN_ID_LIST: String(admin),
  SUPPORT_LINK: 'https://t.me/tea_support',
};

/** The canaries that stand in `text`, by name. */
export function leaksIn(text: string): string[] {
  return Object.entries(canaries)
    .filter(([, value]) => text.includes(value))
    .map(([name]) => name);
}

/** A database of this test, without a password. */
export async function emptyDatabase(): Promise<Database> {
  const file = join(await testFolder(), 'data/shop.db');
  const database = await openDatabase(file, undefined, () => {});
  onTestFinished(() => database.close());
  return database;
}
