/**
 * The one who rotates, without an end but with pauses in which everybody has to catch up.
 */
import { quietEnd } from './commands.ts';
import { names, now } from './messages.ts';
import type { Run } from './run.ts';
import { chanceOf } from './schedule.ts';
import { until } from './until.ts';

/** Milliseconds in which everybody has to have caught up once all is well. */
const catchingUpTime = 120_000;

/** Milliseconds between two rotations of the name for which programs are restarted. */
const seldomEvery = 40_000;

/** The writer of a run. */
export interface Writer {
  /** Rotates until the run is over. */
  write(): Promise<void>;
  /** Does `work` while nothing is written. */
  whilePausing(work: () => Promise<void>): Promise<void>;
  /** Writes nothing until everybody has seen the newest values; one who does not is a violation. */
  catchUp(): Promise<void>;
}

export function createWriter({ oracle, stage, seed, end, ...run }: Run): Writer {
  let mayWrite = true;
  let writing: Promise<void> = Promise.resolve();

  async function whilePausing(work: () => Promise<void>): Promise<void> {
    mayWrite = false;
    await writing;
    await work();
    mayWrite = true;
  }

  return {
    whilePausing,
    async write() {
      const chance = chanceOf(seed + 4);
      let isThere = false;
      let seldomAt = now();
      while (!run.isOver()) {
        if (!mayWrite) {
          await run.pause(50);
          continue;
        }
        const isSeldom = now() - seldomAt > seldomEvery && now() < end - quietEnd;
        const name = isSeldom
          ? names.seldom
          : chance.oneOf([
              ...names.everywhere,
              ...names.everywhere,
              names.bound,
              names.vaultOnly,
              names.comesAndGoes,
            ]);
        if (isSeldom) seldomAt = now();
        const remove = name === names.comesAndGoes && isThere;
        if (name === names.comesAndGoes) isThere = !isThere;
        writing = stage.rotate(name, remove);
        await writing;
        await run.pause(chance.between(50, 350));
      }
    },
    catchUp: () =>
      whilePausing(async () => {
        const since = now();
        const late = () => oracle.behind(['get', 'view', 'watch'], since);
        if (await until(() => run.hasFailed() || late().length === 0, catchingUpTime)) return;
        const detail = `not caught up after ${catchingUpTime / 1_000} s: ${late().join(', ')}`;
        oracle.violated('missed-rotation', 'all', detail, now());
      }),
  };
}
