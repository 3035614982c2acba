/**
 * A refused login whose status is that of a server in trouble, told by its words. The cases that a server of the
 * tests gives are in `auth.e2e.test.ts` and `cert-auth.e2e.test.ts`; these are of methods that it does not have.
 */
import { expect, test } from 'vitest';
import { loginRefusal, refusesRenewal } from '../src/answers/server-words.ts';
import type { WireAnswer } from '../src/wire/vault-wire.ts';

const answer = (status: number, ...errors: string[]): WireAnswer => ({
  kind: 'answer',
  status,
  text: '',
  body: { errors },
});

test.each([
  ['a client certificate that was not requested', 'tls connection not found'],
  ['none shown, as Vault looks ahead for whom it is', 'no client certificate found'],
  ['a unix socket where addresses are bound', 'failed to get connection information'],
  ['no password', 'missing password'],
  ['a name that RADIUS cannot carry', 'string too long'],
  ['a password that RADIUS cannot carry', 'plaintext longer than 128 characters'],
  [
    'claims of another shape, in Vault',
    "1 error(s) decoding:\n\n* '[kubernetes.io]' expected a map",
  ],
  ['an account without its name', 'service account namespace and name must be set'],
])('%s', (_, words) => {
  expect(loginRefusal(answer(500, words))).toBe('refused');
  expect(loginRefusal(answer(500, `1 error occurred:\n\t* ${words}\n\n`))).toBe('refused');
});

test.each([
  'internal error',
  'local node not active but active cluster node not found',
  'failed to read secret ID accessor entry: context canceled',
  'failed to persist entity: cannot write to readonly storage',
  'rpc error: code = Unavailable desc = transport is closing',
  '',
])('trouble of the server stays an outage: %s', (words) => {
  expect(loginRefusal(answer(500, words))).toBeUndefined();
  expect(loginRefusal(answer(502, "failed to verify client's certificate"))).toBeUndefined();
  expect(refusesRenewal(answer(500, words))).toBe(false);
});

test.each([
  'failed to renew entry: policies have changed, not renewing',
  'failed to renew entry: role "shop" does not exist during renewal',
  'failed to renew entry: client identity during renewal not matching client identity used during login',
  "failed to renew entry: failed to verify client's certificate: x509: certificate has expired",
  'failed to renew entry: role "shop" no longer bound to ARN "arn:aws:iam::123456789012:user/shop"',
  'failed to renew entry: role entry not found',
])('a renewal that is refused for good: %s', (words) => {
  expect(refusesRenewal(answer(500, `1 error occurred:\n\t* ${words}\n\n`))).toBe(true);
});
