/**
 * Requests to Doppler's REST API (https://docs.doppler.com/reference): sent with the token, repeated
 * where that is safe, and ended by an answer or by one error that says what happened. The service's own texts are not
 * shown, since they may quote what was sent.
 */
import { isUtf8 } from 'node:buffer';
import { setTimeout as wait } from 'node:timers/promises';
import {
  type Applied,
  type ReadContext,
  SecretError,
  type SecretErrorCode,
  withApplied,
} from '@keyfall/core/provider';

/** A larger answer is refused: no config is so large. Bytes. */
const sizeLimit = 8 * 1024 * 1024;

/** How often a request is repeated at most. */
const maxRepeats = 2;

/** Where the API is, and with which token it is asked. */
export interface DopplerApiSettings {
  /** The provider's name, for errors. */
  readonly provider: string;
  /** The API's origin. */
  readonly origin: string;
  /** What is asked for, for errors: `the config shop/prd`. */
  readonly subject: string;
  readonly token: string;
}

/** The hint for an answer that Doppler never gives. */
export const wrongAddress = 'Check the address: another service than Doppler may answer there.';

/** A request for secrets. */
export interface DopplerRequest {
  /** With its query. */
  readonly path: string;
  /** JSON; makes the request a POST, which is repeated only if it cannot have been carried out. */
  readonly body?: string;
  /** The ETag of what is known already: then `unchanged` may be the answer. */
  readonly etag?: string | undefined;
}

/** What the API answered. */
export type DopplerAnswer =
  | { readonly kind: 'ok'; readonly json: unknown; readonly etag: string | undefined }
  /** What was known still holds. */
  | { readonly kind: 'unchanged' }
  /** The project or config does not exist. */
  | { readonly kind: 'missing' };

/** What limits a call. */
export type CallLimits = Pick<ReadContext, 'signal' | 'remainingTimeout'> & {
  /** Is called when a request goes out, and again when it is repeated. */
  readonly sending?: () => void;
};

/**
 * @throws `SecretError` for everything that is not a {@link DopplerAnswer}; for a write its `applied` says what
 *   became of it
 */
export async function askDoppler(
  settings: DopplerApiSettings,
  request: DopplerRequest,
  limits: CallLimits,
): Promise<DopplerAnswer> {
  for (let repeats = 0; ; repeats += 1) {
    limits.sending?.();
    const { answer, error, mayRepeat, retryAfter } = await attempt(
      settings,
      request,
      limits.signal,
    );
    if (answer) return answer;
    const pause = retryAfter ?? 50 + 50 * repeats + Math.random() * 50;
    if (!mayRepeat || repeats >= maxRepeats || pause >= limits.remainingTimeout()) throw error;
    try {
      await wait(pause, undefined, { signal: limits.signal });
    } catch {
      // only a write that was not carried out is repeated
      throw request.body === undefined
        ? aborted(settings.provider)
        : withApplied(aborted(settings.provider), 'no');
    }
  }
}

/** How one request ended. */
type Attempt =
  | {
      readonly answer: DopplerAnswer;
      readonly error?: undefined;
      readonly mayRepeat?: undefined;
      readonly retryAfter?: undefined;
    }
  | {
      readonly answer?: undefined;
      readonly error: SecretError;
      /** Whether a repeat can help, and cannot do anything twice. */
      readonly mayRepeat: boolean;
      /** Milliseconds that the service asks to wait. */
      readonly retryAfter: number | undefined;
    };

async function attempt(
  { provider, origin, subject, token }: DopplerApiSettings,
  { path, body, etag }: DopplerRequest,
  signal: AbortSignal,
): Promise<Attempt> {
  const problem = (code: SecretErrorCode, what: string, hint?: string, status?: number) =>
    new SecretError(code, `${subject} ${what}`, { provider, hint, storeStatus: status });
  const reads = body === undefined;
  // until Doppler itself refuses it, or no connection could be made
  let applied: Applied = 'unknown';
  const failed = (error: SecretError, mayRepeat = false, retryAfter?: number): Attempt => ({
    error: reads ? error : withApplied(error, applied),
    mayRepeat,
    retryAfter,
  });
  try {
    const response = await fetch(`${origin}${path}`, {
      method: reads ? 'GET' : 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        accept: 'application/json',
        ...(etag !== undefined && { 'if-none-match': etag }),
        ...(!reads && { 'content-type': 'application/json' }),
      },
      ...(!reads && { body }),
      // a redirect would take the token to another server
      redirect: 'manual',
      signal,
    });
    const { status, headers } = response;
    if (status === 304) return { answer: { kind: 'unchanged' } };
    const text = await textOf(response);
    if (text === undefined)
      return failed(
        problem(
          'ERR_SECRET_INVALID',
          'could not be read: the answer is larger than 8 MiB, or not UTF-8',
          undefined,
          status,
        ),
      );
    const json = parsed(text);
    // the API says so itself; another web server in its place does not
    const isDoppler = (json as { success?: unknown } | null | undefined)?.success === false;
    if (status === 200 && json !== undefined && !isDoppler)
      return { answer: { kind: 'ok', json, etag: headers.get('etag') ?? undefined } };
    // a request over a rate limit is not carried out, whichever server sets the limit (RFC 6585)
    if ((isDoppler && status >= 400 && status < 500) || status === 429) applied = 'no';
    if (status === 404 && isDoppler) return { answer: { kind: 'missing' } };
    if (status === 401)
      return failed(
        problem(
          'ERR_SECRET_UNAUTHENTICATED',
          'cannot be read: Doppler does not accept the token',
          'The token may have expired or been revoked. Create a new service token.',
          status,
        ),
      );
    if (status === 403)
      return failed(
        problem(
          'ERR_SECRET_DENIED',
          'is denied to this token',
          reads ? 'Give the token access to the config.' : 'Use a token with write access.',
          status,
        ),
      );
    if (status === 429 || status >= 500) {
      const why = status === 429 ? 'Doppler limits the rate of requests' : `status ${status}`;
      return failed(
        problem('ERR_SECRET_UNAVAILABLE', `cannot be reached now: ${why}`, undefined, status),
        // a write over the limit is not carried out; one that fails may have been
        reads || status === 429,
        retryAfterOf(headers),
      );
    }
    if ((status === 400 || status === 422) && isDoppler)
      return failed(
        problem(
          reads ? 'ERR_SECRET_CONFIG' : 'ERR_SECRET_UNSUPPORTED',
          `was refused by Doppler (status ${status})`,
          reads
            ? 'Check the options project and config: a token that is not a service token needs both.'
            : 'Use names of upper-case letters, digits and underscores, and check whether the config is locked.',
          status,
        ),
      );
    return failed(
      problem(
        'ERR_SECRET_INVALID',
        `could not be read: the answer is not one of Doppler (status ${status})`,
        wrongAddress,
        status,
      ),
    );
  } catch (thrown) {
    if (signal.aborted) return failed(aborted(provider));
    const code = codeOf(thrown);
    const isUnconnected = /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|UND_ERR_CONNECT_TIMEOUT)$/.test(
      code,
    );
    if (isUnconnected || /CERT|SELF_SIGNED|UNABLE_TO_/.test(code)) applied = 'no';
    if (/CERT|SELF_SIGNED|UNABLE_TO_|_TLS_|_SSL_|^EPROTO$/.test(code))
      return failed(
        problem(
          'ERR_SECRET_TLS',
          `could not be read, because the TLS connection is not trusted (${code})`,
        ),
      );
    if (/^(?:HPE|Z)_/.test(code))
      return failed(
        problem('ERR_SECRET_INVALID', `could not be read: the answer is broken HTTP (${code})`),
      );
    return failed(
      problem('ERR_SECRET_UNAVAILABLE', `could not be reached (${code})`),
      // without a connection nothing was sent
      reads || isUnconnected,
    );
  }
}

function aborted(provider: string): SecretError {
  return new SecretError('ERR_SECRET_ABORTED', 'the call was aborted', { provider });
}

/** The only part of an error of `fetch` that is used. */
function codeOf(thrown: unknown): string {
  // no `instanceof`: under Jest the errors of Node are of another realm than our `Error`
  const found = String(Object(Object(thrown).cause).code);
  return /^[A-Z][A-Z0-9_]*$/.test(found) ? found : 'no code';
}

/** @returns `undefined` for a body that is over the limit, or not UTF-8 */
async function textOf(response: Response): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > sizeLimit) return undefined;
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  return isUtf8(bytes) ? bytes.toString() : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** RFC 9110, 10.2.3: seconds or a date. In milliseconds. */
function retryAfterOf(headers: Headers): number | undefined {
  const text = headers.get('retry-after') ?? '';
  if (/^\d{1,6}$/.test(text)) return Number(text) * 1_000;
  // Date.parse accepts more than the dates of HTTP
  const date = text.endsWith(' GMT') ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}
