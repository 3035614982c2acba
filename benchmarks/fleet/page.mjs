/**
 * `docs/scaling.md` and its curves, of the results beside this file. The same results give the same bytes.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { lines, picture, writePlot } from '../plots/plots.mjs';

const docs = new URL('../../docs/', import.meta.url);

/** The results that are committed. */
export function readResults() {
  const read = (name) =>
    JSON.parse(readFileSync(new URL(`results/${name}.json`, import.meta.url), 'utf8'));
  return { server: read('server'), simulation: read('simulation'), processes: read('processes') };
}

const number = (value, digits = 3) =>
  value.toLocaleString('en', { maximumSignificantDigits: digits });
const whole = (value) => Math.round(value).toLocaleString('en');
const times = (ratio) => `${ratio.toFixed(1)}x`;
const phaseOf = ({ phases }, name) => phases.find((phase) => phase.name === name);

/** A length of time in words. */
function span(milliseconds) {
  const seconds = milliseconds / 1_000;
  return seconds < 120 ? `${number(seconds)} s` : `${number(seconds / 60)} min`;
}

/** A table of Markdown. */
function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** The curves, by the names of their files. */
export async function plotsOf({ simulation }) {
  const middle = simulation.sizes.find(({ curve }) => curve);
  const overSizes = (name, value) => ({
    name,
    points: simulation.sizes.map((life) => [life.instances, value(life)]),
  });
  const { ttl } = simulation;
  return {
    'fleet-life': await lines({
      title: `A fleet of ${whole(middle.instances)} processes, requests per second`,
      subtitle: `on average over 10 s; all start at once; the store is down for ${span(ttl)}`,
      x: { title: 'minutes since the start' },
      y: { title: 'requests per second', scale: 'log' },
      series: [
        {
          name: 'requests that the store answers',
          points: middle.curve
            .filter(([, rate]) => rate > 0)
            .map(([second, rate]) => [second / 60, rate]),
        },
      ],
      dots: false,
    }),
    'fleet-sizes': await lines({
      title: 'Requests per second by the size of a fleet',
      subtitle: `\`ttl\` ${span(ttl)}, an outage of ${span(ttl)}`,
      x: { title: 'processes', scale: 'log' },
      y: { title: 'requests per second', scale: 'log' },
      series: [
        overSizes('start at once, busiest second', (life) => phaseOf(life, 'start').busiestSecond),
        overSizes('recovery, peak', (life) => phaseOf(life, 'recovery').peak),
        overSizes('day in, day out', ({ steady }) => steady),
      ],
    }),
  };
}

function sizesTable({ sizes }) {
  return table(
    [
      'processes',
      'steady, requests/s',
      'start at once, busiest second',
      'first refreshes, peak',
      'rotation, peak',
      'recovery, peak',
      'after it, peak',
      'a peak is over',
    ],
    sizes.map((life) => [
      whole(life.instances),
      number(life.steady),
      whole(phaseOf(life, 'start').busiestSecond),
      ...['first', 'rotation', 'recovery', 'after'].map((name) => times(phaseOf(life, name).ratio)),
      `${whole(life.width)} s`,
    ]),
  );
}

function outagesTable({ outages }) {
  return table(
    [
      'the store is down for',
      'attempts in it, per process',
      'calls that failed',
      'recovery, peak',
      'after it, peak',
    ],
    outages.map((life) => [
      span(life.outage),
      number(phaseOf(life, 'outage').attempts / life.instances),
      whole(life.phases.reduce((sum, { failed }) => sum + failed, 0)),
      times(phaseOf(life, 'recovery').ratio),
      times(phaseOf(life, 'after').ratio),
    ]),
  );
}

function costsTable({ costs, sizes }) {
  const usual = sizes.find(({ instances }) => instances === 1_000);
  const row = (what, life) => [
    what,
    number(phaseOf(life, 'start').requests / life.instances),
    number((life.steady / life.instances) * 300),
    times(phaseOf(life, 'recovery').ratio),
  ];
  return table(
    ['per process', 'requests in the first 30 s', 'requests in 5 min', 'recovery, peak'],
    [row('the usual: a document of 10 names', usual), ...costs.map((life) => row(life.what, life))],
  );
}

function startsTable({ starts }) {
  return table(
    [
      'processes',
      'started within',
      'all have their values after',
      'calls that failed meanwhile',
      'turned away by the server',
    ],
    starts.map((start) => [
      whole(start.instances),
      span(start.startWithin),
      start.served === start.instances
        ? `${number(start.servedAfter)} s`
        : `not within ${span(start.length)}: ${whole(start.served)} have`,
      whole(start.failed),
      whole(start.turnedAway),
    ]),
  );
}

const named = {
  start: 'start',
  first: 'first refreshes',
  steady: 'steady',
  rotation: 'a rotation',
  leader: 'the leader is killed',
  rejoined: 'it is started again',
  outage: 'all three nodes are down',
  recovery: 'recovery',
  after: 'after it',
};

function processesTable({ real, simulated }) {
  const cells = (life, name) => {
    const phase = phaseOf(life, name);
    return phase ? [number(phase.rate), number(phase.peak)] : ['', ''];
  };
  return table(
    ['', 'real, requests/s', 'simulated', 'real, peak', 'simulated', 'calls that failed, real'],
    real.phases.map(({ name }) => {
      const [rate, peak] = cells(real, name);
      const [simulatedRate, simulatedPeak] = cells(simulated, name);
      const { failed } = phaseOf(real, name);
      return [named[name], rate, simulatedRate, peak, simulatedPeak, whole(failed)];
    }),
  );
}

/** How well the simulation foretold the real processes, and what calls failed. */
function comparison({ real, simulated, processes }) {
  const names = real.phases.map(({ name }) => name);
  const from = (name) => names.slice(names.indexOf(name));
  const off = from('steady')
    .filter((name) => name !== 'outage')
    .map((name) => Math.abs(phaseOf(real, name).rate / phaseOf(simulated, name).rate - 1));
  const failed = (all) => all.reduce((sum, name) => sum + phaseOf(real, name).failed, 0);
  const later = failed(from('rotation'));
  const earlier = failed(names) - later;
  const none = (count) => (count === 0 ? 'no call' : `${whole(count)} calls`);
  const atFirst =
    earlier === 0
      ? ''
      : ` Before that ${none(earlier)} failed: ${whole(processes)} processes that load their code on one machine at once get no
answer within the 4 s of a call, give it up, and begin it again.`;
  return `From the steady state on, the rates agree to ${Math.ceil(Math.max(...off) * 100)} % but in the outage, where what was answered came before the last node was
dead, and after the first one was unsealed. ${earlier === 0 ? 'From the start on' : 'From the rotation on'} ${none(later)} failed, when the leader was killed and while all
nodes were down included.${atFirst}`;
}

/** The page. */
export function pageOf({ server, simulation, processes }) {
  const { ttl } = simulation;
  const seconds = ttl / 1_000;
  const largest = simulation.sizes.at(-1);
  const perCore = 1_000 / server.reads.cpu;
  const million = 1_000_000 / (0.9 * seconds);
  const cores = (rate, cpu) => whole(Math.ceil((rate * cpu) / 1_000));
  const lives = [...simulation.sizes, ...simulation.outages, ...simulation.costs];
  const worst = Math.max(...lives.map((life) => phaseOf(life, 'recovery').ratio));
  const realRecovery = phaseOf(processes.real, 'recovery').ratio;
  const logins = (within) => 1_000_000 / within;
  const atOnce = (instances) =>
    simulation.starts.find((start) => start.instances === instances && start.startWithin <= 1_000);
  return `# At scale

<!-- Written by \`npm run fleet\` of benchmarks/fleet/results: change benchmarks/fleet/page.mjs, and not this page. -->

What a store is asked by many processes at once, and what a large fleet needs of Vault or OpenBao.

- A process reads a document once in nine tenths of \`ttl\`, however many names it has and however often it is asked for them. With the
  default of ${span(ttl)} a thousand processes ask ${number(1_000 / (0.9 * seconds))} times a second at the most.
- The requests of a fleet are spread over the whole \`ttl\`, also if all of it starts at once: each process refreshes at moments
  of its own.
- When a store answers again, processes that have their values ask it at most ${times(worst)} as often as every day, in every simulation below.
- A rotation costs no request: each process has the new value after \`ttl\` and two calls of \`get\`.
- An outage that is shorter than \`staleIfError\` (1 h) fails no call of a process that runs.
- A server feels a start most: with one core it takes ${number(atOnce(1_000).servedAfter)} s until 1,000 processes that start at once have their values, and
  ${number(atOnce(10_000).servedAfter)} s for 10,000. [Start in waves](#a-start).
- [An agent or a proxy in between](#when-to-put-an-engine-between) helps where many short processes log in, or where programs must not hold
  credentials. It does not help, with OpenBao, the reads of processes that run for long.

## What was simulated

The chains are real: as many \`createSecrets\` as there are processes, with their caches, circuit breakers and pauses, on
virtual time. The store is a stand-in: it counts requests, and answers each after 2 ms. It asks what \`vaultProvider\` asks: the mount once, then the
document, and three attempts when it is down. Every process starts within the same second, and calls \`get\` every ${span(simulation.every)}, half
more or less at random. The counts come of a seed, and are the same on every machine. The fleet of 1,000
is a test in \`npm test\`; that of 100,000 is ten fleets of 10,000, each with a seed of its own.

A peak is that of the busiest seconds, by the steady rate. It is taken over as many seconds as have 35 requests on average: of few requests, chance
alone brings three times as many into one second.

${picture('plots/fleet-sizes', 'Requests per second at a start, at recovery and on average, by the number of processes')}

${sizesTable(simulation)}

${picture('plots/fleet-life', 'Requests per second in the life of a fleet: start, steady state, outage, recovery')}

### An outage

With 1,000 processes. Calls fail when the last good values are older than \`staleIfError\` (1 h). An attempt is a
connection that is refused at once, of which a read makes three.

${outagesTable(simulation)}

What keeps the peak low is how rarely a process asks while its last good values are served: after a third to two thirds of \`ttl\`. So it also takes that long
at the most until a process notices that the store is back. Once a call goes without an answer, its process asks sooner, as
[the chain](chain.md#a-store-that-fails) says: after a second, and then ever later, up to 30 s. If each of 1,000 processes does, because it asks for a
name that no store has shown it, the peak lasts for some seconds: ${simulation.needed
    .map(
      (life) => `${times(phaseOf(life, 'recovery').ratio)} after an outage of ${span(life.outage)}`,
    )
    .join(', ')}.

### What the requests depend on

With 1,000 processes, an outage of ${span(ttl)} in each row:

${costsTable(simulation)}

- **Names**: none in a document. A store with a request for each name (AWS Parameter Store without a path, a cloud's secret manager) is
  asked for each.
- **Providers**: one that comes before the one that holds a name is asked for it every 30 s, since "not here" is not kept for longer. Put names
  where they are asked for first, or bind them with \`only\`.
- **Sizes**: the whole document is sent each time. ${number(million, 2)} requests a second for a document of 10 kB are ${number((million * 10_240) / 1e6, 2)} MB/s.
- **\`ttl\`**: twice as long, half as many requests.
- **Logins**: tokens of logins that were made at once are renewed at different moments, the first time after a third to seven tenths of their life. A renewal
  that fails is tried again after 10 s, and ever later.
- **Instances**: in proportion. Nothing in a process depends on how many others there are.

## A start

A start cannot be spread by us: a program that starts wants its values. A login, the mount and the document are three requests, of which the login is
a write that only the leader can do. On one core of the machine below a server answers some ${whole(perCore)} reads a second (${number(server.reads.cpu, 2)} ms of
CPU time each), ${whole(1_000 / server.logins.cpu)} logins by AppRole (${number(server.logins.cpu, 2)} ms for all three nodes) or ${whole(1_000 / server.renewals.cpu)} renewals
(${number(server.renewals.cpu, 2)} ms). Before a server of so many reads a second, without logins:

${startsTable(simulation)}

Start in waves, therefore: a rolling deploy of 10,000 processes within a minute needs ${whole(10_000 / 60)} starts a second. \`kvVersion\` saves the request for the
mount. If a call fails because the server is late, the next one begins where the chain stands: what arrives in the meantime is kept.

Measured with OpenBao on ${server.machine}, Node ${server.node.slice(1)}, by the CPU time of the servers' processes.

## Real processes

${whole(processes.processes)} Node processes with \`vaultProvider\` and a login each, before three raft nodes of a real OpenBao on the same machine, \`ttl\` ${span(processes.ttl)}, a
\`get\` every ${span(processes.ttl / 20)}. They are started ten at a time and begin within ${span(processes.startWithin)}, since the machine has two cores. A proxy before each node
counts what it answers. Beside it, the simulation with the same settings, and with the outage as long as it was (${span(processes.outage)}):

${processesTable(processes)}

The peaks are over ${whole(processes.real.width)} s. None of ${whole(processes.gets)} calls got an older value than the one before${
    processes.wentBack === 0 ? '' : `, but ${whole(processes.wentBack)}`
  }. The last process had the new value ${number(processes.real.rotatedAfter)} s after the rotation;
in the simulation ${number(processes.simulated.rotatedAfter)} s. At recovery the real peak was ${times(realRecovery)} the steady rate, the simulated one ${times(
    phaseOf(processes.simulated, 'recovery').ratio,
  )}.
${comparison(processes)}

## When to put an engine between

An agent or proxy on each node of a cluster of machines, shared by the processes there:

| | without | Vault Agent, Vault Proxy, OpenBao Agent, OpenBao Proxy |
| --- | --- | --- |
| logins | one for each process | one for each machine (\`auto_auth\`), and no credentials in the processes: \`token: { agent: true }\` |
| documents (KV) | one read for each process and \`ttl\` | the same with OpenBao, which [keeps tokens and leases only](https://openbao.org/docs/agent-and-proxy/proxy/caching). Vault Proxy [keeps KV too](https://developer.hashicorp.com/vault/docs/agent-and-proxy/proxy/caching/static-secret-caching), with Vault Enterprise |
| dynamic credentials | one lease for each process | the same: see below |
| when it fails | the last good values | the last good values; it is one more program that can fail |

So it is worth it where logins are the burden (many short processes on one machine), where programs must not hold credentials, and with
Vault Enterprise where the reads are. It is not, with OpenBao, for the reads of long-lived processes: \`ttl\` does more.

Keyfall is tested through a real \`bao proxy\` with a cache and its own login
(\`packages/provider-vault/test/drills/proxy-cache.drill.test.ts\`), and through \`bao agent\` on a socket:

- Its cache answers two equal logins with one token, and two equal requests for credentials with one lease. A process that gives back what it
  got would take it from the others. So Keyfall makes each request that creates something unlike any other (\`X-Request-Id\`): every process has a token and credentials of
  its own, and revokes only these.
- Leases are renewed and revoked through the proxy, and also through a proxy that was started again. They end with the token by which they were
  made, which is the proxy's: after a restart nothing renews the old one, so give its role a \`token_ttl\` that is longer than the leases.
- While no proxy runs, last good values are served.

## A million processes

On paper, with \`ttl\` ${span(ttl)} and the figures above:

- **Reads**: 1,000,000 / (0.9 × ${whole(seconds)} s) = ${whole(million)} a second, ${cores(million, server.reads.cpu)} cores like this one. Up to three times as many at recovery: ${cores(3 * million, server.reads.cpu)} cores
  to be safe. With \`ttl\` 30 min a sixth of that: ${whole(million / 6)} a second. (The largest fleet that was simulated, ${whole(largest.instances)} processes, asks ${number(largest.steady)} times a second.)
- **More nodes for reads**: OpenBao 2.7 answers reads on every standby; name them all in \`nodes\`, or put a balancer before them. An open source Vault
  passes every request on to the leader; Vault Enterprise has [performance standbys](https://developer.hashicorp.com/vault/docs/enterprise/performance-standby).
- **Logins and renewals are writes**, and only the leader does them. If a million processes log in within an hour, that is ${whole(logins(3_600))} logins a second, ${cores(logins(3_600), server.logins.cpu)} core
  for the three nodes and the disk of each. A token of an hour is renewed every 43 min: ${whole(1_000_000 / (0.72 * 3_600))} a second, ${cores(1_000_000 / (0.72 * 3_600), server.renewals.cpu)} cores; one of a day 24 times more rarely. So: \`token_ttl\` of a day, or an
  agent on each machine. With 50 processes on a machine that is 20,000 logins instead of a million.
- **A start** of everything within ten minutes: 1,667 logins a second, ${cores(1_667, server.logins.cpu)} cores of the leader alone. Start in waves of an hour, or by agents, which
  leaves ${number(20_000 / 600)} a second.
- **Quotas**: a [rate-limit quota](https://developer.hashicorp.com/vault/docs/concepts/resource-quotas) for the mount keeps one fleet from taking the server from the others. It counts for each node and client
  address. Keyfall waits for \`Retry-After\` where the time allows, and serves last good values otherwise, so a quota of three times the steady rate is met by a start alone.
- **Several clusters**: from some point on the leader's writes are the limit, and not the reads. Then divide by application or region; a
  second cluster is a second chain, and not a provider behind the first one.
`;
}

/** Writes the page and its curves. */
export async function writePage() {
  const results = readResults();
  writeFileSync(new URL('scaling.md', docs), pageOf(results));
  for (const [name, plot] of Object.entries(await plotsOf(results)))
    writePlot(fileURLToPath(new URL(`plots/${name}`, docs)), plot);
}
