/**
 * Reads that overtake one another, and refusals that end, on a real server behind a relay: which answer is the
 * newer one, and who is asked again when.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecrets, isSecretError } from '@keyfall/core';
import { manualClock, sharedVaultServer, type VaultServer } from '@keyfall/testkit';
import { beforeAll, describe, expect, test } from 'vitest';
import { testFolder } from '../../../test/test-folder.ts';
import { vaultProvider } from '../src/index.ts';
import { context, eventually, type Fate, freshPath, relayTo, wires } from './harness.ts';

let server: VaultServer;
let mount: string;
beforeAll(async () => {
  server = await sharedVaultServer();
  mount = await server.mountKv();
});

const put = (path: string, value: string) =>
  server.request('POST', `${mount}/data/${path}`, { data: { A: value } });

/** A relay whose every request waits for its fate. */
async function gated() {
  const waiting: ((fate: Fate) => void)[] = [];
  const relay = await relayTo(
    server.address,
    () => new Promise<Fate>((resolve) => waiting.push(resolve)),
  );
  return { relay, waiting, count: (many: number) => expect.poll(() => waiting.length).toBe(many) };
}

test('a read whose first request was lost is as new as the one that was answered', async () => {
  const path = freshPath();
  await put(path, 'one');
  const { relay, waiting, count } = await gated();
  const vault = vaultProvider({
    address: relay.address,
    mount,
    path,
    token: server.token,
    kvVersion: 2,
    env: {},
  });
  const secrets = createSecrets({ providers: [{ provider: vault, timeout: '1m' }], budget: '1m' });
  const early = secrets.get('A');
  await count(1);
  const refreshed = secrets.refresh();
  await count(2);
  waiting[1]?.('pass');
  await refreshed;
  expect(await secrets.get('A')).toBe('one');
  waiting[0]?.('lose-request');
  await count(3); // the provider repeats it
  await put(path, 'two');
  waiting[2]?.('pass');
  expect(await early).toBe('two');
  expect(await secrets.get('A')).toBe('two');
  await secrets.close();
  await relay.close();
});

test('the stamp of an answer is that of the request that was answered', async () => {
  const path = freshPath();
  const other = freshPath();
  await put(path, 'one');
  await put(other, 'other');
  const fates: Fate[] = ['lose-request', 'pass', 'pass'];
  const relay = await relayTo(server.address, () => fates.shift() ?? 'pass');
  for (const wire of ['direct', 'node-vault'] as const) {
    const vault = vaultProvider({
      address: relay.address,
      mount,
      path: [path, other],
      token: server.token,
      kvVersion: 2,
      env: {},
      wire: wires[wire],
    });
    let stamps = 0;
    const stamp = () => {
      stamps += 1;
      return stamps;
    };
    // of two documents, one of whose requests was lost: the earlier of those that were answered
    const batch = await vault.read('all', { ...context(), stamp });
    expect([batch.stamp, stamps]).toEqual(wire === 'direct' ? [2, 3] : [1, 2]);
    await vault.close?.();
    stamps = 0;
  }
  await relay.close();
});

describe('which of two revisions is newer', () => {
  const compare = (one: string, other: string) =>
    vaultProvider({
      address: 'http://127.0.0.1:9',
      token: 't',
      path: 'shop',
      env: {},
    }).compareRevisions?.(one, other);
  const at = (version: number, second: number) => `${version}@2026-11-26T10:00:0${second}Z`;

  test.each([
    ['one newer', `${at(1, 1)},${at(5, 5)}`, `${at(2, 2)},${at(5, 5)}`, 'older'],
    ['both newer', `${at(1, 1)},${at(5, 5)}`, `${at(2, 2)},${at(6, 6)}`, 'older'],
    ['one newer and one older', `${at(1, 1)},${at(5, 5)}`, `${at(2, 2)},${at(4, 4)}`, undefined],
    ['one newer and one not known', `${at(1, 1)},0`, `${at(2, 2)},${at(4, 4)}`, undefined],
    ['others', at(1, 1), `${at(2, 2)},${at(5, 5)}`, undefined],
  ])('of several documents: %s', (_, one, other, said) => {
    expect(compare(one, other)).toBe(said);
    expect(compare(other, one)).toBe(said && 'newer');
  });

  test('is so of a real document, whatever was done to it', async () => {
    const path = freshPath();
    const vault = vaultProvider({
      address: server.address,
      mount,
      path,
      token: server.token,
      env: {},
    });
    const revision = async () => (await vault.read('all', context())).revision ?? '';
    const nothing = await revision();
    await put(path, 'one');
    const first = await revision();
    await put(path, 'two');
    const second = await revision();
    await server.request('DELETE', `${mount}/metadata/${path}`);
    await put(path, 'three');
    const anew = await revision();
    const said = vault.compareRevisions?.bind(vault);
    expect([said?.(first, second), said?.(second, first)]).toEqual(['older', 'newer']);
    expect([said?.(nothing, first), said?.(second, anew)]).toEqual([undefined, undefined]);
    await vault.close?.();
  });
});

describe('a refusal', () => {
  test('of a revoked token costs a few requests for 200 gets, and is reported once', async () => {
    const path = freshPath();
    await put(path, 'one');
    const relay = await relayTo(server.address);
    const clock = manualClock();
    const vault = vaultProvider({
      address: relay.address,
      mount,
      path,
      token: 's.no-such-token-at-all',
      kvVersion: 2,
      env: {},
    });
    const secrets = createSecrets({ providers: [vault], clock });
    let told = 0;
    secrets.on('denied', () => {
      told += 1;
    });
    for (let count = 0; count < 200; count += 1) {
      const error = await secrets.get('A').catch((reason: unknown) => reason);
      expect(isSecretError(error, 'ERR_SECRET_UNAUTHENTICATED')).toBe(true);
    }
    expect(relay.requests.length).toBeLessThanOrEqual(2);
    expect(told).toBe(1);
    await secrets.close();
    await relay.close();
  });

  test('ends with another token in the token file, without waiting for it to be forgotten', async () => {
    const path = freshPath();
    await put(path, 'one');
    const folder = await testFolder();
    const tokenFile = join(folder, 'token');
    await writeFile(tokenFile, 's.no-such-token-at-all');
    const vault = vaultProvider({
      address: server.address,
      mount,
      path,
      token: { file: tokenFile },
      kvVersion: 2,
      env: {},
    });
    // no time passes for the chain: what it was refused it would repeat for ever
    const secrets = createSecrets({
      providers: [{ provider: vault, timeout: '1m' }],
      clock: manualClock(),
    });
    secrets.on('denied', () => {});
    const get = () => secrets.get('A').catch((error: { code: string }) => error.code);
    expect(await get()).toBe('ERR_SECRET_UNAUTHENTICATED');
    await writeFile(tokenFile, server.token);
    await eventually(async () => expect(await get()).toBe('one'));
    await secrets.close();
  });
});
