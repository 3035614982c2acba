/**
 * A message of the shop's admins to everybody who has talked to the bot.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { GrammyError } from 'grammy';
import type { Database } from './database.ts';
import { describeError, type Log } from './log.ts';

/** Everybody who can be reached, by chat id. */
export interface Audience {
  add(chat: number): void;
  forget(chat: number): void;
  all(): readonly number[];
}

/** The audience in the database. */
export function createAudience(database: Database): Audience {
  return {
    add: (chat) => void database.all('INSERT OR IGNORE INTO customers VALUES (?)', chat),
    forget: (chat) => void database.all('DELETE FROM customers WHERE chat = ?', chat),
    all: () =>
      database
        .all<{ chat: number }>('SELECT chat FROM customers ORDER BY rowid')
        .map(({ chat }) => chat),
  };
}

/** Whether this user may speak for the shop. No id at all (a channel's post) may not. */
export function isAdmin(admins: readonly number[], user: number | undefined): boolean {
  return user !== undefined && admins.includes(user);
}

/**
 * Sends one after the other, well below Telegram's limit of 30 a second, and waits once where
 * Telegram asks for it. Who has blocked the bot is forgotten.
 *
 * @param send - sends the message to one chat
 */
export async function broadcast(
  audience: Audience,
  send: (chat: number) => Promise<unknown>,
  log: Log,
): Promise<{ readonly delivered: number; readonly failed: number }> {
  let delivered = 0;
  let failed = 0;
  for (const chat of audience.all())
    try {
      await patiently(() => send(chat));
      delivered += 1;
    } catch (error) {
      failed += 1;
      if (error instanceof GrammyError && error.error_code === 403) audience.forget(chat);
      else log(`A broadcast message was not sent: ${describeError(error)}.`);
    }
  return { delivered, failed };
}

/** Repeats once after the time that Telegram names in a 429, if that is at most a minute. */
async function patiently(send: () => Promise<unknown>): Promise<void> {
  try {
    await send();
  } catch (error) {
    const seconds = error instanceof GrammyError ? error.parameters.retry_after : undefined;
    if (seconds === undefined || seconds > 60) throw error;
    await wait(seconds * 1000);
    await send();
  }
}
