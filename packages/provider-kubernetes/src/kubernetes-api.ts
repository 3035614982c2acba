/**
 * Requests to the API of Kubernetes about one Secret (https://kubernetes.io/docs/reference/using-api/api-concepts/). Its
 * own texts are not shown, and not read.
 */
import { answerError, SecretError } from '@keyfall/core/provider';
import type { HttpClient, HttpStream } from '@keyfall/core/provider/http';
import type { Cluster } from './cluster-settings.ts';

/** The hint for an answer that Kubernetes never gives. */
export const wrongAddress = 'Check the address: another service than Kubernetes may answer there.';

/** A question about the Secret. */
interface KubernetesRequest {
  readonly method: 'GET' | 'POST' | 'PATCH';
  /** Below the list of secrets of the namespace, with its query: `/shop`, or ''. */
  readonly path: string;
  readonly body?: object;
}

/** What the API answered. */
type KubernetesReply =
  | { readonly kind: 'ok'; readonly json: unknown }
  /** It is not there, exists already, or is not at that version any more. */
  | { readonly kind: 'missing' | 'exists' | 'conflict' | 'gone'; readonly error: SecretError };

/** What a call needs of a provider's context. */
export interface CallContext {
  readonly signal: AbortSignal;
}

/** The API of one cluster, about the secrets of one namespace. */
export interface KubernetesApi {
  /** @throws `SecretError` for everything that is not a {@link KubernetesReply}; of a change its `applied` says what became of it */
  ask(request: KubernetesRequest, context: CallContext): Promise<KubernetesReply>;
  /** The events of a watch, each a line of JSON, until the API ends it. @throws as `ask` */
  watch(path: string, context: CallContext): AsyncIterable<unknown>;
  close(): void;
}

/** Loads nothing before the first question. */
export function kubernetesApi(
  cluster: () => Cluster,
  subject: string,
  provider: string,
): KubernetesApi {
  let client: HttpClient | undefined;

  async function prepared({ method, path, body }: KubernetesRequest) {
    const { origin, ca, token, namespace } = cluster();
    if (client === undefined) {
      const { httpClient } = await import('@keyfall/core/provider/http');
      client = httpClient({ provider, subject: 'the API of Kubernetes', ca: await ca() });
    }
    const bearer = await token();
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    return {
      client,
      request: {
        method,
        url: `${origin}/api/v1/namespaces/${encodeURIComponent(await namespace())}/secrets${path}`,
        headers: {
          accept: 'application/json',
          ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
          ...(body && { 'content-type': type }),
        },
        ...(body && { body: JSON.stringify(body) }),
      },
    };
  }

  /** A certificate that is not trusted may be one of another authority by now: the next request reads the file again. */
  async function withClient<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof SecretError && error.code === 'ERR_SECRET_TLS') close();
      throw error;
    }
  }
  function close(): void {
    client?.close();
    client = undefined;
  }

  return {
    ask: (asked, context) =>
      withClient(async () => {
        const { client, request } = await prepared(asked);
        const { status, json } = await client.send(request, context);
        const isDone = status === 200 || status === 201;
        if (
          isDone &&
          Object(json).kind ===
            (asked.method === 'GET' && asked.path.startsWith('?') ? 'SecretList' : 'Secret')
        )
          return { kind: 'ok', json };
        return refusal(status, json, asked.method, subject, provider);
      }),
    async *watch(path, context) {
      const { client, request } = await prepared({ method: 'GET', path });
      const stream = await withClient(() => client.open(request, context));
      stream.unref();
      if (stream.status === 200) return yield* eventsOf(stream, provider);
      stream.end();
      const { error } = refusal(stream.status, { kind: 'Status' }, 'GET', subject, provider);
      throw error;
    },
    close,
  };
}

/** Bytes of one event at most: a Secret has 1 MiB, and base64 makes that a third more. */
const eventLimit = 4 * 1024 * 1024;

async function* eventsOf({ body, end }: HttpStream, provider: string): AsyncGenerator<unknown> {
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for await (const chunk of body) {
      rest += decoder.decode(chunk, { stream: true });
      const lines = rest.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) yield eventOf(line, provider);
      if (rest.length > eventLimit) throw brokenWatch(provider);
    }
  } finally {
    end();
  }
}

function brokenWatch(provider: string): SecretError {
  return new SecretError('ERR_SECRET_INVALID', 'the watch answers something that is no event', {
    provider,
    hint: wrongAddress,
  });
}

function eventOf(line: string, provider: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw brokenWatch(provider); // what JSON.parse throws shows the text
  }
}

/** What an answer other than success means. */
function refusal(
  status: number,
  json: unknown,
  method: string,
  subject: string,
  provider: string,
): Exclude<KubernetesReply, { kind: 'ok' }> {
  const { kind } = Object(json) as { readonly kind?: unknown };
  const isOwn = kind === 'Status' && status >= 400 && status < 500;
  const isChange = method !== 'GET';
  const problem = answerError({ provider, subject, method, status, isOwn });

  if (status === 401)
    throw problem(
      'ERR_SECRET_UNAUTHENTICATED',
      'cannot be read: Kubernetes does not accept the token',
      'Check whether the service account still exists, and whether its token has expired.',
    );
  if (status === 403)
    throw problem(
      'ERR_SECRET_DENIED',
      'is denied to this service account',
      'Compare its Role with the one on the page of this provider.',
    );
  if (status === 429 || status >= 500)
    throw problem('ERR_SECRET_UNAVAILABLE', `cannot be reached now: status ${status}`);
  if (isOwn && status === 404)
    return { kind: 'missing', error: problem('ERR_SECRET_NOT_FOUND', 'does not exist') };
  if (isOwn && status === 409) {
    const exists = method === 'POST';
    const what = exists ? 'exists already' : 'was written by someone else since it was read';
    const hint = 'Read it again and repeat the change.';
    return {
      kind: exists ? 'exists' : 'conflict',
      error: problem('ERR_SECRET_CONFLICT', what, hint),
    };
  }
  if (isOwn && status === 410)
    return { kind: 'gone', error: problem('ERR_SECRET_UNAVAILABLE', 'has gone on without us') };
  if (isOwn && isChange && (status === 413 || status === 422))
    throw problem(
      'ERR_SECRET_UNSUPPORTED',
      'cannot hold this change',
      'It may be immutable, or larger than 1 MiB.',
    );
  if (isOwn && (status === 400 || status === 422))
    throw problem(
      isChange ? 'ERR_SECRET_UNSUPPORTED' : 'ERR_SECRET_CONFIG',
      'was rejected because of a parameter of the request',
      'Check the options secret and namespace.',
    );
  throw problem(
    'ERR_SECRET_INVALID',
    `could not be read: the answer is not one of Kubernetes (status ${status})`,
    wrongAddress,
  );
}
