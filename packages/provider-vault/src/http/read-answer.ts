/**
 * Reads what a server answers: the body up to a largest size, and what Vault says in headers.
 */
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { WireAnswer, WireFailure } from '../wire/vault-wire.ts';

/** Bytes. An entry on raft storage is at most 1 MiB: what is larger is no answer of a KV engine. */
const largestAnswer = 8 * 1024 * 1024;

/** Reads a body to its end, or fails with why there is none. */
export function collect(
  response: IncomingMessage,
  fail: (what: WireFailure['what'], detail: string) => void,
  done: (body: Buffer) => void,
): void {
  const chunks: Buffer[] = [];
  let size = 0;
  response.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > largestAnswer) fail('too-large', `over ${largestAnswer} bytes`);
    else chunks.push(chunk);
  });
  response.on('end', () => {
    const [only = Buffer.concat(chunks)] = chunks.length === 1 ? chunks : [];
    if (response.complete) done(only);
    else fail('unreachable', 'ECONNRESET');
  });
  response.on('error', (error: NodeJS.ErrnoException) =>
    fail('unreachable', error.code ?? 'ECONNRESET'),
  );
}

/**
 * The answer without an id of the request that is a part of what was sent: a secret id and some tokens look
 * like one, and the id is shown.
 */
export function withoutMirrors(answer: WireAnswer, sent: readonly string[]): WireAnswer {
  const id = answer.body?.['request_id'];
  if (typeof id !== 'string' || !sent.some((text) => text.includes(id))) return answer;
  return { ...answer, body: { ...answer.body, request_id: undefined } };
}

/** What was answered, or why it is no answer of a Vault server. */
export function answerOf(response: IncomingMessage, bytes: Buffer): WireAnswer | WireFailure {
  const status = response.statusCode ?? 0;
  const success = status >= 200 && status < 300;
  let text = '';
  let body: WireAnswer['body'];
  try {
    if (isUtf8(bytes)) text = bytes.toString('utf8');
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed))
      body = parsed as WireAnswer['body'];
  } catch {
    // judged below: the parser's own message quotes the text
  }
  const mayBeEmpty = status === 202 || status === 204;
  if (success && body === undefined && !mayBeEmpty)
    return {
      kind: 'failure',
      what: 'malformed',
      detail: `status ${status} without a JSON object`,
      sent: true,
    };
  const index = response.headers['x-vault-index'];
  return {
    kind: 'answer',
    status,
    text,
    body,
    retryAfter: retryAfterOf(response),
    index: typeof index === 'string' ? index : undefined,
  };
}

/** `Retry-After` in milliseconds: seconds are all that Vault sends. A hundred years are as good as more. */
function retryAfterOf(response: IncomingMessage): number | undefined {
  const seconds = response.headers['retry-after'];
  if (seconds === undefined || !/^\d+$/.test(seconds)) return undefined;
  return Math.min(Number(seconds), 3_155_760_000) * 1_000;
}
