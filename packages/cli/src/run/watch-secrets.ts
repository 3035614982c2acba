/**
 * `run --watch`: notices that the secrets have become others, and waits until they have settled.
 */
import {
  type Clock,
  isSecretError,
  type ProviderStatus,
  SecretError,
  systemClock,
} from '@keyfall/core';
import type { CliChain } from '../chain/cli-chain.ts';
import { notice } from '../terminal/terminal.ts';

/** How long two reads must agree before a change counts: an editor or a script writes several times. */
const settling = 250;

/** The pause between two restarts doubles while they follow one another. */
const shortestPause = 1_000;
const longestPause = 60_000;

/** Options of {@link watchSecrets}. */
export interface WatchOptions<Answer> {
  readonly chain: CliChain;
  /** What the program is started with now, or throws what is wrong with it. */
  readonly resolve: () => Promise<Answer>;
  readonly isSame: (one: Answer, other: Answer) => boolean;
  /** What the program was started with. */
  readonly first: Answer;
  /** Is called for each change, one after another. */
  readonly changed: (answer: Answer) => Promise<void>;
  /** Ends the watch. */
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

/**
 * Watches until the signal fires. While a store cannot be read, or what it gives cannot be used, the
 * program keeps what it has, and stderr says so once. Never rejects but for what `changed` throws.
 */
export async function watchSecrets<Answer>(options: WatchOptions<Answer>): Promise<void> {
  const { chain, resolve, isSame, changed, signal, clock = systemClock } = options;
  let current = options.first;
  let pause = shortestPause;
  let lastChange = Number.NEGATIVE_INFINITY;
  let complaint: string | undefined;
  // what a store tells while nobody sleeps is looked at before the next sleep
  let told = false;
  const remember = (): void => {
    told = true;
  };
  let wake = remember;
  void chain.secrets
    .asProvider()
    .watch?.(() => wake(), signal)
    .catch(() => {});

  const sleep = (delay: number, canWake: boolean) =>
    new Promise<void>((done) => {
      const end = () => {
        cancel();
        signal.removeEventListener('abort', end);
        wake = remember;
        done();
      };
      const cancel = clock.schedule(end, delay);
      signal.addEventListener('abort', end);
      if (canWake) wake = end;
      if (signal.aborted || (canWake && told)) end();
    });

  /** What the stores hold now; `undefined` while they cannot be read. */
  async function read(): Promise<Answer | undefined> {
    told = false;
    try {
      const failing = (await chain.secrets.refresh({ signal })).find(
        ({ state }) => state === 'failing',
      );
      if (failing !== undefined) throw failureOf(failing, chain);
      const answer = await resolve();
      complaint = undefined;
      return answer;
    } catch (error) {
      if (signal.aborted) return undefined;
      if (!isSecretError(error)) throw error;
      if (complaint !== error.reason)
        notice(`${error.reason}. The program goes on with the secrets that it has.`);
      complaint = error.reason;
      return undefined;
    }
  }

  while (!signal.aborted) {
    await sleep(Math.max(chain.ttl, shortestPause), true);
    let answer = signal.aborted ? undefined : await read();
    if (answer === undefined || isSame(answer, current)) continue;
    await sleep(Math.max(0, lastChange + pause - clock.monotonic()), false);
    let before: Answer | undefined;
    while (answer !== undefined && (before === undefined || !isSame(before, answer))) {
      before = answer;
      await sleep(settling, false);
      answer = signal.aborted ? undefined : await read();
    }
    if (answer === undefined || isSame(answer, current)) continue;
    current = answer;
    const now = clock.monotonic();
    const quiet = now - lastChange > 2 * longestPause;
    pause = quiet ? shortestPause : Math.min(pause * 2, longestPause);
    lastChange = now;
    await changed(answer);
  }
}

function failureOf({ provider, detail = '' }: ProviderStatus, { label }: CliChain): SecretError {
  return new SecretError(
    'ERR_SECRET_UNAVAILABLE',
    `${label(provider)} could not be read anew: ${detail}`,
  );
}
