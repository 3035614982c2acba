/**
 * A fleet on virtual time: as many chains as there are processes, each the real `createSecrets` of core with its cache,
 * its circuit breaker and its jitter, before a stand-in for the store.
 */
import { providerStandIn, storeStandIn } from './store.mjs';
import { seeded, virtualClock } from './virtual-clock.mjs';

/**
 * The moments of a fleet's life. Lengths in milliseconds; `change` is done at the start of one. Tokens are renewed after
 * most of their life, so a fleet that has them is in its steady state when it has lived twice as long.
 */
export function lifeOf({ ttl, outage, tokenLife = 0 }) {
  return [
    { name: 'start', length: 30_000 },
    { name: 'first', length: 2 * ttl - 30_000 },
    ...(tokenLife > 0 ? [{ name: 'tokens', length: 2 * tokenLife }] : []),
    { name: 'steady', length: 2 * ttl },
    { name: 'rotation', length: 1.5 * ttl, change: ({ store }) => store.rotate() },
    { name: 'outage', length: outage, change: ({ store }) => store.become('down') },
    { name: 'recovery', length: 2 * ttl, change: ({ store }) => store.become('up') },
    { name: 'after', length: ttl },
  ];
}

/**
 * Runs a fleet through its `phases` (`lifeOf`).
 *
 * @param core - `createSecrets`, `SecretError` and `memoryProvider` of @keyfall/core
 * @param every - milliseconds between two calls of `get` in each process, half more or less
 * @param startWithin - milliseconds within which all processes begin
 * @param server - throughput, latency and queue of the stand-in
 * @param kind - `document`: every name in one; `names`: a request a name; `elsewhere`: the names are in the next provider;
 *   `lacking`: as `document`, and each call asks for a name as well that no provider holds
 * @returns for each phase the requests of each second by their kind, and what the processes got
 */
export async function simulate({
  core,
  instances,
  phases,
  seed = 1,
  ttl = 300_000,
  every = 10_000,
  names = 10,
  startWithin = 1_000,
  tokenLife,
  kind = 'document',
  server,
}) {
  const clock = virtualClock();
  const random = seeded(seed);
  const { random: before } = Math;
  Math.random = random;
  const end = phases.reduce((sum, { length }) => sum + length, 0);
  const store = storeStandIn({ ...server, clock, seconds: Math.ceil(end / 1_000) + 1 });
  const unavailable = () => new core.SecretError('ERR_SECRET_UNAVAILABLE', 'does not answer');
  const held = Array.from({ length: names }, (_, index) => `NAME_${index}`);
  const tally = { gets: 0, failed: 0, versions: {} };

  const asked = kind === 'names' ? held : ['NAME_0'];

  function startProcess() {
    const provider = providerStandIn({
      clock,
      store,
      names: kind === 'elsewhere' ? [] : held,
      isNamed: kind === 'names',
      unavailable,
      random,
      tokenLife,
    });
    const fallback = kind === 'elsewhere' ? [core.memoryProvider({ NAME_0: 'value 0' })] : [];
    const secrets = core.createSecrets({ providers: [provider, ...fallback], ttl, clock });
    // an event that has a listener is no warning on the console
    secrets.on('fallback', () => {});
    secrets.on('recovered', () => {});
    const seen = new Map();
    const take = (name, text) => {
      const version = Number(text.slice('value '.length));
      const before = seen.get(name) ?? 0;
      if (version < before) throw new Error('a process went back to an older value');
      if (version > before && name === asked.at(-1)) noteVersion(version);
      seen.set(name, version);
    };
    const count = (answer, taken) => {
      tally.gets += 1;
      answer.then(taken, (error) => {
        if (!core.isSecretError(error, 'ERR_SECRET_UNAVAILABLE')) throw error;
        tally.failed += 1;
      });
    };
    const call = () => {
      for (const name of asked) count(secrets.get(name), (text) => take(name, text));
      if (kind === 'lacking') count(secrets.find('LACKING'), () => {});
      clock.schedule(call, every * (0.5 + random()));
    };
    clock.schedule(call, random() * startWithin);
  }

  /** Notes when the first and the last process have got a version. */
  function noteVersion(version) {
    const now = clock.monotonic();
    const { first = now, processes = 0 } = tally.versions[version] ?? {};
    tally.versions[version] = { first, last: now, processes: processes + 1 };
  }

  try {
    for (let started = 0; started < instances; started += 1) startProcess();
    const results = [];
    let from = 0;
    for (const { name, length, change } of phases) {
      const { gets, failed } = tally;
      change?.({ store });
      await clock.runUntil(from + length);
      const [first, last] = [Math.round(from / 1_000), Math.round((from + length) / 1_000)];
      const counts = Object.fromEntries(
        Object.entries(store.counts).map(([kind, all]) => [kind, all.slice(first, last)]),
      );
      results.push({
        name,
        from: first,
        counts,
        gets: tally.gets - gets,
        failed: tally.failed - failed,
      });
      from += length;
    }
    return { phases: results, versions: tally.versions, turnedAway: store.turnedAway };
  } finally {
    Math.random = before;
  }
}

/** Requests of each second that the store has answered, of every kind or of `kinds`. */
export function requestsOf({ counts }, kinds = ['login', 'mount', 'read', 'renewal']) {
  const length = Math.max(0, ...Object.values(counts).map((all) => all.length));
  const sums = new Array(length).fill(0);
  for (const kind of kinds)
    for (const [second, count] of (counts[kind] ?? []).entries()) sums[second] += count;
  return sums;
}

const sumOf = (counts) => counts.reduce((sum, count) => sum + count, 0);

/** Requests per second, on average. */
export const rateOf = (seconds) => (seconds.length === 0 ? 0 : sumOf(seconds) / seconds.length);

/** Requests per second in the busiest `width` seconds that follow one another. */
export function peakOf(seconds, width = 1) {
  let sum = 0;
  let most = 0;
  for (const [second, count] of seconds.entries()) {
    sum += count - (seconds[second - width] ?? 0);
    most = Math.max(most, sum);
  }
  return most / width;
}

/**
 * What a life comes to, a line a phase. A peak is that of the busiest `width` seconds, of which the steady state has 35
 * requests on average: in fewer, chance alone makes three times as many.
 */
export function summaryOf({ phases, versions, turnedAway }, instances) {
  const steady = rateOf(requestsOf(phases.find(({ name }) => name === 'steady')));
  const width = Math.max(1, Math.ceil(35 / steady));
  const lines = phases.map((phase) => {
    const seconds = requestsOf(phase);
    return {
      name: phase.name,
      seconds: seconds.length,
      requests: sumOf(seconds),
      rate: round(rateOf(seconds)),
      busiestSecond: peakOf(seconds),
      peak: round(peakOf(seconds, width)),
      ratio: round(peakOf(seconds, width) / steady),
      attempts: sumOf(requestsOf(phase, ['refused'])),
      failed: phase.failed,
    };
  });
  const rotated = versions[2];
  const rotation = phases.find(({ name }) => name === 'rotation');
  return {
    instances,
    steady: round(steady),
    width,
    turnedAway,
    // seconds until the last process has the new value
    ...(rotated && rotation && { rotatedAfter: round(rotated.last / 1_000 - rotation.from) }),
    ...(rotated && { rotatedProcesses: rotated.processes }),
    phases: lines,
  };
}

export const round = (number) => Number(number.toPrecision(4));
