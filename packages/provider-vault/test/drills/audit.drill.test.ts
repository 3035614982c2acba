/**
 * An audit device that takes no more (a full disk, a collector that is gone). The server then answers
 * 500 to everything but its health, and may have carried out a write all the same.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startVaultServer, type VaultServer } from '@keyfall/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { vaultProvider } from '../../src/index.ts';
import { canary, context, freshPath, tokenFor, writePolicy } from '../harness.ts';
import { type LoginRelay, loginRelay } from '../login-relay.ts';
import { type Witness, witness } from './witness.ts';

let server: VaultServer;
let folder = '';
let relay: LoginRelay;
let token = '';
let drill: Witness;
const path = freshPath();
const value = canary();
const canaries = [value];

/** What the server writes its audit log to. */
const open = new Set<Socket>();
/** Whether a text of the log is the last that is taken. */
let isLast: (text: string) => boolean = () => false;
const collector: Server = createServer((socket) => {
  open.add(socket);
  socket
    .on('error', () => {})
    .on('close', () => open.delete(socket))
    .on('data', (bytes) => {
      if (isLast(bytes.toString())) refuse();
    });
});
let port = 0;
const take = async (): Promise<void> => {
  isLast = () => false;
  if (collector.listening) return;
  await new Promise<void>((resolve) => collector.listen(port, '127.0.0.1', resolve));
  ({ port } = collector.address() as AddressInfo);
};
const refuse = (): void => {
  collector.close();
  for (const socket of open) socket.resetAndDestroy();
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keyfall-audit-'));
  const config = join(folder, 'audit.json');
  await writeFile(config, '{"unsafe_allow_api_audit_creation": true}');
  server = await startVaultServer({ external: false, args: [`-config=${config}`] });
  await server.request('POST', `secret/data/${path}`, { data: { A: value } });
  ({ token } = await tokenFor(server, writePolicy('secret', path)));
  canaries.push(token, server.token);
  await take();
  await server.request('PUT', 'sys/audit/collector', {
    type: 'socket',
    options: { address: `127.0.0.1:${port}`, socket_type: 'tcp' },
  });
});
afterAll(async () => {
  await server?.stop();
  refuse();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  drill = witness(canaries);
  relay = await loginRelay(server.address);
  await take();
});
afterEach(async () => {
  await drill.finish();
  await relay.close();
});

const provider = () =>
  vaultProvider({ address: relay.address, path, token, kvVersion: 2, env: {} });
const writes = () => relay.count(`POST secret/data/${path}`);

test('reads are served from what was read last, though the health is good; writes are refused', async () => {
  const vault = provider();
  const secrets = drill.open({ providers: [vault], ttl: 1 });
  expect(await secrets.get('A')).toBe(value);
  refuse();
  expect(await secrets.get('A')).toBe(value);
  expect((await server.request('GET', 'sys/health')).status).toBe(200);
  expect(drill.events).toContainEqual(
    expect.objectContaining({ type: 'fallback', answeredBy: 'last-good' }),
  );
  const error = await drill.errorOf(secrets.set('B', canary()));
  expect(error).toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE' });
  expect(writes()).toBe(0); // what cannot be read cannot be merged into
  await take();
  await expect
    .poll(() => drill.events.some(({ type }) => type === 'recovered'), { timeout: 20_000 })
    .toBe(true);
  expect(await secrets.get('A')).toBe(value);
});

test('a write whose answer was a 500 is made once at the most, and what is said of it is true', async () => {
  const vault = provider();
  const { body: first } = await server.request('GET', `secret/metadata/${path}`);
  let before = Number(first.data?.['current_version']);
  for (let round = 0; round < 10; round += 1) {
    await take();
    const name = `B${round}`;
    const text = canary();
    canaries.push(text);
    // the collector is gone once the request is in the log: mostly before the answer is to be
    isLast = (log) => log.includes('"operation":"create"') || log.includes('"operation":"update"');
    const outcome = await vault
      .write?.({ entries: new Map([[name, text]]) }, context({ limit: 3_000 }))
      .then(
        () => 'written',
        async (error: unknown) => {
          const { applied } = await drill.errorOf(Promise.reject(error));
          return applied === 'no' ? 'not written' : 'not known';
        },
      );
    await take();
    const { body: metadata } = await server.request('GET', `secret/metadata/${path}`);
    const version = Number(metadata.data?.['current_version']);
    expect(version).toBeLessThanOrEqual(before + 1);
    before = version;
    const { body } = await server.request('GET', `secret/data/${path}`);
    const held = (body.data?.['data'] as Record<string, string> | undefined)?.[name];
    if (outcome !== 'not known') expect(held).toBe(outcome === 'written' ? text : undefined);
  }
  await vault.close?.();
});
