/**
 * The built site on a server, as GitHub Pages serves it: below its path, a folder by its index, and 404.html for what is not
 * there.
 */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { base } from '../places.mjs';

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
};

/** Starts it on a free port. `address` is that of the first page. */
export async function serve(
  folder: string,
): Promise<{ readonly address: string; readonly stop: () => Promise<unknown> }> {
  const server = createServer(async ({ url = '' }, response) => {
    const { pathname } = new URL(url, 'http://localhost');
    const path = pathname.startsWith(base)
      ? decodeURIComponent(pathname.slice(base.length))
      : '404/';
    const file = /(?:^|\/)$/.test(path) ? `${path}index.html` : path;
    const content = await readFile(join(folder, file)).catch(() => undefined);
    const type = content === undefined ? 'text/html' : types[extname(file)];
    response.writeHead(content === undefined ? 404 : 200, {
      'content-type': type ?? 'application/octet-stream',
    });
    response.end(content ?? (await readFile(join(folder, '404.html'))));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${port}${base}`,
    stop: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
