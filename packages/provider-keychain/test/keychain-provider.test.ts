/**
 * What needs no keychain. The thread that asks one is a stand-in here, since this machine may have none.
 */
import { createSecrets, memoryProvider } from '@keyfall/core';
import { callContext as context } from '@keyfall/testkit';
import { beforeEach, expect, test, vi } from 'vitest';
import { type KeychainProviderOptions, keychainProvider } from '../src/index.ts';

const threads = vi.hoisted(() => ({ started: 0, ended: 0, asked: [] as unknown[], answers: true }));
vi.mock('node:worker_threads', async (original) => {
  const { EventEmitter } = await import('node:events');
  class Worker extends EventEmitter {
    constructor() {
      super();
      threads.started += 1;
    }
    postMessage({ id, question }: { id: number; question: unknown }) {
      threads.asked.push(question);
      if (threads.answers) setImmediate(() => this.emit('message', { id, result: null }));
      else setImmediate(() => this.emit('error', new Error('no library for this system')));
    }
    ref() {}
    unref() {}
    async terminate() {
      threads.ended += 1;
    }
  }
  return { ...(await original<typeof import('node:worker_threads')>()), Worker };
});
beforeEach(() => Object.assign(threads, { started: 0, ended: 0, asked: [], answers: true }));

test('the thread with the library is started by the first call, and ended with the chain', async () => {
  const provider = keychainProvider({ service: 'shop' });
  const secrets = createSecrets({ providers: [provider] });
  secrets.status();
  expect(threads.started).toBe(0);
  expect(await secrets.find('A')).toBeUndefined();
  expect(threads.asked).toEqual([{ service: 'shop', method: 'read', account: 'A' }]);
  await secrets.close();
  expect([threads.started, threads.ended]).toEqual([1, 1]);
});

test('without the library for this system every call fails, and the next one tries again', async () => {
  threads.answers = false;
  const provider = keychainProvider({ service: 'shop' });
  for (let calls = 1; calls <= 2; calls += 1) {
    await expect(provider.read(['A'], context())).rejects.toMatchObject({
      code: 'ERR_SECRET_UNAVAILABLE',
    });
    expect(threads.started).toBe(calls);
  }
});

test('what a keychain cannot hold is refused before it is asked', async () => {
  const provider = keychainProvider({ service: 'shop' });
  for (const [name, value] of [
    ['A\0B', 'a'],
    ['', 'a'],
    ['A', 'a\ud800'],
  ] as const)
    await expect(
      provider.write?.({ entries: new Map([[name, value]]) }, context()),
    ).rejects.toMatchObject({ code: 'ERR_SECRET_UNSUPPORTED', applied: 'no' });
  expect((await provider.read(['A\0B', ''], context())).entries.size).toBe(0);
  expect(threads.asked).toEqual([]);
});

test.each<[unknown, string | undefined]>([
  [null, undefined],
  ['shop', undefined],
  [{ service: 5 }, 'service'],
  [{ service: '' }, 'service'],
  [{ service: 'shop\0' }, 'service'],
  [{ service: 'shop', name: [] }, 'name'],
])('the options %j are refused, and the error names %s', (options, option) => {
  expect(() => keychainProvider(options as KeychainProviderOptions)).toThrow(
    expect.objectContaining({
      code: 'ERR_SECRET_CONFIG',
      setting: option === undefined ? undefined : expect.objectContaining({ option }),
    }),
  );
});

test('without a service the first call fails, and a chain may go past it', async () => {
  const provider = keychainProvider({ service: undefined });
  await expect(createSecrets({ providers: [provider] }).get('A')).rejects.toMatchObject({
    code: 'ERR_SECRET_CONFIG',
    setting: { option: 'service', isMissing: true },
  });
  const providers = [{ provider, ifUnconfigured: 'skip' } as const, memoryProvider({ A: 'a' })];
  const secrets = createSecrets({ providers });
  secrets.on('fallback', () => {});
  expect(await secrets.get('A')).toBe('a');
});
