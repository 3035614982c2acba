/**
 * Judges what readers have seen by what was written. It knows nothing of a chain but what its pages promise, and takes
 * no word of it for where a value is from: a value is known by its digest, which no other has.
 *
 * Times are milliseconds of one monotonic clock that all processes of a machine share. No rule is about how long
 * something took: a get that began later than the promised age after a rotation has to show it, however late it ended.
 */

/** What a write came to. `unknown`: it may have been made, or may be made yet. */
type Fate = 'under way' | 'written' | 'not written' | 'unknown';

/** How a reader came by an answer. `fresh`: a get that takes nothing kept. */
export type Way = 'get' | 'fresh' | 'all' | 'watch' | 'view' | 'process';

/** A chain that is read, in one process. */
interface Reader {
  readonly id: string;
  /** Its stores, in the order of the chain. */
  readonly stores: readonly string[];
  /** Names that may come from one store alone. */
  readonly only?: Readonly<Record<string, string>>;
  /** For how long its answers are served at the most, in milliseconds: twice its `ttl`. */
  readonly maxAge: number;
  /** Stores that refuse it whatever is asked for. */
  readonly refusedBy?: readonly string[];
  /** Whether its login can be used once: an answer that is lost takes it away for good. */
  readonly logsInOnce?: boolean;
}

/** One answer. */
export interface Observation {
  readonly way: Way;
  readonly name: string;
  readonly began: number;
  readonly ended: number;
  /** The digest of the value; `null` for the answer that nothing holds it; an error's code otherwise. */
  readonly digest?: string | null;
  readonly code?: string;
}

/** What a chain announced. */
export interface Announcement {
  readonly at: number;
  readonly type: string;
  readonly provider: string;
  /** Of a fallback: why. */
  readonly reason?: string;
  /** In words, for who reads the log. */
  readonly detail?: string;
}

/** What was wrong. Never a value. */
export interface Violation {
  readonly at: number;
  readonly rule: Rule;
  readonly reader: string;
  readonly detail: string;
}

/** What is held. */
export const rules = {
  'wrong-value': 'every value that is read was written under its name, and before',
  'silent-fallback': 'another store answers only while that is announced',
  'bound-elsewhere': 'a name that is bound to a store comes from there alone',
  'wrong-order': 'no value is older than one that the same chain has shown',
  'missed-rotation': 'a rotation is seen within the promised age, and by all once things are calm',
  'missing-as-outage':
    'a store that answers "not here" is no failure, and a failing one no "not here"',
  'denied-as-outage': 'a refusal is no outage, and leads to no other store',
  'wrong-error': 'no fault makes an answer broken, a conflict or a defect',
  leak: 'no value, token or key is in anything that is printed, reported or left behind',
  heap: 'the memory in use does not grow',
  handles: 'the sockets, timers and other resources do not grow in number',
  listeners: 'the listeners do not grow in number',
  ending: 'every process ends by itself, as it should',
  enough: 'enough was read, rotated and broken to say so',
} as const;

/** The name of a rule. */
export type Rule = keyof typeof rules;

/** How a name is kept. */
interface NameOptions {
  /** Whether it is deleted at times, so that "not here" is an answer. Default false. */
  readonly comesAndGoes?: boolean;
}

/** Milliseconds by which a coarse clock may be late, with as much again. */
const slack = 1_000;

/** Milliseconds within which what follows by itself has followed the end of an outage, on however busy a machine. */
const followingTime = 300_000;

/** Milliseconds for which a refusal may be repeated after it was taken back, on however busy a machine. */
const refusalTime = 60_000;

/** Codes that no fault of these may lead to. */
const defects = /_(?:INVALID|TLS|CONFIG|PROVIDER|CONFLICT|UNSUPPORTED)$/;

interface Version {
  readonly store: string;
  readonly name: string;
  /** Of its store and name. Later ones are greater. */
  readonly serial: number;
  readonly digest: string | null;
  readonly began: number;
  fate: Fate;
  settled: number;
}

interface Span {
  readonly provider: string;
  readonly from: number;
  to: number;
}

interface Known {
  readonly reader: Reader;
  readonly outages: Span[];
  /** The greatest serial seen, and when it was: by what can be compared, store and name. */
  readonly seen: Map<string, { readonly serial: number; readonly ended: number }[]>;
  /** The last answer: by way and name. */
  readonly last: Map<string, { readonly began: number; readonly version: Version | undefined }>;
}

/** The ledger of what was written and read. */
export interface Oracle {
  /** The violations so far, oldest first. */
  readonly violations: readonly Violation[];
  /** How many answers were judged, by way. */
  readonly judged: Readonly<Record<string, number>>;
  /** How many fallbacks were announced. */
  readonly fallbacks: number;
  /** How many writes were made for sure. */
  readonly rotations: number;
  name(store: string, name: string, options?: NameOptions): void;
  reader(reader: Reader): void;
  /** A reader is no more: it is not waited for. */
  forget(id: string): void;
  /** A write begins. What is returned settles it. */
  write(
    store: string,
    name: string,
    digest: string | null,
    at: number,
  ): (fate: Fate, at: number) => void;
  /** A store begins to refuse. What is returned ends it. */
  refuse(store: string, at: number): (at: number) => void;
  announced(reader: string, announcement: Announcement): void;
  observed(reader: string, observation: Observation): void;
  /** Something else that was wrong. */
  violated(rule: Rule, reader: string, detail: string, at: number): void;
  /** Who has not seen the newest of a name, in an answer from after `since`. Empty once things are calm. */
  behind(ways: readonly Way[], since: number): readonly string[];
}

/** Makes an empty ledger. */
export function createOracle(onViolation: (violation: Violation) => void = () => {}): Oracle {
  const violations: Violation[] = [];
  const judged: Record<string, number> = {};
  let fallbacks = 0;
  let rotations = 0;
  const options = new Map<string, NameOptions>();
  /** By store and name, oldest first. */
  const histories = new Map<string, Version[]>();
  const byDigest = new Map<string, Version>();
  const refusals: Span[] = [];
  const readers = new Map<string, Known>();

  const historyOf = (store: string, name: string) => histories.get(`${store} ${name}`) ?? [];
  const overlaps = ({ from, to }: Span, began: number, ended: number) =>
    from <= ended && to >= began;
  const overlapsAny = (spans: readonly Span[], began: number, ended: number) =>
    spans.some((span) => overlaps(span, began, ended));
  const isKnown = (name: string) => [...options.keys()].some((key) => key.endsWith(` ${name}`));

  function violated(rule: Rule, reader: string, detail: string, at: number): void {
    const violation = { at, rule, reader, detail };
    violations.push(violation);
    onViolation(violation);
  }

  function knownOf(id: string): Known {
    const known = readers.get(id);
    if (known === undefined) throw new Error(`no such reader: ${id}`);
    return known;
  }

  /** The stores that may answer for a name in a chain, in their order. */
  function storesFor({ stores, only, refusedBy = [] }: Reader, name: string): readonly string[] {
    const bound = only?.[name];
    return stores.filter(
      (store) =>
        options.has(`${store} ${name}`) && !refusedBy.includes(store) && (bound ?? store) === store,
    );
  }

  function failed(known: Known, { way, name, began, ended, code = '' }: Observation): void {
    const { reader } = known;
    const wrong = (rule: Rule, what: string) =>
      violated(rule, reader.id, `${way} of ${name}: ${what}`, ended);
    if (defects.test(code)) wrong('wrong-error', code);
    if (!/_(?:DENIED|UNAUTHENTICATED)$/.test(code)) return;
    if (reader.refusedBy !== undefined || reader.logsInOnce) return;
    if (!overlapsAny(refusals, began - refusalTime - reader.maxAge, ended))
      wrong('denied-as-outage', `${code}, and nothing refused it`);
  }

  function absent(known: Known, { way, name, began, ended }: Observation): Version | undefined {
    const { reader, outages } = known;
    const wrong = (rule: Rule, what: string) =>
      violated(rule, reader.id, `${way} of ${name}: ${what}`, ended);
    // "not here" is kept no longer than ttl: what failed for all of that time has not said so
    const unasked = outages.find(
      ({ from, to }) => from < began - reader.maxAge - slack && to >= ended,
    );
    if (unasked)
      wrong('missing-as-outage', `"not here", while ${unasked.provider} could not be asked`);
    const [store] = storesFor(reader, name);
    if (store === undefined) {
      if (isKnown(name)) wrong('missing-as-outage', '"not here", while a store refuses it');
      return undefined;
    }
    const history = historyOf(store, name);
    if (!options.get(`${store} ${name}`)?.comesAndGoes) {
      if (history.some(({ fate, settled }) => fate === 'written' && settled < began))
        wrong('missing-as-outage', '"not here", and it was never deleted');
      return undefined;
    }
    // nothing tells one absence from another: the first that is not too old counts for order, the last for age
    const floor = floorOf(known, way, store, name, began);
    const possible = history.filter(
      ({ digest, fate, began: then }) => digest === null && fate !== 'not written' && then < ended,
    );
    const first = possible.find(({ serial }) => serial >= floor);
    if (first) note(known, way, first, ended);
    else if (floor > 0) wrong('wrong-order', `"not here" after version ${floor} of it`);
    return possible.at(-1);
  }

  /** What can be compared: a view follows at a pace of its own, and each process begins anew. */
  const seriesOf = (way: Way) => (way === 'view' ? 'view' : 'call');

  function floorOf({ seen }: Known, way: Way, store: string, name: string, began: number): number {
    const series = seen.get(`${seriesOf(way)} ${store} ${name}`) ?? [];
    return series.findLast(({ ended }) => ended < began)?.serial ?? 0;
  }

  function note({ seen }: Known, way: Way, { store, name, serial }: Version, ended: number): void {
    const key = `${seriesOf(way)} ${store} ${name}`;
    const series = seen.get(key) ?? [];
    if (serial <= (series.at(-1)?.serial ?? 0)) return;
    seen.set(key, [...series.slice(-32), { serial, ended }]);
  }

  function held(
    known: Known,
    { way, name, began, ended, digest }: Observation,
  ): Version | undefined {
    const { reader, outages } = known;
    const wrong = (rule: Rule, what: string) =>
      violated(rule, reader.id, `${way} of ${name}: ${what}`, ended);
    const version = byDigest.get(digest ?? '');
    if (version === undefined) {
      wrong('wrong-value', 'a value that was never written');
      return undefined;
    }
    const { store, serial } = version;
    const what = `version ${serial} of ${store}`;
    if (version.name !== name) wrong('wrong-value', `the value of ${version.name}`);
    else if (version.fate === 'not written')
      wrong('wrong-value', `${what}, which was said not to be written`);
    else if (version.began > ended) wrong('wrong-value', `${what} before it was written`);
    if (version.name !== name) return undefined;

    const bound = reader.only?.[name];
    if (bound !== undefined && bound !== store)
      wrong('bound-elsewhere', `${what}, and it is bound to ${bound}`);
    if (reader.refusedBy?.includes(store)) wrong('denied-as-outage', `${what}, which refuses it`);
    // what follows by itself may not have followed the end of the outage yet
    const since = way === 'view' ? began - followingTime : began;
    for (const earlier of storesBefore(reader, store, name)) {
      const isAnnounced = outages.some(
        (span) => span.provider === earlier && overlaps(span, since, ended),
      );
      if (!isAnnounced)
        wrong('silent-fallback', `${what}, and no failure of ${earlier} was announced`);
    }

    const floor = floorOf(known, way, store, name, began);
    if (serial < floor) wrong('wrong-order', `${what} after version ${floor}`);
    note(known, way, version, ended);
    return version;
  }

  /** The stores before `store` that may be passed in a failure only: they hold the name for good, or refuse it. */
  function storesBefore(reader: Reader, store: string, name: string): readonly string[] {
    return reader.stores.slice(0, Math.max(0, reader.stores.indexOf(store))).filter((earlier) => {
      if (reader.refusedBy?.includes(earlier)) return true;
      const kept = options.get(`${earlier} ${name}`);
      return kept !== undefined && !kept.comesAndGoes && historyOf(earlier, name).length > 0;
    });
  }

  /** Whether what was seen is older than the chain may show it. */
  function judgeAge(
    known: Known,
    { way, name, began, ended }: Observation,
    version: Version,
  ): void {
    const { reader, outages } = known;
    // what follows by itself has caught up with all once things are calm
    if (way === 'watch' || way === 'process' || way === 'view') return;
    // a store that has just refused is not asked, and what is known counts for as long as it would anyway
    const mayBeKept = way !== 'fresh' || overlapsAny(refusals, began - refusalTime, ended);
    const allowed = mayBeKept ? reader.maxAge + slack : 0;
    const newer = historyOf(version.store, name).findLast(
      ({ serial, fate, settled }) =>
        serial > version.serial && fate === 'written' && settled < began - allowed,
    );
    if (newer === undefined) return;
    const ofStore = outages.filter(({ provider }) => provider === version.store);
    if (overlapsAny(ofStore, began, ended)) return;
    const late = Math.round(began - newer.settled);
    violated(
      'missed-rotation',
      reader.id,
      `${way} of ${name}: version ${version.serial} of ${version.store}, ${late} ms after version ${newer.serial} was written`,
      ended,
    );
  }

  return {
    violations,
    judged,
    get fallbacks() {
      return fallbacks;
    },
    get rotations() {
      return rotations;
    },
    violated,
    name(store, name, kept = {}) {
      options.set(`${store} ${name}`, kept);
    },
    reader(reader) {
      readers.set(reader.id, { reader, outages: [], seen: new Map(), last: new Map() });
    },
    forget(id) {
      readers.delete(id);
    },
    write(store, name, digest, at) {
      const key = `${store} ${name}`;
      const history = histories.get(key) ?? [];
      histories.set(key, history);
      const serial = (history.at(-1)?.serial ?? 0) + 1;
      const version: Version = {
        store,
        name,
        serial,
        digest,
        began: at,
        fate: 'under way',
        settled: at,
      };
      history.push(version);
      if (digest !== null) byDigest.set(digest, version);
      return (fate, settledAt) => {
        version.fate = fate;
        version.settled = settledAt;
        if (fate === 'written') rotations += 1;
      };
    },
    refuse(store, at) {
      const span: Span = { provider: store, from: at, to: Number.POSITIVE_INFINITY };
      refusals.push(span);
      return (end) => {
        span.to = end;
      };
    },
    announced(id, { at, type, provider, reason }) {
      const { outages } = knownOf(id);
      const open = outages.find((span) => span.provider === provider && span.to > at);
      if (type === 'recovered' && open) open.to = at;
      if (type !== 'fallback') return;
      fallbacks += 1;
      if (reason !== 'unavailable')
        violated('denied-as-outage', id, `${provider} was passed, since it is ${reason}`, at);
      else if (!open) outages.push({ provider, from: at, to: Number.POSITIVE_INFINITY });
    },
    observed(id, observation) {
      const known = knownOf(id);
      const { way, name, began, digest } = observation;
      judged[way] = (judged[way] ?? 0) + 1;
      if (digest === undefined) return failed(known, observation);
      const version = digest === null ? absent(known, observation) : held(known, observation);
      if (version) judgeAge(known, observation, version);
      known.last.set(`${way} ${name}`, { began, version });
    },
    behind(ways, since) {
      const late: string[] = [];
      for (const [id, { reader, last }] of readers) {
        // who is refused has nothing to catch up with
        if (reader.refusedBy !== undefined) continue;
        for (const [key, { began, version }] of last) {
          const [way = '', name = ''] = key.split(' ');
          if (!ways.includes(way as Way)) continue;
          const [store] = storesFor(reader, name);
          if (store === undefined || version === undefined) continue;
          const newest = historyOf(store, name).findLast(({ fate }) => fate === 'written');
          const isBehind = version.store !== store || version.serial < (newest?.serial ?? 0);
          // a watch shows only what has changed
          if (isBehind || (way !== 'watch' && way !== 'process' && began < since))
            late.push(`${id}: ${way} of ${name}`);
        }
      }
      return late;
    },
  };
}
