/**
 * What the bot does with each command and button.
 */
import { Bot, type ChatTypeContext, type Context, type Filter } from 'grammy';
import { broadcast, createAudience, isAdmin } from './broadcast.ts';
import { createCarts, type Order, quantityLimit } from './cart.ts';
import { findProduct } from './catalogue.ts';
import type { Database } from './database.ts';
import { describeError, type Log } from './log.ts';
import type { Payments } from './payments.ts';
import { isNotModified, quietApi } from './quiet-api.ts';
import { createScreens, type Screen } from './screens.ts';
import type { Settings } from './settings.ts';
import type { Throttle } from './throttle.ts';

type Press = Filter<ChatTypeContext<Context, 'private'>, 'callback_query:data'>;

/** What the bot works with. */
export interface ShopParts {
  readonly settings: Settings;
  readonly database: Database;
  readonly throttle: Throttle;
  /** Without it orders are placed, and paid in another way. */
  readonly payments?: Payments | undefined;
}

/** The bot, ready to be given updates: it asks Telegram for nothing yet. */
export interface ShopBot {
  readonly bot: Bot;
  /**
   * A payment has arrived: notes it, and then tells the customer and the admins. The promise is theirs, and does not reject.
   * @throws if it cannot be noted
   */
  settle(payment: number): Promise<void>;
}

export function createBot(
  { settings: { config, live }, database, throttle, payments }: ShopParts,
  log: Log,
): ShopBot {
  const bot = new Bot(config.TOKEN, {
    client: { apiRoot: config.TELEGRAM_API_ROOT, timeoutSeconds: 60 },
  });
  bot.api.config.use(quietApi(log));
  bot.catch((error) => log(`An update was not handled: ${describeError(error)}.`));

  const screens = createScreens(config.BOT_LANGUAGE, config.CURRENCY);
  const { words } = screens;
  const carts = createCarts(database);
  const audience = createAudience(database);

  // a cart belongs to a person, so groups and channels are not served
  const shop = bot.chatType('private');
  shop.use(async (ctx, next) => {
    const verdict = await throttle.count(ctx.chat.id);
    if (verdict === 'first') await ctx.reply(words.slowDown);
    if (verdict !== 'served') return;
    audience.add(ctx.chat.id);
    await next();
  });
  const send = (ctx: Context, { text, keyboard }: Screen) =>
    ctx.reply(text, { reply_markup: keyboard });

  shop.command('start', (ctx) => send(ctx, screens.welcome()));
  shop.command('catalogue', (ctx) => send(ctx, screens.catalogue(1, live.PAGE_ENTRIES)));
  shop.command('cart', (ctx) => send(ctx, screens.cart(carts.of(ctx.from.id))));
  shop.command('support', (ctx) => {
    const link = live.SUPPORT_LINK;
    return ctx.reply(link === undefined ? words.noSupport : words.support(link));
  });
  // to anybody else the command does not exist
  shop
    .filter((ctx) => isAdmin(live.ADMIN_ID_LIST, ctx.from?.id))
    .command('broadcast', async (ctx) => {
      if (ctx.match === '') return ctx.reply(words.broadcastUsage);
      const { delivered, failed } = await broadcast(
        audience,
        (chat) => ctx.api.sendMessage(chat, ctx.match),
        log,
      );
      return ctx.reply(words.broadcastDone(delivered, failed));
    });
  shop.on('message', (ctx) => ctx.reply(words.unknown));

  shop.on('callback_query:data', async (ctx) => {
    const [verb = '', subject = ''] = ctx.callbackQuery.data.split(':', 2);
    const notice = await press(ctx, verb, subject);
    await ctx.answerCallbackQuery(notice);
  });

  /** Does what a button says. Returns what to show above the chat for a moment, if anything. */
  async function press(ctx: Press, verb: string, subject: string): Promise<string> {
    const customer = ctx.from.id;
    const product = findProduct(subject);
    switch (verb) {
      case 'page':
        await show(ctx, screens.catalogue(Number(subject) || 1, live.PAGE_ENTRIES));
        return '';
      case 'product':
        if (!product) return words.gone;
        await show(ctx, screens.product(product));
        return '';
      case 'add': {
        if (!product) return words.gone;
        const quantity = carts.add(customer, product);
        return quantity === undefined
          ? words.full(quantityLimit)
          : words.added(screens.nameOf(product), quantity);
      }
      case 'remove':
        if (product) carts.remove(customer, product);
        break;
      case 'empty':
        carts.clear(customer);
        break;
      case 'order': {
        if (!(await placeOrder(ctx))) break;
        return '';
      }
    }
    await show(ctx, screens.cart(carts.of(customer)));
    return '';
  }

  async function placeOrder(ctx: Press): Promise<boolean> {
    const order = carts.order(ctx.from.id);
    if (!order) return false;
    const total = screens.price(order.total);
    log(`Order ${order.number} is placed.`);
    await ctx.editMessageText(await askForPayment(order, total));
    const { username, id } = ctx.from;
    const customer = username === undefined ? `${id}` : `@${username}`;
    const text = words.newOrder(order.number, customer, screens.lines(order), total);
    await notifyAdmins(order.number, text);
    return true;
  }

  /** Returns what the customer is told. */
  async function askForPayment(order: Order, total: string): Promise<string> {
    if (!payments) return words.ordered(order.number, total);
    try {
      const { id, cryptoAmount, address } = await payments.request(order);
      carts.expectPayment(order.number, id);
      return words.toPay(order.number, total, cryptoAmount, address);
    } catch (error) {
      log(`No payment for order ${order.number}: ${describeError(error)}.`, 'warn');
      return `${words.ordered(order.number, total)}\n${words.payLater}`;
    }
  }

  function settle(payment: number): Promise<void> {
    const order = carts.settle(payment);
    log(order ? `Order ${order.number} is paid.` : `Payment ${payment} is of no open order.`);
    return order ? tellPaid(order) : Promise.resolve();
  }

  async function tellPaid(order: { number: number; customer: number }): Promise<void> {
    const text = words.paid(order.number);
    await bot.api.sendMessage(order.customer, text).catch((error: unknown) => {
      log(`Could not tell the customer of order ${order.number}: ${describeError(error)}.`);
    });
    await notifyAdmins(order.number, text);
  }

  async function notifyAdmins(order: number, text: string): Promise<void> {
    for (const admin of live.ADMIN_ID_LIST)
      await bot.api.sendMessage(admin, text).catch((error: unknown) => {
        log(`Could not notify an admin of order ${order}: ${describeError(error)}.`);
      });
  }

  async function show(ctx: Press, { text, keyboard }: Screen): Promise<void> {
    await ctx.editMessageText(text, { reply_markup: keyboard }).catch((error: unknown) => {
      if (!isNotModified(error)) throw error;
    });
  }

  return { bot, settle };
}

/** The commands in Telegram's menu. `/broadcast` is not for everybody, and not among them. */
export function commandsOf({ config }: Settings): { command: string; description: string }[] {
  const { commands } = createScreens(config.BOT_LANGUAGE, config.CURRENCY).words;
  return Object.entries(commands).map(([command, description]) => ({ command, description }));
}
