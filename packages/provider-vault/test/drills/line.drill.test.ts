/**
 * The line between client and server breaks, hangs or lies, in every way that a socket can.
 */
import { memoryProvider } from '@keyfall/core';
import { cuttingProxy, type Fault, faultyServer, manualClock } from '@keyfall/testkit';
import { beforeAll, describe, expect, test } from 'vitest';
import { appRoleAuth, type VaultProviderOptions, vaultProvider } from '../../src/index.ts';
import { droppingAddress } from '../dropping-address.ts';
import { canary, context, wires, writePolicy } from '../harness.ts';
import { type Interference, loginRelay } from '../login-relay.ts';
import {
  canaries,
  drill,
  endings,
  path,
  plain,
  policy,
  server,
  stage,
  token,
  value,
} from './stage.ts';

/** Long enough that an answer can be cut after 20 000 bytes. */
const long = `${value}${'.'.repeat(40_000)}`;

stage({ rules: writePolicy, more: { LONG: long } });
beforeAll(async () => {
  await server.request('POST', 'sys/auth/approle', { type: 'approle' });
});

const dotenv = () => memoryProvider({ A: plain }, { name: 'dotenv' });

describe.each(['direct', 'node-vault'] as const)('wire %s', (wire) => {
  function providerAt(address: string, more: VaultProviderOptions = {}) {
    const provider = vaultProvider({
      address,
      token,
      path,
      kvVersion: 2,
      env: {},
      wire: wires[wire],
      ...more,
    });
    endings.push(() => provider.close?.());
    return provider;
  }

  describe('an answer that is cut', () => {
    test.each([
      [0, 'fin'],
      [0, 'reset'],
      [100, 'fin'],
      [100, 'reset'],
      [20_000, 'fin'],
      [20_000, 'reset'],
    ] as const)(
      'after %i bytes by %s is asked for three times and never half used',
      async (after, how) => {
        const proxy = await cuttingProxy({ target: server.address });
        endings.push(() => proxy.close());
        const provider = providerAt(proxy.address);
        proxy.set({ kind: 'cut', after, how });
        const error = await drill.errorOf(provider.read('all', context()));
        expect(error).toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE', retryable: true });
        expect(proxy.connections).toBe(3);
        proxy.set({ kind: 'pass' });
        const { entries } = await provider.read('all', context());
        expect(entries.get('LONG')).toMatchObject({ value: long });
      },
    );
  });

  describe('what may not be sent twice, with its answer lost', () => {
    const lose = async (line: string, fate: Interference = 'lose-answer') => {
      const relay = await loginRelay(server.address);
      endings.push(() => relay.close());
      relay.interfere((request) => (request.line === line ? fate : undefined));
      return { relay, sent: () => relay.count(line) };
    };
    const change = (text: string) => ({ entries: new Map([['B', text]]) });
    const writing = `POST secret/data/${path}`;

    test('a write that was made: sent once, read back, and confirmed', async () => {
      const { relay, sent } = await lose(writing);
      const text = canary();
      canaries.push(text);
      const receipt = await providerAt(relay.address).write?.(change(text), context());
      expect(receipt).toMatchObject({ conditional: true });
      expect(sent()).toBe(1);
      const { body } = await server.request('GET', `secret/data/${path}`);
      expect(body.data?.['data']).toMatchObject({ B: text });
    });

    test('a write that did not arrive: sent again until its time is over, and said not to be known', async () => {
      const { relay, sent } = await lose(writing, 'reset');
      const text = canary();
      canaries.push(text);
      const bounds = context({ limit: 1_500 });
      const error = await drill.errorOf(providerAt(relay.address).write?.(change(text), bounds));
      // whether the first of them has arrived somewhere, and waits, nobody can tell
      expect(error).toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE', applied: 'unknown' });
      expect(sent()).toBeGreaterThan(1);
    });

    test('a write after which nothing can be read: sent once, and said not to be known', async () => {
      const { relay, sent } = await lose(writing);
      const provider = providerAt(relay.address);
      let written = false;
      relay.interfere(({ line }) => {
        written ||= line === writing;
        return written ? 'lose-answer' : undefined;
      });
      const bounds = context({ limit: 1_500 });
      const error = await drill.errorOf(provider.write?.(change('C'), bounds));
      expect(error).toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE', retryable: false });
      expect(error.reason).toContain('it is not known whether');
      expect(sent()).toBe(1);
    });

    test('opening a wrapped secret id, and a login by a secret id that may be for one use', async () => {
      const role = 'auth/approle/role/shop';
      await server.request('POST', role, { token_policies: policy, secret_id_num_uses: 1 });
      const roleId = String(
        (await server.request('GET', `${role}/role-id`)).body.data?.['role_id'],
      );
      const wrapped = await server.request(
        'POST',
        `${role}/secret-id`,
        {},
        {
          headers: { 'X-Vault-Wrap-TTL': '60s' },
        },
      );
      const wrappedSecretId = wrapped.body.wrap_info?.token ?? '';
      const made = await server.request('POST', `${role}/secret-id`, {});
      const secretId = String(made.body.data?.['secret_id']);
      canaries.push(wrappedSecretId, secretId);
      const login = (address: string, auth: ReturnType<typeof appRoleAuth>) => {
        const provider = vaultProvider({
          address,
          path,
          kvVersion: 2,
          env: {},
          wire: wires[wire],
          auth,
        });
        endings.push(() => provider.close?.());
        return provider;
      };

      const unwrap = await lose('POST sys/wrapping/unwrap');
      const opener = login(unwrap.relay.address, appRoleAuth({ roleId, wrappedSecretId }));
      for (let tries = 0; tries < 3; tries += 1) {
        const error = await drill.errorOf(opener.read('all', context()));
        expect(error.code).toMatch(/UNAVAILABLE|UNAUTHENTICATED/);
      }
      expect(unwrap.sent()).toBe(1);

      const once = await lose('POST auth/approle/login');
      const user = login(once.relay.address, appRoleAuth({ roleId, secretId }));
      expect((await drill.errorOf(user.read('all', context()))).code).toBe(
        'ERR_SECRET_UNAVAILABLE',
      );
      expect(once.sent()).toBe(1);
    });
  });

  describe('a server that does not answer costs one time limit, however it is silent', () => {
    const faulty = async (fault: Fault) => {
      const socket = await faultyServer(fault);
      endings.push(() => socket.close());
      return socket.address;
    };
    test.each<[string, () => Promise<string>]>([
      ['it takes the request', () => faulty({ kind: 'black-hole' })],
      ['it takes no connection', () => droppingAddress(endings)],
      ['it answers one byte at a time', () => faulty({ kind: 'slow-loris' })],
      ['it answers a header that does not end', () => faulty({ kind: 'slow-loris', part: 'head' })],
      [
        'its process stands still',
        async () => {
          await server.pause();
          endings.push(() => server.resume());
          return server.address;
        },
      ],
    ])('%s', async (_, start) => {
      const address = await start();
      // the provider's own limit, in real time; then the chain's, in time that is stepped
      const late = await drill.errorOf(providerAt(address).read('all', context({ limit: 200 })));
      expect(late).toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE' });
      expect(late.reason).toContain('did not answer in time');
      const clock = manualClock();
      const secrets = drill.open({ providers: [providerAt(address), dotenv()], clock });
      let settled = false;
      const get = secrets.get('A').finally(() => {
        settled = true;
      });
      await clock.advance(2_499);
      expect(settled).toBe(false);
      await clock.advance(1);
      expect(await get).toBe(plain);
      expect(drill.events).toContainEqual(
        expect.objectContaining({ type: 'fallback', reason: 'unavailable', answeredBy: 'dotenv' }),
      );
    });
  });

  describe('an answer of another server is not an outage, and nothing falls back', () => {
    test.each<[string, Fault]>([
      ['a web page with status 200', { kind: 'html' }],
      ['half of an answer that claims to be whole', { kind: 'truncated-json' }],
      ['null', { kind: 'null-json' }],
      ['an answer without end', { kind: 'flood' }],
      ['bytes that are not HTTP', { kind: 'garbage' }],
    ])('such as %s', async (_, fault) => {
      const socket = await faultyServer(fault);
      endings.push(() => socket.close());
      const secrets = drill.open({ providers: [providerAt(socket.address), dotenv()] });
      for (const call of [() => secrets.get('A'), () => secrets.getAll()])
        expect((await drill.errorOf(call())).code).toBe('ERR_SECRET_INVALID');
      expect(drill.events.filter(({ type }) => type === 'fallback')).toEqual([]);
    });
  });
});
