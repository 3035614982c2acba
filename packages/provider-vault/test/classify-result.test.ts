/**
 * What the answers of servers mean: bodies as they were recorded from OpenBao 2.7.2, and the texts and
 * statuses that HashiCorp Vault documents and OpenBao never sends.
 */
import type { SecretError, SecretErrorCode } from '@keyfall/core';
import { assertNoLeak } from '@keyfall/testkit';
import { describe, expect, test } from 'vitest';
import { type Classified, classify, forbidden } from '../src/answers/classify-result.ts';
import { codeOf } from '../src/http/connection-codes.ts';
import type { WireRequest, WireResult } from '../src/wire/vault-wire.ts';

const subject = {
  provider: 'vault',
  origin: 'https://vault.test',
  place: 'secret/shop',
  mount: 'secret',
  namespace: 'team',
};

function answer(status: number, body: unknown): WireResult {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const parsed = typeof body === 'string' ? undefined : (body as Record<string, unknown>);
  return { kind: 'answer', status, text, body: parsed };
}

const saying = (status: number, ...errors: string[]): WireResult => answer(status, { errors });

const found = (result: WireResult, verb: WireRequest['verb'] = 'read'): Classified =>
  classify(result, subject, verb);

function errorOf(
  result: WireResult,
): SecretError & { readonly repeat: string; readonly ambiguous: boolean } {
  const one = found(result);
  if (one.kind !== 'error') throw new Error(`was ${one.kind}`);
  const repeat = one.mayRepeat(true) ? 'any' : one.mayRepeat(false) ? 'read' : 'none';
  return Object.assign(one.error, { repeat, ambiguous: one.isAmbiguous });
}

describe('an error', () => {
  /** Status, text, code, what may be sent again, and whether a write may have been carried out. */
  test.each<[number, string, SecretErrorCode, string, boolean]>([
    [
      400,
      'check-and-set parameter required for this call',
      'ERR_SECRET_UNSUPPORTED',
      'none',
      false,
    ],
    [
      400,
      'Upgrading from non-versioned to versioned data. This backend will be unavailable for a brief period and will resume service shortly.',
      'ERR_SECRET_UNAVAILABLE',
      'any',
      false,
    ],
    [
      400,
      'Waiting for the primary to upgrade from non-versioned to versioned data. This backend will be unavailable for a brief period and will resume service when the primary is finished.',
      'ERR_SECRET_UNAVAILABLE',
      'any',
      false,
    ],
    [
      400,
      'refused JSON input due to high complexity: exceeded maximum number of strings',
      'ERR_SECRET_UNSUPPORTED',
      'none',
      false,
    ],
    [400, 'no data provided', 'ERR_SECRET_INVALID', 'none', false],
    [400, 'batch tokens cannot be renewed', 'ERR_SECRET_INVALID', 'none', false],
    [401, 'unauthorized', 'ERR_SECRET_UNAUTHENTICATED', 'none', false],
    [
      404,
      'no handler for route "nope/data/shop". route entry not found.',
      'ERR_SECRET_CONFIG',
      'none',
      false,
    ],
    [404, 'namespace not found', 'ERR_SECRET_CONFIG', 'none', false],
    [404, '1 error occurred:\n\t* unsupported path\n\n', 'ERR_SECRET_CONFIG', 'none', false],
    [405, 'unsupported operation', 'ERR_SECRET_UNSUPPORTED', 'none', false],
    [412, 'required index state not present', 'ERR_SECRET_UNAVAILABLE', 'any', false],
    [412, 'missing "X-Vault-Request" header', 'ERR_SECRET_CONFIG', 'none', false],
    [413, 'http: request body too large', 'ERR_SECRET_UNSUPPORTED', 'none', false],
    [
      415,
      'PATCH requires Content-Type of application/merge-patch+json',
      'ERR_SECRET_INVALID',
      'none',
      false,
    ],
    [
      429,
      'request path "secret/data/shop": rate limit quota exceeded',
      'ERR_SECRET_UNAVAILABLE',
      'any',
      false,
    ],
    [472, '', 'ERR_SECRET_UNAVAILABLE', 'none', false],
    [473, '', 'ERR_SECRET_UNAVAILABLE', 'none', false],
    [474, '', 'ERR_SECRET_UNAVAILABLE', 'none', false],
    [500, 'internal error', 'ERR_SECRET_UNAVAILABLE', 'read', true],
    [
      500,
      'local node not active but active cluster node not found',
      'ERR_SECRET_UNAVAILABLE',
      'read',
      true,
    ],
    [
      500,
      'put failed due to value being too large; got 1048626 bytes, max: 1048576 bytes',
      'ERR_SECRET_UNSUPPORTED',
      'none',
      false,
    ],
    [
      500,
      '1 error occurred:\n\t* could not find version data\n\n',
      'ERR_SECRET_UNAVAILABLE',
      'none',
      false,
    ],
    // HashiCorp Vault 1.21
    [500, 'JSON object exceeds allowed entry count', 'ERR_SECRET_UNSUPPORTED', 'none', false],
    [500, 'JSON string value exceeds allowed length', 'ERR_SECRET_UNSUPPORTED', 'none', false],
    [500, 'could not load backend configuration', 'ERR_SECRET_UNAVAILABLE', 'none', false],
    [501, '', 'ERR_SECRET_UNAVAILABLE', 'none', false],
    [502, 'Bad gateway', 'ERR_SECRET_UNAVAILABLE', 'read', true],
    [503, 'Vault is sealed', 'ERR_SECRET_UNAVAILABLE', 'read', false],
    [503, 'upstream connect error', 'ERR_SECRET_UNAVAILABLE', 'read', true],
    [504, 'Gateway timeout', 'ERR_SECRET_UNAVAILABLE', 'read', true],
    [530, '', 'ERR_SECRET_UNAVAILABLE', 'none', false],
  ])('%i "%s" is %s, and may be repeated: %s', (status, text, code, repeat, ambiguous) => {
    const error = errorOf(saying(status, ...(text === '' ? [] : [text])));
    expect(error).toMatchObject({ code, storeStatus: status, repeat, ambiguous });
    // a server may repeat what it was sent: nothing it says is shown
    if (text !== '') assertNoLeak([text], error);
  });

  test('an empty 429 is of a node that is behind, and one of a gateway is a rate limit', () => {
    const behind = errorOf(answer(429, { errors: [] }));
    const limits = ['<h1>Too many requests</h1>', { message: 'slow down' }].map((body) =>
      errorOf(answer(429, body)),
    );
    for (const { code } of [behind, ...limits]) expect(code).toBe('ERR_SECRET_UNAVAILABLE');
    expect(new Set([behind, ...limits].map(({ reason }) => reason)).size).toBe(2);
    expect(limits[0]?.reason).not.toBe(behind.reason);
  });

  test('what a repeat cannot fix is not called retryable', () => {
    expect(errorOf(saying(500, 'could not find version data')).retryable).toBe(false);
    expect(errorOf(saying(500, 'internal error')).retryable).toBe(true);
  });

  test('plain http to an https port is a wrong address', () => {
    const error = errorOf(answer(400, 'Client sent an HTTP request to an HTTPS server.\n'));
    expect(error.code).toBe('ERR_SECRET_CONFIG');
    expect(error.message).toContain('VAULT_ADDR');
  });

  test('the id of the request is kept, and nothing that only looks like one', () => {
    const id = '0b5b6f5e-0f0c-4d2e-9d55-1f0f5b1c9f3a';
    expect(errorOf(answer(500, { errors: [], request_id: id })).requestId).toBe(id);
    expect(errorOf(answer(500, { errors: [], request_id: 's.token' })).requestId).toBeUndefined();
  });
});

describe('each status from 400 to 599', () => {
  const [away, broken, denied] = ['UNAVAILABLE', 'INVALID', 'DENIED'];
  /** What it is as Vault says it, and as something in front of it does; what is not here is in `others`. */
  const table: Readonly<Record<number, readonly [own: string, foreign: string]>> = {
    401: ['UNAUTHENTICATED', 'UNAUTHENTICATED'],
    403: ['forbidden', denied],
    404: ['missing', broken],
    405: ['UNSUPPORTED', 'UNSUPPORTED'],
    407: ['UNAUTHENTICATED', 'UNAUTHENTICATED'],
    408: [away, away],
    412: [away, away],
    413: ['UNSUPPORTED', 'UNSUPPORTED'],
    421: [away, away],
    425: [away, away],
    429: [away, away],
    460: [away, away],
    472: [away, away],
    473: [away, away],
    474: [away, away],
    499: [away, away],
  };
  const others = (status: number): readonly [string, string] =>
    status < 500 ? [broken, broken] : [away, away];
  /** What says of itself that nothing was carried out, whoever says it. */
  const notCarriedOut = [405, 411, 412, 413, 414, 415, 417, 421, 425, 426, 428, 429, 431];
  const own = [{ errors: [] }, { errors: [], request_id: 'x' }];
  const foreign = [
    '',
    '<html><body>permission denied, Vault is sealed</body></html>',
    'no healthy upstream',
    { message: 'permission denied' },
    { errors: [{ status: '403', title: 'permission denied' }] },
    { error: 'namespace not found', data: 'x' },
  ];
  const statuses = Array.from({ length: 200 }, (_, index) => 400 + index);
  const kindOf = (one: Classified) =>
    one.kind === 'error' ? one.error.code.replace('ERR_SECRET_', '') : one.kind;

  test.each(statuses)('%i', (status) => {
    const [ofVault, ofOthers] = table[status] ?? others(status);
    for (const body of own) {
      const one = found(answer(status, body), 'write');
      expect(kindOf(one)).toBe(ofVault);
      // of its own failures alone it cannot tell what was done
      if (one.kind === 'error') expect([status, one.isAmbiguous]).toEqual([status, isOpen(status)]);
    }
    for (const body of foreign) {
      const one = found(answer(status, body), 'write');
      expect([status, body, kindOf(one)]).toEqual([status, body, ofOthers]);
      if (one.kind !== 'error') throw new Error('foreign answers are errors');
      expect([status, one.isAmbiguous]).toEqual([status, !notCarriedOut.includes(status)]);
      expect(one.isVaults).toBe(false);
      assertNoLeak(['permission denied', 'no healthy upstream'], one.error);
    }
  });

  /** Vault's own failures after which it may have been done all the same. */
  function isOpen(status: number): boolean {
    return status >= 500 && status !== 501 && status !== 530;
  }

  test('a refusal by a gateway in front does not blame a policy or a token', () => {
    const { message } = errorOf(answer(403, '<html>Request blocked</html>'));
    expect(message).not.toMatch(/policy|policies|token/);
  });
});

describe('what is not there', () => {
  const deleted = { version: 3, created_time: '2026-01-02T03:04:05Z', destroyed: false };
  test.each<[string, unknown, WireRequest['verb'], unknown]>([
    ['never written', { errors: [] }, 'read', undefined],
    [
      'a deleted version',
      { data: { data: null, metadata: { ...deleted, deletion_time: '2026-01-02T04:00:00Z' } } },
      'read',
      { version: 3, createdTime: deleted.created_time, state: 'deleted' },
    ],
    [
      'a destroyed version',
      { data: { data: null, metadata: { ...deleted, destroyed: true } } },
      'read',
      { version: 3, createdTime: deleted.created_time, state: 'destroyed' },
    ],
    ['a patch of nothing', '', 'update', undefined],
    [
      'a patch of what is deleted',
      { data: deleted },
      'update',
      { version: 3, createdTime: deleted.created_time, state: 'deleted' },
    ],
  ])('%s', (_, body, verb, gone) => {
    expect(found(answer(404, body), verb)).toEqual({ kind: 'missing', gone });
  });

  test('a 404 of the wrong KV version is a wrong setting, and one of a web server no answer', () => {
    const warnings = ['Invalid path for a versioned K/V secrets engine. See the API docs.'];
    expect(errorOf(answer(404, { data: null, warnings })).code).toBe('ERR_SECRET_CONFIG');
    expect(errorOf(answer(404, '')).code).toBe('ERR_SECRET_INVALID');
    expect(errorOf(answer(404, '<h1>Not found</h1>')).code).toBe('ERR_SECRET_INVALID');
  });

  test.each(['text', 5, true, [], null])(
    'a 404 with %j for data is no answer, and not quoted',
    (data) => {
      const error = errorOf(answer(404, { data }));
      expect(error.code).toBe('ERR_SECRET_INVALID');
    },
  );

  test('another version than the one that was written to is a conflict', () => {
    const text = 'check-and-set parameter did not match the current version';
    expect(found(saying(400, text), 'write')).toEqual({ kind: 'conflict' });
  });
});

describe('a 403', () => {
  test.each([
    // HashiCorp Vault says so of a token that it does not know
    ['2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n', 'token', true],
    ['invalid token', 'token', true],
    ['permission denied', 'token', false],
    ['1 error occurred:\n\t* permission denied\n\n', 'policy', false],
    [
      'preflight capability check returned 403, please ensure client has permissions',
      'policy',
      true,
    ],
    ['', 'policy', false],
  ])('%j is about the %s; certain: %s', (text, cause, isCertain) => {
    const refusal = { kind: 'forbidden', cause, isCertain, status: 403 };
    expect(found(saying(403, text))).toEqual(refusal);
  });

  test('is a 500 in HashiCorp Vault 1.21 where the token ends like one of a namespace', () => {
    const text =
      'error performing token check: failed to look up namespace from the token: no namespace';
    const known = { kind: 'forbidden', cause: 'token', isCertain: true, status: 500 };
    for (const verb of ['read', 'write'] as const)
      expect(found(saying(500, text), verb)).toEqual(known);
  });

  test('is one of two errors with different codes', () => {
    const codes = (['policy', 'token'] as const).map((cause) => forbidden(cause, subject, 403));
    expect(codes.map(({ code }) => code)).toEqual([
      'ERR_SECRET_DENIED',
      'ERR_SECRET_UNAUTHENTICATED',
    ]);
  });
});

test('every success is one, a 202 and a 204 too', () => {
  for (const status of [200, 202, 204]) expect(found(answer(status, '')).kind).toBe('ok');
});

test.each([
  ['Deno', { name: 'NotCapable' }],
  ['node --permission', { code: 'ERR_ACCESS_DENIED' }],
])('what the permissions of %s refuse is denied, and no outage', (_, facts) => {
  const detail = codeOf(Object.assign(new Error('canary'), facts));
  const error = errorOf({ kind: 'failure', what: 'unreachable', detail, sent: false });
  expect(error).toMatchObject({ code: 'ERR_SECRET_DENIED', repeat: 'none', ambiguous: false });
  expect(error.hint).toContain('--allow-net');
});
