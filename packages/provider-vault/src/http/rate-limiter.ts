/**
 * `VAULT_RATE_LIMIT`: no more requests than so many a second go out, as with Vault's own clients. A
 * request whose turn would come after its time limit fails at once.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { ConnectionSettings } from '../settings/connection-settings.ts';
import type { WireCall, WireFailure } from '../wire/vault-wire.ts';

export interface RateLimiter {
  /** Resolves when the request may go out, or with why it may not. */
  turn(call: WireCall): Promise<WireFailure | undefined>;
}

/** @param now - milliseconds that never run backwards */
export function rateLimiter(
  { rate, burst, from }: NonNullable<ConnectionSettings['rateLimit']>,
  now: () => number = () => performance.now(),
): RateLimiter {
  let tokens = burst;
  let counted = now();
  return {
    async turn({ signal, remainingTimeout }) {
      const moment = now();
      tokens = Math.min(burst, tokens + ((moment - counted) / 1_000) * rate);
      counted = moment;
      // below nothing, a token is one that a waiting request has taken beforehand
      const delay = tokens >= 1 ? 0 : ((1 - tokens) / rate) * 1_000;
      if (delay > remainingTimeout())
        return { kind: 'failure', what: 'rate-limit', detail: from, sent: false };
      tokens -= 1;
      if (delay === 0) return undefined;
      try {
        await wait(delay, undefined, { signal });
        return undefined;
      } catch {
        tokens += 1;
        return { kind: 'failure', what: 'aborted', detail: 'aborted', sent: false };
      }
    },
  };
}
