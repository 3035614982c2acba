/** A stand-in for KryptoExpress, which no test can ask, as far as the original bot's code shows what it is. */
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** It accepts one key, and notes what it was asked. */
export interface KryptoExpress {
  readonly url: string;
  key: string;
  readonly asked: { readonly key: unknown; readonly body: Record<string, unknown> }[];
  /** What it answers in place of a payment, if anything. */
  answer: { readonly status: number; readonly body: string } | undefined;
}

/** Starts it for this test. */
export async function startKryptoExpress(key: string): Promise<KryptoExpress> {
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    const given = request.headers['x-api-key'];
    krypto.asked.push({ key: given, body: JSON.parse(text) });
    const isAccepted = request.url === '/payment' && given === krypto.key;
    if (isAccepted) payments += 1;
    const payment = {
      id: payments,
      cryptoAmount: 0.0001,
      address: `bc1q-${payments}`,
      isPaid: false,
    };
    const { status, body } = krypto.answer ?? { status: 200, body: JSON.stringify(payment) };
    response.writeHead(isAccepted ? status : 401).end(isAccepted ? body : `no such key: ${given}`);
  }).listen(0, '127.0.0.1');
  let payments = 0;
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const krypto: KryptoExpress = { url, key, asked: [], answer: undefined };
  return krypto;
}

/** The header of what KryptoExpress posts: signed without the white space. */
export const signatureOf = (body: string, secret: string): string =>
  createHmac('sha512', secret).update(body.replaceAll(/\s/g, '')).digest('hex');
