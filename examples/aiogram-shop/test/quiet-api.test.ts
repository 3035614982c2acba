/** grammY's errors hold the token and the requests: nothing of them may come out. */
import { inspect } from 'node:util';
import { Bot, GrammyError, HttpError } from 'grammy';
import { afterEach, describe, expect, it } from 'vitest';
import { describeError } from '../src/log.ts';
import { isNotModified, quietApi } from '../src/quiet-api.ts';
import { startTelegramStub, type TelegramStub } from '../src/testing/telegram-stub.ts';
import { canaries, leaksIn } from './fixtures.ts';

const lines: string[] = [];
const stubs: TelegramStub[] = [];

afterEach(async () => {
  expect(leaksIn(lines.splice(0).join('\n'))).toEqual([]);
  for (const stub of stubs.splice(0)) await stub.close();
});

async function telegramAndBot(): Promise<{ telegram: TelegramStub; bot: Bot }> {
  const telegram = await startTelegramStub({ token: canaries.TOKEN });
  stubs.push(telegram);
  const bot = new Bot(canaries.TOKEN, { client: { apiRoot: telegram.apiRoot } });
  bot.api.config.use(quietApi((line) => lines.push(line)));
  return { telegram, bot };
}

async function errorOf(call: Promise<unknown>): Promise<Error> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof Error) return error;
  throw new Error('The call did not fail.');
}

/** Everything of an error that a careless logger could print. */
function everythingOf(error: unknown): string {
  const { stack } = error as Error;
  return `${inspect(error, { depth: 10, showHidden: true })} ${JSON.stringify(error)} ${stack}`;
}

describe('quietApi', () => {
  it('takes the address with the token out of a failed call, and logs it once', async () => {
    const { telegram, bot } = await telegramAndBot();
    await telegram.close();
    stubs.pop();
    const error = await errorOf(bot.api.getMe());
    await errorOf(bot.api.getMe());
    expect(error).toBeInstanceOf(HttpError);
    expect(describeError(error)).toMatch(/\bgetMe\b.*\(ECONNREFUSED\)/);
    expect(leaksIn(everythingOf(error))).toEqual([]);
    expect(lines).toEqual([expect.stringContaining('(ECONNREFUSED)')]);
  });

  it('logs that Telegram answers again', async () => {
    const { telegram, bot } = await telegramAndBot();
    const port = Number(new URL(telegram.apiRoot).port);
    await telegram.close();
    await errorOf(bot.api.getMe());
    stubs[0] = await startTelegramStub({ token: canaries.TOKEN, port });
    await bot.api.getMe();
    expect(lines).toEqual([expect.stringContaining('ECONNREFUSED'), expect.any(String)]);
  });

  it('takes request and answer out of a refusal, and keeps what the bot acts on', async () => {
    const { telegram, bot } = await telegramAndBot();
    telegram.refuse('setWebhook', 429, { retryAfter: 3, description: `no ${canaries.TOKEN}` });
    const error = await errorOf(
      bot.api.setWebhook('https://shop.example', { secret_token: canaries.WEBHOOK_SECRET_TOKEN }),
    );
    expect(error).toMatchObject({ error_code: 429, parameters: { retry_after: 3 } });
    expect(error).toBeInstanceOf(GrammyError);
    expect(isNotModified(error)).toBe(false);
    expect(describeError(error)).toMatch(/\bsetWebhook\b.*\b429\b/);
    expect(leaksIn(everythingOf(error))).toEqual([]);
  });

  it('is needed: without it the same error shows the token', async () => {
    const { telegram } = await telegramAndBot();
    await telegram.close();
    stubs.pop();
    const bot = new Bot(canaries.TOKEN, { client: { apiRoot: telegram.apiRoot } });
    expect(leaksIn(everythingOf(await errorOf(bot.api.getMe())))).toEqual(['TOKEN']);
  });
});

describe('describeError', () => {
  it('never repeats the message of an error that it does not know', () => {
    const described = describeError(new TypeError(`cannot read ${canaries.TOKEN}`));
    expect(described).toMatch(/ at .*quiet-api\.test\.ts/);
    expect(leaksIn(described)).toEqual([]);
    expect(describeError(Object.assign(new Error('x'), { code: 'EADDRINUSE' }))).toContain(
      'EADDRINUSE',
    );
    expect(leaksIn(describeError(canaries.TOKEN))).toEqual([]);
  });
});
