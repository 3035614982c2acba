/**
 * Programs under `keyfall run`: some that end by themselves, and one after another that is restarted when its secret is
 * rotated, and is ended by a signal.
 */
import { dirname } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { names, now } from './messages.ts';
import type { Program } from './programs.ts';
import { register } from './readers.ts';
import type { Run } from './run.ts';
import { chanceOf } from './schedule.ts';
import { until } from './until.ts';

/** Milliseconds without rotations for programs at the end of a long run, so that the run does not wait for them. */
export const quietEnd = 75_000;

/** Milliseconds after a rotation within which a program is restarted for it: restarts have pauses of up to a minute. */
const restartTime = 150_000;

/** With a store that is down and a `.env` that has the name, it starts; without both, or refused, it does not. */
const startedOrNot = [0, 3, 4];

/** What a program ends with after each signal. */
const endings = { SIGTERM: 143, SIGINT: 130, SIGHUP: 129 } as const;

/** The commands of a run. */
export interface Commands {
  /** Runs a program that ends by itself. */
  runOnce(id: string): Promise<void>;
  /** Keeps one program after another running under `--watch`, until the run is over. The last one runs on. */
  keepRunning(): Promise<void>;
  /** Waits until the last one has the newest value, and ends it. */
  finish(): Promise<void>;
}

/**
 * @param command - `bin.cjs` of the command line
 * @param printer - the program that prints the digest of its secret
 */
export function createCommands(run: Run, command: string, printer: string): Commands {
  const { oracle, stage, programs, home, log } = run;
  const { address, mount, path, dotenvFile } = stage.connection;
  const env = {
    HOME: home,
    TMPDIR: home,
    USE_VAULT: 'true',
    VAULT_ADDR: address,
    VAULT_TOKEN: stage.token,
    VAULT_MOUNT_POINT: mount,
    VAULT_SECRET_PATH: path,
    KEYFALL_TTL: '1s',
  };
  /** The process of the program itself, by the command that has started it. */
  const children = new Map<string, number>();
  let last: Program | undefined;

  function start(id: string, watch: boolean): Program {
    register(oracle, id, 1_000);
    const flags = ['--redact', '--only', names.seldom, ...(watch ? ['--watch'] : [])];
    const shown = [process.execPath, printer, names.seldom, ...(watch ? ['stay'] : [])];
    return programs.start({
      id,
      args: [command, 'run', ...flags, '--', ...shown],
      env,
      cwd: dirname(dotenvFile),
      onLine(line, program) {
        if (!line.startsWith('{"digest"')) return;
        const { digest, pid } = JSON.parse(line) as {
          readonly digest: string;
          readonly pid: number;
        };
        const isFirst = !children.has(id);
        children.set(id, pid);
        log(`${id}: its program started`);
        const time = now();
        const observation = {
          way: 'process',
          name: names.seldom,
          began: time,
          ended: time,
          digest,
        } as const;
        const vault = { provider: 'vault', reason: 'unavailable' };
        // what it said on stderr before may still be on its way through another pipe
        setTimeout(() => {
          // it says that a store could not be asked before it starts a program, and restarts none for that
          const isAnnounced = isFirst && program.hasComplained();
          if (isAnnounced) oracle.announced(id, { ...vault, at: 0, type: 'fallback' });
          oracle.observed(id, observation);
          if (isAnnounced) oracle.announced(id, { ...vault, at: now(), type: 'recovered' });
        }, 100);
      },
    });
  }

  async function stop(program: Program, signal: keyof typeof endings): Promise<void> {
    // all are killed then
    if (run.hasFailed()) return;
    log(`${program.id} gets ${signal}`);
    program.child.kill(signal);
    await programs.ending(program, [endings[signal], signal]);
    const child = children.get(program.id);
    if (child !== undefined && isAlive(child))
      oracle.violated('ending', program.id, 'its program outlives it', now());
    oracle.forget(program.id);
  }

  return {
    async runOnce(id) {
      const program = start(id, false);
      await programs.ending(program, startedOrNot);
      if (program.hasComplained()) log(`${id}: ${program.complaints()}`);
      await wait(200);
      oracle.forget(id);
    },
    async keepRunning() {
      const chance = chanceOf(run.seed + 3);
      const lastTurn = run.end - quietEnd;
      for (let number = 1; !run.isOver(); number += 1) {
        const id = `watched-${number}`;
        const program = start(id, true);
        const { child } = program;
        const turn = Math.min(now() + chance.between(60_000, 120_000), lastTurn);
        while (!run.isOver() && child.exitCode === null && now() < turn) await run.pause(500);
        if (!run.isOver() && now() >= lastTurn) while (!run.isOver()) await run.pause(500);
        if (child.exitCode !== null) {
          // it could not start: refused, as everybody is at times
          if (!children.has(id)) await programs.ending(program, startedOrNot);
          else oracle.violated('ending', id, `ended with ${child.exitCode} in the midst`, now());
          oracle.forget(id);
          continue;
        }
        if (run.isOver() && !run.hasFailed()) {
          last = program;
          return;
        }
        await stop(program, chance.oneOf(['SIGTERM', 'SIGINT', 'SIGHUP']));
      }
    },
    async finish() {
      if (last === undefined || run.hasFailed()) return;
      await until(() => oracle.behind(['process'], 0).length === 0, restartTime);
      for (const behind of oracle.behind(['process'], 0))
        oracle.violated('missed-rotation', last.id, `not restarted for it: ${behind}`, now());
      await stop(last, 'SIGTERM');
    },
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
