/**
 * Answers one request of Doppler's API as its reference has it: the download of a config's secrets.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A running stand-in. */
export interface DopplerStandIn {
  readonly address: string;
  readonly token: string;
  stop(): Promise<void>;
}

export async function startDoppler(
  values: Readonly<Record<string, string>>,
): Promise<DopplerStandIn> {
  const token = 'dp.st.example';
  const server = createServer((request, response) => {
    const known = request.headers.authorization === `Bearer ${token}`;
    response.writeHead(known ? 200 : 401, { 'content-type': 'application/json' });
    response.end(JSON.stringify(known ? values : { messages: ['Invalid token'], success: false }));
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
