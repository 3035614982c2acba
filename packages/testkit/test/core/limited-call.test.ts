// One piece of work under a limit and a signal: who waits how long, what it ends with, and what is left behind.
import { SecretError } from '@keyfall/core';
import { limitedCall } from '@keyfall/core/provider';
import { describe, expect, test, vi } from 'vitest';
import { assertNoLeak, type ManualClock, manualClock } from '../../src/index.ts';

const call = <Result>(
  clock: ManualClock,
  work: Parameters<typeof limitedCall<Result>>[0],
  more: Partial<Parameters<typeof limitedCall>[1]> = {},
) => {
  const settled: { value?: Result; error?: unknown } = {};
  const ended = limitedCall(work, { clock, timeout: 1_000, provider: 'vault', ...more }).then(
    (value) => {
      settled.value = value;
    },
    (error: unknown) => {
      settled.error = error;
    },
  );
  return { settled, ended };
};

test('what the work returns, with no timer left, and its signal not fired', async () => {
  const clock = manualClock();
  let signal: AbortSignal | undefined;
  const { settled } = call(clock, async (context) => {
    signal = context.signal;
    return 'a';
  });
  await clock.advance(0);
  expect(settled).toEqual({ value: 'a' });
  expect(clock.timers).toBe(0);
  await clock.advance(5_000);
  expect(signal?.aborted).toBe(false);
});

test('the limit ends it at its moment, whether the work listens or not', async () => {
  for (const deaf of [true, false]) {
    const clock = manualClock();
    let signal: AbortSignal | undefined;
    const { settled } = call(
      clock,
      (context) =>
        new Promise((_, reject) => {
          signal = context.signal;
          if (!deaf) signal.addEventListener('abort', () => reject(signal?.reason));
        }),
      { timeout: 999.6 },
    );
    await clock.advance(999);
    expect([settled, signal?.aborted]).toEqual([{}, false]);
    // a program waits for it: the timer keeps it alive
    expect(clock.foregroundTimers).toBe(1);
    await clock.advance(1);
    expect(settled.error).toMatchObject({
      code: 'ERR_SECRET_UNAVAILABLE',
      provider: 'vault',
      reason: expect.stringContaining('1000 ms'),
      retryable: true,
    });
    expect([signal?.aborted, signal?.reason]).toEqual([true, settled.error]);
    expect(clock.timers).toBe(0);
  }
});

test('the work learns what is left of its timeout, and never less than 0', async () => {
  const clock = manualClock();
  let remainingTimeout = () => -1;
  call(clock, (context) => {
    remainingTimeout = context.remainingTimeout;
    return new Promise(() => {});
  });
  await clock.advance(0);
  expect(remainingTimeout()).toBe(1_000);
  await clock.advance(400);
  expect(remainingTimeout()).toBe(600);
  await clock.advance(5_000);
  expect(remainingTimeout()).toBe(0);
});

test('what the work warns of is handed on, and dropped without a listener', async () => {
  const clock = manualClock();
  const warn = vi.fn();
  for (const more of [{ warn }, {}]) {
    const { settled } = call(
      clock,
      async (context) => {
        context.warn('look');
        return 'a';
      },
      more,
    );
    await clock.advance(0);
    expect(settled).toEqual({ value: 'a' });
  }
  expect(warn.mock.calls).toEqual([['look']]);
});

describe('a signal', () => {
  test('that has fired already asks no provider', async () => {
    const clock = manualClock();
    const work = vi.fn();
    const reason = new Error('canary-reason');
    const { settled, ended } = call(clock, work, { signal: AbortSignal.abort(reason) });
    await ended;
    expect(settled.error).toMatchObject({
      code: 'ERR_SECRET_ABORTED',
      provider: 'vault',
    });
    assertNoLeak(['canary-reason'], settled.error);
    expect(work).not.toHaveBeenCalled();
    expect(clock.timers).toBe(0);
  });

  test('that fires ends it, fires the signal of the work, and leaves nothing behind', async () => {
    const clock = manualClock();
    const caller = new AbortController();
    const left = vi.spyOn(caller.signal, 'removeEventListener');
    let signal: AbortSignal | undefined;
    const { settled } = call(
      clock,
      (context) => {
        signal = context.signal;
        return new Promise(() => {});
      },
      { signal: caller.signal },
    );
    await clock.advance(10);
    caller.abort('canary-reason');
    await clock.advance(0);
    expect(settled.error).toMatchObject({ code: 'ERR_SECRET_ABORTED', provider: 'vault' });
    expect(signal?.reason).toBe(settled.error);
    assertNoLeak(['canary-reason'], settled.error);
    expect(clock.timers).toBe(0);
    expect(left).toHaveBeenCalledTimes(1);
  });

  test('of several calls reaches those that are left when one is over', async () => {
    const clock = manualClock();
    const caller = new AbortController();
    const removed = vi.spyOn(caller.signal, 'removeEventListener');
    const hangs = () => new Promise<string>(() => {});
    const first = call(clock, async () => 'a', { signal: caller.signal });
    const [second, third] = [1, 2].map(() => call(clock, hangs, { signal: caller.signal }));
    await clock.advance(0);
    expect(first.settled).toEqual({ value: 'a' });
    expect(removed).not.toHaveBeenCalled();
    caller.abort();
    await clock.advance(0);
    for (const left of [second, third])
      expect(left?.settled.error).toMatchObject({ code: 'ERR_SECRET_ABORTED' });
    expect(clock.timers).toBe(0);
    expect(removed).toHaveBeenCalledTimes(1);
  });

  test('whose reason is an abort of ours is passed on, and another error of ours is not', async () => {
    const clock = manualClock();
    const ours = new SecretError('ERR_SECRET_ABORTED', 'it is closed');
    const denied = new SecretError('ERR_SECRET_DENIED', 'it may not');
    for (const reason of [ours, denied]) {
      const { settled } = call(clock, async () => 'a', { signal: AbortSignal.abort(reason) });
      await clock.advance(0);
      expect(settled.error).toMatchObject({ code: 'ERR_SECRET_ABORTED' });
      const { reason: said } = settled.error as SecretError;
      expect(said === reason.reason).toBe(reason === ours);
    }
  });
});

describe('work that fails', () => {
  test.each([
    [
      'at once',
      () => {
        throw new TypeError('canary-text');
      },
    ],
    ['later', () => Promise.reject(new TypeError('canary-text'))],
  ])('%s: its text is not shown, and no timer is left', async (_, work) => {
    const clock = manualClock();
    const { settled } = call(clock, work as never);
    // what is shown of a defect is loaded when there is one
    await vi.waitFor(() => expect(settled.error).toBeInstanceOf(SecretError));
    assertNoLeak(['canary-text'], settled.error);
    expect(clock.timers).toBe(0);
  });

  test('after the timeout is no unhandled rejection', async () => {
    const clock = manualClock();
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    const { settled } = call(
      clock,
      () => new Promise((_, reject) => clock.schedule(() => reject(new Error('late')), 2_000)),
    );
    await clock.advance(3_000);
    await new Promise(setImmediate);
    process.off('unhandledRejection', unhandled);
    expect(settled.error).toMatchObject({ code: 'ERR_SECRET_UNAVAILABLE' });
    expect(unhandled).not.toHaveBeenCalled();
  });

  test.each([
    ['ECONNREFUSED', 'ERR_SECRET_UNAVAILABLE'],
    ['ECONNRESET', 'ERR_SECRET_UNAVAILABLE'],
    ['ECONNABORTED', 'ERR_SECRET_UNAVAILABLE'],
    ['EPIPE', 'ERR_SECRET_UNAVAILABLE'],
    ['ETIMEDOUT', 'ERR_SECRET_UNAVAILABLE'],
    ['EHOSTUNREACH', 'ERR_SECRET_UNAVAILABLE'],
    ['ENETUNREACH', 'ERR_SECRET_UNAVAILABLE'],
    ['ENETDOWN', 'ERR_SECRET_UNAVAILABLE'],
    ['ENOTFOUND', 'ERR_SECRET_UNAVAILABLE'],
    ['EAI_AGAIN', 'ERR_SECRET_UNAVAILABLE'],
    ['EMFILE', 'ERR_SECRET_UNAVAILABLE'],
    ['EIO', 'ERR_SECRET_UNAVAILABLE'],
    ['CERT_HAS_EXPIRED', 'ERR_SECRET_TLS'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'ERR_SECRET_TLS'],
    ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'ERR_SECRET_TLS'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'ERR_SECRET_TLS'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'ERR_SECRET_TLS'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'ERR_SECRET_TLS'],
    ['HOSTNAME_MISMATCH', 'ERR_SECRET_TLS'],
    // what only looks like one of them is not shown, and not believed
    ['XECONNREFUSED', 'another'],
    ['ECONNREFUSEDX', 'another'],
    ['X_CERT_HAS_EXPIRED', 'another'],
    ['HOSTNAME_MISMATCH_X', 'another'],
    ['ENOENT', 'another'],
  ])('of code %s', async (code, expected) => {
    const clock = manualClock();
    const work = () => Promise.reject(Object.assign(new Error('canary-text'), { code }));
    const { settled } = call(clock, work);
    // what is shown of a defect is loaded at the first one
    await vi.waitFor(() => expect(settled).toHaveProperty('error'));
    const { error } = settled as { error: SecretError };
    if (expected === 'another') {
      expect(error.code).not.toMatch(/UNAVAILABLE|TLS/);
      expect(error.message).not.toContain(code);
    } else expect(error).toMatchObject({ code: expected, provider: 'vault' });
    if (expected === 'ERR_SECRET_UNAVAILABLE') expect(error.reason).toContain(code);
    assertNoLeak(['canary-text'], error);
    // and text that is no Error has no code
    const { settled: bare } = call(clock, () => Promise.reject({ code }));
    await vi.waitFor(() => expect(bare).toHaveProperty('error'));
    expect((bare.error as SecretError).code).not.toMatch(/UNAVAILABLE|TLS/);
  });
});
