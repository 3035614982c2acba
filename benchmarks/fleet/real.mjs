/**
 * Real processes before a real cluster of three raft nodes, through the life that the simulation has, and what the
 * simulation says of as many.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import * as core from '@keyfall/core';
import { startVaultCluster } from '@keyfall/testkit';
import { countingProxy, prepareStore, rotate } from './cluster.mjs';
import { simulate, summaryOf } from './simulate.mjs';

/** Processes that are started at a time: each costs the better part of a second of a core. */
const wave = 10;

/**
 * The life of the processes. They begin one after another within the first phase: the machine could not do the work of their
 * first calls at once, and what was counted would be its own limit.
 */
const startWithin = 45_000;
const lifeWith = (ttl, outage) => [
  { name: 'start', length: 60_000 },
  { name: 'first', length: 2 * ttl },
  { name: 'steady', length: 2 * ttl },
  { name: 'rotation', length: 1.5 * ttl },
  { name: 'leader', length: ttl },
  { name: 'rejoined', length: ttl },
  { name: 'outage', length: outage },
  { name: 'recovery', length: 2 * ttl },
  { name: 'after', length: ttl },
];

/**
 * @param processes - how many
 * @param ttl - milliseconds; every process calls `get` once in a twentieth of it
 */
async function runProcesses({ processes, ttl, outage, say = () => {} }) {
  const every = ttl / 20;
  const cluster = await startVaultCluster();
  const { roleId, secretId } = await prepareStore(cluster);
  const counts = {};
  let startedAt = Number.POSITIVE_INFINITY;
  const now = () => performance.now() - startedAt;
  const count = (kind) => {
    counts[kind] ??= [];
    const second = Math.floor(now() / 1_000);
    if (second >= 0) counts[kind][second] = (counts[kind][second] ?? 0) + 1;
  };
  const proxies = await Promise.all(
    cluster.addresses.map((address) => countingProxy(address, count)),
  );
  const addresses = proxies.map(({ address }) => address);
  const versions = {};
  const fleet = [];
  try {
    while (fleet.length < processes) {
      const many = Math.min(wave, processes - fleet.length);
      await Promise.all(
        Array.from({ length: many }, async (_, index) => {
          // each begins with another node, as behind a name with three addresses
          const turn = (fleet.length + index) % addresses.length;
          const own = [...addresses.slice(turn), ...addresses.slice(0, turn)];
          const settings = { addresses: own, roleId, secretId, ttl, every };
          const env = { ...process.env, FLEET_MEMBER: JSON.stringify(settings) };
          const child = fork(new URL('member.mjs', import.meta.url), { env });
          await once(child, 'message');
          child.on('message', ({ version, failed }) => {
            if (failed) current.failed += 1;
            if (version === undefined) return;
            const { processes: before = 0 } = versions[version] ?? {};
            versions[version] = { last: now(), processes: before + 1 };
          });
          fleet.push(child);
        }),
      );
      say(`${fleet.length} processes are up`);
    }
    const phases = [];
    let current;
    /** Lets time pass; `until`: in milliseconds since the start, so that what a change takes does not add up. */
    const phase = async (name, length, change) => {
      const from = Math.round(now() / 1_000);
      say(`${from} s: ${name}`);
      current = { name, from, to: from, failed: 0 };
      phases.push(current);
      await change?.();
      const end = from * 1_000 + length;
      while (now() < end) await wait(Math.min(500, Math.max(1, end - now())));
      current.to = Math.round(now() / 1_000);
    };
    let killed;
    const changes = {
      rotation: () => rotate(cluster, 2),
      async leader() {
        killed = await cluster.active();
        await killed.kill();
      },
      rejoined: () => killed.start(),
      outage: () => Promise.all(cluster.nodes.map((node) => node.kill())),
    };
    startedAt = performance.now();
    for (const [index, child] of fleet.entries())
      setTimeout(() => child.send('begin'), (index / processes) * startWithin);
    for (const { name, length } of lifeWith(ttl, outage)) {
      if (name === 'recovery') {
        // electing a leader is still part of the outage
        await Promise.all(cluster.nodes.map((node) => node.start()));
        await cluster.active();
        phases.at(-1).to = Math.round(now() / 1_000);
      }
      await phase(name, length, changes[name]);
    }
    const tallies = await Promise.all(
      fleet.map(async (child) => {
        const answered = new Promise((resolve) => {
          child.on('message', ({ tally }) => tally && resolve(tally));
        });
        child.send('report');
        return answered;
      }),
    );
    return { phases: phases.map((each) => withCounts(each, counts)), versions, tallies };
  } finally {
    const ended = fleet.map((child) => once(child, 'exit'));
    for (const child of fleet) child.send('end');
    const late = wait(20_000, undefined, { ref: false });
    await Promise.race([Promise.all(ended), late]);
    for (const child of fleet) child.kill('SIGKILL');
    for (const proxy of proxies) proxy.close();
    await cluster.stop();
  }
}

/** The seconds of a phase, in the shape of the simulation's. */
function withCounts({ name, from, to, failed }, counts) {
  const part = (all) => Array.from({ length: to - from }, (_, second) => all[from + second] ?? 0);
  const own = Object.entries(counts).map(([kind, all]) => [kind, part(all)]);
  return { name, from, failed, counts: Object.fromEntries(own) };
}

const simulatedChanges = {
  rotation: ({ store }) => store.rotate(),
  outage: ({ store }) => store.become('down'),
  recovery: ({ store }) => store.become('up'),
};

/** The same life on both: what was counted, and what the simulation says. */
export async function compareProcesses({ processes, ttl, outage, say }) {
  const run = await runProcesses({ processes, ttl, outage, say });
  const sumOf = (member) => run.tallies.reduce((sum, tally) => sum + tally[member], 0);
  const real = summaryOf({ ...run, turnedAway: 0 }, processes);
  // as long as the real outage was, with its elections
  const between = (name) => run.phases.find((phase) => phase.name === name).from;
  const away = (between('recovery') - between('outage')) * 1_000;
  const simulated = await simulate({
    core,
    instances: processes,
    ttl,
    every: ttl / 20,
    // a token of an hour is not renewed within some minutes
    tokenLife: 60 * 60_000,
    server: { throughput: 1_000_000, latency: 2, longestQueue: Number.POSITIVE_INFINITY },
    startWithin,
    phases: lifeWith(ttl, away).map((phase) => ({
      ...phase,
      change: simulatedChanges[phase.name],
    })),
  });
  return {
    processes,
    ttl,
    outage: away,
    gets: sumOf('gets'),
    startWithin,
    wentBack: sumOf('wentBack'),
    real,
    simulated: summaryOf(simulated, processes),
  };
}
