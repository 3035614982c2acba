/**
 * A small Telegram on this machine: an HTTP server that speaks as much of the Bot API as the shop
 * uses, keeps what the bot sent, and lets a test or a demonstration play the customer. Part of the
 * example's build, so that plain JavaScript can use it.
 *
 * Answers as https://core.telegram.org/bots/api does: `{ ok, result }`, or `{ ok: false, error_code,
 * description }` with the same HTTP status; a wrong token is 401, an unknown method 404, and a
 * second poller ends the first with 409.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A call of the bot. */
export interface BotCall {
  /** Such as `sendMessage`. */
  readonly method: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** Options of {@link startTelegramStub}. */
export interface TelegramStubOptions {
  /** The one token that is accepted. */
  readonly token: string;
  /** Default: a free one. */
  readonly port?: number;
}

/** A running stub. */
export interface TelegramStub {
  /** What `TELEGRAM_API_ROOT` is set to. */
  readonly apiRoot: string;
  /** Every accepted call but `getUpdates`, in order. */
  readonly calls: readonly BotCall[];
  /** Sends the bot a message of a user in their private chat; returns the update's id. */
  say(user: number, text: string): number;
  /** Presses a button of the message `messageId` as that user; returns the update's id. */
  press(user: number, data: string, messageId?: number): number;
  /** An update as `say` makes it, for posting to a webhook; it is not queued. */
  messageUpdate(user: number, text: string): Record<string, unknown>;
  /** The same of a button that is pressed. */
  pressUpdate(user: number, data: string): Record<string, unknown>;
  /**
   * The first call from `from` on that `matches`, waiting for it if need be.
   * @throws if none came within ten seconds, naming what came instead
   */
  waitFor(matches: (call: BotCall) => boolean, from?: number): Promise<BotCall>;
  /** Says `text` and resolves to the text of the next message to that user. */
  ask(user: number, text: string): Promise<string>;
  /** The next `count` calls of `method` are refused so. `retryAfter` in seconds. */
  refuse(method: string, errorCode: number, options?: RefuseOptions): void;
  close(): Promise<void>;
}

/** How {@link TelegramStub.refuse} refuses. */
interface RefuseOptions {
  readonly count?: number;
  readonly retryAfter?: number;
  readonly description?: string;
}

interface Refusal {
  readonly errorCode: number;
  readonly description: string;
  readonly retryAfter: number | undefined;
  left: number;
}

const me = {
  id: 42,
  is_bot: true,
  first_name: 'Tea shop',
  username: 'tea_shop_bot',
  can_join_groups: false,
  can_read_all_group_messages: false,
  supports_inline_queries: false,
};

/** Starts it on the loopback interface. */
export async function startTelegramStub({
  token,
  port = 0,
}: TelegramStubOptions): Promise<TelegramStub> {
  const calls: BotCall[] = [];
  const refusals = new Map<string, Refusal>();
  const waiting = new Set<() => void>();
  let queue: { readonly update_id: number }[] = [];
  let lastUpdate = 1000;
  let lastMessage = 0;
  let endPoll: ((conflict: boolean) => void) | undefined;

  const server = createServer((request, response) => {
    serve(request, response).catch(() => refuseCall(response, 400, 'Bad Request'));
  });

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const [, given, method = ''] = /^\/bot([^/]+)\/(\w+)$/.exec(request.url ?? '') ?? [];
    if (given !== token) return refuseCall(response, 401, 'Unauthorized');
    const body = Buffer.concat(chunks).toString('utf8');
    // grammY sends JSON, aiogram a form: Telegram takes both
    const payload: Record<string, unknown> = body.startsWith('{')
      ? JSON.parse(body)
      : Object.fromEntries(new URLSearchParams(body));
    const refusal = refusals.get(method);
    if (refusal && refusal.left > 0) {
      refusal.left -= 1;
      return refuseCall(response, refusal.errorCode, refusal.description, refusal.retryAfter);
    }
    if (method === 'getUpdates') return poll(response, payload);
    const result = resultOf(method, payload);
    if (result === undefined) return refuseCall(response, 404, 'Not Found: method not found');
    calls.push({ method, payload });
    for (const look of waiting) look();
    answer(response, 200, { ok: true, result });
  }

  function resultOf(method: string, payload: Record<string, unknown>): unknown {
    switch (method) {
      case 'getMe':
        return me;
      case 'sendMessage':
        lastMessage += 1;
        return messageOf(Number(payload['chat_id']), String(payload['text']), me, lastMessage);
      case 'editMessageText':
        return messageOf(
          Number(payload['chat_id']),
          String(payload['text']),
          me,
          Number(payload['message_id']),
        );
      case 'answerCallbackQuery':
      case 'setMyCommands':
      case 'setWebhook':
      case 'deleteWebhook':
        return true;
      default:
        return undefined;
    }
  }

  function poll(response: ServerResponse, payload: Record<string, unknown>): void {
    const { offset = 0, timeout = 0, limit = 100 } = payload;
    endPoll?.(true);
    queue = queue.filter(({ update_id }) => update_id >= Number(offset));
    const end = (conflict: boolean) => {
      clearTimeout(timer);
      endPoll = undefined;
      if (conflict) refuseCall(response, 409, 'Conflict: terminated by other getUpdates request');
      else answer(response, 200, { ok: true, result: queue.slice(0, Number(limit)) });
    };
    const timer = setTimeout(() => end(false), Number(timeout) * 1000);
    endPoll = end;
    if (queue.length > 0 || timeout === 0) end(false);
    // the bot hung up
    response.once('close', () => {
      if (response.writableEnded) return;
      clearTimeout(timer);
      if (endPoll === end) endPoll = undefined;
    });
  }

  function push(make: (updateId: number) => { readonly update_id: number }): number {
    lastUpdate += 1;
    queue.push(make(lastUpdate));
    endPoll?.(false);
    return lastUpdate;
  }

  function messageUpdate(user: number, text: string, updateId?: number) {
    lastMessage += 1;
    if (updateId === undefined) lastUpdate += 1;
    const message = messageOf(user, text, customerOf(user), lastMessage);
    const command = /^\/\w+/.exec(text)?.[0];
    return {
      update_id: updateId ?? lastUpdate,
      message:
        command === undefined
          ? message
          : {
              ...message,
              entities: [{ type: 'bot_command', offset: 0, length: command.length }],
            },
    };
  }

  function pressUpdate(user: number, data: string, messageId = 1, updateId?: number) {
    if (updateId === undefined) lastUpdate += 1;
    const id = updateId ?? lastUpdate;
    return {
      update_id: id,
      callback_query: {
        id: String(id),
        from: customerOf(user),
        chat_instance: '1',
        data,
        message: messageOf(user, '…', me, messageId),
      },
    };
  }

  async function waitFor(matches: (call: BotCall) => boolean, from = 0): Promise<BotCall> {
    return new Promise((resolve, reject) => {
      const end = () => {
        waiting.delete(look);
        clearTimeout(timer);
      };
      const look = () => {
        const found = calls.slice(from).find(matches);
        if (found === undefined) return;
        end();
        resolve(found);
      };
      const timer = setTimeout(() => {
        end();
        const came = calls.slice(from).map(({ method }) => method);
        reject(new Error(`The bot did not call as expected, but: ${came.join(', ') || 'nothing'}`));
      }, 10_000);
      waiting.add(look);
      look();
    });
  }

  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const stub: TelegramStub = {
    apiRoot: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    messageUpdate,
    waitFor,
    say: (user, text) => push((updateId) => messageUpdate(user, text, updateId)),
    pressUpdate,
    press: (user, data, messageId) =>
      push((updateId) => pressUpdate(user, data, messageId, updateId)),
    async ask(user, text) {
      const from = calls.length;
      stub.say(user, text);
      const { payload } = await waitFor(
        (call) => call.method === 'sendMessage' && call.payload['chat_id'] === user,
        from,
      );
      return String(payload['text']);
    },
    refuse(method, errorCode, { count = 1, retryAfter, description = 'Refused' } = {}) {
      refusals.set(method, { errorCode, description, retryAfter, left: count });
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
  return stub;
}

function customerOf(user: number): Record<string, unknown> {
  return { id: user, is_bot: false, first_name: `Customer ${user}`, username: `customer_${user}` };
}

function messageOf(
  chat: number,
  text: string,
  from: Readonly<Record<string, unknown>>,
  messageId: number,
): Record<string, unknown> {
  return {
    message_id: messageId,
    date: Math.floor(Date.now() / 1000),
    chat: { id: chat, type: 'private', first_name: `Customer ${chat}` },
    from,
    text,
  };
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function refuseCall(
  response: ServerResponse,
  errorCode: number,
  description: string,
  retryAfter?: number,
): void {
  const parameters = retryAfter === undefined ? undefined : { retry_after: retryAfter };
  answer(response, errorCode, { ok: false, error_code: errorCode, description, parameters });
}
