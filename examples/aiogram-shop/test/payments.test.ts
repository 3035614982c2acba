import { createSecrets, memoryProvider, type Secrets } from '@keyfall/core';
import { freePort } from '@keyfall/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import { parseConfig } from '../src/config.ts';
import { describeError } from '../src/log.ts';
import { openPayments, type Payments } from '../src/payments.ts';
import { canaries, leaksIn, settings } from './fixtures.ts';
import { type KryptoExpress, signatureOf, startKryptoExpress } from './krypto-express.ts';

let krypto: KryptoExpress;
let secrets: Secrets;
let payments: Payments;
let before: string[];

const order = { number: 1, customer: 800, lines: [], total: 1270 };
const [KEY, SECRET] = ['KRYPTO_EXPRESS_API_KEY', 'KRYPTO_EXPRESS_API_SECRET'] as const;

/** Somebody else changes the name in the store, of which the chain knows nothing. */
let changeInStore: (name: string, value: string) => Promise<unknown>;

beforeEach(async () => {
  before = [];
  krypto = await startKryptoExpress(canaries[KEY]);
  const store = memoryProvider(settings);
  secrets = createSecrets({ providers: [store], ttl: '1h' });
  const others = createSecrets({ providers: [store] });
  changeInStore = (name, value) => others.set(name, value);
  payments = await open(krypto.url);
});

function open(url: string): Promise<Payments> {
  const config = parseConfig({
    ...settings,
    KRYPTO_EXPRESS_API_URL: url,
    WEBHOOK_HOST: 'https://shop.example',
    WEBHOOK_PATH: '/telegram/',
  });
  async function* earlier() {
    yield* before;
  }
  return openPayments(config, { secrets, earlier }, () => {});
}

describe('a payment', () => {
  it('is asked for with the key, and with the secret that its events are signed with', async () => {
    expect(await payments.request(order)).toEqual({
      id: 1,
      cryptoAmount: 0.0001,
      address: 'bc1q-1',
    });
    expect(krypto.asked).toEqual([
      {
        key: canaries[KEY],
        body: {
          paymentType: 'PAYMENT',
          fiatCurrency: 'USD',
          fiatAmount: 12.7,
          cryptoCurrency: 'BTC',
          callbackUrl: 'https://shop.example/telegram/cryptoprocessing/event',
          callbackSecret: canaries[SECRET],
        },
      },
    ]);
  });

  it('is asked for again with the newest key, if the one that is known is refused', async () => {
    await payments.request(order);
    krypto.key = 'canary-krypto-key-2';
    await changeInStore(KEY, krypto.key);
    expect(await payments.request(order)).toMatchObject({ id: 2 });
    expect(await payments.request(order)).toMatchObject({ id: 3 });
    const keys = krypto.asked.map(({ key }) => key);
    expect(keys).toEqual([canaries[KEY], canaries[KEY], krypto.key, krypto.key]);
  });

  it.each([
    [
      'a key that is refused',
      () => (krypto.key = 'another'),
      /does not accept KRYPTO_EXPRESS_API_KEY/,
    ],
    ['an error', () => (krypto.answer = { status: 500, body: '' }), /answered 500/],
    [
      'what is no payment',
      () => (krypto.answer = { status: 200, body: '{"id":"x"}' }),
      /what is no payment/,
    ],
    [
      'what is no JSON',
      () => (krypto.answer = { status: 200, body: '<html>' }),
      /what is no payment/,
    ],
  ])('is not asked for twice after %s', async (_what, prepare, message) => {
    prepare();
    const error = await payments.request(order).catch((thrown: unknown) => thrown);
    expect(describeError(error)).toMatch(message);
    expect(leaksIn(`${(error as Error).stack}`)).toEqual([]);
    expect(krypto.asked).toHaveLength(1);
  });

  it('is not asked for while KryptoExpress cannot be reached', async () => {
    payments = await open(`http://127.0.0.1:${await freePort()}`);
    await expect(payments.request(order)).rejects.toThrow(
      'KryptoExpress could not be asked (ECONNREFUSED)',
    );
  });
});

describe('an event', () => {
  const body = '{ "id": 555,\n  "isPaid": true, "hash": "f00" }';
  const read = (secret: string) => payments.read(body, signatureOf(body, secret));

  it('counts if the secret of now has signed it', async () => {
    expect(await read(canaries[SECRET])).toEqual({ id: 555, isPaid: true });
    expect(await read('another')).toBeUndefined();
    const signature = signatureOf(body, canaries[SECRET]);
    for (const wrong of [undefined, '', 'xyz', signature.slice(2), `${signature}00`, [signature]])
      expect(await payments.read(body, wrong)).toBeUndefined();
    expect(await payments.read('{"id":556,"isPaid":true}', signature)).toBeUndefined();
  });

  it('counts if the secret of its payment has signed it, after another has taken its place', async () => {
    await payments.request(order);
    await secrets.set(SECRET, 'canary-krypto-secret-2');
    expect(await read(canaries[SECRET])).toMatchObject({ id: 555 });
    expect(await read('canary-krypto-secret-2')).toMatchObject({ id: 555 });
  });

  it('does not count with an earlier secret that no payment was asked for with', async () => {
    await secrets.set(SECRET, 'canary-krypto-secret-2');
    expect(await read(canaries[SECRET])).toBeUndefined();
  });

  it('counts with the secret that was replaced while the bot was stopped', async () => {
    before = ['canary-krypto-secret-0', 'canary-krypto-secret-older'];
    payments = await open('http://127.0.0.1:1');
    expect(await read('canary-krypto-secret-0')).toMatchObject({ id: 555 });
    expect(await read('canary-krypto-secret-older')).toBeUndefined();
  });

  it('never counts with an empty secret', async () => {
    await secrets.set(SECRET, '');
    const reason = `${SECRET} is empty`;
    await expect(payments.read(body, signatureOf(body, ''))).rejects.toThrow(reason);
    await expect(payments.request(order)).rejects.toThrow(reason);
    expect(krypto.asked).toEqual([]);
  });

  it('is refused if it says nothing about a payment, although it is signed', async () => {
    const signed = signatureOf('[]', canaries[SECRET]);
    await expect(payments.read('[]', signed)).rejects.toThrow();
  });
});
