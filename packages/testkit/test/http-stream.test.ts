/**
 * What a stream of a provider's requests keeps alive, as Node counts it: other runtimes do not say.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { httpClient } from '@keyfall/core/provider/http';
import { expect, onTestFinished, test } from 'vitest';

test('a stream keeps the process alive only until it is let go', async () => {
  const server = createServer((_, response) => void response.write('first'));
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const client = httpClient({ provider: 'drawer', subject: 'the drawer' });
  onTestFinished(() => {
    client.close();
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const alive = () => process.getActiveResourcesInfo().filter((each) => each === 'TCPSocketWrap');

  const { signal } = new AbortController();
  const { status, unref } = await client.open({ url, headers: {} }, { signal });
  const before = alive().length;
  unref();

  expect([status, alive().length]).toEqual([200, before - 1]);
});
