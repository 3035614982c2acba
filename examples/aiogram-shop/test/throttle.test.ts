import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { openThrottle } from '../src/throttle.ts';

describe('openThrottle', () => {
  it('serves a customer a number of times, says once that it is too much, and serves the others', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    const throttle = await openThrottle(undefined, () => {});
    const verdicts: string[] = [];
    for (let update = 0; update < 33; update += 1) verdicts.push(await throttle.count(800));
    expect(verdicts).toEqual([...Array(30).fill('served'), 'first', 'refused', 'refused']);
    expect(await throttle.count(801)).toBe('served');
    vi.advanceTimersByTime(10_000);
    expect(await throttle.count(800)).toBe('served');
    expect(throttle.state()).toBeUndefined();
  });

  it('goes on without a Redis that cannot be reached, and says so once', async () => {
    const lines: string[] = [];
    const login = { host: '127.222.0.1', password: () => 'canary', refresh: async () => {} };
    const throttle = await openThrottle(login, (line) => lines.push(line));
    expect(await throttle.count(800)).toBe('served');
    expect(throttle.state()).toBe('unreachable');
    throttle.close();
    expect(lines).toEqual([
      'Redis at 127.222.0.1 cannot be reached (ECONNREFUSED). Customers are counted in memory instead.',
    ]);
  });
});
