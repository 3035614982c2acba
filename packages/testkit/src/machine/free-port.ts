/**
 * Ports for servers that cannot be given one by the system themselves.
 */
import { type AddressInfo, createServer } from 'node:net';

/** A port of the loopback interface that is free at this moment. Another program may take it before you do. */
export function freePort(): Promise<number> {
  return listenOnce(0);
}

/**
 * Starts what `start` starts, on as many free ports as it asks for, and again on others where another program took
 * one of them first. Where `start` rejects, it has ended what it started.
 */
export async function onFreePorts<Started>(
  start: (nextPort: () => Promise<number>) => Promise<Started>,
): Promise<Started> {
  for (let attempt = 1; ; attempt += 1) {
    const ports: number[] = [];
    const nextPort = async (): Promise<number> => {
      const port = await freePort();
      ports.push(port);
      return port;
    };
    try {
      return await start(nextPort);
    } catch (error) {
      const free = await Promise.all(ports.map(isFree));
      if (free.every(Boolean) || attempt === 5) throw error;
    }
  }
}

async function isFree(port: number): Promise<boolean> {
  try {
    await listenOnce(port);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false;
    throw error;
  }
}

/** Listens on a port, 0 for any, and stops again. Resolves with the port. */
function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
      .once('error', reject)
      .listen(port, '127.0.0.1', () => {
        const { port: taken } = server.address() as AddressInfo;
        server.close(() => resolve(taken));
      });
  });
}
