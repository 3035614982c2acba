/**
 * What the bot says to its operator, on stderr, one line a fact. A line is made of facts chosen
 * here: an error of grammY is never printed, since its address holds the bot's token. Should a secret
 * get into a line all the same, it is masked there.
 */
import { isSecretError } from '@keyfall/core';
import { BotError, GrammyError, HttpError } from 'grammy';
import Sqlite from 'libsql';
import { destination, pino } from 'pino';

/** Takes one line, without its line break. Default level: `info`. */
export type Log = (line: string, level?: 'info' | 'warn' | 'error') => void;

/** The log of the program. */
export interface ShopLog {
  readonly log: Log;
  /** Every line from now on goes through `redact` when it is finished. */
  maskBy(redact: (line: string) => string): void;
}

/** Lines of JSON by pino, each written before the next thing happens, since the process may end then. */
export function createLog(file: number | string = process.stderr.fd): ShopLog {
  let mask = (line: string) => line;
  const logger = pino(
    { base: null, hooks: { streamWrite: (line) => mask(line) } },
    destination({ dest: file, sync: true }),
  );
  return {
    log: (line, level = 'info') => logger[level](line),
    maskBy: (redact) => {
      mask = redact;
    },
  };
}

/** A failure whose message is made here, of facts: it quotes nothing of what somebody else wrote. */
export class ShopError extends Error {}

const meanings: Readonly<Record<number, string>> = {
  401: 'it does not accept TOKEN',
  403: 'the user has blocked the bot, or never wrote to it',
  404: 'it does not know TOKEN',
  409: 'another bot is running with this TOKEN',
  429: 'too many requests',
};

/** Says what went wrong without repeating anything that somebody else wrote. */
export function describeError(error: unknown): string {
  if (isSecretError(error)) return error.message;
  if (error instanceof BotError) return describeError(error.error);
  if (error instanceof GrammyError) {
    const meaning = meanings[error.error_code];
    const answer = `Telegram answered ${error.method} with ${error.error_code}`;
    return meaning === undefined ? answer : `${answer}: ${meaning}`;
  }
  // quiet-api.ts wrote this message
  if (error instanceof HttpError) return error.message;
  if (error instanceof ShopError) return error.message;
  if (error instanceof Sqlite.SqliteError) return `the database answered ${error.code}`;
  const code = errnoOf(error);
  if (code !== undefined) return `the system answered ${code}`;
  // the message may quote anything; where it happened cannot
  const frame = error instanceof Error ? /^ {4}at .+$/m.exec(error.stack ?? '')?.[0].trim() : '';
  return `a fault in the bot itself${frame ? ` ${frame}` : ''}`;
}

/** The system's own code of a failure, such as `ECONNREFUSED`. */
export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  const { code } = error;
  return typeof code === 'string' && /^E[A-Z0-9_]{2,30}$/.test(code) ? code : undefined;
}
