/**
 * Payments by KryptoExpress, whose key and secret may change while the bot runs.
 *
 * The key is read for each request, and once more from the store itself where it is refused: a request that is answered with
 * 401 has done nothing, so it may be repeated. The secret goes along with each request for a payment, and signs what
 * KryptoExpress says about that payment later. So one that was used counts until those payments have ended.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { GetOptions } from '@keyfall/core';
import { z } from 'zod';
import type { Order } from './cart.ts';
import type { Config } from './config.ts';
import { describeError, errnoOf, type Log, ShopError } from './log.ts';
import type { ShopSecrets } from './secrets.ts';

/** What a customer has to pay, and where. */
interface Invoice {
  /** KryptoExpress's number of the payment. */
  readonly id: number;
  /** In Bitcoin. */
  readonly cryptoAmount: number;
  readonly address: string;
}

/** The payments of a shop. */
export interface Payments {
  /** Where KryptoExpress posts what becomes of them: the original's path. */
  readonly path: string;
  /** Asks for the payment of an order. @throws {@link ShopError} */
  request(order: Order): Promise<Invoice>;
  /**
   * Reads what was posted there.
   *
   * @param signature - the header `X-Signature`
   * @returns `undefined` if KryptoExpress has not signed it
   * @throws if it says nothing about a payment
   */
  read(body: string, signature: unknown): Promise<{ id: number; isPaid: boolean } | undefined>;
}

const asked = z.object({ id: z.int(), cryptoAmount: z.number(), address: z.string() });
const told = z.object({ id: z.int(), isPaid: z.boolean() });

/** How long a payment may take: some blocks of Bitcoin, and an hour that is missed. */
const longestPayment = 24 * 60 * 60_000;

/** The settings `KRYPTO_EXPRESS_*` must be there. */
export async function openPayments(
  config: Config,
  { secrets, earlier }: ShopSecrets,
  log: Log,
): Promise<Payments> {
  const path = `${config.WEBHOOK_PATH}cryptoprocessing/event`;
  const lastUse = new Map<string, number>();
  // it may have changed while the bot was stopped
  try {
    for await (const secret of earlier('KRYPTO_EXPRESS_API_SECRET')) {
      lastUse.set(secret, Date.now());
      break;
    }
  } catch (error) {
    log(
      `Payments that were asked for with an earlier secret are refused: ${describeError(error)}.`,
    );
  }

  /** An empty secret is none: anybody could sign with it. */
  async function current(
    name: 'KRYPTO_EXPRESS_API_KEY' | 'KRYPTO_EXPRESS_API_SECRET',
    options?: GetOptions,
  ): Promise<string> {
    const value = await secrets.get(name, options);
    if (value === '') throw new ShopError(`${name} is empty`);
    return value;
  }

  async function ask(key: string, body: object): Promise<Response> {
    try {
      return await fetch(`${config.KRYPTO_EXPRESS_API_URL}/payment`, {
        method: 'POST',
        headers: { 'X-Api-Key': key, 'content-type': 'application/json' },
        body: JSON.stringify(body),
        redirect: 'error',
        signal: AbortSignal.timeout(10_000),
      });
    } catch (error) {
      const reason = errnoOf(error instanceof Error && error.cause) ?? 'no answer';
      throw new ShopError(`KryptoExpress could not be asked (${reason})`);
    }
  }

  return {
    path,
    async request({ total }) {
      const callbackSecret = await current('KRYPTO_EXPRESS_API_SECRET');
      lastUse.set(callbackSecret, Date.now());
      const body = {
        paymentType: 'PAYMENT',
        fiatCurrency: config.CURRENCY,
        fiatAmount: total / 100,
        // the original lets its customers choose
        cryptoCurrency: 'BTC',
        callbackUrl: `${config.WEBHOOK_HOST}${path}`,
        callbackSecret,
      };
      const key = await current('KRYPTO_EXPRESS_API_KEY');
      let answer = await ask(key, body);
      if (answer.status === 401) {
        const newest = await current('KRYPTO_EXPRESS_API_KEY', { maxAge: 0 });
        if (newest !== key) answer = await ask(newest, body);
      }
      if (answer.status === 401)
        throw new ShopError('KryptoExpress does not accept KRYPTO_EXPRESS_API_KEY');
      if (!answer.ok) throw new ShopError(`KryptoExpress answered ${answer.status}`);
      const invoice = asked.safeParse(await answer.json().catch(() => undefined));
      if (invoice.success) return invoice.data;
      throw new ShopError('KryptoExpress answered what is no payment');
    },
    async read(body, signature) {
      const newest = await current('KRYPTO_EXPRESS_API_SECRET');
      const limit = Date.now() - longestPayment;
      const used = [...lastUse].flatMap(([secret, at]) => (at > limit ? [secret] : []));
      if (![newest, ...used].some((secret) => isSigned(body, secret, signature))) return undefined;
      return told.parse(JSON.parse(body));
    },
  };
}

/** KryptoExpress signs without white space. The original takes an event without a signature too, which anybody can post. */
function isSigned(body: string, secret: string, signature: unknown): boolean {
  const signed = createHmac('sha512', secret)
    .update(body.replaceAll(/[ \t\n\r\f\v]/g, ''))
    .digest();
  const given = Buffer.from(typeof signature === 'string' ? signature : '', 'hex');
  return given.length === signed.length && timingSafeEqual(given, signed);
}
