/**
 * A real drongo, which emulates Secret Manager, and a front before it for what drongo has not: it knows tokens, sends lists in
 * pages, filters them, and takes "latest" for the newest version whatever its state, as Google's reference says.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { type CuttingProxy, cuttingProxy, startDrongoServer } from '@keyfall/testkit';

export interface Reply {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What the front answers instead of drongo; `undefined` lets the request through. */
type Answer = (method: string, path: string) => Reply | 'cut' | undefined;

export interface SecretManager {
  /** Where the front is: what providers ask. */
  readonly address: string;
  /** A token that the front knows, and credentials with it. */
  newCaller(): Caller;
  /** A line of its own to the front. */
  line(): Promise<CuttingProxy>;
  /** Straight to drongo. */
  admin(method: string, path: string, body?: object): Promise<DrongoAnswer>;
  put(project: string, id: string, value: string | Uint8Array): Promise<void>;
  /** Every request that the front has seen, in order. */
  readonly seen: string[];
  answer(answer: Answer | undefined): void;
  stop(): Promise<void>;
}

interface DrongoAnswer {
  readonly status: number;
  readonly json: Readonly<
    Record<'secrets' | 'versions', readonly { readonly name: string }[] | undefined>
  >;
}

export interface Caller {
  readonly token: string;
  readonly credentials: { getAccessToken(): Promise<string> };
  /** The token is not known any more. */
  forget(): void;
  /** The token is known, and allows nothing. */
  deny(): void;
}

/** An error as Google answers it (AIP-193). */
export function googleError(status: number, said: string, reason?: string): Reply {
  const details = reason === undefined ? [] : [{ reason, domain: 'googleapis.com' }];
  const body = JSON.stringify({ error: { code: status, status: said, message: said, details } });
  return { status, body, headers: { 'content-type': 'application/json' } };
}

export async function startSecretManager(pageSize = 20): Promise<SecretManager> {
  const drongo = await startDrongoServer();
  const rights = new Map<string, boolean>();
  const seen: string[] = [];
  let instead: Answer | undefined;

  /** On a connection of its own: drongo sends an answer in two pieces, and on a kept one the second waits for 40 ms. */
  async function admin(method: string, path: string, body?: object): Promise<DrongoAnswer> {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      request(`${drongo.address}/v1/${path}`, { method, agent: false }, resolve)
        .on('error', reject)
        .end(body && JSON.stringify(body));
    });
    return { status: answer.statusCode ?? 0, json: JSON.parse((await text(answer)) || '{}') };
  }

  async function answerTo(incoming: IncomingMessage, body: string): Promise<Reply> {
    const token = incoming.headers.authorization?.replace('Bearer ', '') ?? '';
    const allowed = rights.get(token);
    if (allowed === undefined) return googleError(401, 'UNAUTHENTICATED');
    if (!allowed) return googleError(403, 'PERMISSION_DENIED');
    const { method = 'GET', url = '' } = incoming;
    const { pathname, searchParams } = new URL(url, 'http://front');
    const path = pathname.slice('/v1/'.length);
    const given = body === '' ? undefined : JSON.parse(body);
    const latest = /^(.*\/versions\/)latest((?::access)?)$/.exec(path);
    if (latest) {
      const listed = await admin('GET', String(latest[1]).replace(/\/$/, ''));
      const newest = (listed.json.versions ?? []).at(-1)?.name.split('/').at(-1) ?? '1';
      return shown(await admin(method, `${latest[1]}${newest}${latest[2]}`, given));
    }
    const found = await admin(method, path + (method === 'POST' ? `?${searchParams}` : ''), given);
    if (method !== 'GET' || !searchParams.has('pageSize')) return shown(found);
    const { secrets, versions } = found.json;
    if (found.status !== 200) return shown(found);
    const filter = /^name:(.*)$/.exec(searchParams.get('filter') ?? '')?.[1] ?? '';
    const all = (secrets ?? versions ?? []).filter(({ name }) => name.includes(filter));
    const start = Number(searchParams.get('pageToken') ?? 0);
    const page = all.slice(start, start + pageSize);
    const next = start + pageSize < all.length ? { nextPageToken: `${start + pageSize}` } : {};
    // Google leaves out an empty list
    const items = page.length > 0 ? { [secrets ? 'secrets' : 'versions']: page } : {};
    return shown({ status: 200, json: { ...items, ...next } });
  }

  const front = createServer(async (incoming, response: ServerResponse) => {
    const body = await text(incoming);
    const { method = '', url = '' } = incoming;
    seen.push(`${method} ${url}`);
    const own = instead?.(method, url);
    if (own === 'cut') return void incoming.socket.resetAndDestroy();
    const reply = own ?? (await answerTo(incoming, body));
    response.writeHead(reply.status, reply.headers).end(reply.body);
  });
  await new Promise<void>((resolve) => void front.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;

  return {
    address,
    newCaller() {
      const token = `ya29.${randomUUID()}`;
      rights.set(token, true);
      return {
        token,
        credentials: { getAccessToken: async () => token },
        forget: () => void rights.delete(token),
        deny: () => void rights.set(token, false),
      };
    },
    line: () => cuttingProxy({ target: address }),
    admin,
    async put(project, id, value) {
      await admin('POST', `projects/${project}/secrets?secretId=${id}`, {
        replication: { automatic: {} },
      });
      const data = Buffer.from(value).toString('base64');
      await admin('POST', `projects/${project}/secrets/${id}:addVersion`, { payload: { data } });
    },
    seen,
    answer(answer) {
      instead = answer;
    },
    async stop() {
      front.closeAllConnections();
      front.close();
      await drongo.stop();
    },
  };
}

function shown({ status, json }: { status: number; json: unknown }): Reply {
  return {
    status,
    body: JSON.stringify(json),
    headers: { 'content-type': 'application/json' },
  };
}
