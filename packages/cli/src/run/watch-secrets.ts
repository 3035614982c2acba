/**
 * `run --watch`: notices that the secrets have changed, and waits until they have settled.
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

/** Milliseconds for which two reads must agree before a change counts: an editor or a script writes several times. */
const settlingTime = 250;

/** The pause between two restarts, in milliseconds. It doubles while restarts follow one another. */
const shortestPause = 1_000;
const longestPause = 60_000;

/** Options of {@link watchSecrets}. */
export interface WatchOptions<Answer> {
  readonly chain: CliChain;
  /** What the program would be started with now. Throws if it could not be started with that. */
  readonly resolve: () => Promise<Answer>;
  readonly isSame: (one: Answer, other: Answer) => boolean;
  /** What the program was started with. */
  readonly first: Answer;
  /** Called for each change, one after another. */
  readonly changed: (answer: Answer) => Promise<void>;
  /** Ends the watch. */
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

/**
 * Watches until the signal fires. While a store cannot be read, or its secrets cannot be used, the program keeps
 * the secrets that it has, and stderr says so once. Rejects only with what `changed` throws.
 */
export async function watchSecrets<Answer>(options: WatchOptions<Answer>): Promise<void> {
  const { chain, resolve, isSame, changed, signal, clock = systemClock } = options;
  let current = options.first;
  let pause = shortestPause;
  let lastChange = Number.NEGATIVE_INFINITY;
  let failure: SecretError | undefined;
  /** Whether a store has reported a change since the last read. */
  let isReported = false;
  let wake = (): void => {};
  const reported = (): void => {
    isReported = true;
    wake();
  };
  const watching = chain.secrets.asProvider().watch?.(reported, signal);
  void watching?.catch(() => {});

  const sleep = (delay: number, untilReported = false) =>
    new Promise<void>((done) => {
      const end = () => {
        cancel();
        signal.removeEventListener('abort', end);
        wake = () => {};
        done();
      };
      const cancel = clock.schedule(end, delay);
      signal.addEventListener('abort', end);
      if (untilReported) wake = end;
      if (signal.aborted || (untilReported && isReported)) end();
    });

  /** What the stores hold now; `undefined` while they cannot be read, and after the end. */
  async function read(): Promise<Answer | undefined> {
    if (signal.aborted) return undefined;
    isReported = false;
    try {
      const statuses = await chain.secrets.refresh({ signal });
      const failing = statuses.find(({ state }) => state === 'failing');
      if (failing !== undefined) throw failureOf(failing, chain);
      const answer = await resolve();
      failure = undefined;
      return answer;
    } catch (error) {
      if (signal.aborted) return undefined;
      if (!isSecretError(error)) throw error;
      if (failure === undefined || !isSameFailure(error, failure))
        notice(`${error.reason}. The program goes on with the secrets that it has.`);
      failure = error;
      return undefined;
    }
  }

  while (!signal.aborted) {
    await sleep(Math.max(chain.ttl, shortestPause), true);
    let answer = await read();
    if (answer === undefined || isSame(answer, current)) continue;
    await sleep(Math.max(0, lastChange + pause - clock.monotonic()));
    let before: Answer | undefined;
    while (answer !== undefined && (before === undefined || !isSame(before, answer))) {
      before = answer;
      await sleep(settlingTime);
      answer = await read();
    }
    if (answer === undefined || isSame(answer, current)) continue;
    current = answer;
    const now = clock.monotonic();
    const isFirstForLong = now - lastChange > 2 * longestPause;
    pause = isFirstForLong ? shortestPause : Math.min(pause * 2, longestPause);
    lastChange = now;
    await changed(answer);
  }
}

function failureOf({ provider, detail = '' }: ProviderStatus, { label }: CliChain): SecretError {
  return new SecretError(
    'ERR_SECRET_UNAVAILABLE',
    `${label(provider)} could not be read again: ${detail}`,
    { provider },
  );
}

function isSameFailure(one: SecretError, other: SecretError): boolean {
  return (
    one.code === other.code &&
    one.provider === other.provider &&
    one.secretName === other.secretName
  );
}
