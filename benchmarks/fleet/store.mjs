/**
 * A stand-in for a Vault server and for the way in which the Vault provider asks one, on virtual time. It is no server and
 * no client: it counts requests, and answers them as late as a server with such a throughput would. What it takes for
 * granted of the client (how often a request is repeated, what a start asks, when a token is renewed) is what
 * `real.mjs` measures with real processes and a real cluster.
 */
import { setMaxListeners } from 'node:events';

/**
 * A server that answers one request after the other.
 *
 * @param throughput - requests that it answers in a second
 * @param latency - milliseconds that a request takes when no other one waits
 * @param longestQueue - requests that may wait; any more are answered by a 503
 */
export function storeStandIn({ clock, throughput, latency, longestQueue, seconds }) {
  /** Requests by kind, one count for each second since the start. */
  const counts = {};
  let freeAt = 0;
  let state = 'up';
  let version = 1;
  let turnedAway = 0;

  function count(kind) {
    counts[kind] ??= new Uint32Array(seconds);
    counts[kind][Math.floor(clock.monotonic() / 1_000)] += 1;
  }

  return {
    counts,
    /** Requests that it answered by a 503, since too many were waiting. */
    get turnedAway() {
      return turnedAway;
    },
    /** Somebody writes another value. */
    rotate() {
      version += 1;
    },
    /** `up`, or `down`: it refuses at once, as a sealed server or a closed port does. */
    become(next) {
      state = next;
      freeAt = clock.monotonic();
    },
    /** One request: calls `answered` with the version, or with `undefined` for a failure. */
    request(kind, answered) {
      const now = clock.monotonic();
      count(state === 'up' ? kind : 'refused');
      if (state === 'down') return clock.schedule(() => answered(undefined), latency);
      const startsAt = Math.max(now, freeAt);
      if ((startsAt - now) * throughput > longestQueue * 1_000) {
        turnedAway += 1;
        return clock.schedule(() => answered(undefined), latency);
      }
      freeAt = startsAt + 1_000 / throughput;
      const seen = version;
      return clock.schedule(() => answered(seen), freeAt - now + latency);
    },
  };
}

/**
 * What one process's Vault provider does, as a provider: a login and a look at the mount before its first read, each
 * request three times at the most, and the renewal of its token.
 *
 * @param isNamed - whether the store has a request for each name, and not one document
 * @param tokenLife - milliseconds; left out: the process was given a token that does not end
 */
export function providerStandIn({
  clock,
  store,
  names,
  isNamed = false,
  unavailable,
  random,
  tokenLife,
}) {
  let isLoggedIn = tokenLife === undefined;
  let isMountKnown = false;
  let cancelRenewal = () => {};

  /** Resolves to the version that the store has shown, and rejects once it has failed three times. */
  const ask = (kind, signal, most = 3) =>
    new Promise((resolve, reject) => {
      let attempt = 0;
      let cancel = () => {};
      const onAbort = () => {
        cancel();
        reject(unavailable());
      };
      const once = () => {
        attempt += 1;
        cancel = store.request(kind, (seen) => {
          if (seen === undefined && attempt < most) {
            // as `retryDelay` of packages/provider-vault/src/session/vault-client.ts
            cancel = clock.schedule(once, 50 + Math.min(attempt - 1, 2) * 50 + random() * 50);
            return;
          }
          signal?.removeEventListener('abort', onAbort);
          if (seen === undefined) reject(unavailable());
          else resolve(seen);
        });
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      once();
    });

  return {
    name: 'vault',
    store: 'a stand-in for Vault',
    async read(asked, { signal }) {
      if (!isLoggedIn) {
        await ask('login', signal);
        isLoggedIn = true;
        keepToken(tokenLife);
      }
      if (!isMountKnown) await ask('mount', signal);
      isMountKnown = true;
      setMaxListeners(0, signal);
      const answered = isNamed ? asked : names;
      const requests = isNamed ? asked : ['the document'];
      const [seen] = await Promise.all(requests.map(() => ask('read', signal)));
      const record = { value: `value ${seen}`, version: String(seen) };
      return { entries: new Map(answered.map((name) => [name, record])), complete: !isNamed };
    },
    async close() {
      cancelRenewal();
    },
  };

  /** As packages/provider-vault/src/lifetimes: `plan` and `shareOf` of lifetime.ts, and timing.ts. */
  function keepToken(life, isFirst = true) {
    const grace = life * (0.1 + random() * 0.1);
    const start = clock.monotonic();
    const renew = (failures) => {
      const left = start + life - clock.monotonic();
      if (left <= 0) {
        isLoggedIn = false;
        return;
      }
      ask('renewal', undefined, 1).then(
        () => keepToken(life, false),
        () => {
          const growing = Math.min(10_000 * 2 ** Math.min(failures, 5), 300_000);
          const pause = Math.max(1_000, Math.min(growing * (0.5 + random()), left / 3));
          cancelRenewal = clock.schedule(() => renew(failures + 1), pause);
        },
      );
    };
    const share = isFirst ? 1.5 - (grace / life) * 5 : 1;
    cancelRenewal = clock.schedule(() => renew(0), ((life * 2 + grace) / 3) * share);
  }
}
