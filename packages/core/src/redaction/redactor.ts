/**
 * Masks values in text, in streams and in objects for a logger.
 */

import type { TransformStream as WebTransformStream } from 'node:stream/web';
import { assertKind, wrongArgument } from '../arguments/arguments.ts';
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
   * Values with fewer characters (UTF-16 code units) are not masked, so that `8` and `true` stay readable. Default
   * 6; the least is 4. If a value has several lines, each line of twice as many characters is masked by itself, too.
   */
  readonly minLength?: number | undefined;
  /** The text in place of a value. Default `[redacted]`. */
  readonly mask?: string | undefined;
}

/** Masks a text that comes in pieces. The output does not depend on where the text was cut. */
export interface ChunkRedactor {
  /**
   * Returns the output that is certain after `chunk`: everything but an end that may still become a value. It may
   * be a view of `chunk`, so use it before that memory changes.
   *
   * @param chunk - UTF-8 or a string, cut anywhere, also within a character
   */
  push(chunk: Uint8Array | string): Uint8Array;
  /** Returns what was held back. The next `push` begins a new text. */
  end(): Uint8Array;
}

/** Masks the values that it knows. */
export interface Redactor {
  /**
   * Masks `value` from now on, also in open streams. A value that is too short is ignored.
   *
   * @param name - whose value it is now: the one before it is masked for another day. Default: it is masked for good
   * @throws `ERR_SECRET_CONFIG` if it is not text
   */
  add(value: string, name?: string): void;
  /**
   * Returns `text` with every value masked in each of its forms: as it is, line by line, escaped for JSON, source
   * code, HTML and shells, URL-encoded, and as base64 (standard and URL-safe, at any position in a longer text).
   * Overlapping values become one mask. A text without values is returned unchanged. Never throws: anything but
   * text is converted to text, and a text that is too large for the memory becomes one mask.
   */
  redact(text: string): string;
  /** Begins a text that comes in pieces. */
  chunks(): ChunkRedactor;
  /** {@link Redactor.chunks} as a web stream, which waits for its reader. */
  stream(): WebTransformStream<Uint8Array | string, Uint8Array>;
  /**
   * Returns a copy of `value` for a logger, with every text in it redacted, also in nested objects, arrays, maps,
   * sets and errors (message, stack, cause). Getters are not called. A text stands in place of what is not copied:
   * `[getter]`, `[circular]`, `[function]`, `[bytes]`, and `[deep]` beyond 12 levels.
   */
  serialize(value: unknown): unknown;
}

const optionKinds: OptionKinds<RedactorOptions> = { minLength: 'anything', mask: 'text' };

/** A redactor, and the values that it knows. */
export interface RedactorOfValues {
  readonly redactor: Redactor;
  readonly values: Pick<KnownValues, 'put' | 'pass'>;
  /** The number of bytes that are kept for the forms; for tests. */
  readonly size: () => number;
}

/**
 * Makes a redactor that knows no value yet. The time is linear in the length of the text, whatever the number of
 * values. Each value needs memory for all of its forms, about 2 kB for a value of 32 characters.
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

/** The same, with its values, for a caller that knows which of them were replaced. */
export function createRedactorOfValues(options: RedactorOptions, clock: Clock): RedactorOfValues {
  const { minLength = 6, mask = '[redacted]' } = options;
  if (!Number.isInteger(minLength) || minLength < 4)
    // shorter values would mask ordinary text
    throw wrongArgument('the option minLength', 'a whole number of 4 or more', 'minLength');
  const maskBytes = encoder.encode(mask);
  const known = createKnownValues(clock);
  // forms and matcher are made for the first text: every chain has a redactor, and few redact anything
  let matcher: Matcher | undefined;
  /** The number of characters of the values whose forms are in the matcher, including values that were forgotten. */
  let inserted = 0;

  function learn(into: Matcher): void {
    let values: Iterable<string> = known.takeNew();
    // forms cannot be removed from a matcher: once most belong to forgotten values, it is filled again
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
      // the decoder may have stopped within a character
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
    /** The first half of a surrogate pair at the end of the last string. */
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
    add(value, name) {
      assertKind(value, 'text', 'add: the value to mask');
      if (name !== undefined) known.put(`added ${name}`, value);
      else if (value.length >= minLength) known.add(value);
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

/** The length of the pieces in which a long text is redacted, in characters. */
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
