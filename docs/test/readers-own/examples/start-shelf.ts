/** A store of the reader's own, as the testkit's README has it. */

import type { HttpAnswer } from '@keyfall/testkit';

/** Starts a shelf that holds these values. */
export declare function startShelf(values: ReadonlyMap<string, string>): Promise<{
  readonly address: string;
  readonly token: string;
  put(changes: ReadonlyMap<string, string | null>): Promise<void>;
  kill(): Promise<void>;
  pause(): Promise<void>;
  forbid(): Promise<void>;
  forgetTokens(): Promise<void>;
  corrupt(): Promise<void>;
  answerWith(answer: HttpAnswer): Promise<void>;
  stop(): Promise<void>;
}>;
