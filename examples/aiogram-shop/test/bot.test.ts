import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createBot } from '../src/bot.ts';
import { parseConfig } from '../src/config.ts';
import {
  type BotCall,
  startTelegramStub,
  type TelegramStub,
} from '../src/testing/telegram-stub.ts';
import { texts } from '../src/texts/texts.ts';
import { openThrottle } from '../src/throttle.ts';
import { admin, canaries, customer, emptyDatabase, leaksIn, settings } from './fixtures.ts';

let telegram: TelegramStub;
let lines: string[];
let stop: () => Promise<void>;
let pageEntries = 8;

beforeEach(async () => {
  telegram = await startTelegramStub({ token: canaries.TOKEN });
  lines = [];
  pageEntries = 8;
  stop = await start({ ADMIN_ID_LIST: `${admin},701` });
});

afterEach(async () => {
  await stop();
  await telegram.close();
  expect(leaksIn(lines.join('\n'))).toEqual([]);
});

async function start(changed: Record<string, string>): Promise<() => Promise<void>> {
  const config = parseConfig({ ...settings, TELEGRAM_API_ROOT: telegram.apiRoot, ...changed });
  const live = {
    ADMIN_ID_LIST: config.ADMIN_ID_LIST,
    SUPPORT_LINK: config.SUPPORT_LINK,
    REDIS_PASSWORD: undefined,
    get PAGE_ENTRIES() {
      return pageEntries;
    },
  };
  const log = (line: string) => void lines.push(line);
  const [database, throttle] = [await emptyDatabase(), await openThrottle(undefined, log)];
  const { bot } = createBot({ settings: { config, live }, database, throttle }, log);
  let running: Promise<void> = Promise.resolve();
  await new Promise<void>((resolve) => {
    running = bot.start({ onStart: () => resolve() });
  });
  return async () => {
    await bot.stop();
    await running;
  };
}

/** Presses a button and resolves to the message as the bot changed it, and its notice. */
async function press(
  user: number,
  data: string,
): Promise<{ text: string; buttons: string[]; notice: string }> {
  const from = telegram.calls.length;
  telegram.press(user, data);
  const { payload } = await telegram.waitFor(
    ({ method }) => method === 'answerCallbackQuery',
    from,
  );
  const edit = telegram.calls.slice(from).find(({ method }) => method === 'editMessageText');
  return {
    text: String(edit?.payload['text'] ?? ''),
    buttons: buttonsOf(edit),
    notice: String(payload['text']),
  };
}

function buttonsOf(call: BotCall | undefined): string[] {
  const markup = call?.payload['reply_markup'] as
    | { inline_keyboard: { callback_data: string }[][] }
    | undefined;
  return (markup?.inline_keyboard ?? []).flat().map((button) => button.callback_data);
}

const { en } = texts;

const sentTo = (user: number) => (call: BotCall) =>
  call.method === 'sendMessage' && call.payload['chat_id'] === user;

describe('the shop', () => {
  it('lets a customer browse, fill the cart and order, and notifies every admin', async () => {
    expect(await telegram.ask(customer, '/start')).toBe(en.welcome);
    expect((await press(customer, 'page:1')).buttons).toContain('product:sencha');
    expect((await press(customer, 'product:sencha')).text).toBe(
      'Sencha\nGreen, grassy, 100 g\n\n$8.50',
    );
    expect((await press(customer, 'add:sencha')).notice).toContain('1 × Sencha');
    expect((await press(customer, 'add:sencha')).notice).toContain('2 × Sencha');
    await press(customer, 'add:mint');
    expect((await press(customer, 'cart:')).text).toBe(
      'Your cart\n2 × Sencha = $17.00\n1 × Peppermint = $4.20\n\nTotal: $21.20',
    );
    await press(customer, 'remove:sencha');
    const from = telegram.calls.length;
    expect((await press(customer, 'order:')).text).toBe(en.ordered(1, '$12.70'));
    for (const one of [admin, 701])
      expect((await telegram.waitFor(sentTo(one), from)).payload['text']).toMatch(
        /\b1\b.*@customer_800\n1 × Sencha = \$8\.50\n1 × Peppermint = \$4\.20\n\n.* \$12\.70$/,
      );
    expect((await press(customer, 'order:')).text).toBe(en.cartEmpty);
    expect(lines).toContainEqual(expect.stringMatching(/\b1\b/));
  });

  it('places an order although an admin cannot be notified', async () => {
    await press(customer, 'add:mint');
    telegram.refuse('sendMessage', 403);
    expect((await press(customer, 'order:')).text).toBe(en.ordered(1, '$4.20'));
    expect(telegram.calls.filter(sentTo(701))).toHaveLength(1);
    expect(lines).toContainEqual(expect.stringMatching(/\border 1\b.*\bsendMessage\b.*\b403\b/));
  });

  it('shows pages of the size that is set now', async () => {
    pageEntries = 4;
    const first = await press(customer, 'page:1');
    expect(first.text).toBe(en.catalogue(1, 3));
    expect(first.buttons.filter((data) => data.startsWith('product:'))).toHaveLength(4);
    expect(first.buttons).toContain('page:2');
    pageEntries = 9;
    const last = await press(customer, 'page:3');
    expect(last.text).toBe(en.catalogue(2, 2));
    expect(last.buttons).toEqual(['product:strainer', 'page:1', 'cart:']);
  });

  it('speaks German where BOT_LANGUAGE says so', async () => {
    await stop();
    stop = await start({ BOT_LANGUAGE: 'de', CURRENCY: 'EUR' });
    expect(await telegram.ask(customer, '/start')).toBe(texts.de.welcome);
    expect((await press(customer, 'product:mint')).text).toContain('4,20\u00a0€');
    expect(await telegram.ask(customer, '/cart')).toBe(texts.de.cartEmpty);
  });

  it('goes on after a button of a product that is gone, and after any other button', async () => {
    expect((await press(customer, 'add:coffee')).notice).toBe(en.gone);
    expect((await press(customer, 'nonsense')).text).toBe(en.cartEmpty);
    expect(await telegram.ask(customer, 'hello')).toBe(en.unknown);
  });

  it('does not mind an edit that changes nothing', async () => {
    telegram.refuse('editMessageText', 400, {
      description: 'Bad Request: message is not modified: specified new message content …',
    });
    expect((await press(customer, 'cart:')).notice).toBe('');
    expect(lines).toEqual([]);
  });

  it('logs an update that it could not handle, and handles the next', async () => {
    telegram.refuse('sendMessage', 400, { description: `quotes ${canaries.DB_PASS}` });
    telegram.say(customer, '/start');
    expect(await telegram.ask(customer, '/cart')).toBe(en.cartEmpty);
    expect(lines).toEqual([expect.stringMatching(/\bsendMessage\b.*\b400\b/)]);
  });
});

describe('/broadcast', () => {
  it('reaches every user who wrote to the bot, for an admin', async () => {
    await telegram.ask(customer, '/start');
    await telegram.ask(801, '/start');
    const from = telegram.calls.length;
    expect(await telegram.ask(admin, '/broadcast')).toContain('/broadcast ');
    telegram.say(admin, '/broadcast Closed on Monday.');
    await telegram.waitFor(({ payload }) => payload['text'] === en.broadcastDone(3, 0), from);
    const closed = telegram.calls.filter(({ payload }) => payload['text'] === 'Closed on Monday.');
    expect(closed.map(({ payload }) => payload['chat_id']).sort()).toEqual([admin, customer, 801]);
  });

  it('is an unknown command for other users', async () => {
    await telegram.ask(801, '/start');
    const from = telegram.calls.length;
    expect(await telegram.ask(customer, '/broadcast Free tea!')).toBe(en.unknown);
    expect(telegram.calls.slice(from).filter(sentTo(801))).toEqual([]);
  });

  it('forgets a user who blocked the bot, and waits if Telegram asks for it', async () => {
    await telegram.ask(customer, '/start');
    telegram.refuse('sendMessage', 403);
    const from = telegram.calls.length;
    telegram.say(admin, '/broadcast one');
    await telegram.waitFor(({ payload }) => payload['text'] === en.broadcastDone(1, 1), from);
    telegram.refuse('sendMessage', 429, { retryAfter: 0 });
    telegram.say(admin, '/broadcast two');
    await telegram.waitFor(({ payload }) => payload['text'] === en.broadcastDone(1, 0), from);
  });
});
