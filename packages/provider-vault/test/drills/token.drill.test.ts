/**
 * The token goes: revoked behind the application's back, at the end of its longest life, or with no
 * login left that could replace it.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import { appRoleAuth, type VaultProviderOptions, vaultProvider } from '../../src/index.ts';
import { appRoles, type NewRole } from './app-roles.ts';
import { canaries, drill, path, policy, relay, server, stage, value } from './stage.ts';

let newRole: NewRole;
const login = 'POST auth/approle/login';

stage();
beforeAll(async () => {
  newRole = await appRoles(server, policy, canaries);
});

/** What logs in as a fresh role: by a secret id, or by one in a wrapping. */
async function roleAuth(settings: object, wrap = false): Promise<VaultProviderOptions> {
  const { roleId, secret } = await newRole(settings, wrap);
  const auth = appRoleAuth({
    roleId,
    ...(wrap ? { wrappedSecretId: secret } : { secretId: secret }),
  });
  return { address: relay.address, path, kvVersion: 2, env: {}, auth };
}

const notices = () =>
  drill.events.filter(({ type }) => ['fallback', 'denied', 'failed', 'warning'].includes(type));
/** Every token that was sent: a canary from then on. */
const tokens = () => {
  const sent = new Set(relay.requests.flatMap(({ token }) => (token === undefined ? [] : [token])));
  canaries.push(...sent);
  return [...sent];
};

test('a token that is revoked: one login, and the application sees nothing', async () => {
  const secrets = drill.open({ providers: [vaultProvider(await roleAuth({}))], ttl: 1 });
  expect(await secrets.get('A')).toBe(value);
  for (let round = 1; round <= 3; round += 1) {
    const [token] = tokens().slice(-1);
    await server.request('POST', 'auth/token/revoke', { token });
    await wait(5); // longer than the cache keeps it
    expect(await Promise.all(Array.from({ length: 20 }, () => secrets.get('A')))).toEqual(
      Array.from({ length: 20 }, () => value),
    );
    expect(relay.count(login)).toBe(round + 1);
  }
  expect(tokens()).toHaveLength(4);
  expect(notices()).toEqual([]);
});

test('the longest life of a token: the next one is there before it ends', async () => {
  const options = await roleAuth({ token_ttl: '2s', token_max_ttl: '4s' });
  const secrets = drill.open({ providers: [vaultProvider(options)], ttl: 1 });
  while (relay.count(login) < 3) {
    expect(await secrets.get('A')).toBe(value);
    await wait(20); // an application's pace
  }
  expect(notices()).toEqual([]);
  // a token that was still good when the next was in use, and was revoked then
  expect(relay.count('POST auth/token/revoke-self')).toBeGreaterThanOrEqual(1);
  const [first] = tokens();
  const { status } = await server.request(
    'POST',
    'auth/token/lookup',
    { token: first },
    {
      allow: [403, 404],
    },
  );
  expect([403, 404]).toContain(status);
});

test('a secret id that is used up is reported at the login, long before the token ends', async () => {
  const settings = { secret_id_num_uses: 1, token_ttl: '3s', token_max_ttl: '3s' };
  const options = await roleAuth(settings, true);
  const secrets = drill.open({ providers: [vaultProvider(options)], ttl: 1 });
  expect(await secrets.get('A')).toBe(value);
  expect(notices()).toEqual([
    expect.objectContaining({
      type: 'warning',
      message: expect.stringMatching(/^reauth-impossible: .*its secret id can be used once/),
    }),
  ]);
  let code: unknown;
  await expect
    .poll(
      async () => {
        code = await secrets.get('A').then(
          () => undefined,
          (error: { code?: unknown }) => {
            drill.note(error);
            return error.code;
          },
        );
        return code;
      },
      { timeout: 20_000 },
    )
    .toBe('ERR_SECRET_UNAUTHENTICATED');
  tokens();
  // neither the opening nor the login was tried a second time
  expect(relay.count('POST sys/wrapping/unwrap')).toBe(1);
  expect(relay.count(login)).toBe(1);
});
