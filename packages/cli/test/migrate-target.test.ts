// The store side of a migration: what is asked of it, and what each of its answers is taken for.
import { memoryProvider, SecretError } from '@keyfall/core';
import type { ProviderCheck, SecretProvider, SecretRecord } from '@keyfall/core/provider';
import { describe, expect, test, vi } from 'vitest';
import { openTarget, verify } from '../src/migration/target.ts';

const said: string[] = [];
vi.mock('../src/terminal/terminal.ts', async (original) => ({
  ...(await original<typeof import('../src/terminal/terminal.ts')>()),
  notice: (text: string) => said.push(text),
}));

const store = (more: Partial<SecretProvider> = {}): SecretProvider => ({
  ...memoryProvider({ A: 'a', B: 'b' }),
  ...more,
});
const denied = new SecretError('ERR_SECRET_DENIED', 'the policy does not allow it');

describe('what it holds', () => {
  test('a target is read with versions and revision, if the store has them', async () => {
    const { values, versions, revision } = await openTarget(store()).read();
    expect(values).toEqual(new Map(Object.entries({ A: 'a', B: 'b' })));
    expect(versions).toEqual(new Map(Object.entries({ A: '1', B: '1' })));
    expect(revision).toBe('1');
    const entries = new Map([['A', { value: 'a' }]]);
    const bare = await openTarget(
      store({ read: async () => ({ entries, complete: true }) }),
    ).read();
    expect(bare).toEqual({ values: new Map([['A', 'a']]), versions: new Map() });
    expect(bare).not.toHaveProperty('revision');
  });

  test('a target with one unreadable name is an error', async () => {
    const entries = new Map<string, SecretRecord | SecretError>([
      ['A', { value: 'a' }],
      ['B', denied],
    ]);
    const target = openTarget(store({ read: async () => ({ entries, complete: true }) }));
    await expect(target.read()).rejects.toMatchObject({ code: 'ERR_SECRET_DENIED' });
  });

  test('a target says which kind of store it is', () => {
    const { readVersion: _, ...plain } = store();
    expect(openTarget(plain)).toMatchObject({ isAtomic: true, keepsVersions: false });
    const other = store({ atomicity: 'name', readVersion: async () => undefined });
    expect(openTarget(other)).toMatchObject({ isAtomic: false, keepsVersions: true });
    const forged = openTarget(store({ name: 'shop', store: 'shop\nkeyfall: all is well' }));
    expect(forged.label).not.toContain('\n');
    expect(forged.store).toBe('shop\nkeyfall: all is well');
    const place = { kind: 'vault', address: 'https://vault.example', paths: ['secret/shop'] };
    expect(openTarget(store({ place })).place).toEqual(place);
  });
});

describe('a write', () => {
  test('a write takes all names at once, at the revision that was read, if there is one', async () => {
    const changes: unknown[] = [];
    const target = openTarget(
      store({
        async write(given) {
          changes.push(given);
          return { conditional: true, version: '2' };
        },
      }),
    );
    const entries = new Map([
      ['A', '1'],
      ['B', null],
    ]);
    expect(await target.write(entries, '1')).toMatchObject({ version: '2' });
    await target.write(entries, undefined);
    expect(changes).toEqual([{ entries, ifRevision: '1' }, { entries }]);
    expect(changes[1]).not.toHaveProperty('ifRevision');
  });

  test('a write to a read-only store is refused, before and when it is made', async () => {
    const { write: _, ...readOnly } = store();
    const target = openTarget(readOnly);
    for (const call of [
      () => target.assertWritable(),
      () => target.write(new Map([['A', '1']]), undefined),
    ])
      await expect(call()).rejects.toMatchObject({
        code: 'ERR_SECRET_UNSUPPORTED',
        hint: expect.stringContaining('--to'),
      });
  });

  test('a write is refused before it is made only if the check says that it is denied', async () => {
    const line = (code: string): ProviderCheck => ({
      subject: 'policy',
      state: 'failing',
      code,
      message: 'said',
      hint: `mend ${code}`,
    });
    const asking = (...codes: string[]) =>
      openTarget(store({ check: async () => codes.map(line) })).assertWritable();
    await expect(asking('sealed', 'may-not-write')).rejects.toMatchObject({
      code: 'ERR_SECRET_DENIED',
      hint: 'mend may-not-write',
    });
    await asking('sealed', 'expires-soon');
    const warning = store({
      check: async ({ warn }) => {
        warn('reading has told that');
        return [];
      },
    });
    await openTarget(warning).assertWritable();
    expect(said).toEqual([]);
    await asking();
    await openTarget(store()).assertWritable();
  });
});

describe('an earlier version', () => {
  const versionOf = (readVersion: SecretProvider['readVersion']) =>
    openTarget({ ...store(), ...(readVersion && { readVersion }) }).readVersion('A', '3');

  test('an earlier version is what the store held, or nothing if it keeps none', async () => {
    const asked: unknown[] = [];
    const held = await versionOf(async (name, version) => {
      asked.push(name, version);
      return { value: 'old' };
    });
    expect([held, asked]).toEqual(['old', ['A', '3']]);
    expect(await versionOf(async () => undefined)).toBeUndefined();
    expect(await versionOf(undefined)).toBeUndefined();
  });

  test('an error about an earlier version is never taken for a missing one', async () => {
    await expect(
      versionOf(async () => {
        throw denied;
      }),
    ).rejects.toBe(denied);
    const stranger = versionOf(async () => {
      throw new TypeError('canary');
    });
    const error = await stranger.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'ERR_SECRET_PROVIDER' });
    expect(String(error)).not.toContain('canary');
    const away = new SecretError('ERR_SECRET_UNAVAILABLE', 'sealed', {
      hint: 'Unseal it.',
      storeStatus: 503,
      retryable: false,
    });
    await expect(
      versionOf(async () => {
        throw away;
      }),
    ).rejects.toMatchObject({
      code: 'ERR_SECRET_UNAVAILABLE',
      provider: 'memory',
      reason: expect.stringMatching(/^memory \(this process\) .*: sealed$/),
      hint: 'Unseal it.',
      storeStatus: 503,
      retryable: false,
    });
  });

  test('the wait for an earlier version ends with the timeout or the signal', async () => {
    const silent = store({ readVersion: () => new Promise(() => {}) });
    const slow = openTarget(silent, { timeout: 20 }).readVersion('A', '1');
    await expect(slow).rejects.toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE' });
    const controller = new AbortController();
    const ended = openTarget(silent, { signal: controller.signal });
    const waiting = ended.readVersion('A', '1');
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_SECRET_ABORTED' });
    await expect(ended.read()).rejects.toMatchObject({ code: 'ERR_SECRET_ABORTED' });
  });
});

test('the read-back compares every name, also those that must not exist', async () => {
  const target = openTarget(store());
  const held = new Map(Object.entries({ A: 'a', B: 'b' }));
  const expected = new Map<string, string | null>([
    ['A', 'a'],
    ['C', null],
  ]);
  expect(await verify(target, expected)).toEqual(held);
  for (const [name, value] of [
    ['A', 'another-canary'],
    ['B', null],
    ['C', ''],
  ] as const) {
    const error = await verify(target, new Map([...expected, [name, value]])).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({
      code: 'ERR_SECRET_INVALID',
      reason: expect.stringMatching(`for ${name}$`),
    });
    expect(String(error)).not.toContain('canary');
  }
});

test('a target closes its provider', async () => {
  let closed = 0;
  const target = openTarget(
    store({
      async close() {
        closed += 1;
      },
    }),
  );
  await target.close();
  expect(closed).toBe(1);
});
