/**
 * What is simulated for the page, and how. Each is a run of its own, with its own seed; the same JSON comes of it on every
 * machine.
 */
import * as core from '@keyfall/core';
import { lifeOf, peakOf, rateOf, requestsOf, round, simulate, summaryOf } from './simulate.mjs';

const minute = 60_000;
const ttl = 5 * minute;

/** How many requests each 10 seconds of a life have, for a curve. */
function curveOf({ phases }) {
  const points = [];
  for (const phase of phases) {
    const seconds = requestsOf(phase);
    for (let at = 0; at < seconds.length; at += 10) {
      const part = seconds.slice(at, at + 10);
      points.push([phase.from + at, round(rateOf(part))]);
    }
  }
  return points;
}

/** A fleet of more than this many is simulated in parts: nothing in a process depends on how many others there are. */
const largestPart = 10_000;

/** The requests of several fleets together, second by second. */
function together(runs) {
  const [first, ...others] = runs;
  for (const { phases, versions, turnedAway } of others) {
    first.turnedAway += turnedAway;
    for (const [index, { counts, failed, gets }] of phases.entries()) {
      const phase = first.phases[index];
      phase.failed += failed;
      phase.gets += gets;
      for (const [kind, all] of Object.entries(counts))
        phase.counts[kind] = all.map(
          (count, second) => count + (phase.counts[kind]?.[second] ?? 0),
        );
    }
    for (const [version, { last, processes }] of Object.entries(versions)) {
      const seen = first.versions[version];
      seen.last = Math.max(seen.last, last);
      seen.processes += processes;
    }
  }
  return first;
}

async function lifeWith(instances, { outage = ttl, curve = false, settings = {}, server }) {
  const life = lifeOf({ ttl: settings.ttl ?? ttl, outage, tokenLife: settings.tokenLife });
  const all = { core, ttl, every: 30_000, server, phases: life, ...settings };
  const runs = [];
  for (let rest = instances, seed = 1; rest > 0; rest -= largestPart, seed += 1)
    runs.push(await simulate({ ...all, seed, instances: Math.min(rest, largestPart) }));
  const run = together(runs);
  return { ...summaryOf(run, instances), ...(curve && { curve: curveOf(run) }) };
}

/** A fleet that starts at once: how long until every process has its values. */
async function startOf(instances, startWithin, server) {
  const length = startWithin + 2 * minute;
  const phases = [{ name: 'start', length }];
  const run = await simulate({ core, instances, ttl, every: 2_000, startWithin, server, phases });
  const seconds = requestsOf(run.phases[0]);
  const { last, processes } = run.versions[1] ?? { last: Number.NaN, processes: 0 };
  return {
    instances,
    startWithin,
    length,
    busiestSecond: peakOf(seconds),
    served: processes,
    servedAfter: round(last / 1_000),
    failed: run.phases[0].failed,
    turnedAway: run.turnedAway,
  };
}

// what most counts are about is the client: its store is as fast as need be
const unbounded = { throughput: 1_000_000, latency: 2, longestQueue: Number.POSITIVE_INFINITY };

/** Fleets of every size, through a whole life. */
async function sizes(_server, say) {
  const all = [];
  for (const instances of [10, 100, 1_000, 10_000, 100_000]) {
    say(`${instances} instances`);
    all.push(await lifeWith(instances, { curve: instances === 10_000, server: unbounded }));
  }
  return all;
}

/** Outages of every length: below `ttl`, above it, and longer than last good values are served. */
async function outages(_server, say) {
  const all = [];
  for (const outage of [5_000, 30_000, 2 * minute, 5 * minute, 30 * minute, 90 * minute]) {
    say(`an outage of ${outage / 1_000} s`);
    all.push({ outage, ...(await lifeWith(1_000, { outage, server: unbounded })) });
  }
  return all;
}

/** What the requests depend on. */
async function costs(_server, say) {
  const all = [];
  for (const [what, settings] of [
    ['one document of 1 name', { names: 1 }],
    ['one document of 40 names', { names: 40 }],
    ['10 names in a store with a request for each', { kind: 'names', names: 10 }],
    ['a name that only the next provider holds', { kind: 'elsewhere' }],
    ['`ttl` of 1 min', { ttl: minute, every: 6_000 }],
    ['`ttl` of 15 min', { ttl: 15 * minute, every: 90_000 }],
    ['a login whose token lives for 1 h', { tokenLife: 60 * minute }],
  ]) {
    say(what);
    all.push({ what, ...(await lifeWith(1_000, { settings, server: unbounded })) });
  }
  return all;
}

/** Outages for processes of which each goes without an answer, so that it asks soon again. */
async function needed(_server, say) {
  const all = [];
  for (const outage of [30_000, 5 * minute]) {
    say(`an outage of ${outage / 1_000} s in which every process needs an answer`);
    const settings = { kind: 'lacking' };
    all.push({ outage, ...(await lifeWith(1_000, { outage, settings, server: unbounded })) });
  }
  return all;
}

/** Fleets that start before a server of the measured throughput. */
async function starts(server, say) {
  const all = [];
  for (const [instances, startWithin] of [
    [100, 1_000],
    [1_000, 1_000],
    [10_000, 1_000],
    [10_000, 60_000],
  ]) {
    say(`${instances} instances that start within ${startWithin / 1_000} s`);
    all.push(await startOf(instances, startWithin, server));
  }
  return all;
}

const scenarios = { sizes, outages, costs, needed, starts };

/**
 * All of the page's simulations.
 *
 * @param server - what `measure-server.mjs` found: `{ throughput, latency }`
 */
export async function simulateAll(server, say) {
  const { throughput, latency } = server;
  const modelled = { throughput, latency, longestQueue: 10 * throughput };
  const results = { seed: 1, ttl, every: 30_000, server: modelled };
  for (const [name, run] of Object.entries(scenarios)) results[name] = await run(modelled, say);
  return results;
}
