/**
 * The HTTP server that Telegram posts updates to, and KryptoExpress what becomes of payments. An update that does not carry
 * the secret token of `setWebhook` in its header is refused before its body is read. `GET /health` answers what watches the bot.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ProviderStatus } from '@keyfall/core';
import type { Update } from 'grammy/types';
import type { Payments } from './payments.ts';
import type { RedisState } from './throttle.ts';

/** What the health route answers: no secret, no address and no reason, since anybody may ask it. */
export interface Health {
  /** `degraded`: a store or Redis fails, and the bot goes on with what it has. */
  readonly status: 'ok' | 'degraded';
  readonly providers: readonly Pick<ProviderStatus, 'provider' | 'state' | 'code'>[];
  readonly redis?: RedisState;
}

/** The health of a bot whose stores are so, and its Redis, if it has one. */
export function healthOf(statuses: readonly ProviderStatus[], redis?: RedisState): Health {
  const isDegraded =
    statuses.some(({ state }) => state === 'failing') || (redis ?? 'ready') !== 'ready';
  return {
    status: isDegraded ? 'degraded' : 'ok',
    providers: statuses.map(({ provider, state, code }) => ({
      provider,
      state,
      ...(code && { code }),
    })),
    ...(redis && { redis }),
  };
}

/** Options of {@link startWebhook}. */
export interface WebhookOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly path: string;
  readonly secretToken: string;
  /** Answers `GET /health`. */
  readonly health: () => Health;
  /** Handles one update; must not reject. */
  readonly handle: (update: Update) => Promise<void>;
  readonly payments?: Payments | undefined;
  /** A payment has arrived. Throws if it cannot be noted; then KryptoExpress is to say it again. */
  readonly settle: (payment: number) => Promise<void>;
}

/** A webhook that listens. */
export interface Webhook {
  readonly port: number;
  /** Takes no more requests, and waits for the updates under way. */
  close(): Promise<void>;
}

/** An update is a few KiB; Telegram's own limit is not published. */
const largestBody = 1024 * 1024;

/** @throws Node's own error if it cannot listen there */
export async function startWebhook(options: WebhookOptions): Promise<Webhook> {
  const { host, port, path, secretToken, health, handle, payments, settle } = options;
  const underWay = new Set<Promise<void>>();
  const server = createServer({ requestTimeout: 10_000 }, async (request, response) => {
    // the webhook's own path may be the same, but is posted to
    if (request.method === 'GET' && request.url === '/health') {
      response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' });
      response.end(JSON.stringify(health()));
      return;
    }
    const status = await accept(request).catch(() => 400);
    // a refused body is not read to its end
    response.writeHead(status, status === 200 ? {} : { connection: 'close' }).end();
  });

  async function accept(request: IncomingMessage): Promise<number> {
    const asked = request.url?.split('?', 1)[0];
    const isPayment = payments && asked === payments.path;
    if (!isPayment && asked !== path) return 404;
    if (request.method !== 'POST') return 405;
    return isPayment ? acceptPayment(request, payments) : acceptUpdate(request);
  }

  async function acceptPayment(request: IncomingMessage, { read }: Payments): Promise<number> {
    const body = await readBody(request);
    if (body === undefined) return 413;
    const event = await read(body, request.headers['x-signature']);
    if (!event) return 403;
    if (event.isPaid) finishLater(settle(event.id));
    return 200;
  }

  async function acceptUpdate(request: IncomingMessage): Promise<number> {
    if (!matches(request.headers['x-telegram-bot-api-secret-token'], secretToken)) return 401;
    const body = await readBody(request);
    if (body === undefined) return 413;
    const update: unknown = JSON.parse(body);
    if (typeof update !== 'object' || update === null || !('update_id' in update)) return 400;
    // answered before it is handled: Telegram sends an update again if the answer takes long, and a
    // broadcast that takes long must not be sent twice
    finishLater(handle(update as Update));
    return 200;
  }

  function finishLater(work: Promise<void>): void {
    const handling = work.finally(() => underWay.delete(handling));
    underWay.add(handling);
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      await closed;
      await Promise.all(underWay);
    },
  };
}

/** In constant time, whatever the lengths. */
function matches(given: string | string[] | undefined, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return typeof given === 'string' && timingSafeEqual(digest(given), digest(expected));
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > largestBody) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
