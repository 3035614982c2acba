/**
 * The processes that read by a chain: some for the whole run, each with a chain that is refused beside it, and some for a
 * moment. What they report goes to the oracle.
 */
import { join } from 'node:path';
import type { FromReader, ReaderSettings, ReaderState, Report, Task } from './messages.ts';
import { names, now } from './messages.ts';
import type { Oracle } from './oracle.ts';
import type { Program } from './programs.ts';
import type { Run } from './run.ts';

/** How the readers differ: how long they keep an answer, and how long it stands in for a store that fails. */
const readerKinds = [
  { ttl: 500, staleIfError: 2_000 },
  { ttl: 1_000, staleIfError: 3_600_000 },
  { ttl: 3_000, staleIfError: 3_000 },
] as const;

/** What a process that reads for a moment may do. */
export const tasks: readonly Task[] = ['get', 'many', 'view', 'watch', 'close-early', 'wrapped'];

/** All readers of a run. */
export interface Readers {
  /** Starts those that read for the whole run. */
  start(): Promise<readonly Program[]>;
  /** Has a process use secrets for a moment. */
  useOnce(id: string, task: Task): Promise<void>;
  /** Lets those that `start` has started end by themselves: one closes its chains before. */
  finish(): Promise<void>;
  /** From now on it is no violation that one ends. */
  mayEnd(): void;
  /** What each held from look to look, by reader. */
  readonly states: ReadonlyMap<string, readonly ({ readonly at: number } & ReaderState)[]>;
  readonly answers: number;
  readonly announcements: number;
}

/** What differs from a chain of all stores. */
interface Chain {
  /** Its first store refuses it. */
  readonly isRefused?: boolean;
  readonly logsInOnce?: boolean;
}

/** Lets the oracle know of a chain, before anything of it is reported. */
export function register(
  oracle: Oracle,
  id: string,
  ttl: number,
  { isRefused = false, logsInOnce = false }: Chain = {},
): void {
  oracle.reader({
    id: isRefused ? refused(id) : id,
    stores: isRefused ? ['vault', 'dotenv'] : ['vault', 'sops', 'dotenv'],
    maxAge: 2 * ttl,
    logsInOnce,
    ...(isRefused ? { refusedBy: ['vault'] } : { only: { [names.bound]: 'vault' } }),
  });
}

/** The chain of a reader that is refused. */
const refused = (id: string) => `${id}-refused`;

export function createReaders(run: Run): Readers {
  const { oracle, stage, programs, canaries, plant, home, log } = run;
  const states = new Map<string, ({ readonly at: number } & ReaderState)[]>();
  const gets = new Map<string, number>();
  let started: readonly Program[] = [];
  let announcements = 0;
  let mayEnd = false;

  function take(report: Report): void {
    if (report.kind === 'observed') {
      oracle.observed(report.chain, report.observation);
      return;
    }
    const { chain, announcement } = report;
    const { type, provider, detail = '' } = announcement;
    announcements += 1;
    // a chain that is refused says so in each call
    if (!chain.endsWith(refused('')) || type === 'fallback')
      log(`${chain}: ${type} of ${provider} ${detail}`);
    oracle.announced(chain, announcement);
  }

  const takeLeak = (id: string, where: string) => oracle.violated('leak', id, `in ${where}`, now());

  async function environmentFor(id: string, ttl: number, staleIfError: number, task?: Task) {
    const credentials = await stage.newRole(id, task === 'wrapped');
    canaries.push(credentials.secretId);
    if (canaries.length > 40) canaries.splice(10, 1);
    const lookEvery = plant ? 1_000 : Math.max(2_000, Math.min(15_000, run.minutes * 1_000));
    const settings: ReaderSettings = {
      id,
      ...stage.connection,
      ...credentials,
      ttl,
      staleIfError,
      names,
      marker: stage.marker,
      lookEvery,
      plant,
      task,
    };
    return { SOAK: JSON.stringify(settings), HOME: home, TMPDIR: home };
  }

  async function startReader(number: number): Promise<Program> {
    const { ttl, staleIfError } = readerKinds[number] as (typeof readerKinds)[number];
    const id = `reader-${number}`;
    register(oracle, id, ttl);
    register(oracle, id, ttl, { isRefused: true });
    states.set(id, []);
    const program = programs.start({
      id,
      args: ['--expose-gc', join(run.place, 'reader.mjs')],
      env: await environmentFor(id, ttl, staleIfError),
      cwd: home,
      onMessage(given) {
        const message = given as FromReader;
        if (message.kind === 'leak') takeLeak(id, message.where);
        else if (message.kind === 'state') states.get(id)?.push(message);
        else {
          gets.set(id, message.gets);
          for (const report of message.reports) take(report);
        }
      },
    });
    void program.ended.then((code) => {
      const detail = `ended with ${code} in the midst: ${program.complaints()}`;
      if (!mayEnd) oracle.violated('ending', id, detail, now());
    });
    return program;
  }

  /** The server may be down, or sealed, when a role is made: that is no part of what is judged. */
  async function untilReady<Result>(work: () => Promise<Result>): Promise<Result | undefined> {
    while (!run.isOver())
      try {
        return await work();
      } catch {
        await run.pause(500);
      }
    return undefined;
  }

  return {
    states,
    get answers() {
      return [...gets.values()].reduce((sum, count) => sum + count, 0);
    },
    get announcements() {
      return announcements;
    },
    async start() {
      started = await Promise.all(readerKinds.map((_, number) => startReader(number)));
      return started;
    },
    mayEnd() {
      mayEnd = true;
    },
    async finish() {
      mayEnd = true;
      await Promise.all(
        started.map(async (program, number) => {
          if (program.child.connected) program.child.send({ kind: 'finish', close: number === 0 });
          await programs.ending(program, [0]);
          if (program.hasComplained())
            oracle.violated('wrong-error', program.id, `printed: ${program.complaints()}`, now());
        }),
      );
    },
    async useOnce(id, task) {
      const env = await untilReady(() => environmentFor(id, 5_000, 5_000, task));
      if (env === undefined) return;
      register(oracle, id, 5_000, { logsInOnce: task === 'wrapped' });
      register(oracle, id, 5_000, { isRefused: true });
      const program = programs.start({
        id,
        args: [join(run.place, 'once.mjs')],
        env,
        cwd: home,
        onLine(line) {
          const report = JSON.parse(line) as
            | Report
            | { readonly kind: 'leak'; readonly where: string };
          if (report.kind === 'leak') takeLeak(id, report.where);
          else take(report);
        },
      });
      await programs.ending(program, [0]);
      if (program.hasComplained()) log(`${id} (${task}): ${program.complaints()}`);
      oracle.forget(id);
      oracle.forget(refused(id));
    },
  };
}
