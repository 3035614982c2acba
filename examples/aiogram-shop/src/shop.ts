/**
 * The whole bot, from its settings to its end.
 */
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Secrets } from '@keyfall/core';
import type { Bot } from 'grammy';
import { commandsOf, createBot, type ShopBot, type ShopParts } from './bot.ts';
import { type Database, openDatabase } from './database.ts';
import { describeError, type Log, type ShopLog } from './log.ts';
import { openPayments } from './payments.ts';
import { type Environment, openSecrets, type ShopSecrets } from './secrets.ts';
import { loadSettings, type Settings } from './settings.ts';
import { openThrottle, type RedisLogin } from './throttle.ts';
import { healthOf, startWebhook } from './webhook.ts';

/** Options of {@link runShop}. */
export interface ShopOptions {
  readonly environment: Environment;
  /** Where `.env` is. */
  readonly directory: string;
  readonly log: Log;
  /** Is given what masks the secrets, as soon as there can be some. */
  readonly maskBy: ShopLog['maskBy'];
  /** Ends the bot. */
  readonly signal: AbortSignal;
}

/** grammY declares its signals by an old package's class; Node's own work as well. */
type CallSignal = Parameters<Bot['init']>[0];

/**
 * Runs the bot until `signal` fires: `RUNTIME_ENVIRONMENT=dev` asks Telegram for updates (long
 * polling, needs no address of our own), `prod` gets its updates from Telegram (webhook).
 *
 * @throws a `SecretError` if the settings cannot be had or are wrong, grammY's error if Telegram
 *   refuses the bot, `ShopError` if Redis does, Node's if the webhook cannot listen
 */
export async function runShop(options: ShopOptions): Promise<void> {
  const { environment, directory, log, signal } = options;
  const opened = await openSecrets(environment, directory, log);
  const closing = [() => opened.secrets.close()];
  try {
    options.maskBy(opened.secrets.redact);
    const settings = await loadSettings(opened.secrets, log);
    const throttle = await openThrottle(redisLogin(settings, opened.secrets), log);
    closing.unshift(async () => throttle.close());
    const database = await openShopDatabase(settings, opened, directory, log);
    closing.unshift(async () => database.close());
    const payments = takesPayments(settings)
      ? await openPayments(settings.config, opened, log)
      : undefined;
    const ended = new AbortController();
    const following = followPassword(opened.secrets, database, log, ended.signal);
    closing.unshift(() => {
      ended.abort();
      return following;
    });
    await serve({ settings, database, throttle, payments }, opened.secrets, log, signal);
  } finally {
    for (const close of closing) await close();
  }
  log('Stopped.');
}

/** KryptoExpress tells of payments by the webhook's server. */
const takesPayments = ({ config }: Settings): boolean =>
  config.RUNTIME_ENVIRONMENT === 'prod' && config.KRYPTO_EXPRESS_API_KEY !== undefined;

function redisLogin({ config, live }: Settings, secrets: Secrets): RedisLogin | undefined {
  if (config.REDIS_HOST === undefined) return undefined;
  return {
    host: config.REDIS_HOST,
    password: () => live.REDIS_PASSWORD,
    // it may be asked while the bot ends
    refresh: () => secrets.refresh().catch(() => {}),
  };
}

function openShopDatabase(
  { config }: Settings,
  { earlier }: ShopSecrets,
  directory: string,
  log: Log,
): Promise<Database> {
  // parseConfig lets no switch without a password through
  const { DB_NAME, DB_ENCRYPTION, DB_PASS: password = '' } = config;
  const encryption = { password, earlier: () => earlier('DB_PASS') };
  return openDatabase(
    join(directory, 'data', DB_NAME),
    DB_ENCRYPTION ? encryption : undefined,
    log,
  );
}

/** Encrypts the database again when the stores hold another password. */
async function followPassword(
  secrets: Secrets,
  database: Database,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  for await (const _ of secrets.watch('DB_PASS', { signal }))
    try {
      const { freshness } = await secrets.explain('DB_PASS', { signal });
      const password = await secrets.find('DB_PASS', { signal });
      // what another store holds during an outage may be an old one
      if (freshness !== 'fresh' || !password)
        log('The database keeps its password: no store gives it another now.', 'warn');
      else if (database.changePassword(password)) log('The database has its new password.');
    } catch (error) {
      if (!signal.aborted)
        log(`The database keeps its old password: ${describeError(error)}.`, 'error');
    }
}

async function serve(
  parts: ShopParts,
  secrets: Secrets,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const shop = createBot(parts, log);
  const { bot } = shop;
  try {
    await bot.init(signal as unknown as CallSignal);
    await bot.api.setMyCommands(commandsOf(parts.settings)).catch((error: unknown) => {
      log(`The menu of commands was not set: ${describeError(error)}.`);
    });
    if (parts.settings.config.RUNTIME_ENVIRONMENT === 'prod')
      await serveWebhook(shop, parts, secrets, log, signal);
    else await poll(bot, log, signal);
  } catch (error) {
    // stopping cancels whatever call was under way
    if (!signal.aborted) throw error;
  }
}

async function poll(bot: Bot, log: Log, signal: AbortSignal): Promise<void> {
  let stopping: Promise<unknown> = Promise.resolve();
  const stop = () => {
    // tells Telegram which updates are done; a silent Telegram must not hold us up
    const stopped = bot.stop().catch((error: unknown) => {
      log(`Could not confirm the handled updates to Telegram: ${describeError(error)}.`);
    });
    stopping = Promise.race([stopped, wait(3_000, undefined, { ref: false })]);
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    await bot.start({
      onStart: ({ username }) => {
        log(`@${username} asks Telegram for updates.`);
        if (signal.aborted) stop();
      },
    });
    await stopping;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

async function serveWebhook(
  { bot, settle }: ShopBot,
  { settings: { config }, throttle, payments }: ShopParts,
  secrets: Secrets,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const {
    WEBHOOK_SECRET_TOKEN: secretToken,
    WEBHOOK_HOST: publicHost,
    WEBHOOK_PATH: path,
  } = config;
  if (secretToken === undefined || publicHost === undefined)
    throw new TypeError('parseConfig lets no webhook without them through');
  const webhook = await startWebhook({
    host: config.WEBAPP_HOST,
    port: config.WEBAPP_PORT,
    path,
    secretToken,
    health: () => healthOf(secrets.status(), throttle.state()),
    handle: (update) =>
      bot.handleUpdate(update).catch((error: unknown) => {
        log(`Update ${update.update_id} was not handled: ${describeError(error)}.`);
      }),
    payments,
    settle,
  });
  try {
    await bot.api.setWebhook(`${publicHost}${path}`, { secret_token: secretToken });
    log(
      `@${bot.botInfo.username} listens on ${config.WEBAPP_HOST}:${webhook.port}${path} for Telegram.`,
    );
    if (!signal.aborted)
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
  } finally {
    await webhook.close();
  }
}
