/** Makes docs/performance.md and its pictures of the committed results: the same page for the same JSON. */
import { median } from '../harness/statistics.mjs';
import { bars, picture } from '../plots/plots.mjs';
import { digits, duration, ordered, reading, table, times } from './figures.mjs';
import { goalLines, majorOf, withFallback } from './goals.mjs';

/** Of the Node that the pictures show. */
const shown = 24;

/**
 * @param {Record<string, import('../harness/results.mjs').Results>} results - by case
 * @param {object} counts - what `counts.json` holds
 * @returns {Promise<{ markdown: string, plots: Record<string, { light: string, dark: string }> }>} plots by their names
 */
export async function performancePage(results, counts) {
  const plots = {};
  const plot = async (name, alternative, drawn) => {
    plots[`performance-${name}`] = await drawn;
    return picture(`plots/performance-${name}`, alternative);
  };
  const sections = [
    head(results),
    await start(results, plot),
    await request(results, plot),
    await outage(results.outage, plot),
    redaction(results.redaction),
    goals(results, counts),
    countsSection(counts),
    method(results),
  ];
  return { markdown: `${sections.join('\n\n')}\n`, plots };
}

/** What a reader comes for, before anything else; each with the section that has the rest. */
function head(results) {
  const { imports, run, cached, reads, outage } = results;
  const runs = reading(run.figures[`dotenv-${shown}`]);
  const took = (name) => duration(runs.time(name, 'wall'));
  const imported = reading(imports.figures[`node-${shown}`]).more('@keyfall/provider-vault', 'cpu');
  const get = reading(cached.figures.get).time('Keyfall, a cached get', 'p50') * 1e-6;
  const read = reading(reads.figures.one).time('Keyfall, the provider', 'p50') / 1_000;
  const first = (id) => duration(reading(outage.figures[id]).time(withFallback, 'first'));
  const later = duration(reading(outage.figures.silent).time(withFallback, 'later'));
  const loads = Object.values(results).map(({ machine }) => machine.load);
  const busy = Math.max(...loads) > 0.5;
  const warning = `\n\n**Other programs kept up to ${Math.max(...loads)} processors busy: the figures are no more than an example.**`;
  return `# Performance

<!-- \`npm run bench\` makes this page of benchmarks/results/*.json: change benchmarks/page/ instead -->

What Keyfall costs:

- **[A start](#what-a-start-costs)**: \`keyfall run\` starts a program with the values of a \`.env\` in ${took('keyfall run')}, a minimal script in
  ${took('a minimal script')}. The import of \`@keyfall/provider-vault\` takes ${digits(imported.value)} ms.
- **[A request](#what-a-request-costs)**: ${duration(get)} from the cache. A read of Vault takes ${duration(read)}, once in five minutes for all names.
- **[An outage](#what-an-outage-costs)**: with a \`.env\` beside a Vault whose port is closed the first \`get\` takes ${first('closed')}, beside one that is
  silent ${first('silent')}; later ones take ${later}. A running program keeps its last good values.
- **[Many processes](scaling.md)**: what they ask of a store, and when an agent in between helps.

Each is measured beside the least that does the same job and beside others, in turns in one run. A ratio is the
median of those of each round; behind it stands between what half of the rounds were. Times belong to
[the machine](#how-it-is-measured) that they were measured on, ratios say more.${busy ? warning : ''}`;
}

/** Bars of the ratios to the floor. */
function ratioBars(figure, what, { title, axis, goal, names = () => true }) {
  const read = reading(figure);
  const all = ordered(figure, what).filter(({ name, kind }) => kind !== 'again' && names(name));
  return bars({
    title,
    subtitle: 'medians, and between what half of the rounds were',
    axis,
    goal,
    bars: all.map(({ name, kind }) => ({ name, kind, ...read.ratio(name, what) })),
  });
}

/** A row for each subject: its time and its ratio to the floor, for each of what was measured. */
function ratioTable(figure, columns, toMilliseconds) {
  const read = reading(figure);
  const heads = columns.flatMap(([head]) => [head, '/ floor']);
  const rows = ordered(figure, columns[0][1]).map(({ name, kind, note }) => [
    `${kind === 'ours' ? `**${name}**` : name}${kind === 'floor' ? ' (floor)' : ''}${note === undefined ? '' : `: ${note}`}`,
    ...columns.flatMap(([, what]) => [
      duration(read.time(name, what) * toMilliseconds),
      kind === 'floor' ? '1' : times(read.ratio(name, what)),
    ]),
  ]);
  return table(['', ...heads], rows);
}

async function start({ imports, run }, plot) {
  const figure = imports.figures[`node-${shown}`];
  const read = reading(figure);
  const more = (name) => `${digits(read.more(name, 'cpu').value)} ms`;
  const majors = Object.keys(imports.figures).map(majorOf);
  const importRows = ordered(figure, 'cpu')
    .filter(({ kind }) => kind !== 'floor')
    .map(({ name, kind }) => [
      kind === 'ours' ? `**\`${name}\`**` : name,
      ...majors.map((major) => {
        const { value } = reading(imports.figures[`node-${major}`]).more(name, 'cpu');
        return `${digits(value)} ms`;
      }),
    ]);
  const importPlot = await plot(
    'imports',
    `CPU time of imports on Node ${shown}, in milliseconds more than an empty module`,
    bars({
      title: `What an import costs, Node ${shown}`,
      subtitle: 'medians, and between what half of the rounds were',
      axis: 'ms of CPU time more than an empty module',
      bars: ordered(figure, 'cpu')
        .filter(({ kind, note }) => (kind === 'ours' || kind === 'peer') && note === undefined)
        .map(({ name, kind }) => ({ name, kind, ...read.more(name, 'cpu') })),
    }),
  );
  const runPlots = [];
  for (const [kind, store] of [
    ['dotenv', 'a .env'],
    ['vault', 'Vault'],
  ])
    runPlots.push(
      await plot(
        `run-${kind}`,
        `Time of commands that start a program with the secrets of ${store}, by that of a minimal script, on Node ${shown}`,
        ratioBars(run.figures[`${kind}-${shown}`], 'wall', {
          title: `keyfall run -- true, secrets from ${store}, Node ${shown}`,
          axis: 'time / that of a minimal script',
          goal: 1.15,
        }),
      ),
    );
  const runTable = (kind) => {
    const ids = Object.keys(run.figures).filter((id) => id.startsWith(kind));
    const names = ordered(run.figures[`${kind}-${shown}`], 'wall').map(({ name }) => name);
    const rows = names.map((name) => [
      name === 'keyfall run' ? '**`keyfall run`**' : name,
      ...ids.map((id) => {
        const measured = run.figures[id].subjects.find((subject) => subject.name === name);
        if (measured === undefined) return 'not on this Node';
        const time = duration(reading(run.figures[id]).time(name, 'wall'));
        if (measured.kind === 'floor') return time;
        return `${time}, ${reading(run.figures[id]).ratio(name, 'wall').value.toFixed(2)}`;
      }),
    ]);
    return table(['', ...ids.map((id) => `Node ${majorOf(id)}`)], rows);
  };
  return `## What a start costs

On Node ${shown}, the import of \`@keyfall/core\` takes ${more('@keyfall/core')} of CPU time more than that of an empty module, that of
\`@keyfall/provider-vault\`, which brings core along, ${more('@keyfall/provider-vault')}; \`dotenv\` takes ${more('dotenv')}, \`node-vault\` ${more('node-vault')}.

${importPlot}

${table(['CPU time more than an empty module', ...majors.map((major) => `Node ${major}`)], importRows)}

\`keyfall run -- true\` starts a program with 40 names of a \`.env\` in its environment. The floor is a minimal script: npm
dotenv's parser and \`spawn\`. Time by the clock, and the ratio to the floor:

${runPlots[0]}

${runTable('dotenv')}

The same from Vault. The floor is a script that asks by \`node:http\`; \`keyfall run\` reads the \`.env\` that is there as well, and
asks which version the mount has:

${runPlots[1]}

${runTable('vault')}

What \`run\` adds to Node from a \`.env\` is some 14 ms, by a profile on Node 24 (27 November 2026). Half of them are V8's, which compiles the
one file that it opens: 136,000 characters, for the reading of a \`.env\` as five programs read it, the checks of a repository that may be hostile, the
chain and redaction. From Vault \`node:http\` costs the script as much as \`run\`. With \`NODE_COMPILE_CACHE\` V8 keeps what it has compiled.`;
}

async function request({ reads, cached }, plot) {
  const get = reading(cached.figures.get);
  const view = reading(cached.figures.view);
  const one = reading(reads.figures.one);
  const nanoseconds = (read, name) => duration(read.time(name, 'p50') * 1e-6);
  const oneAfterAnother = await plot(
    'reads',
    'Time of an uncached read by that of node:http, one read after another',
    ratioBars(reads.figures.one, 'p50', {
      title: 'An uncached read of a secret of 40 names, one after another',
      axis: 'time of a read / node:http',
      goal: 1.1,
    }),
  );
  const inFlight = await plot(
    'reads-64',
    'Time of uncached reads by that of node:http, 64 in flight',
    ratioBars(reads.figures.many, 'wall', {
      title: 'The same, 64 in flight',
      axis: 'time of all reads / node:http',
      names: (name) => !name.includes('a chain'),
    }),
  );
  const fromMemory = await plot(
    'cached',
    'Time of a cached get beside caches of others',
    bars({
      title: 'A value that is in memory',
      subtitle: 'medians, and between what half of the rounds were',
      axis: 'ns of a get',
      scale: 'log',
      bars: ordered(cached.figures.get, 'p50')
        .filter(({ kind }) => kind !== 'again')
        .map(({ name, kind }) => ({ name, kind, ...get.spread(name, 'p50') })),
    }),
  );
  return `## What a request costs

A \`get\` of a value that is in the cache takes ${nanoseconds(get, 'Keyfall, a cached get')}, a property of a \`view\` ${nanoseconds(view, 'Keyfall, a property of a view')}; \`process.env\` takes ${nanoseconds(view, 'process.env')}.
A read that goes to a Vault on the same machine takes ${duration(one.time('Keyfall, the provider', 'p50') / 1_000)}, where \`node:http\` alone takes ${duration(one.time('node:http', 'p50') / 1_000)}. A chain reads once
for all names of a secret, and then keeps them for five minutes by default.

${fromMemory}

${ratioTable(cached.figures.get, [['a `get`', 'p50']], 1e-6)}

Without a promise:

${ratioTable(cached.figures.view, [['a read', 'p50']], 1e-6)}

An uncached read: every time the whole secret of 40 names comes from a real server and is parsed.

${oneAfterAnother}

${ratioTable(
  reads.figures.one,
  [
    ['median time', 'p50'],
    ['CPU time', 'cpu'],
  ],
  1e-3,
)}

${partsTable(reads.figures.parts)}

With 64 in flight, by the number of reads. A chain has no more than one read of a secret in flight, which answers all
who wait for it:

${inFlight}

${ratioTable(
  reads.figures.many,
  [
    ['time', 'wall'],
    ['CPU time', 'cpu'],
  ],
  1e-3,
)}`;
}

/** Where the CPU time of a read goes, by a profile of its process. */
function partsTable(figure) {
  const { of } = reading(figure);
  const names = figure.subjects.map(({ name }) => name);
  const timeOf = (name, part) => median(of(name).samples[part] ?? [0]);
  const parts = {
    system: 'system calls, and other code of C++',
    node: 'JavaScript of Node: its HTTP client, streams and timers',
    garbage: 'collecting garbage',
    'provider-vault': '`@keyfall/provider-vault`',
    core: '`@keyfall/core`',
    rest: 'the program that measures',
  };
  const rows = Object.entries(parts).map(([part, what]) => [
    what,
    ...names.map((name) => digits(timeOf(name, part))),
  ]);
  return `A profile shows where the CPU time goes, in microseconds of a read. \`JSON.parse\` counts for its caller: the provider, and for
\`node:http\` the program that measures. Less than the provider's own code takes is not to be had without giving up what it does for each read:
a record for each name, a time limit, an abort, a repeat, the state that an answer must not be older than.

${table(['µs', ...names], rows)}`;
}

async function outage({ figures }, plot) {
  const { cap } = figures.closed;
  const titles = {
    closed: 'port closed',
    silent: 'silent',
    dropping: 'SYN dropped',
    trickling: 'trickling',
  };
  const shownTime = (milliseconds) =>
    milliseconds >= cap ? `more than ${duration(cap)}` : duration(milliseconds);
  const cell = (figure, name) => {
    const { samples } = reading(figure).of(name);
    const first = shownTime(reading(figure).time(name, 'first'));
    return samples.later === undefined
      ? first
      : `${first}, then ${shownTime(reading(figure).time(name, 'later'))}`;
  };
  const names = ordered(figures.closed, 'first').map(({ name, kind }) => [name, kind]);
  const rows = names.map(([name, kind]) => [
    kind === 'ours' ? `**${name}**` : name,
    ...Object.keys(titles).map((id) => cell(figures[id], name)),
  ]);
  const silent = reading(figures.silent);
  const shownPlot = await plot(
    'outage',
    'Time of the first call of a store that is silent',
    bars({
      title: 'The first call of a store that takes a request and is silent',
      subtitle: `what took ${duration(cap)} was given up then`,
      axis: 'ms',
      bars: ordered(figures.silent, 'first').map(({ name, kind }) => ({
        name,
        kind,
        value: silent.time(name, 'first'),
      })),
    }),
  );
  const ours = (id, what) => duration(reading(figures[id]).time(withFallback, what));
  return `## What an outage costs

With a \`.env\` beside a Vault whose port is closed, the first \`get\` takes ${ours('closed', 'first')} and is answered from the \`.env\`; with a
Vault that is silent it takes ${ours('silent', 'first')}, which is the time limit of a provider. Later ones take ${ours('silent', 'later')}: the circuit breaker
does not ask again, but in the background. Clients that have no fallback fail, if they end at all:

${shownPlot}

${table(['the first call, then a later one', ...Object.values(titles)], rows)}

Each is as it is without options. A time limit that a client lets you set costs that time again in each call.`;
}

function redaction({ figures }) {
  const speed = (figure, name) => {
    const { value, low, high } = reading(figure).spread(name, 'cpu');
    const [middle, from, to] = [value, high, low].map((microseconds) => digits(1e6 / microseconds));
    return `${middle} (${from} to ${to})`;
  };
  const rows = figures['values-50'].subjects.map(({ name, kind, note }) => [
    `${kind === 'ours' ? `**${name}**` : name}${note === undefined ? '' : `: ${note}`}`,
    speed(figures['values-50'], name),
    speed(figures['values-10000'], name),
  ]);
  const worst = reading(figures.worst);
  const linear = worst.ratio('Keyfall, 4 MB', 'cpu').value;
  return `## What redaction costs

Megabytes of log lines in a second of CPU time. A value of 32 characters stands in one of 50 lines, and is searched in all of its forms
(plain, escaped, in URLs, base64 at any alignment):

${table(['MB/s', '50 values', '10,000 values'], rows)}

In the worst of texts, in which every byte goes on with a match that the next one breaks off, it is ${digits(1e6 / worst.time('Keyfall, 2 MB', 'cpu'))} MB/s, and a
megabyte of twice the text takes ${digits(linear)} times as long.`;
}

function goals(results, counts) {
  const lines = goalLines(results, counts);
  const required = lines.filter(({ met }) => met !== undefined);
  const missed = required.filter(({ met }) => !met);
  const verdict =
    missed.length === 0
      ? `All ${required.length} goals are met.`
      : `${required.length - missed.length} of ${required.length} goals are met.`;
  const rows = lines.map(({ what, goal, measured, met }) => [
    what,
    goal,
    measured,
    met === undefined ? 'recorded' : met ? 'yes' : '**no**',
  ]);
  return `## The goals

${verdict} What a line is about is measured in the same rounds as its floor.

${table(['', 'goal', 'measured', 'met'], rows)}`;
}

function countsSection({ node, requests, files, allocations }) {
  const requestRows = Object.entries(requests).map(([what, all]) => [what, String(all.length)]);
  const fileRows = Object.entries(files).map(([what, all]) => [what, String(all.length)]);
  const byteRows = Object.entries(allocations).map(([what, bytes]) => [
    what,
    bytes.toLocaleString('en'),
  ]);
  return `## What does not depend on the machine

A pull request that changes one of these counts has to say so: \`npm run counts\` compares them with
[counts.json](../benchmarks/counts/counts.json), which lists every request and file.

${table(['', 'requests to the store'], requestRows)}

${table(['', 'files opened'], fileRows)}

${table([`on Node ${node}`, 'bytes allocated'], byteRows)}`;
}

function method(results) {
  const runs = Object.entries(results).map(([name, { date, machine, versions }]) => [
    name,
    date,
    `\`${versions.keyfall}\``,
    versions.node,
    machine.processors,
    machine.system,
    String(machine.load),
  ]);
  const floors = {
    'an uncached read, time': ['reads', 'one', 'p50'],
    'an uncached read, CPU time': ['reads', 'one', 'cpu'],
    '64 in flight, time': ['reads', 'many', 'wall'],
    '64 in flight, CPU time': ['reads', 'many', 'cpu'],
    'a cached `get`': ['cached', 'get', 'p50'],
    'a property of a `view`': ['cached', 'view', 'p50'],
    [`\`run\` from a \`.env\`, Node ${shown}`]: ['run', `dotenv-${shown}`, 'wall'],
    [`\`run\` from Vault, Node ${shown}`]: ['run', `vault-${shown}`, 'wall'],
    [`an import, Node ${shown}, CPU time`]: ['imports', `node-${shown}`, 'cpu'],
  };
  const again = Object.entries(floors).map(([what, [name, id, measured]]) => [
    what,
    times(reading(results[name].figures[id]).again(measured)),
  ]);
  const versions = Object.assign({}, ...Object.values(results).map(({ versions }) => versions));
  const { keyfall: _, node: __, ...others } = versions;
  return `## How it is measured

\`\`\`bash no-test=minutes
npm run bench                     # all of it, and this page: 20 minutes of a machine that does nothing else
npm run bench -- reads --quick    # a few rounds of one case, printed
\`\`\`

Whatever repeats an operation has a process of its own, which is started a few times in a run; its CPU time is that of the
client without the server. In each round all have their turn, in alternating order, for a fraction of a second or for one
command. A sample is paired with that of the floor in the same round. So the machine's moods meet all alike, and what is left
shows in the floor against itself:

${table(['the floor / the floor', 'ratio'], again)}

${table(['case', 'date', 'commit', 'Node', 'processors', 'system', 'busy before'], runs)}

Versions: ${Object.entries(others)
    .map(([name, version]) => `${name} ${version}`)
    .join(
      ', ',
    )}. What cannot do the same job is left out: \`@aws-lambda-powertools/parameters\`, \`keyv\`, \`unstorage\` and \`lru-cache\` read no
Vault and are measured as caches; \`dotenv\`, \`dotenvx\`, \`varlock\` and \`env-cmd\` as commands and imports.
[benchmarks/](../benchmarks/README.md) says how to add a case.`;
}
