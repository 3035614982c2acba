/**
 * Keeps the values that a redactor masks. A current value stays known. A value that was replaced is kept for a
 * while only, so that memory does not grow with the age of the process.
 */
import type { Clock } from '../calls/clock.ts';

/** For how long a value is masked after another one has taken its place, in milliseconds: a day. */
export const replacedWindow = 86_400_000;

/** How many replaced values of one place are masked at most. */
export const mostReplaced = 16;

/** The values that are to be masked. */
export interface KnownValues {
  /** Returns all values, each once. */
  all(): Iterable<string>;
  /** Returns the values that were added since the last call. */
  takeNew(): readonly string[];
  /** The number of characters of all values together. */
  readonly length: number;
  /** Adds `value` for good. */
  add(value: string): void;
  /**
   * Sets the value of `place`; `undefined` clears it. The value is known as long as it stands there, and for
   * {@link replacedWindow} afterwards, unless more than {@link mostReplaced} others were replaced since.
   */
  put(place: string, value: string | undefined): void;
  /** Adds a value of `place` that has just been replaced. */
  pass(place: string, value: string): void;
}

interface Place {
  readonly name: string;
  now: string | undefined;
  /** The replaced values of this place, oldest first, each once. */
  readonly before: Replaced[];
}

interface Replaced {
  readonly place: Place;
  readonly value: string;
  /** Monotonic. */
  readonly at: number;
}

/** Makes an empty set of values. */
export function createKnownValues(clock: Clock): KnownValues {
  /** How many places and callers use each value. */
  const uses = new Map<string, number>();
  let length = 0;
  const fresh = new Set<string>();
  const forGood = new Set<string>();
  const places = new Map<string, Place>();
  /** The replaced values of all places, oldest first. */
  const replaced = new Set<Replaced>();

  function use(value: string): void {
    const count = uses.get(value) ?? 0;
    uses.set(value, count + 1);
    if (count > 0) return;
    length += value.length;
    fresh.add(value);
  }

  function release(value: string): void {
    const count = uses.get(value) ?? 0;
    if (count > 1) return void uses.set(value, count - 1);
    uses.delete(value);
    fresh.delete(value);
    length -= value.length;
  }

  function placeOf(name: string): Place {
    const place = places.get(name) ?? { name, now: undefined, before: [] };
    places.set(name, place);
    return place;
  }

  /** Keeps a replaced value for a while. Its use has been counted already. */
  function keep(place: Place, value: string): void {
    const entry = { place, value, at: clock.monotonic() };
    const same = place.before.find((other) => other.value === value);
    place.before.push(entry);
    replaced.add(entry);
    const [oldest] = place.before;
    if (same !== undefined) forget(same);
    else if (oldest !== undefined && place.before.length > mostReplaced) forget(oldest);
  }

  function forget(entry: Replaced): void {
    const { place } = entry;
    place.before.splice(place.before.indexOf(entry), 1);
    replaced.delete(entry);
    release(entry.value);
    if (place.now === undefined && place.before.length === 0) places.delete(place.name);
  }

  return {
    all: () => uses.keys(),
    takeNew() {
      const values = [...fresh];
      fresh.clear();
      return values;
    },
    get length() {
      return length;
    },
    add(value) {
      if (forGood.has(value)) return;
      forGood.add(value);
      use(value);
    },
    put(name, value) {
      for (const entry of replaced) {
        if (clock.monotonic() - entry.at < replacedWindow) break;
        forget(entry);
      }
      const before = places.get(name)?.now;
      if (before === value) return;
      if (value !== undefined) use(value);
      const place = placeOf(name);
      place.now = value;
      if (before !== undefined) keep(place, before);
    },
    pass(name, value) {
      if (places.get(name)?.now === value) return;
      use(value);
      keep(placeOf(name), value);
    },
  };
}
