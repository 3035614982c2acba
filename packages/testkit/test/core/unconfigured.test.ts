// A provider whose address, token or path is missing: an error at the first call, or passed with one notice.
import { createSecrets, memoryProvider, SecretError, withMapping, withPrefix } from '@keyfall/core';
import { lazySettings, type SecretProvider } from '@keyfall/core/provider';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { manualClock } from '../../src/index.ts';

const variable = 'KEYFALL_TEST_DRAWER';

beforeEach(() => {
  delete process.env[variable];
});
afterEach(() => {
  delete process.env[variable];
});

/** A store whose address is a variable of the environment, and that holds A. */
function drawerProvider(more: Partial<SecretProvider> = {}) {
  let reads = 0;
  const settings = lazySettings(() => {
    const address = process.env[variable];
    if (address === 'wrong')
      throw new SecretError('ERR_SECRET_CONFIG', 'the address is wrong', { setting: { variable } });
    if (address) return { address };
    throw new SecretError('ERR_SECRET_CONFIG', 'no address', {
      setting: { option: 'address', variable, isMissing: true },
    });
  });
  const provider: SecretProvider = {
    name: 'drawer',
    get store() {
      return settings.known?.address ?? 'not configured';
    },
    get place() {
      const address = settings.known?.address;
      return { kind: 'drawer', ...(address && { address }) };
    },
    async read() {
      settings();
      reads += 1;
      return { entries: new Map([['A', { value: 'from the drawer' }]]), complete: true };
    },
    async write() {
      settings();
      return { conditional: false };
    },
    ...more,
  };
  return { provider, reads: () => reads };
}

const rejection = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: SecretError) => error,
  );

describe('lazySettings', () => {
  test('read nothing before the first call, and keep what that found', () => {
    const read = vi.fn(() => ({ address: process.env[variable] ?? 'none' }));
    const settings = lazySettings(read);
    expect(read).not.toHaveBeenCalled();
    process.env[variable] = 'first';
    expect(settings()).toEqual({ address: 'first' });
    process.env[variable] = 'second';
    expect(settings()).toEqual({ address: 'first' });
    expect(settings.known).toEqual({ address: 'first' });
    expect(read).toHaveBeenCalledTimes(1);
  });

  test('are looked at without being settled, and without an error', () => {
    const settings = lazySettings(() => {
      if (process.env[variable] === undefined) throw new Error('missing');
      return process.env[variable];
    });
    expect(settings.known).toBeUndefined();
    process.env[variable] = 'first';
    expect(settings.known).toBe('first');
    process.env[variable] = 'second';
    expect(settings.known).toBe('second');
    expect(settings()).toBe('second');
  });

  test('that could not be found are looked for again', () => {
    const settings = lazySettings(() => {
      if (process.env[variable] === undefined) throw new Error('missing');
      return process.env[variable];
    });
    expect(() => settings()).toThrow('missing');
    process.env[variable] = 'first';
    expect(settings()).toBe('first');
  });
});

test('by default the first call fails, and names the setting', async () => {
  const { provider } = drawerProvider();
  const secrets = createSecrets({ providers: [provider, memoryProvider({ A: 'plain' })] });
  expect(await rejection(secrets.get('A'))).toMatchObject({
    code: 'ERR_SECRET_CONFIG',
    provider: 'drawer',
    setting: { option: 'address', variable, isMissing: true },
  });
  // a variable that is set meanwhile counts
  process.env[variable] = 'https://drawer.example';
  expect(await secrets.get('A')).toBe('from the drawer');
  expect((await secrets.explain('A')).store).toBe('https://drawer.example');
});

describe("ifUnconfigured: 'skip'", () => {
  const clock = manualClock();
  const chain = (provider: SecretProvider, more: object = {}) =>
    createSecrets({
      clock,
      providers: [{ provider, ifUnconfigured: 'skip', ...more }, memoryProvider({ A: 'plain' })],
    });

  test('goes on with the others, with one notice', async () => {
    const secrets = chain(drawerProvider().provider);
    const fallback = vi.fn();
    const failed = vi.fn();
    secrets.on('fallback', fallback);
    secrets.on('failed', failed);
    for (let call = 0; call < 3; call += 1) {
      expect(await secrets.get('A')).toBe('plain');
      await clock.advance(60_000);
    }
    expect(fallback.mock.calls).toEqual([
      [
        {
          type: 'fallback',
          provider: 'drawer',
          store: 'not configured',
          reason: 'unconfigured',
          detail: expect.stringMatching(/: no address$/),
          names: ['A'],
          answeredBy: 'memory',
        },
      ],
    ]);
    expect(failed).not.toHaveBeenCalled();
    expect(await secrets.explain('A')).toMatchObject({
      provider: 'memory',
      freshness: 'fallback',
      attempts: [
        { provider: 'drawer', outcome: 'absent', reason: expect.stringMatching(/: no address$/) },
        { provider: 'memory', outcome: 'held' },
      ],
    });
  });

  test('is as if it were not there: what the others lack is missing, and all is what they hold', async () => {
    const secrets = chain(drawerProvider().provider);
    secrets.on('fallback', () => {});
    expect(await secrets.find('NONE')).toBeUndefined();
    expect((await rejection(secrets.get('NONE')))?.code).toBe('ERR_SECRET_NOT_FOUND');
    expect(await secrets.getAll()).toEqual({ A: 'plain' });
    expect(await secrets.list()).toEqual(['A']);
  });

  test('warns a process without listeners', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    await chain(drawerProvider().provider).get('A');
    expect(warn.mock.calls.map(([text]) => text)).toEqual([
      expect.stringMatching(/^drawer \(not configured\) .*: no address\. A .*\bmemory\b/),
    ]);
    warn.mockRestore();
  });

  test('a standby does not stand in for it, and required holds where it is configured', async () => {
    const standby = memoryProvider({ A: 'copy', B: 'copy' }, { name: 'snapshot' });
    const { provider } = drawerProvider();
    const secrets = createSecrets({
      clock,
      providers: [
        { provider, ifUnconfigured: 'skip', required: true },
        { provider: standby, standby: true },
        memoryProvider({ A: 'plain' }),
      ],
    });
    secrets.on('fallback', () => {});
    expect(await secrets.get('A')).toBe('plain');
    expect(await secrets.find('B')).toBeUndefined();
  });

  test('a setting that is there and wrong fails all the same', async () => {
    process.env[variable] = 'wrong';
    expect(await rejection(chain(drawerProvider().provider).get('A'))).toMatchObject({
      code: 'ERR_SECRET_CONFIG',
      reason: expect.stringContaining('the address is wrong'),
    });
  });

  test('a write to it fails, and goes nowhere else', async () => {
    const secrets = chain(drawerProvider().provider);
    secrets.on('fallback', () => {});
    expect(await rejection(secrets.set('B', 'x'))).toMatchObject({
      code: 'ERR_SECRET_CONFIG',
      setting: { isMissing: true },
    });
    expect(await secrets.find('B')).toBeUndefined();
  });

  test('counts from the moment at which it is configured, and that is reported', async () => {
    const { provider } = drawerProvider();
    const secrets = chain(provider);
    secrets.on('fallback', () => {});
    const recovered = vi.fn();
    secrets.on('recovered', recovered);
    expect(await secrets.get('A')).toBe('plain');
    process.env[variable] = 'https://drawer.example';
    await clock.advance(60_000);
    expect(await secrets.get('A')).toBe('from the drawer');
    expect(recovered).toHaveBeenCalledTimes(1);
  });
});

test('what is made of a provider says where its store is as late as the provider does', async () => {
  const { provider } = drawerProvider();
  const chain = createSecrets({ providers: [provider] }).asProvider();
  const made = [withPrefix(provider, ''), withMapping(provider, {}), chain];
  expect(made.map(({ store }) => store)).toEqual([
    'not configured',
    'not configured',
    'drawer (not configured)',
  ]);
  process.env[variable] = 'https://drawer.example';
  expect(made.map(({ store }) => store)).toEqual([
    'https://drawer.example',
    'https://drawer.example',
    'drawer (https://drawer.example)',
  ]);
  expect(made[1]?.place).toEqual({ kind: 'drawer', address: 'https://drawer.example' });
});
