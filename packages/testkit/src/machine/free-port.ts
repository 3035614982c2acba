/**
 * Ports for servers that cannot be given one by the system themselves.
 */
import { type AddressInfo, createServer } from 'node:net';

/** A port of the loopback interface that is free at this moment. Another program may take it before you do. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
      .once('error', reject)
      .listen(0, '127.0.0.1', () => {
        const { port } = server.address() as AddressInfo;
        server.close(() => resolve(port));
      });
  });
}

/** Starts what `start` starts on ports that it finds free, and again on others where one was taken meanwhile. */
export async function onFreePorts<Started>(start: () => Promise<Started>): Promise<Started> {
  for (let attempt = 1; ; attempt += 1)
    try {
      return await start();
    } catch (error) {
      const taken = error instanceof Error && /address already in use/i.test(error.message);
      if (!taken || attempt === 5) throw error;
    }
}
