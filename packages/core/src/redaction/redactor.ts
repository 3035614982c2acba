/**
 * Masks values out of text, out of streams and out of what is about to be logged.
 */
import type { TransformStream as WebTransformStream } from 'node:stream/web';
import { SecretError } from '../secret-error.ts';
import { formsOf } from './forms.ts';
import { createMatcher, type Matcher } from './matcher.ts';
import { serialize } from './serialize.ts';

/** Options of {@link createRedactor}. */
export interface RedactorOptions {
  /**
   * Values of fewer characters (UTF-16 code units) are not masked, so that `8` and `true` stay
   * readable. Default 6, at least 4. Of a value of several lines, a line of twice as many is masked
   * by itself too.
   */
  readonly minLength?: number;
  /** What stands in a value's place. Default `[redacted]`. */
  readonly mask?: string;
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
  /** Masks `value` from now on, also in streams that are open. Too short ones are ignored. */
  add(value: string): void;
  /**
   * `text` with every value masked in each of its forms: as it is, line by line, escaped as JSON and
   * source code have it, URL-encoded, and as base64 (standard and URL-safe, at any place of a longer
   * text). Values that overlap become one mask. A text without values comes back as it was.
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

/**
 * A redactor that knows no value yet. Time is linear in the text whatever the number of values; each
 * value costs memory for all of its forms, some 5 kB for one of 32 characters.
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
  const { minLength = 6, mask = '[redacted]' } = options;
  if (!Number.isInteger(minLength) || minLength < 4)
    throw new SecretError('ERR_SECRET_CONFIG', 'the option minLength is no whole number >= 4', {
      hint: 'Masking shorter values would mask ordinary text.',
    });
  const maskBytes = encoder.encode(mask);
  const known = new Set<string>();
  // the forms of a value are worked out when there is a text to look for them, and what looks for them
  // is made then: every chain has a redactor, and few have a text
  let added: string[] = [];
  let matcher: Matcher | undefined;

  function begin(): (chunk: Uint8Array, last: boolean) => Uint8Array[] {
    matcher ??= createMatcher(minLength);
    const values = matcher;
    const next = values.begin(maskBytes);
    return (chunk, last) => {
      for (const value of added)
        for (const form of formsOf(decode(encoder.encode(value)), minLength))
          values.insert(encoder.encode(form));
      added = [];
      return next(chunk, last);
    };
  }

  function redact(text: string): string {
    if (text.length < minLength || known.size === 0) return text;
    const pieces = begin()(encoder.encode(text), true);
    return pieces.includes(maskBytes) ? decode(joined(pieces)) : text;
  }

  function chunks(): ChunkRedactor {
    let next = begin();
    /** The first half of a character that a string ended in. */
    let half = '';
    return {
      push(chunk) {
        if (typeof chunk !== 'string') return joined(next(chunk, false));
        const text = half + chunk;
        half = /[\ud800-\udbff]$/.test(text) ? text.slice(-1) : '';
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

  return {
    add(value) {
      if (value.length < minLength || known.has(value)) return;
      known.add(value);
      added.push(value);
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
}

const encoder = new TextEncoder();
let decoder: InstanceType<typeof TextDecoder> | undefined;

function decode(bytes: Uint8Array): string {
  decoder ??= new TextDecoder('utf-8', { ignoreBOM: true });
  return decoder.decode(bytes);
}

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
