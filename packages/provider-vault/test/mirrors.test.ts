/**
 * A server that puts what it was sent into everything that a client shows of an answer: the token, a value,
 * a secret id.
 */
import { isSecretError } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import { assertNoLeak } from '@keyfall/testkit';
import { afterEach, expect, test } from 'vitest';
import { appRoleAuth, type VaultProviderOptions, vaultProvider } from '../src/index.ts';
import { canary, context } from './harness.ts';
import { type Interference, type LoginRelay, loginRelay } from './login-relay.ts';

// what looks like an id of a request, and like a name of a host
const uuid = '7c9e6679-7425-40de-944b-e07fc1f90ae7';
const token = `s${canary()}`;
const value = canary();
const mirrored = [token, value, uuid];
const endings: (() => Promise<void> | undefined)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

async function mirror(answer: () => Interference): Promise<LoginRelay> {
  const relay = await loginRelay('http://127.0.0.1:9');
  relay.interfere(answer);
  endings.push(relay.close);
  return relay;
}

function providerAt(address: string, more: VaultProviderOptions = {}): SecretProvider {
  const provider = vaultProvider({
    address,
    token,
    path: 'shop',
    kvVersion: 2,
    env: {},
    retry: { max: 0 },
    ...more,
  });
  endings.push(() => provider.close?.());
  return provider;
}

/** All that a provider says: of a read, a write, a list and a diagnosis. */
async function allSaid(provider: SecretProvider): Promise<readonly unknown[]> {
  const said: string[] = [];
  const bounds = () => context({ limit: 300 }, said);
  const calls = [
    () => provider.read('all', bounds()),
    () => provider.write?.({ entries: new Map([['A', value]]) }, bounds()),
    () => provider.list?.(bounds()),
    () => provider.check?.(bounds()),
  ];
  const results: unknown[] = [said, provider.store];
  for (const call of calls)
    results.push(await Promise.resolve(call()).catch((error: unknown) => error));
  return results;
}

const words = (status: number): Interference => ({
  refusedWith: status,
  errors: mirrored,
});
const facts = (text: string) => ({
  request_id: text,
  version: text,
  cluster_name: text,
  cluster_id: text,
  sealed: false,
  initialized: true,
  standby: false,
  warnings: [text],
  data: {
    path: text,
    type: text,
    options: { version: text },
    display_name: text,
    policies: [text],
  },
});

test.each([200, 400, 403, 404, 405, 412, 429, 472, 500, 501, 503])(
  'a %i that repeats it in its errors, warnings and facts',
  async (status) => {
    for (const text of mirrored) {
      const relay = await mirror(() => (status === 200 ? facts(text) : words(status)));
      // the id of the request is the one thing of an answer that an error shows
      const said = await allSaid(providerAt(relay.address, { token: text }));
      assertNoLeak(mirrored, ...said);
    }
  },
);

test.each([
  ['host', (text: string) => `http://${text}.attacker.test:8200/v1/secret/data/shop`],
  ['user', (text: string) => `http://${text}@10.0.0.1:8200/`],
  ['path', (text: string) => `http://10.0.0.1:8200/${text}`],
  ['scheme', (text: string) => `${text}://10.0.0.1/`],
  ['digits of IPv6', (text: string) => `http://[${text.slice(-4)}::1]/`],
  ['nothing', (text: string) => text],
])('a redirect with it for %s', async (_, location) => {
  const { createServer } = await import('node:http');
  for (const status of [301, 302, 303, 307, 308]) {
    const server = createServer((request, response) => {
      const sent = String(request.headers['x-vault-token']);
      response.writeHead(status, { Location: location(sent) }).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    endings.push(async () => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as { port: number };
    const hex = `s${'deadbeef'.repeat(4)}`;
    for (const given of [token, hex]) {
      const said = await allSaid(providerAt(`http://127.0.0.1:${port}`, { token: given }));
      assertNoLeak([given, given.slice(1)], ...said);
      // the end of one would do for IPv6
      if (given === hex) assertNoLeak(['beef::'], ...said);
    }
  }
});

test('a login whose secret id comes back as the id of the request', async () => {
  const relay = await mirror(() => ({ refusedWith: 500, errors: [], request_id: uuid }));
  const error = await providerAt(relay.address, {
    token: undefined as never,
    auth: appRoleAuth({ roleId: { env: 'ROLE' }, secretId: { env: 'SECRET_ID' } }),
    env: { ROLE: 'shop', SECRET_ID: uuid },
  })
    .read('all', context({ limit: 500 }))
    .catch((thrown: unknown) => thrown);
  expect(isSecretError(error)).toBe(true);
  assertNoLeak([uuid], error);
});

test('the id of a request stays in an error if it is not a part of what was sent', async () => {
  const relay = await mirror(() => ({ refusedWith: 500, errors: [], request_id: uuid }));
  const error = await providerAt(relay.address)
    .read('all', context({ limit: 500 }))
    .catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ requestId: uuid });
});
