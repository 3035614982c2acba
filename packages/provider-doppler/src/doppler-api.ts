/**
 * Requests to Doppler's REST API (https://docs.doppler.com/reference): sent with the token, repeated
 * where that changes nothing, and ended by an answer or by the one error that tells what happened. The
 * service's own texts are not shown, since they may quote what was sent.
 */
import { isUtf8 } from 'node:buffer';
import { setTimeout as wait } from 'node:timers/promises';
import { type Applied, SecretError, type SecretErrorCode } from '@keyfall/core';
import { type ReadContext, withApplied } from '@keyfall/core/provider';

/** A larger answer is refused: no config is so large. Bytes. */
const sizeLimit = 8 * 1024 * 1024;

/** How often a request is repeated at the most. */
const mostRepeats = 2;

/** Where the API is, and as whom it is asked. */
export interface DopplerApiSettings {
  /** The provider's name, for errors. */
  readonly provider: string;
  /** The API's origin. */
  readonly origin: string;
  /** What is asked for, for errors: `the config shop/prd`. */
  readonly subject: string;
  readonly token: string;
}

/** A request for secrets. */
export interface DopplerRequest {
  /** With its query. */
  readonly path: string;
  /** JSON; makes the request a POST, which is repeated only if it cannot have been carried out. */
  readonly body?: string;
  /** What is known already: then `unchanged` may be the answer. */
  readonly etag?: string | undefined;
}

/** What the API answered. */
export type DopplerAnswer =
  | { readonly kind: 'ok'; readonly json: unknown; readonly etag: string | undefined }
  /** What was known when it was asked holds still. */
  | { readonly kind: 'unchanged' }
  /** The project or config is not there. */
  | { readonly kind: 'missing' };

/** How long a call may take. */
export type CallBounds = Pick<ReadContext, 'signal' | 'timeLeft'> & {
  /** Is called when a request goes out, and again when it is repeated. */
  readonly sending?: () => void;
};

/**
 * @throws `SecretError` for everything that is no {@link DopplerAnswer}; of a request that writes it says in
 *   `applied` what became of it
 */
export async function askDoppler(
  settings: DopplerApiSettings,
  request: DopplerRequest,
  bounds: CallBounds,
): Promise<DopplerAnswer> {
  for (let repeats = 0; ; repeats += 1) {
    bounds.sending?.();
    const { answer, error, mayRepeat, retryAfter } = await attempt(
      settings,
      request,
      bounds.signal,
    );
    if (answer) return answer;
    const pause = retryAfter ?? 50 + 50 * repeats + Math.random() * 50;
    if (!mayRepeat || repeats >= mostRepeats || pause >= bounds.timeLeft()) throw error;
    try {
      await wait(pause, undefined, { signal: bounds.signal });
    } catch {
      // what is repeated was not carried out
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
      /** Whether repeating it can help, and cannot do anything twice. */
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
  // until Doppler itself has refused it, or it turns out that there was no connection
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
      // a redirect would take the token to another place
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
          'was answered by more than 8 MiB, or by what is no UTF-8',
          undefined,
          status,
        ),
      );
    const json = parsed(text);
    // the API says so itself; a web server in its place does not
    const isDoppler = (json as { success?: unknown } | null | undefined)?.success === false;
    if (status === 200 && json !== undefined && !isDoppler)
      return { answer: { kind: 'ok', json, etag: headers.get('etag') ?? undefined } };
    // a rate that is limited is that of requests which were not carried out, whoever limits it (RFC 6585)
    if ((isDoppler && status >= 400 && status < 500) || status === 429) applied = 'no';
    if (status === 404 && isDoppler) return { answer: { kind: 'missing' } };
    if (status === 401)
      return failed(
        problem(
          'ERR_SECRET_UNAUTHENTICATED',
          'cannot be asked for: Doppler does not accept the token',
          'It may have expired or been revoked. Make a new service token.',
          status,
        ),
      );
    if (status === 403)
      return failed(
        problem(
          'ERR_SECRET_DENIED',
          'may not be used with this token',
          reads ? 'Give it access to the config.' : 'Writing needs a token with write access.',
          status,
        ),
      );
    if (status === 429 || status >= 500) {
      const why = status === 429 ? 'Doppler limits the rate' : `status ${status}`;
      return failed(
        problem('ERR_SECRET_UNAVAILABLE', `cannot be asked for now: ${why}`, undefined, status),
        // a write that is limited is not carried out; one that fails may have been
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
            ? 'Check the options project and config: only a service token knows its own.'
            : 'Names have upper-case letters, digits and underscores; a config may be locked.',
          status,
        ),
      );
    return failed(
      problem(
        'ERR_SECRET_INVALID',
        `was answered by something that is not understood (status ${status})`,
        'Something else than Doppler may answer at the address.',
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
      return failed(problem('ERR_SECRET_TLS', `could not be asked for over TLS (${code})`));
    if (/^(?:HPE|Z)_/.test(code))
      return failed(problem('ERR_SECRET_INVALID', `was answered by broken HTTP (${code})`));
    return failed(
      problem('ERR_SECRET_UNAVAILABLE', `could not be asked for (${code})`),
      // what was not connected was not sent
      reads || isUnconnected,
    );
  }
}

function aborted(provider: string): SecretError {
  return new SecretError('ERR_SECRET_ABORTED', 'the call was aborted', { provider });
}

/** Of a foreign error only its code is looked at. */
function codeOf(thrown: unknown): string {
  const cause = thrown instanceof Error ? thrown.cause : undefined;
  const found = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  return /^[A-Z][A-Z0-9_]*$/.test(found) ? found : 'no code';
}

/** @returns `undefined` for a body over the limit, or with bytes that would be read as other ones */
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
  // what else Date.parse takes is no date of HTTP
  const date = text.endsWith(' GMT') ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}
