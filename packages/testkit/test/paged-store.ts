// A store asked over HTTP, one secret a name, with a list in pages and conditional writes, and a
// provider for it that is right but for the defects that it is given: what an author may well write.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SecretError, type SecretErrorCode } from '@keyfall/core';
import {
  type ReadContext,
  type SecretProvider,
  type SecretRecord,
  withApplied,
} from '@keyfall/core/provider';
import type { ConformanceHarness, ConformanceSubject } from '../src/index.ts';

/** What is wrong with a provider. */
export type Defect =
  | 'leaves a denied name out of a read of all'
  | 'takes a failure in a read of all for an empty store'
  | 'ignores ifRevision'
  | 'reads the first page of the list'
  | 'follows a redirect with its token'
  | 'calls a server error broken content';

type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

interface PagedStore {
  readonly address: string;
  readonly token: string;
  readonly values: Map<string, string>;
  readonly statusOf: Map<string, number>;
  revision: number;
  /** Answers instead of the store, until it is taken back. */
  instead: Handler | undefined;
  listen(port?: number): Promise<void>;
  stop(): Promise<void>;
}

export interface PagedSubject extends ConformanceSubject {
  readonly store: PagedStore;
}

/** More than there are hostile names, so that only one rule looks at a second page. */
const pageSize = 60;

async function startPagedStore(values: ReadonlyMap<string, string>): Promise<PagedStore> {
  const json = (response: ServerResponse, body: unknown, status = 200) =>
    void response.writeHead(status, { etag: String(store.revision) }).end(JSON.stringify(body));
  const server = createServer(async (request, response) => {
    if (store.instead) return store.instead(request, response);
    if (request.headers['x-token'] !== store.token) return json(response, {}, 401);
    const url = new URL(request.url ?? '/', 'http://store');
    const name = url.searchParams.get('name');
    if (request.method === 'PATCH') {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const condition = request.headers['if-match'];
      if (condition !== undefined && condition !== String(store.revision))
        return json(response, {}, 412);
      store.revision += 1;
      for (const [written, value] of JSON.parse(Buffer.concat(chunks).toString()))
        if (value === null) store.values.delete(written);
        else store.values.set(written, value);
      return json(response, {});
    }
    if (name === null) {
      const page = Number(url.searchParams.get('page') ?? 0);
      const names = [...store.values.keys()].slice(page * pageSize, (page + 1) * pageSize);
      const more = store.values.size > (page + 1) * pageSize;
      return json(response, { names, ...(more && { next: page + 1 }) });
    }
    const status = store.statusOf.get(name);
    if (status !== undefined) return json(response, {}, status);
    const value = store.values.get(name);
    return value === undefined ? json(response, {}, 404) : json(response, { value });
  });
  let port = 0;
  const store: PagedStore = {
    get address() {
      return `http://127.0.0.1:${port}/`;
    },
    token: `token-${crypto.randomUUID()}`,
    values: new Map(values),
    statusOf: new Map(),
    revision: 1,
    instead: undefined,
    async listen() {
      await new Promise<void>((resolve) => void server.listen(port, '127.0.0.1', resolve));
      ({ port } = server.address() as AddressInfo);
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  await store.listen();
  return store;
}

function pagedProvider(address: string, token: string, defect?: Defect): SecretProvider {
  const problem = (code: SecretErrorCode, reason: string) =>
    new SecretError(code, reason, { provider: 'paged' });

  async function ask(
    signal: AbortSignal,
    query: string,
    init: { method?: string; body?: string; headers?: Record<string, string> } = {},
  ): Promise<{ status: number; revision: string; body: Record<string, unknown> }> {
    try {
      const response = await fetch(address + query, {
        ...init,
        headers: { 'x-token': token, ...init.headers },
        redirect: defect === 'follows a redirect with its token' ? 'follow' : 'manual',
        signal,
      });
      const { status } = response;
      const text = await response.text();
      if (status === 401) throw problem('ERR_SECRET_UNAUTHENTICATED', 'the token is not known');
      if (status === 403) throw problem('ERR_SECRET_DENIED', 'access is denied');
      const down = status === 429 || status >= 500;
      if (down && defect !== 'calls a server error broken content')
        throw problem('ERR_SECRET_UNAVAILABLE', `the status is ${status}`);
      if (![200, 404, 412].includes(status))
        throw problem('ERR_SECRET_INVALID', `the status is ${status}`);
      const revision = response.headers.get('etag');
      if (revision === null) throw problem('ERR_SECRET_INVALID', 'it is not the store');
      return { status, revision, body: JSON.parse(text) };
    } catch (error) {
      if (error instanceof SecretError) throw error;
      if (signal.aborted) throw problem('ERR_SECRET_ABORTED', 'the call was aborted');
      if (error instanceof SyntaxError) throw problem('ERR_SECRET_INVALID', 'it is not JSON');
      throw problem('ERR_SECRET_UNAVAILABLE', 'no answer came');
    }
  }

  async function list({ signal }: ReadContext): Promise<string[]> {
    const names: string[] = [];
    for (let page: unknown = 0; page !== undefined; ) {
      const { body } = await ask(signal, `?page=${page}`);
      names.push(...(body['names'] as string[]));
      page = defect === 'reads the first page of the list' ? undefined : body['next'];
    }
    return names;
  }

  async function entryOf(
    name: string,
    signal: AbortSignal,
  ): Promise<SecretRecord | SecretError | undefined> {
    try {
      const { status, body } = await ask(signal, `?name=${encodeURIComponent(name)}`);
      return status === 404 ? undefined : { value: String(body['value']) };
    } catch (error) {
      if (error instanceof SecretError && error.code === 'ERR_SECRET_DENIED') return error;
      throw error;
    }
  }

  return {
    name: 'paged',
    store: address,
    atomicity: 'store',
    conditionalWrites: 'always',
    list,
    async read(names, context) {
      const { signal } = context;
      const { revision } = await ask(signal, '?page=0');
      const entries = new Map<string, SecretRecord | SecretError>();
      const all = names === 'all';
      const read = async (name: string) => {
        const entry = await entryOf(name, signal);
        const omitted = all && defect === 'leaves a denied name out of a read of all';
        if (entry && !(omitted && 'code' in entry)) entries.set(name, entry);
      };
      for (const name of all ? await list(context) : names)
        try {
          await read(name);
        } catch (error) {
          if (!all || defect !== 'takes a failure in a read of all for an empty store') throw error;
        }
      return { entries, complete: all, revision };
    },
    async write({ entries, ifRevision }, { signal }) {
      const condition = defect === 'ignores ifRevision' ? undefined : ifRevision;
      const { status, revision } = await ask(signal, '', {
        method: 'PATCH',
        body: JSON.stringify([...entries]),
        headers: condition === undefined ? {} : { 'if-match': condition },
      });
      if (status === 412)
        throw withApplied(problem('ERR_SECRET_CONFLICT', 'another program has written'), 'no');
      return { revision, conditional: ifRevision !== undefined };
    },
  };
}

/** The description of that store for the suite, with a provider that has `defect`. */
export function pagedHarness(defect?: Defect): ConformanceHarness<PagedSubject> {
  const answer =
    (handler: Handler) =>
    async ({ store }: PagedSubject) => {
      store.instead = handler;
    };
  const failName =
    (status: number) =>
    async ({ store }: PagedSubject, name: string) =>
      void store.statusOf.set(name, status);
  return {
    async create(values) {
      const store = await startPagedStore(values);
      const { address, token } = store;
      const provider = pagedProvider(address, token, defect);
      return { provider, store, credentials: [token], close: () => store.stop() };
    },
    async change({ store }, changes) {
      store.revision += 1;
      for (const [name, value] of changes)
        if (value === null) store.values.delete(name);
        else store.values.set(name, value);
    },
    capabilities: { writes: 'store', conditionalWrites: true, bag: false, list: true },
    faults: {
      unavailable: ({ store }) => store.stop(),
      stalled: answer(() => {}),
      denied: answer((_, response) => void response.writeHead(403).end()),
      unauthenticated: answer((_, response) => void response.writeHead(401).end()),
      invalid: answer((_, response) => void response.writeHead(200, { etag: '1' }).end('{"val')),
      missingDocument: 'impossible',
      http: (subject, { status, headers, body }) =>
        answer((_, response) => void response.writeHead(status, headers).end(body))(subject),
      oneName: {
        denied: failName(403),
        unavailable: failName(503),
        invalid: failName(418),
      },
    },
    recover: ({ store }) => store.listen(),
    canHold: (name) => !/\p{Surrogate}/u.test(name),
    manyNames: pageSize + 1,
  };
}
