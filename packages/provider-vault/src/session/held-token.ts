/**
 * A token while a session holds it: what it is, and how its life has gone so far.
 */
import type { Clock } from '@keyfall/core';
import type { SessionToken } from './session-token.ts';
import { graceOf, leftOf, type Moment } from './token-life.ts';

/** A token with its life so far. */
export interface HeldToken {
  readonly token: SessionToken;
  renewable: boolean;
  /** When, and for how long, it was granted or renewed last. */
  start: Moment;
  life: number;
  grace: number;
  /** Whether renewing it gave it less than before. */
  capped: boolean;
  /** Whether the server does not know it any more. */
  refused: boolean;
  /** What was told last of there being no other, and how much it had left then. */
  told?: { readonly reason: string; readonly left: number };
}

/** A token as it begins: with `life` milliseconds from `start`, and not known to be renewable. */
export function holdToken(
  token: Omit<SessionToken, 'remaining'>,
  life: number,
  start: Moment,
  clock: Clock,
): HeldToken {
  const held: HeldToken = {
    token: { ...token, remaining: () => leftBy(held, clock) },
    renewable: false,
    start,
    life,
    grace: graceOf(life),
    capped: false,
    refused: false,
  };
  return held;
}

function leftBy({ life, start, refused }: HeldToken, clock: Clock): number {
  return refused ? 0 : leftOf(life, start, clock);
}
