/**
 * Takes HTTP/1.1 requests apart as they come off a socket. A server that is to misbehave needs the
 * raw bytes, which Node's own parser does not give.
 */

/** A request as it was received. */
export interface ReceivedRequest {
  readonly method: string;
  /** As sent: path and query, not decoded. */
  readonly target: string;
  /** Names in lower case; the last one of a name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The requests that are whole in `bytes`, and what is left after them. */
export function takeRequests(bytes: Buffer): { requests: ReceivedRequest[]; rest: Buffer } {
  const requests: ReceivedRequest[] = [];
  let rest = bytes;
  for (;;) {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) return { requests, rest };
    const [first = '', ...lines] = rest.toString('utf8', 0, end).split('\r\n');
    const headers: Record<string, string> = Object.create(null);
    for (const line of lines) {
      const colon = line.indexOf(':');
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    const body = takeBody(rest.subarray(end + 4), headers);
    if (body === undefined) return { requests, rest };
    const [method = '', target = ''] = first.split(' ');
    requests.push({ method, target, headers, body: body.bytes.toString() });
    rest = body.rest;
  }
}

/** A body by its length or in chunks (RFC 9112, 6.2 and 7.1); `undefined` while it is not whole. */
function takeBody(
  bytes: Buffer,
  headers: Readonly<Record<string, string>>,
): { bytes: Buffer; rest: Buffer } | undefined {
  if (headers['transfer-encoding']?.toLowerCase() !== 'chunked') {
    const length = Number(headers['content-length'] ?? 0);
    if (bytes.length < length) return undefined;
    return { bytes: bytes.subarray(0, length), rest: bytes.subarray(length) };
  }
  const chunks: Buffer[] = [];
  for (let at = 0; ; ) {
    const line = bytes.indexOf('\r\n', at);
    if (line < 0) return undefined;
    const size = Number.parseInt(bytes.toString('latin1', at, line), 16);
    const next = line + 2 + size + 2;
    if (bytes.length < next) return undefined;
    if (size === 0) return { bytes: Buffer.concat(chunks), rest: bytes.subarray(next) };
    chunks.push(bytes.subarray(line + 2, line + 2 + size));
    at = next;
  }
}
