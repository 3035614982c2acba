/**
 * An audit device that takes no more (a full disk, a collector that is gone). The server then answers
 * 500 to everything but its health, and may have carried out a write all the same.
 */
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { startVaultServer, type TemporaryFolder, temporaryFolder } from '@keyfall/testkit';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { vaultProvider } from '../../src/index.ts';
import { canary, context, writePolicy } from '../harness.ts';
import { canaries, drill, path, relay, server, stage, token, value } from './stage.ts';

let folder: TemporaryFolder;

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

stage({
  rules: writePolicy,
  async start() {
    folder = await temporaryFolder();
    const config = join(folder.folder, 'audit.json');
    await writeFile(config, '{"unsafe_allow_api_audit_creation": true}');
    return startVaultServer({ external: false, args: [`-config=${config}`] });
  },
});
beforeAll(async () => {
  await take();
  await server.request('PUT', 'sys/audit/collector', {
    type: 'socket',
    options: { address: `127.0.0.1:${port}`, socket_type: 'tcp' },
  });
});
afterAll(async () => {
  refuse();
  await folder.remove();
});
beforeEach(take);

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
  expect(error).toMatchObject({
    code: 'ERR_SECRET_UNAVAILABLE',
    hint: expect.stringContaining('audit log'),
  });
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
