/**
 * Where a browser comes back to after a login: a server on this machine alone, for one answer.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { SecretError } from '@keyfall/core/provider';

/** With what the browser came back. */
export interface Callback {
  /** A secret, good for one use. */
  readonly code: string | undefined;
  /** Why there is none, in a word of the identity provider (RFC 6749, 4.1.2.1). */
  readonly refusal: string | undefined;
}

/** Waits for a browser. */
export interface CallbackServer {
  /** The first answer to the question with this `state`. Any other is turned away. */
  next(state: string, signal: AbortSignal): Promise<Callback>;
  close(): void;
}

/** @throws `ERR_SECRET_CONFIG` if the port cannot be had */
export async function listenForCallback(port: number, provider: string): Promise<CallbackServer> {
  let take: (url: URL) => boolean = () => false;
  const server = createServer((request, response) => {
    const isOurs =
      isFromHere(request, port) && take(new URL(request.url ?? '', 'http://localhost'));
    answer(response, isOurs);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', () =>
      reject(
        new SecretError('ERR_SECRET_CONFIG', `the port ${port} of this machine is in use`, {
          provider,
          setting: { option: 'port' },
          hint: 'End the other login, or name another port that the role allows.',
        }),
      ),
    );
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    next: (state, signal) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
        take = ({ pathname, searchParams }) => {
          // another page that guesses the address must not log the user in as somebody else
          if (pathname !== '/oidc/callback' || searchParams.get('state') !== state) return false;
          const code = searchParams.get('code') ?? undefined;
          const error = searchParams.get('error') ?? '';
          resolve({ code, refusal: /^[a-z_]{1,40}$/.test(error) ? error : undefined });
          return true;
        };
      }),
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** By the name that the browser went to, so that no page of another site gets here by a name of its own. */
function isFromHere({ method, headers }: IncomingMessage, port: number): boolean {
  return (
    method === 'GET' && [`localhost:${port}`, `127.0.0.1:${port}`].includes(headers.host ?? '')
  );
}

function answer(response: ServerResponse, isOurs: boolean): void {
  response.writeHead(isOurs ? 200 : 404, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Security-Policy': "default-src 'none'",
    'Referrer-Policy': 'no-referrer',
    'Cache-Control': 'no-store',
    Connection: 'close',
  });
  response.end(isOurs ? 'You can close this page and go back to the terminal.\n' : 'Not found.\n');
}
