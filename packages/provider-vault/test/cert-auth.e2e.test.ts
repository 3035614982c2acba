/**
 * Logins with the certificate of the connection, on a server that speaks TLS, with files that are renewed under
 * the program: half written, emptied, of two pairs.
 */
import { readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SecretProvider } from '@keyfall/core/provider';
import {
  freePort,
  manualClock,
  startVaultServer,
  temporaryFolder,
  type VaultServer,
} from '@keyfall/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Authority, newAuthority, type Pair } from '../../../test/authority.ts';
import { createTransport } from '../src/http/transport.ts';
import { certAuth, type VaultProviderOptions, vaultProvider } from '../src/index.ts';
import { resolveSettings } from '../src/settings/vault-settings.ts';
import { canary, context, eventually, failureOf, freshPath, readPolicy } from './harness.ts';

const value = canary();
const path = freshPath();
const hour = 3_600_000;
const file = (name: string) => fileURLToPath(new URL(`certificates/${name}`, import.meta.url));
const endings: (() => unknown)[] = [];
let server: VaultServer;
let address = '';
let authority: Authority;
let folder: string;
let remove: () => Promise<void>;

beforeAll(async () => {
  ({ folder, remove } = await temporaryFolder());
  const port = await freePort();
  const config = await written(
    'listener.json',
    JSON.stringify({
      listener: [
        {
          tcp: {
            address: `127.0.0.1:${port}`,
            tls_cert_file: file('server.pem'),
            tls_key_file: file('server.key'),
          },
        },
      ],
    }),
  );
  server = await startVaultServer({ external: false, args: [`-config=${config}`] });
  address = `https://127.0.0.1:${port}`;
  await server.request('POST', 'sys/auth/cert', { type: 'cert' });
  await server.request('POST', `secret/data/${path}`, { data: { A: value } });
  const token_policies = await server.createPolicy(readPolicy('secret', path));
  authority = await newAuthority(server);
  const roles = [
    ['shop', await readFile(file('authority.pem'), 'utf8')],
    ['rotated', authority.pem],
  ] as const;
  for (const [name, certificate] of roles)
    await server.request('POST', `auth/cert/certs/${name}`, {
      certificate,
      token_policies,
      token_ttl: '1h',
    });
});
afterAll(async () => {
  await server?.stop();
  await remove();
});
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function written(name: string, text: string): Promise<string> {
  const target = join(folder, name);
  await writeFile(target, text, { mode: 0o600 });
  return target;
}

/** As careful programs do. */
async function replaced(name: string, text: string): Promise<void> {
  await rename(await written(`${name}.new`, text), join(folder, name));
}

function open(
  role: string | undefined,
  pair: { readonly cert?: string; readonly key?: string },
  options: VaultProviderOptions = {},
): SecretProvider {
  const auth = certAuth(role === undefined ? {} : { role });
  const provider = vaultProvider({
    address,
    path,
    kvVersion: 2,
    env: {},
    auth,
    tls: { ca: file('authority.pem'), ...pair },
    ...options,
  });
  endings.push(() => provider.close?.());
  return provider;
}

async function reads(provider: SecretProvider, said: string[] = []): Promise<void> {
  const { entries } = await provider.read('all', context({}, said));
  expect(entries.get('A')).toMatchObject({ value });
}

test('of the connection is the login', async () => {
  const shown = { cert: file('client.pem'), key: file('client.key') };
  await reads(open('shop', shown));
  await reads(open(undefined, shown));
  const without = await failureOf(open(undefined, {}).read('all', context()));
  expect(without.code).toBe('ERR_SECRET_UNAUTHENTICATED');
});

test('that has expired is refused with a 500, which is no outage', async () => {
  const short = await authority.issue('shop.test', '1s');
  const cert = await written('short.pem', short.cert);
  const key = await written('short.key', short.key);
  const error = await eventually(async () => {
    const provider = open('rotated', { cert, key });
    return failureOf(provider.read('all', context()), short.key);
  });
  expect(error).toMatchObject({ code: 'ERR_SECRET_UNAUTHENTICATED', storeStatus: 500 });
});

describe('a client certificate that is renewed', () => {
  let before: Pair;
  let after: Pair;
  beforeEach(async () => {
    [before, after] = [await authority.issue('shop.test'), await authority.issue('shop.test')];
  });
  const openWith = async (name: string, more: VaultProviderOptions = {}) =>
    open(
      'rotated',
      {
        cert: await written(`${name}.pem`, before.cert),
        key: await written(`${name}.key`, before.key),
      },
      more,
    );

  /** Takes every token of a certificate away: the next request has to log in. */
  const revokeAll = () => server.request('POST', 'sys/leases/revoke-prefix/auth/cert/login');

  test('cannot renew the token of the one before: another login comes when that is refused', async () => {
    const accessors = async () => {
      const { body } = await server.request('LIST', 'auth/token/accessors');
      return new Set(body.data?.['keys'] as string[] | undefined);
    };
    // the moment of the renewal is at random, and the clock has to stand still while the server answers
    const random = vi.spyOn(Math, 'random').mockReturnValue(0);
    endings.push(() => random.mockRestore());
    const clock = manualClock();
    const said: string[] = [];
    const provider = await openWith('renewed', { clock });
    await reads(provider, said);
    const first = await accessors();
    await written('renewed.pem', after.cert);
    await written('renewed.key', after.key);
    // the renewal is refused with a 500 in the server's words: the login is not put off until the end
    await clock.advance(Math.ceil(((2 + 0.1) / 3) * hour) + 1);
    await eventually(async () => {
      const second = await accessors();
      expect(second.size).toBe(first.size);
      expect(second).not.toEqual(first);
    });
    await reads(provider, said);
    expect(said).toEqual([]);
  });

  test.each<[string, (name: string) => Promise<unknown>]>([
    ['is empty', (name) => truncate(join(folder, `${name}.pem`))],
    ['has an empty key', (name) => truncate(join(folder, `${name}.key`))],
    ['is half there', (name) => written(`${name}.pem`, after.cert.slice(0, 400))],
    ['has half of a key', (name) => written(`${name}.key`, after.key.slice(0, 100))],
    [
      'has a chain of which half is there',
      (name) => written(`${name}.pem`, before.cert + authority.pem.slice(0, 400)),
    ],
    ['has the key of the one before', (name) => written(`${name}.pem`, after.cert)],
    ['is gone', (name) => rm(join(folder, `${name}.pem`))],
  ])(
    'and %s meanwhile: the last whole pair is shown, and nothing goes out without one',
    async (state, disturb) => {
      const name = state.replaceAll(' ', '-');
      const provider = await openWith(name);
      await reads(provider);
      await disturb(name);
      await revokeAll();
      await reads(provider);
      await replaced(`${name}.pem`, after.cert);
      await replaced(`${name}.key`, after.key);
      await revokeAll();
      await reads(provider);
    },
  );

  test('by a program that empties it first is never missed', async () => {
    const name = 'emptied';
    const provider = await openWith(name);
    await reads(provider);
    const problems: string[] = [];
    let writing = true;
    const writer = (async () => {
      for (let round = 0; writing; round += 1) {
        const pair = round % 2 === 0 ? after : before;
        await truncate(join(folder, `${name}.pem`));
        await truncate(join(folder, `${name}.key`));
        await new Promise(setImmediate);
        await written(`${name}.pem`, pair.cert);
        await written(`${name}.key`, pair.key);
        await new Promise(setImmediate);
      }
    })();
    for (let logins = 0; logins < 10; logins += 1) {
      await provider.read('all', context()).catch((error) => problems.push(String(error)));
      await revokeAll();
    }
    writing = false;
    await writer;
    expect(problems).toEqual([]);
  }, 60_000);

  test('once it was refused, is not held back for the refusal of the one before', async () => {
    const stranger = await (await newAuthority(server)).issue('shop.test');
    const name = 'refused';
    const clock = manualClock();
    const pair = {
      cert: await written(`${name}.pem`, stranger.cert),
      key: await written(`${name}.key`, stranger.key),
    };
    const provider = open('rotated', pair, { clock });
    const refused = await failureOf(provider.read('all', context()), stranger.key);
    expect(refused.code).toBe('ERR_SECRET_UNAUTHENTICATED');
    await replaced(`${name}.pem`, after.cert);
    await replaced(`${name}.key`, after.key);
    await reads(provider); // though no time has gone by
  });

  test('that stays unusable causes a warning after some time', async () => {
    const name = 'told';
    const settings = resolveSettings({
      address,
      path,
      token: server.token,
      tls: {
        ca: file('authority.pem'),
        cert: await written(`${name}.pem`, before.cert),
        key: await written(`${name}.key`, before.key),
      },
      env: {},
    });
    const [patient, impatient] = [
      createTransport(settings),
      createTransport({ ...settings, warnAfter: 0 }),
    ];
    endings.push(patient.close, impatient.close);
    const ask = async (transport: typeof patient) => {
      const said: string[] = [];
      const { signal, remainingTimeout, warn } = context({}, said);
      const call = { signal, remainingTimeout, warn };
      const asked = { verb: 'read', path: 'sys/seal-status' } as const;
      const http = { method: 'GET', path: '/v1/sys/seal-status', headers: {} };
      expect(await transport.send(http, asked, call)).toMatchObject({ status: 200 });
      return said;
    };
    for (const transport of [patient, impatient]) expect(await ask(transport)).toEqual([]);
    await truncate(join(folder, `${name}.pem`));
    expect(await ask(patient)).toEqual([]);
    expect(await ask(impatient)).toEqual([expect.stringContaining('option tls.cert')]);
    await replaced(`${name}.pem`, before.cert);
    expect(await ask(impatient)).toEqual([]);
  });
});
