/**
 * What the parts of a soak share: its time, its stores and processes, and its end at the first violation.
 */
import type { Oracle, Rule } from './oracle.ts';
import type { Programs } from './programs.ts';
import type { Stage } from './stage.ts';

/** A soak that runs. */
export interface Run {
  readonly minutes: number;
  /** What decides all that is left to chance. */
  readonly seed: number;
  /** The rule that is broken on purpose. */
  readonly plant: Rule | undefined;
  /** When it ends, by `now`. */
  readonly end: number;
  /** The folder with the programs `reader.mjs` and `once.mjs`. */
  readonly place: string;
  /** The folder in which processes start, and their home. */
  readonly home: string;
  readonly oracle: Oracle;
  readonly stage: Stage;
  readonly programs: Programs;
  /** What nothing may show: each value begins with one of them, or is one. */
  readonly canaries: string[];
  /** Enters an event, which is shown if the run fails. */
  log(what: string): void;
  /** Whether a violation or a signal has ended it. */
  hasFailed(): boolean;
  /** Whether it has failed, or its time is over. */
  isOver(): boolean;
  /** Waits so many milliseconds, unless it has failed. */
  pause(time: number): Promise<void>;
}
