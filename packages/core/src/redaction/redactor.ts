/**
 * Masks values out of text, out of streams and out of what is about to be logged.
 */

import type { TransformStream as WebTransformStream } from 'node:stream/web';
import { assertText, wrongArgument } from '../arguments/arguments.ts';
import { assertOptions, type OptionKinds } from '../arguments/assert-options.ts';
import { type Clock, systemClock } from '../calls/clock.ts';
import { formsOf } from './forms.ts';
import { hideInJson } from './json-line.ts';
import { createKnownValues, type KnownValues } from './known-values.ts';
import { createMatcher, type Matcher } from './matcher.ts';
import { serialize } from './serialize.ts';

/** Options of {@link createRedactor}. */
export interface RedactorOptions {
  /**
   * Values of fewer characters (UTF-16 code units) are not masked, so that `8` and `true` stay
   * readable. Default 6, at least 4. Of a value of several lines, a line of twice as many is masked
   * by itself too.
   */
  readonly minLength?: number | undefined;
  /** What stands in a value's place. Default `[redacted]`. */
  readonly mask?: string | undefined;
}

/** Takes a text piece by piece. What comes out does not depend on where it was cut. */
export interface ChunkRedactor {
  /**
   * What is certain after `chunk`: everything but the end that may still become a value. It may be
   * a view of `chunk`, so write it out before that memory is used again.
   *
   * @param chunk - UTF-8 or a string, cut anywhere, also within a character
   */
  push(chunk: Uint8Array | string): Uint8Array;
  /** What was held back. The next `push` begins a new text. */
  end(): Uint8Array;
}

/** Knows values, and masks them. */
export interface Redactor {
  /**
   * Masks `value` from now on, also in streams that are open. Too short ones are ignored.
   *
   * @throws `ERR_SECRET_CONFIG` if it is not text
   */
  add(value: string): void;
  /**
   * `text` with every value masked in each of its forms: as it is, line by line, escaped as JSON, source
   * code, HTML and shells have it, URL-encoded, and as base64 (standard and URL-safe, at any place of a
   * longer text). Values that overlap become one mask. A text without values comes back as it was. Never
   * throws: anything but text is converted to text, and a text that is too large for the memory becomes one mask.
   */
  redact(text: string): string;
  /** Begins a text that comes in pieces. */
  chunks(): ChunkRedactor;
  /** {@link Redactor.chunks} as a web stream, which waits for its reader. */
  stream(): WebTransformStream<Uint8Array | string, Uint8Array>;
  /**
   * A copy of `value` for a logger, with every text in it redacted: nested objects, arrays, maps,
   * sets, errors (message, stack, cause). Getters are not called; what is not copied is named in its
   * place: `[getter]`, `[circular]`, `[function]`, `[bytes]`, `[deep]` beyond 12 levels.
   */
  serialize(value: unknown): unknown;
}

const optionKinds: OptionKinds<RedactorOptions> = { minLength: 'anything', mask: 'text' };

/** A redactor, and the values that it knows. */
export interface RedactorOfValues {
  readonly redactor: Redactor;
  readonly values: Pick<KnownValues, 'put' | 'pass'>;
  /** How many bytes of forms are kept; for tests. */
  readonly size: () => number;
}

/**
 * A redactor that knows no value yet. Time is linear in the text whatever the number of values; each
 * value costs memory for all of its forms, some 2 kB for one of 32 characters.
 *
 * @throws `ERR_SECRET_CONFIG` if `minLength` is not a whole number of 4 or more
 *
 * @example
 * ```ts
 * import { createRedactor } from '@keyfall/core';
 *
 * const redactor = createRedactor();
 * redactor.add('correct horse');
 * console.log(redactor.redact('?password=correct+horse')); // ?password=[redacted]
 * ```
 */
export function createRedactor(options: RedactorOptions = {}): Redactor {
  assertOptions(options, 'createRedactor', optionKinds);
  return createRedactorOfValues(options, systemClock).redactor;
}

/** The same, for those who say which values have been replaced. */
export function createRedactorOfValues(options: RedactorOptions, clock: Clock): RedactorOfValues {
  const { minLength = 6, mask = '[redacted]' } = options;
  if (!Number.isInteger(minLength) || minLength < 4)
    // shorter values would mask ordinary text
    throw wrongArgument('the option minLength', 'a whole number of 4 or more', 'minLength');
  const maskBytes = encoder.encode(mask);
  const known = createKnownValues(clock);
  // the forms of a value are worked out when there is a text to look for them, and what looks for them
  // is made then: every chain has a redactor, and few have a text
  let matcher: Matcher | undefined;
  /** Characters of the values whose forms the matcher has, those that are forgotten included. */
  let inserted = 0;

  function learn(into: Matcher): void {
    let values: Iterable<string> = known.takeNew();
    // forms cannot be removed: when most belong to forgotten values, all are built again
    if (inserted > 2 * known.length + slack) {
      into.clear();
      inserted = 0;
      values = known.all();
    }
    for (const value of values) {
      inserted += value.length;
      if (value.length < minLength) continue;
      for (const form of formsOf(value, minLength)) into.insert(encoder.encode(form));
    }
  }

  function begin(): (chunk: Uint8Array, last: boolean) => Uint8Array[] {
    matcher ??= createMatcher(minLength);
    const forms = matcher;
    const next = forms.begin(maskBytes);
    return (chunk, last) => {
      learn(forms);
      return next(chunk, last);
    };
  }

  function redact(given: string): string {
    try {
      const text = String(given);
      const hidden = hide(text);
      const mayBeJson = hidden !== text && /^\s*[[{]/.test(text);
      return (mayBeJson && hideInJson(text, hidden, hide, mask)) || hidden;
    } catch {
      // it may have stopped within a character
      decoder = undefined;
      return mask;
    }
  }

  function hide(text: string): string {
    if (text.length < minLength || known.length === 0) return text;
    if (text.length <= slice) {
      const pieces = begin()(encoder.encode(text), true);
      return pieces.includes(maskBytes) ? decode(joined(pieces)) : text;
    }
    const { push, end } = chunks();
    let result = '';
    for (let at = 0; at < text.length; at += slice)
      result += decode(push(text.slice(at, at + slice)), true);
    result += decode(end());
    return result === text.toWellFormed() ? text : result;
  }

  function chunks(): ChunkRedactor {
    let next = begin();
    /** The first half of a character that a string ended in. */
    let half = '';
    return {
      push(chunk) {
        if (typeof chunk !== 'string') return joined(next(chunk, false));
        const text = half + chunk;
        [half] = /[\ud800-\udbff]$/.exec(text) ?? [''];
        return joined(next(encoder.encode(text.slice(0, text.length - half.length)), false));
      },
      end() {
        const rest = joined(next(encoder.encode(half), true));
        half = '';
        next = begin();
        return rest;
      },
    };
  }

  const redactor: Redactor = {
    add(value) {
      assertText(value, 'add: the value to mask');
      if (value.length >= minLength) known.add(value);
    },
    redact,
    chunks,
    stream() {
      const { push, end } = chunks();
      const give = (bytes: Uint8Array, to: TransformStreamDefaultController<Uint8Array>) => {
        if (bytes.length > 0) to.enqueue(bytes);
      };
      return new TransformStream<Uint8Array | string, Uint8Array>({
        transform: (chunk, to) => give(push(chunk), to),
        flush: (to) => give(end(), to),
      });
    },
    serialize: (value) => serialize(value, redact),
  };
  return { redactor, values: known, size: () => matcher?.size ?? 0 };
}

const encoder = new TextEncoder();
let decoder: InstanceType<typeof TextDecoder> | undefined;

/** @param stream - whether more follows, so that a character may be cut at the end */
function decode(bytes: Uint8Array, stream = false): string {
  decoder ??= new TextDecoder('utf-8', { ignoreBOM: true });
  return decoder.decode(bytes, { stream });
}

/** How many characters of forgotten values may remain before all forms are built again. */
const slack = 8_192;

/** How much of a text is looked at at once, in characters. */
const slice = 65_536;

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const [first, ...others] = pieces;
  if (first !== undefined && others.length === 0) return first;
  const all = new Uint8Array(pieces.reduce((size, { length }) => size + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
