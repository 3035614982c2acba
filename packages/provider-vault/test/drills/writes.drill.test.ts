/**
 * A cluster of three whose leader is killed or restarted, over and over, under writers: whatever was said of
 * a write is true of what the store holds when all is over. One that may have been made is said to be
 * unknown, and none that was made is said not to be.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { type Applied, isSecretError } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import { startVaultCluster, type VaultCluster } from '@keyfall/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { vaultProvider } from '../../src/index.ts';
import { context, freshPath, writePolicy } from '../harness.ts';
import { canaries, drill, witnessEachTest } from './stage.ts';

let cluster: VaultCluster;
let mount = '';

beforeAll(async () => {
  cluster = await startVaultCluster();
  mount = await (await cluster.active()).mountKv();
});
afterAll(() => cluster?.stop());
witnessEachTest();

/** How often the leader goes. */
const rounds = 20;

/** Names in one document: the server takes 1000 texts in a request. */
const mostNames = 200;

interface Said {
  readonly path: string;
  readonly name: string;
  readonly applied: Applied;
}

/** Writes one name after the other until it is told to stop, into documents that nobody else writes. */
class Writer {
  readonly said: Said[] = [];
  readonly #isConditional: boolean;
  readonly #done: Promise<void>;
  #going = true;

  constructor(first: number, isConditional: boolean) {
    this.#isConditional = isConditional;
    this.#done = this.#write(first);
  }

  async stop(): Promise<void> {
    this.#going = false;
    await this.#done;
  }

  async #write(first: number): Promise<void> {
    const { addresses } = cluster;
    const [address = '', ...nodes] = [...addresses.slice(first), ...addresses.slice(0, first)];
    while (this.#going) {
      const active = await cluster.active();
      const path = freshPath();
      const policy = await active.createPolicy(writePolicy(mount, path)).catch(() => undefined);
      if (policy === undefined) continue;
      const token = await active
        .createToken({ policies: ['default', policy] })
        .catch(() => undefined);
      if (token === undefined) continue;
      canaries.push(token.token);
      const options = { address, nodes, token: token.token, mount, path, kvVersion: 2, env: {} };
      const provider = vaultProvider({ ...options, kvVersion: 2 });
      for (let count = 0; this.#going && count < mostNames; count += 1) {
        const name = `N${count}`;
        this.said.push({ path, name, applied: await this.#attempt(provider, name) });
        await wait(5);
      }
      await provider.close?.();
    }
  }

  async #attempt(provider: SecretProvider, name: string): Promise<Applied> {
    const entries = new Map([[name, canaries[0] ?? '']]);
    // as a chain gives it
    const bounds = context({ limit: 4_000 });
    try {
      const { revision } = this.#isConditional
        ? await provider.read('all', bounds)
        : { revision: undefined };
      await provider.write?.(
        { entries, ...(revision !== undefined && { ifRevision: revision }) },
        bounds,
      );
      return 'yes';
    } catch (error) {
      drill.note(error);
      if (!isSecretError(error)) throw error;
      // a read that failed has no word of a write
      return error.applied ?? 'no';
    }
  }
}

test('every write is what it was said to be after the leader was gone', async () => {
  const writers = [
    new Writer(0, false),
    new Writer(1, true),
    new Writer(2, false),
    new Writer(1, false),
  ];
  const confirmed = () =>
    writers.map(({ said }) => said.filter(({ applied }) => applied === 'yes').length);
  for (let round = 0; round < rounds; round += 1) {
    const before = confirmed();
    const leader = await cluster.active();
    if (round % 2 === 0) {
      await leader.kill();
      await leader.start();
    } else await leader.restart();
    // each has come through before the next one goes
    await expect
      .poll(() => confirmed().every((count, at) => count > (before[at] ?? 0)), { timeout: 60_000 })
      .toBe(true);
  }
  for (const writer of writers) await writer.stop();
  const active = await cluster.active();
  const held = new Map<string, Readonly<Record<string, unknown>>>();
  const lies: Said[] = [];
  const count = { yes: 0, no: 0, unknown: 0 };
  for (const said of writers.flatMap((writer) => writer.said)) {
    const { path, name, applied } = said;
    if (!held.has(path)) {
      const allow = [404];
      const { body } = await active.request('GET', `${mount}/data/${path}`, undefined, { allow });
      held.set(path, (body.data?.['data'] ?? {}) as Readonly<Record<string, unknown>>);
    }
    count[applied] += 1;
    const isThere = held.get(path)?.[name] !== undefined;
    if (applied === 'yes' ? !isThere : applied === 'no' && isThere) lies.push(said);
  }
  drill.note(count);
  expect(lies).toEqual([]);
  expect(count.yes).toBeGreaterThan(rounds * writers.length);
}, 600_000);
