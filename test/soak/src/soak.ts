/**
 * The soak: readers in processes of their own and programs under `keyfall run` read while a writer rotates, and round
 * by round something is broken and mended. Between rounds everybody has to catch up.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { leaksOf } from '@keyfall/testkit';
import { type Commands, createCommands } from './commands.ts';
import { now } from './messages.ts';
import { optionsOf } from './options.ts';
import { createOracle, rules, type Violation } from './oracle.ts';
import { behindTheBack, plantFault } from './plants.ts';
import { createPrograms, type Program } from './programs.ts';
import { createReaders, type Readers, tasks } from './readers.ts';
import type { Run } from './run.ts';
import { chanceOf, type Fault, roundsOf } from './schedule.ts';
import { openStage } from './stage.ts';
import { judgeExtent, judgeStates, verdictOf } from './verdict.ts';
import { createWriter } from './writer.ts';

/**
 * Runs it as the arguments say, prints what came of it, and sets the exit code.
 *
 * @param place - a folder for all files, with the programs `reader.mjs` and `once.mjs`
 * @param root - of the repository
 */
export async function soak(args: readonly string[], place: string, root: string): Promise<void> {
  const { minutes, seed, plant, kinds, json, verbose } = optionsOf(args);
  console.log(
    `soak: ${minutes} minutes, seed ${seed}${plant ? `, with a planted fault: ${plant}` : ''}`,
  );

  const began = now();
  const end = began + minutes * 60_000;
  const at = (time: number) => `${((time - began) / 1_000).toFixed(1)} s`;
  const recent: string[] = [];
  const log = (what: string) => {
    const entry = `${at(now())} ${what}`;
    recent.push(entry);
    if (recent.length > 60) recent.shift();
    if (verbose) console.log(entry);
  };
  const failed = new AbortController();
  const oracle = createOracle((violation: Violation) => {
    log(`VIOLATION ${violation.rule}: ${violation.reader}: ${violation.detail}`);
    failed.abort();
  });

  const marker = `kf${randomBytes(8).toString('hex')}`;
  const canaries = [marker];
  const programs = createPrograms(oracle, canaries, plant === undefined ? undefined : 10_000);
  const folder = join(place, 'run');
  const home = join(folder, 'home');
  await mkdir(home, { recursive: true });
  // what is built may be built again meanwhile
  const cli = join(place, 'cli', 'dist', 'bundle');
  await cp(join(root, 'packages/cli/dist/bundle'), cli, { recursive: true });
  await cp(join(root, 'packages/cli/package.json'), join(place, 'cli', 'package.json'));
  const stage = await openStage(folder, marker, oracle, chanceOf(seed + 1));
  canaries.push(stage.token, stage.server.token);
  log('the stores are open');

  const run: Run = {
    ...{ minutes, seed, plant, end, place, home, oracle, stage, programs, canaries, log },
    hasFailed: () => failed.signal.aborted,
    isOver: () => failed.signal.aborted || now() >= end,
    pause: (time) => wait(time, undefined, { signal: failed.signal }).catch(() => {}),
  };
  const readers = createReaders(run);
  const printer = join(root, 'test/soak/src/printer.mjs');
  const commands = createCommands(run, join(cli, 'bin.cjs'), printer);
  const writer = createWriter(run);
  const faults: Record<string, number> = {};

  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => {
      interrupted.abort();
      failed.abort();
    });
  try {
    const reading = await readers.start();
    const loads = Promise.all([
      writer.write(),
      comeAndGo(run, readers, commands),
      commands.keepRunning(),
    ]);
    await run.pause(plant ? 3_000 : 5_000);
    if (plant !== undefined) await writer.whilePausing(() => plantFault(plant, stage, oracle));
    for (const { faults: broken } of roundsOf(seed, reading.length, kinds)) {
      if (run.isOver()) break;
      if (plant === undefined || !behindTheBack.has(plant))
        for (const fault of broken) {
          if (run.isOver()) break;
          faults[fault.kind] = (faults[fault.kind] ?? 0) + 1;
          await breakAndMend(run, fault, reading);
        }
      await writer.catchUp();
      await run.pause(1_000);
    }
    await loads;
    await commands.finish();
    await readers.finish();
    await searchFiles(run, folder);
  } finally {
    readers.mayEnd();
    programs.killAll();
    await stage.close();
  }

  const trends = Object.fromEntries(
    [...readers.states].map(([id, samples]) => [
      id,
      {
        ...judgeStates(oracle, id, samples, minutes),
        heaps: thinned(samples.map(({ heap }) => Math.round(heap / 1_000))),
        handlesAtFirst: samples[0]?.handles,
        handlesAtLast: samples.at(-1)?.handles,
      },
    ]),
  );
  const { answers, announcements } = readers;
  const count = Object.values(faults).reduce((sum, times) => sum + times, 0);
  // a run that has failed was cut short
  if (!run.hasFailed()) judgeExtent(oracle, { answers, faults: count }, minutes);
  const share = cpuShare(now() - began);
  const verdict = verdictOf(oracle, {
    seed,
    minutes: Number(((now() - began) / 60_000).toFixed(2)),
    node: process.version,
    answers,
    cpuShare: share,
    faults,
    announcements,
    processes: programs.started,
    readers: trends,
  });
  if (json !== undefined) {
    await mkdir(dirname(json), { recursive: true });
    await writeFile(json, JSON.stringify(verdict, undefined, 2));
  }
  const broken = oracle.violations.length;
  if (broken > 0) {
    console.log(`\nThe last events:\n${recent.join('\n')}\n`);
    for (const { rule, reader, detail, at: time } of oracle.violations.slice(0, 20))
      console.log(`${at(time)}, ${rule} (${rules[rule]}): ${reader}: ${detail}`);
  } else if (json === undefined) console.log(JSON.stringify(verdict, undefined, 2));
  console.log(
    `soak: ${broken > 0 ? `${broken} VIOLATIONS` : interrupted.signal.aborted ? 'interrupted' : 'ok'}, seed ${seed}: ${answers} answers, ${oracle.rotations} rotations, ${count} faults, ${oracle.fallbacks} fallbacks announced, ${programs.started} processes${share === undefined ? '' : `, ${Math.round(share * 100)} % of a core`}`,
  );
  process.exitCode = broken === 0 && !interrupted.signal.aborted ? 0 : 1;
}

/** Programs that use secrets for a moment, one after another. */
async function comeAndGo(run: Run, readers: Readers, commands: Commands): Promise<void> {
  const chance = chanceOf(run.seed + 2);
  for (let number = 1; !run.isOver(); number += 1) {
    await run.pause(chance.between(3_000, 7_000));
    if (run.isOver()) return;
    await (number % 3 === 0
      ? commands.runOnce(`run-${number}`)
      : readers.useOnce(`once-${number}`, chance.oneOf(tasks)));
  }
}

async function breakAndMend(
  { stage, programs, log, pause }: Run,
  fault: Fault,
  reading: readonly Program[],
): Promise<void> {
  log(`fault ${JSON.stringify(fault)}`);
  const mend = await stage.begin(fault);
  const paused = fault.kind === 'pause-reader' ? reading[fault.reader]?.child : undefined;
  paused?.kill('SIGSTOP');
  if (fault.kind === 'clock')
    for (const { child } of reading) child.send({ kind: 'clock', by: fault.by });
  await pause(fault.lasts);
  paused?.kill('SIGCONT');
  await mend();
  programs.searchArguments();
  log('mended');
}

/** A value may be in the `.env` alone, and a credential in no file. */
async function searchFiles({ stage, oracle, canaries }: Run, where: string): Promise<void> {
  for (const entry of await readdir(where, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (!entry.isFile() || file === stage.connection.dotenvFile) continue;
    if (leaksOf(canaries, await readFile(file, 'latin1')).length > 0)
      oracle.violated('leak', 'files', `a value or a credential is in ${entry.name}`, now());
  }
}

/** The CPU time of this process and of all that it has started and outlived, by the time of the run. */
function cpuShare(time: number): number | undefined {
  if (process.platform !== 'linux') return undefined;
  const stat = readFileSync('/proc/self/stat', 'utf8');
  // utime, stime, cutime and cstime of proc(5), in hundredths of a second
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 15);
  return fields.reduce((sum, ticks) => sum + Number(ticks) * 10, 0) / time;
}

/** Some sixty of many figures. */
function thinned(figures: readonly number[]): readonly number[] {
  const step = Math.ceil(figures.length / 60);
  return figures.filter((_, index) => index % step === 0);
}
