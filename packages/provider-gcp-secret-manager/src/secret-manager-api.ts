/**
 * Requests to the REST API of Secret Manager (https://cloud.google.com/secret-manager/docs/reference/rest): sent with a
 * token, and ended by an answer or by one error that says what happened. Google's own texts are not shown: only its status
 * and the reason in its details, which are permanent (AIP-193).
 */
import { answerError, type SecretError } from '@keyfall/core/provider';
import type { HttpClient } from '@keyfall/core/provider/http';
import { type AccessTokens, accessTokens, type GcpCredentials } from './access-token.ts';

/** The hint for an answer that Secret Manager never gives. */
export const wrongAddress =
  'Check the option address: another service than Secret Manager may answer there.';

/** Who asks, and where. */
export interface SecretManagerSettings {
  /** The provider's name, for errors. */
  readonly provider: string;
  /** The API's origin. */
  readonly origin: string;
  readonly credentials: GcpCredentials | undefined;
}

/** One question. */
interface SecretManagerRequest {
  /** Default `GET`. */
  readonly method?: 'GET' | 'POST' | 'DELETE';
  /** Below `/v1/`, with its query. */
  readonly path: string;
  readonly body?: object;
  /** What it is about, for errors: `the secret shop-TOKEN`. */
  readonly subject: string;
}

/** What the API answered. */
export type SecretManagerReply =
  | { readonly kind: 'ok'; readonly json: Readonly<Record<string, unknown>> }
  /** It does not exist, exists already, or is in a state in which it cannot be had. */
  | { readonly kind: 'missing' | 'exists' | 'precondition'; readonly error: SecretError };

/** What a call needs of a provider's context. */
export interface CallContext {
  readonly signal: AbortSignal;
}

/** The API. */
export interface SecretManagerApi {
  /**
   * @throws `SecretError` for everything that is not a {@link SecretManagerReply}; of a change its `applied` says what became
   *   of it
   */
  ask(request: SecretManagerRequest, context: CallContext): Promise<SecretManagerReply>;
  close(): void;
}

/** Loads nothing before the first question. */
export function secretManagerApi(settings: SecretManagerSettings): SecretManagerApi {
  const { provider, origin, credentials } = settings;
  const tokens: AccessTokens = accessTokens(credentials, provider);
  let client: HttpClient | undefined;

  async function send(
    { method = 'GET', path, body }: SecretManagerRequest,
    { signal }: CallContext,
  ) {
    const { httpClient } = await import('@keyfall/core/provider/http');
    client ??= httpClient({ provider, subject: 'Google Cloud Secret Manager' });
    const token = await tokens.token(signal);
    const request = {
      method,
      url: `${origin}/v1/${path}`,
      headers: {
        authorization: `Bearer ${token}`,
        accept: 'application/json',
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    };
    return client.send(request, { signal });
  }

  return {
    async ask(request, context) {
      let reply = await send(request, context);
      if (reply.status === 401) {
        // it may have been revoked before its time
        tokens.forget();
        reply = await send(request, context);
      }
      if (reply.status === 200 && isObject(reply.json)) return { kind: 'ok', json: reply.json };
      return refusal(reply, request, provider);
    },
    close() {
      client?.close();
      client = undefined;
    },
  };
}

/** What an answer other than success means (https://cloud.google.com/apis/design/errors). */
function refusal(
  { status, json }: { readonly status: number; readonly json: unknown },
  { method = 'GET', subject }: SecretManagerRequest,
  provider: string,
): SecretManagerReply {
  const { status: said, details } = Object(Object(json).error) as {
    readonly status?: unknown;
    readonly details?: unknown;
  };
  const reasons = (Array.isArray(details) ? details : []).map((each) => Object(each).reason);
  const isChange = method !== 'GET';
  // Google says so itself, with the status that goes with it; something else in its place does not
  const isOwn = typeof said === 'string' && status >= 400 && status < 500;
  const problem = answerError({ provider, subject, method, status, isOwn });

  if (status === 401)
    throw problem(
      'ERR_SECRET_UNAUTHENTICATED',
      'cannot be read: Google Cloud does not accept the credentials',
      'Check whether they have expired or were revoked: `gcloud auth application-default login`.',
    );
  if (status === 403 && reasons.includes('SERVICE_DISABLED'))
    throw problem(
      'ERR_SECRET_DENIED',
      'cannot be read: Secret Manager is not enabled in the project',
      'Run `gcloud services enable secretmanager.googleapis.com`.',
    );
  if (status === 403)
    throw problem(
      'ERR_SECRET_DENIED',
      'is denied to this caller',
      'Compare its roles with those on the page of this provider, and check the option project.',
    );
  if (status === 429 || status >= 500) {
    const why = status === 429 ? 'Google Cloud limits the rate of requests' : `status ${status}`;
    throw problem('ERR_SECRET_UNAVAILABLE', `cannot be reached now: ${why}`);
  }
  if (isOwn && status === 404)
    return { kind: 'missing', error: problem('ERR_SECRET_NOT_FOUND', 'does not exist') };
  if (isOwn && status === 409)
    return { kind: 'exists', error: problem('ERR_SECRET_CONFLICT', 'exists already') };
  if (status === 400 && said === 'FAILED_PRECONDITION')
    return {
      kind: 'precondition',
      error: problem(
        'ERR_SECRET_UNSUPPORTED',
        'cannot be changed under the rules of the project',
        'Create the secret with the replication that the project allows, and write it again.',
      ),
    };
  if (isOwn && status === 400)
    throw problem(
      isChange ? 'ERR_SECRET_UNSUPPORTED' : 'ERR_SECRET_CONFIG',
      'was rejected because of a parameter of the request',
      'Check the options project and prefix.',
    );
  throw problem(
    'ERR_SECRET_INVALID',
    `could not be read: the answer is not one of Secret Manager (status ${status})`,
    wrongAddress,
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
