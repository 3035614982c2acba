/**
 * The goals: a line for each, whether it is met, and by how much. A verdict is computed here and nowhere written down.
 */
import { paired } from '../harness/statistics.mjs';
import { digits, duration, reading, times } from './figures.mjs';

/**
 * @typedef {object} Line
 * @property {string} what
 * @property {string} goal
 * @property {string} measured
 * @property {boolean | undefined} met - `undefined`: recorded, and not a goal
 */

/** The newest Nodes, of which `run` has goals. */
const judged = (major) => major >= 22;
const providerName = 'Keyfall, the provider';
const chainName = 'Keyfall, a chain with ttl: 0';

/**
 * @param {Record<string, import('../harness/results.mjs').Results>} results - by case
 * @param {object} counts - what `counts.json` holds
 * @returns {Line[]}
 */
export function goalLines(results, counts) {
  return [
    ...readLines(results.reads),
    ...cachedLines(results.cached),
    ...countLines(counts),
    ...outageLines(results.outage),
    ...runLines(results.run),
    ...importLines(results.imports),
    redactionLine(results.redaction),
  ];
}

/** So that a line does not seem to contradict itself. */
const asShown = ({ value }) => Number(value.toFixed(2));

const ratioLine = (what, ratio, goal, required = true) => ({
  what,
  goal: required ? `at most ${goal.toFixed(2)}` : 'none',
  measured: times(ratio),
  met: required ? asShown(ratio) <= goal : undefined,
});

function importLines({ figures }) {
  const goals = { core: 6, 'provider-dotenv': 8, 'provider-vault': 15 };
  return Object.entries(figures).flatMap(([id, figure]) =>
    Object.entries(goals).map(([name, goal]) => {
      const { value, low, high } = reading(figure).more(`@keyfall/${name}`, 'cpu');
      return {
        what: `import of \`@keyfall/${name}\` on ${nodeOf(id)}, more than an empty module`,
        goal: `at most ${goal} ms`,
        measured: `${digits(value)} ms (${digits(low)} to ${digits(high)})`,
        met: value <= goal,
      };
    }),
  );
}

/** `dotenv-22`: Node 22. */
export const majorOf = (id) => Number(id.split('-').at(-1));
const nodeOf = (id) => `Node ${majorOf(id)}`;

function runLines({ figures }) {
  const from = { dotenv: 'a `.env`', vault: 'Vault' };
  return Object.entries(from).flatMap(([kind, store]) =>
    Object.entries(figures)
      .filter(([id]) => id.startsWith(kind))
      .map(([id, figure]) =>
        ratioLine(
          `\`keyfall run -- true\` from ${store} / a minimal script, ${nodeOf(id)}`,
          reading(figure).ratio('keyfall run', 'wall'),
          1.15,
          judged(majorOf(id)),
        ),
      ),
  );
}

function readLines({ figures }) {
  const one = reading(figures.one);
  const many = reading(figures.many);
  const best = many.bestPeer('wall');
  const ours = many.of(providerName).samples.wall;
  const ahead = paired(ours, best.samples.wall);
  return [
    ratioLine('uncached read of 40 names / `node:http`', one.ratio(providerName, 'p50'), 1.1),
    ratioLine('uncached read of 40 names, CPU time', one.ratio(providerName, 'cpu'), 1.25),
    ratioLine('the same by a chain that keeps nothing', one.ratio(chainName, 'p50'), 1.1),
    ratioLine('the same by such a chain, CPU time', one.ratio(chainName, 'cpu'), 1.25),
    {
      what: `64 reads in flight, time / ${best.name}, the best of the peers`,
      goal: 'less than 1',
      measured: times(ahead),
      met: asShown(ahead) < 1,
    },
    ratioLine('64 reads in flight, CPU time / `node:http`', many.ratio(providerName, 'cpu'), 1.4),
  ];
}

function cachedLines({ figures }) {
  return [
    ratioLine(
      'cached `get` / an async function over a `Map`',
      reading(figures.get).ratio('Keyfall, a cached get', 'p50'),
      1.12,
    ),
    ratioLine(
      'a property of a `view` / `Map.get`',
      reading(figures.view).ratio('Keyfall, a property of a view', 'p50'),
      1.05,
    ),
  ];
}

function countLines({ requests }) {
  const [read, first, names] = [
    'a second read of a provider',
    'the first get of a chain',
    '40 names at once',
  ].map((what) => requests[what].length);
  const beyond = names - (first - read);
  return [
    {
      what: '40 names of a secret, requests',
      goal: '1',
      measured: `${beyond}${names > beyond ? `, and ${names - beyond} more if they are the first of a chain` : ''}`,
      met: beyond === 1,
    },
    {
      what: 'first `get` of a chain, requests more than the read itself',
      goal: 'at most 1',
      measured: `${first - read}`,
      met: first - read <= 1,
    },
  ];
}

/** Milliseconds that a provider is given by default. */
const deadline = 2_500;

function outageLines({ figures }) {
  const names = {
    closed: ['a closed port', 10],
    silent: ['a store that is silent', deadline + 50],
    dropping: ['a store whose SYN packets are dropped', deadline + 50],
    trickling: ['a store that trickles', deadline + 50],
  };
  return Object.entries(names).map(([id, [what, goal]]) => {
    const { value, low, high } = reading(figures[id]).spread(withFallback, 'first');
    return {
      what: `${what}, with a \`.env\` beside it: the first \`get\``,
      goal: `at most ${duration(goal)}`,
      measured: `${duration(value)} (${duration(low)} to ${duration(high)})`,
      met: value <= goal,
    };
  });
}

export const withFallback = 'Keyfall, with a .env beside it';

function redactionLine({ figures }) {
  const { value, low, high } = reading(figures['values-50']).spread('Keyfall, in chunks', 'cpu');
  const speed = (microseconds) => `${Math.round(1e6 / microseconds)} MB/s`;
  return {
    what: 'masking 50 values in log lines, by CPU time',
    goal: 'at least 200 MB/s',
    measured: `${speed(value)} (${speed(high)} to ${speed(low)})`,
    met: 1e6 / value >= 200,
  };
}
