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
import type { FromReader, ReaderSettings, ReaderState, Report, Task } from './messages.ts';
import { names, now } from './messages.ts';
import { optionsOf } from './options.ts';
import { createOracle, type Reader, rules, type Violation } from './oracle.ts';
import { behindTheBack, plantFault } from './plants.ts';
import { createPrograms, type Program } from './programs.ts';
import { chanceOf, type Fault, roundsOf } from './schedule.ts';
import { openStage } from './stage.ts';
import { until } from './until.ts';
import { judgeExtent, judgeStates, verdictOf } from './verdict.ts';

/** Milliseconds in which everybody has to have caught up once all is well. */
const catchingUpTime = 120_000;

/** Milliseconds after a rotation within which a program is restarted for it: restarts have pauses of up to a minute. */
const restartTime = 150_000;

/** Milliseconds without rotations for programs at the end of a long run, so that the run does not wait for them. */
const quietEnd = 75_000;

/** How the readers differ: how long they keep an answer, and how long it stands in for a store that fails. */
const readerKinds = [
  { ttl: 500, staleIfError: 2_000 },
  { ttl: 1_000, staleIfError: 3_600_000 },
  { ttl: 3_000, staleIfError: 3_000 },
] as const;

const tasks: readonly Task[] = ['get', 'many', 'view', 'watch', 'close-early', 'wrapped'];

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
  const at = () => `${((now() - began) / 1_000).toFixed(1)} s`;
  const recent: string[] = [];
  const log = (what: string) => {
    const entry = `${at()} ${what}`;
    recent.push(entry);
    if (recent.length > 60) recent.shift();
    if (verbose) console.log(entry);
  };
  const failed = new AbortController();
  const oracle = createOracle((violation: Violation) => {
    log(`VIOLATION ${violation.rule}: ${violation.reader}: ${violation.detail}`);
    failed.abort();
  });
  const isOver = () => failed.signal.aborted || now() >= end;
  /** Waits, unless something is wrong already. */
  const pause = (time: number) => wait(time, undefined, { signal: failed.signal }).catch(() => {});

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
  const { connection, server, token } = stage;
  canaries.push(token, server.token);
  log('the stores are open');

  const environment = { HOME: home, TMPDIR: home };
  const states = new Map<string, ({ readonly at: number } & ReaderState)[]>();
  const gets = new Map<string, number>();
  const faults: Record<string, number> = {};
  let announcements = 0;

  function take(chain: Report): void {
    if (chain.kind === 'observed') {
      oracle.observed(chain.chain, chain.observation);
      return;
    }
    const { announcement } = chain;
    announcements += 1;
    if (!chain.chain.endsWith('-refused') || announcement.type === 'fallback')
      log(
        `${chain.chain}: ${announcement.type} of ${announcement.provider} ${announcement.detail ?? ''}`,
      );
    oracle.announced(chain.chain, announcement);
  }

  function register(id: string, ttl: number, refused = false, logsInOnce = false): void {
    const reader: Reader = {
      id: refused ? `${id}-refused` : id,
      stores: refused ? ['vault', 'dotenv'] : ['vault', 'sops', 'dotenv'],
      maxAge: 2 * ttl,
      logsInOnce,
      ...(refused ? { refusedBy: ['vault'] } : { only: { [names.bound]: 'vault' } }),
    };
    oracle.reader(reader);
  }

  async function settingsFor(id: string, ttl: number, staleIfError: number, task?: Task) {
    const credentials = await stage.newRole(id, task === 'wrapped');
    canaries.push(credentials.secretId);
    if (canaries.length > 40) canaries.splice(10, 1);
    const lookEvery = plant ? 1_000 : Math.max(2_000, Math.min(15_000, minutes * 1_000));
    const settings: ReaderSettings = {
      id,
      ...connection,
      ...credentials,
      ttl,
      staleIfError,
      names,
      marker,
      lookEvery,
      plant,
      task,
    };
    return { SOAK: JSON.stringify(settings), ...environment };
  }

  async function startReader(number: number): Promise<Program> {
    const { ttl, staleIfError } = readerKinds[number] as (typeof readerKinds)[number];
    const id = `reader-${number}`;
    register(id, ttl);
    register(id, ttl, true);
    states.set(id, []);
    const program = programs.start({
      id,
      args: ['--expose-gc', join(place, 'reader.mjs')],
      env: await settingsFor(id, ttl, staleIfError),
      cwd: home,
      onMessage(given) {
        const message = given as FromReader;
        if (message.kind === 'leak') oracle.violated('leak', id, `in ${message.where}`, now());
        else if (message.kind === 'state') states.get(id)?.push(message);
        else {
          gets.set(id, message.gets);
          for (const report of message.reports) take(report);
        }
      },
    });
    void program.ended.then((code) => {
      if (!finishing)
        oracle.violated(
          'ending',
          id,
          `ended with ${code} in the midst: ${program.complaints()}`,
          now(),
        );
    });
    return program;
  }

  /** Programs that use secrets for a moment, one after another. */
  async function runOnce(): Promise<void> {
    const chance = chanceOf(seed + 2);
    for (let number = 1; !isOver(); number += 1) {
      await pause(chance.between(3_000, 7_000));
      if (isOver()) return;
      await (number % 3 === 0
        ? runCommand(`run-${number}`)
        : useOnce(`once-${number}`, chance.oneOf(tasks)));
    }
  }

  async function useOnce(id: string, task: Task): Promise<void> {
    const env = await untilReady(() => settingsFor(id, 5_000, 5_000, task));
    if (env === undefined) return;
    register(id, 5_000, false, task === 'wrapped');
    register(id, 5_000, true);
    const program = programs.start({
      id,
      args: [join(place, 'once.mjs')],
      env,
      cwd: home,
      onLine(line) {
        const report = JSON.parse(line) as
          | Report
          | { readonly kind: 'leak'; readonly where: string };
        if (report.kind === 'leak') oracle.violated('leak', id, `in ${report.where}`, now());
        else take(report);
      },
    });
    await programs.ending(program, [0]);
    if (program.hasComplained()) log(`${id} (${task}): ${program.complaints()}`);
    oracle.forget(id);
    oracle.forget(`${id}-refused`);
  }

  /** The server may be down, or sealed, when a role is made: that is no part of what is judged. */
  async function untilReady<Result>(work: () => Promise<Result>): Promise<Result | undefined> {
    while (!isOver())
      try {
        return await work();
      } catch {
        await pause(500);
      }
    return undefined;
  }

  const commandEnvironment = {
    ...environment,
    USE_VAULT: 'true',
    VAULT_ADDR: connection.address,
    VAULT_TOKEN: token,
    VAULT_MOUNT_POINT: connection.mount,
    VAULT_SECRET_PATH: connection.path,
    KEYFALL_TTL: '1s',
  };
  // with a store that is down and a `.env` that has the name, it starts; without both, or refused, it does not
  const startedOrNot = [0, 3, 4];
  const bin = join(cli, 'bin.cjs');
  const printer = join(root, 'test/soak/src/printer.mjs');

  /** A program under `keyfall run`; with `watch` it is restarted for as long as it runs. */
  function command(id: string, watch: boolean): Program {
    register(id, 1_000);
    const flags = ['--redact', '--only', names.seldom, ...(watch ? ['--watch'] : [])];
    const shown = [process.execPath, printer, names.seldom, ...(watch ? ['stay'] : [])];
    return programs.start({
      id,
      args: [bin, 'run', ...flags, '--', ...shown],
      env: commandEnvironment,
      cwd: dirname(connection.dotenvFile),
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
  const children = new Map<string, number>();

  async function runCommand(id: string): Promise<void> {
    const program = command(id, false);
    await programs.ending(program, startedOrNot);
    if (program.hasComplained()) log(`${id}: ${program.complaints()}`);
    await wait(200);
    oracle.forget(id);
  }

  /** A program that is restarted when its secret is rotated, ended by a signal, and started again. */
  async function keepRunning(): Promise<void> {
    const chance = chanceOf(seed + 3);
    for (let number = 1; !isOver(); number += 1) {
      const id = `watched-${number}`;
      const program = command(id, true);
      const turn = Math.min(now() + chance.between(60_000, 120_000), end - quietEnd);
      while (!isOver() && program.child.exitCode === null && now() < turn) await pause(500);
      if (!isOver() && now() >= end - quietEnd) while (!isOver()) await pause(500);
      if (program.child.exitCode !== null) {
        // it could not start: refused, as everybody is at times
        if (!children.has(id)) await programs.ending(program, startedOrNot);
        else
          oracle.violated('ending', id, `ended with ${program.child.exitCode} in the midst`, now());
        oracle.forget(id);
        continue;
      }
      if (isOver() && !failed.signal.aborted) {
        last = program;
        return;
      }
      await stopCommand(program, chance.oneOf(['SIGTERM', 'SIGINT', 'SIGHUP']));
    }
  }
  let last: Program | undefined;

  async function stopCommand(
    program: Program,
    signal: 'SIGTERM' | 'SIGINT' | 'SIGHUP',
  ): Promise<void> {
    // all are killed then
    if (failed.signal.aborted) return;
    const codes = { SIGTERM: 143, SIGINT: 130, SIGHUP: 129 } as const;
    log(`${program.id} gets ${signal}`);
    program.child.kill(signal);
    await programs.ending(program, [codes[signal], signal]);
    const child = children.get(program.id);
    if (child !== undefined && isAlive(child))
      oracle.violated('ending', program.id, 'its program outlives it', now());
    oracle.forget(program.id);
  }

  let mayWrite = true;
  let writing: Promise<void> = Promise.resolve();
  async function write(): Promise<void> {
    const chance = chanceOf(seed + 4);
    let isThere = false;
    let seldomAt = now();
    while (!isOver()) {
      if (!mayWrite) {
        await pause(50);
        continue;
      }
      const isSeldom = now() - seldomAt > 40_000 && now() < end - quietEnd;
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
      await pause(chance.between(50, 350));
    }
  }

  async function catchUp(): Promise<void> {
    mayWrite = false;
    await writing;
    const since = now();
    const late = () => oracle.behind(['get', 'view', 'watch'], since);
    if (!(await until(() => failed.signal.aborted || late().length === 0, catchingUpTime))) {
      const detail = `not caught up after ${catchingUpTime / 1_000} s: ${late().join(', ')}`;
      oracle.violated('missed-rotation', 'all', detail, now());
    }
    mayWrite = true;
  }

  async function apply(fault: Fault, readers: readonly Program[]): Promise<void> {
    log(`fault ${JSON.stringify(fault)}`);
    faults[fault.kind] = (faults[fault.kind] ?? 0) + 1;
    const mend = await stage.begin(fault);
    const paused = fault.kind === 'pause-reader' ? readers[fault.reader]?.child : undefined;
    paused?.kill('SIGSTOP');
    if (fault.kind === 'clock')
      for (const { child } of readers) child.send({ kind: 'clock', by: fault.by });
    await pause(fault.lasts);
    paused?.kill('SIGCONT');
    await mend();
    programs.searchArguments();
    log('mended');
  }

  let finishing = false;
  let readers: readonly Program[] = [];
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => {
      interrupted.abort();
      failed.abort();
    });
  try {
    readers = await Promise.all(readerKinds.map((_, number) => startReader(number)));
    const loads = Promise.all([write(), runOnce(), keepRunning()]);
    await pause(plant ? 3_000 : 5_000);
    if (plant !== undefined) {
      mayWrite = false;
      await writing;
      await plantFault(plant, stage, oracle);
      mayWrite = true;
    }
    for (const { faults: broken } of roundsOf(seed, readers.length, kinds)) {
      if (isOver()) break;
      if (plant === undefined || !behindTheBack.has(plant))
        for (const fault of broken) if (!isOver()) await apply(fault, readers);
      await catchUp();
      await pause(1_000);
    }
    await loads;
    if (last !== undefined && !failed.signal.aborted) {
      await until(() => oracle.behind(['process'], 0).length === 0, restartTime);
      for (const behind of oracle.behind(['process'], 0))
        oracle.violated('missed-rotation', last.id, `not restarted for it: ${behind}`, now());
      await stopCommand(last, 'SIGTERM');
    }
    finishing = true;
    await Promise.all(
      readers.map(async (program, number) => {
        if (program.child.connected) program.child.send({ kind: 'finish', close: number === 0 });
        await programs.ending(program, [0]);
        if (program.hasComplained())
          oracle.violated('wrong-error', program.id, `printed: ${program.complaints()}`, now());
      }),
    );
    await searchFiles(folder, [connection.dotenvFile]);
  } finally {
    finishing = true;
    programs.killAll();
    await stage.close();
  }

  /** A value may be in the `.env` alone, and a credential in no file. */
  async function searchFiles(where: string, except: readonly string[]): Promise<void> {
    for (const entry of await readdir(where, { recursive: true, withFileTypes: true })) {
      const file = join(entry.parentPath, entry.name);
      if (!entry.isFile() || except.includes(file)) continue;
      if (leaksOf(canaries, await readFile(file, 'latin1')).length > 0)
        oracle.violated('leak', 'files', `a value or a credential is in ${entry.name}`, now());
    }
  }

  const trends = Object.fromEntries(
    [...states].map(([id, samples]) => [
      id,
      {
        ...judgeStates(oracle, id, samples, minutes),
        heaps: thinned(samples.map(({ heap }) => Math.round(heap / 1_000))),
        handlesAtFirst: samples[0]?.handles,
        handlesAtLast: samples.at(-1)?.handles,
      },
    ]),
  );
  const total = [...gets.values()].reduce((sum, count) => sum + count, 0);
  const count = Object.values(faults).reduce((sum, times) => sum + times, 0);
  // a run that has failed was cut short
  if (!failed.signal.aborted) judgeExtent(oracle, { answers: total, faults: count }, minutes);
  const share = cpuShare(now() - began);
  const verdict = verdictOf(oracle, {
    seed,
    minutes: Number(((now() - began) / 60_000).toFixed(2)),
    node: process.version,
    answers: total,
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
      console.log(
        `${((time - began) / 1_000).toFixed(1)} s, ${rule} (${rules[rule]}): ${reader}: ${detail}`,
      );
  } else if (json === undefined) console.log(JSON.stringify(verdict, undefined, 2));
  console.log(
    `soak: ${broken > 0 ? `${broken} VIOLATIONS` : interrupted.signal.aborted ? 'interrupted' : 'ok'}, seed ${seed}: ${total} answers, ${oracle.rotations} rotations, ${count} faults, ${oracle.fallbacks} fallbacks announced, ${programs.started} processes${share === undefined ? '' : `, ${Math.round(share * 100)} % of a core`}`,
  );
  process.exitCode = broken === 0 && !interrupted.signal.aborted ? 0 : 1;
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

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
