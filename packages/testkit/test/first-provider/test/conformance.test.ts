import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { conformanceTests } from '@keyfall/testkit';
import { test } from 'vitest';
import { drawerProvider } from '../src/index.ts';

const tests = conformanceTests({
  async create(values) {
    const token = `token-${crypto.randomUUID()}`;
    const pairs = [...values].map((pair) => pair.map((text) => JSON.stringify(text)).join(':'));
    let answer = (response: ServerResponse): unknown => response.end(`{${pairs.join(',')}}`);
    const server = createServer((request, response) => {
      if (request.headers.authorization === `Bearer ${token}`) answer(response);
      else response.writeHead(401).end();
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return {
      provider: drawerProvider({ address, token }),
      credentials: [token],
      become(how: typeof answer) {
        answer = how;
      },
      async close() {
        server.close();
        server.closeAllConnections();
      },
    };
  },
  capabilities: { writes: 'none', bag: true },
  faults: {
    unavailable: (drawer) => drawer.close(),
    stalled: async (drawer) => drawer.become(() => {}),
    denied: async (drawer) => drawer.become((response) => response.writeHead(403).end()),
    unauthenticated: async (drawer) => drawer.become((response) => response.writeHead(401).end()),
    invalid: async (drawer) => drawer.become((response) => response.end('{"ALPHA":')),
    missingDocument: async (drawer) => drawer.become((response) => response.writeHead(404).end()),
    http: async (drawer, { status, headers, body }) =>
      drawer.become((response) => response.writeHead(status, headers).end(body)),
    oneName: 'impossible', // one answer, right or wrong, for all of them
  },
});
for (const { name, run } of tests) test(name, run);
