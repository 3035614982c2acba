import { request } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { healthOf, startWebhook, type Webhook } from '../src/webhook.ts';
import { canaries } from './fixtures.ts';

const secretToken = canaries.WEBHOOK_SECRET_TOKEN;
let webhook: Webhook;
let handled: number[];
let handle: (id: number) => Promise<void>;

beforeEach(async () => {
  handled = [];
  handle = async (id) => void handled.push(id);
  webhook = await startWebhook({
    host: '127.0.0.1',
    port: 0,
    path: '/hook',
    secretToken,
    health: () => ({ status: 'ok', providers: [] }),
    handle: ({ update_id }) => handle(update_id),
    settle: async () => {},
  });
});

afterEach(() => webhook.close());

interface Post {
  readonly path?: string;
  readonly method?: string;
  readonly token?: string | undefined;
  readonly body?: string;
}

async function post({ path = '/hook', method = 'POST', token, body }: Post): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${webhook.port}${path}`, {
    method,
    headers: token === undefined ? {} : { 'X-Telegram-Bot-Api-Secret-Token': token },
    ...(method === 'POST' && { body: body ?? JSON.stringify({ update_id: 1 }) }),
  });
  return answer.status;
}

describe('healthOf', () => {
  it.each([
    ['ready', undefined, 'ok'],
    ['ready', 'ready', 'ok'],
    ['ready', 'unreachable', 'degraded'],
    ['ready', 'refused', 'degraded'],
    ['failing', 'ready', 'degraded'],
  ] as const)('has a store that is %s and a Redis that is %s: %s', (state, redis, status) => {
    const store = { provider: 'vault', store: 'vault', state, breaker: 'closed', hits: 0 } as const;
    expect(healthOf([store], redis)).toEqual({
      status,
      providers: [{ provider: 'vault', state }],
      ...(redis && { redis }),
    });
  });
});

describe('startWebhook', () => {
  it('handles an update that carries the secret token', async () => {
    expect(await post({ token: secretToken })).toBe(200);
    expect(await post({ token: secretToken, path: '/hook?from=proxy' })).toBe(200);
    expect(handled).toEqual([1, 1]);
  });

  it.each([
    ['a wrong token', { token: `${secretToken.slice(0, -1)}x` }, 401],
    ['a token with more behind it', { token: `${secretToken}x` }, 401],
    ['an empty token', { token: '' }, 401],
    ['no token', { token: undefined }, 401],
    ['another path', { token: secretToken, path: '/' }, 404],
    ['another method', { token: secretToken, method: 'GET' }, 405],
    ['what is no JSON', { token: secretToken, body: '{' }, 400],
    ['what is no update', { token: secretToken, body: 'null' }, 400],
    ['a body that no update has', { token: secretToken, body: ' '.repeat(1024 * 1024 + 1) }, 413],
  ])('refuses %s', async (_what, given, status) => {
    expect(await post(given)).toBe(status);
    expect(handled).toEqual([]);
  });

  it('refuses a wrong token without waiting for the body', async () => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const unfinished = request({
        host: '127.0.0.1',
        port: webhook.port,
        path: '/hook',
        method: 'POST',
        headers: { 'content-length': '1000', 'x-telegram-bot-api-secret-token': 'wrong' },
      });
      unfinished.once('error', reject).once('response', (response) => {
        resolve(response.statusCode);
        unfinished.destroy();
      });
      unfinished.write('{');
    });
    expect(status).toBe(401);
  });

  it('answers before an update is handled, and ends only after it is', async () => {
    const order: string[] = [];
    let finish = () => {};
    handle = async () => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      order.push('handled');
    };
    expect(await post({ token: secretToken })).toBe(200);
    const closing = webhook.close().then(() => order.push('closed'));
    finish();
    await closing;
    expect(order).toEqual(['handled', 'closed']);
  });
});
