/**
 * The whole bot, from its settings to its end.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { Secrets } from '@keyfall/core';
import type { Bot } from 'grammy';
import { commandsOf, createBot } from './bot.ts';
import type { Config } from './config.ts';
import { describeError, type Log, type ShopLog } from './log.ts';
import { type Environment, openSecrets } from './secrets.ts';
import { loadSettings } from './settings.ts';
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
 *   refuses the bot, Node's if the webhook cannot listen
 */
export async function runShop(options: ShopOptions): Promise<void> {
  const { environment, directory, log, signal } = options;
  const secrets = await openSecrets(environment, directory, log);
  try {
    options.maskBy(secrets.redact);
    const settings = await loadSettings(secrets, log);
    const bot = createBot(settings, log);
    try {
      await bot.init(signal as unknown as CallSignal);
      await bot.api.setMyCommands(commandsOf(settings)).catch((error: unknown) => {
        log(`The menu of commands was not set: ${describeError(error)}.`);
      });
      if (settings.config.RUNTIME_ENVIRONMENT === 'prod')
        await serveWebhook(bot, settings.config, secrets, log, signal);
      else await poll(bot, log, signal);
    } catch (error) {
      // stopping cancels whatever call was under way
      if (!signal.aborted) throw error;
    }
  } finally {
    await secrets.close();
  }
  log('Stopped.');
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
  bot: Bot,
  config: Config,
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
    health: () => healthOf(secrets.status()),
    handle: (update) =>
      bot.handleUpdate(update).catch((error: unknown) => {
        log(`Update ${update.update_id} was not handled: ${describeError(error)}.`);
      }),
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
