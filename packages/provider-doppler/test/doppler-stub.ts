/**
 * An HTTP server that follows Doppler's published API reference, since the live service cannot be had
 * in a test: downloads with ETag, updates with `null` for a deletion, and its documented errors.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CuttingProxy, cuttingProxy } from '@keyfall/testkit';

export interface DopplerStub {
  /** A line of its own to the server. */
  readonly line: CuttingProxy;
  readonly address: string;
  readonly token: string;
  readonly values: Map<string, string | null>;
  /** What each request was answered with, in order. */
  readonly statuses: number[];
  /** What is answered instead, until it is taken back. */
  instead: ((response: ServerResponse, request: IncomingMessage) => void) | undefined;
  /** The token is unknown from now on. */
  revoke(): void;
  /** The config is gone. */
  removeConfig(): void;
  close(): Promise<void>;
}

const failure = (response: ServerResponse, status: number, message: string) => {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ messages: [message], success: false }));
};

export async function startDoppler(
  values: Iterable<readonly [string, string]> = [],
  { serviceToken = true } = {},
): Promise<DopplerStub> {
  const token = `dp.${serviceToken ? 'st' : 'pt'}.${randomUUID()}`;
  let known = true;
  let there = true;

  const server = createServer(async (request, response) => {
    response.once('finish', () => stub.statuses.push(response.statusCode));
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (stub.instead) return stub.instead(response, request);
    const url = new URL(request.url ?? '/', 'http://doppler');
    if (request.headers.authorization !== `Bearer ${token}` || !known)
      return failure(response, 401, 'Invalid Service token');
    const asked = `${url.searchParams.get('project')}/${url.searchParams.get('config')}`;
    if (asked === 'null/null' && !serviceToken)
      return failure(response, 400, 'You must specify a project');
    if (!there || (asked !== 'null/null' && asked !== 'shop/prd'))
      return failure(response, 404, 'Could not find requested config');
    const route = `${request.method} ${url.pathname}`;
    if (route === 'GET /v3/configs/config/secrets/download') {
      const all = new Map<string, string | null>([
        ...stub.values,
        ['DOPPLER_PROJECT', 'shop'],
        ['DOPPLER_CONFIG', 'prd'],
        ['DOPPLER_ENVIRONMENT', 'prd'],
      ]);
      const body = JSON.stringify(Object.fromEntries(all));
      const etag = `"${createHash('sha256').update(body).digest('hex')}"`;
      if (request.headers['if-none-match'] === etag) return void response.writeHead(304).end();
      response.writeHead(200, { 'content-type': 'application/json', etag });
      return void response.end(body);
    }
    if (route === 'POST /v3/configs/config/secrets') {
      const { secrets } = JSON.parse(Buffer.concat(chunks).toString());
      for (const [name, value] of Object.entries(secrets as Record<string, string | null>))
        if (!/^[A-Z_][A-Z0-9_]*$/.test(name))
          return failure(response, 400, `Secret name ${name} is invalid: ${value}`);
      for (const [name, value] of Object.entries(secrets as Record<string, string | null>))
        if (value === null) stub.values.delete(name);
        else stub.values.set(name, value);
      response.writeHead(200, { 'content-type': 'application/json' });
      return void response.end(JSON.stringify({ secrets: {}, success: true }));
    }
    failure(response, 404, 'Not found');
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const line = await cuttingProxy({
    target: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  });

  const stub: DopplerStub = {
    line,
    address: line.address,
    token,
    values: new Map(values),
    statuses: [],
    instead: undefined,
    revoke: () => {
      known = false;
    },
    removeConfig: () => {
      there = false;
    },
    async close() {
      await line.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return stub;
}

/** Answers a status with the body that Doppler gives it. */
export function status(code: number, message: string, headers: Record<string, string> = {}) {
  return (response: ServerResponse) => {
    response.writeHead(code, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify({ messages: [message], success: false }));
  };
}
