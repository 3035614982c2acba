/**
 * A `.env` as python-dotenv reads it: `load_dotenv()`, with its default `override=False`. It follows `parser.py` and
 * `variables.py` of 1.2 rule by rule, and a test compares it with the package itself.
 */
import {
  lineStartAt,
  type Read,
  type Reading,
  type Span,
  type Variables,
  variableIn,
} from './reading.ts';

/** As version 1.2.4 reads. */
export const readAsPython: Read = (text, variables) => read(text, variables, true);

/**
 * As versions before 1.2.4 read: a quote after any backslash counts as escaped unless no other follows, a byte order mark
 * is part of the first name, and `# text` is the value of `NAME= # text`.
 */
export const readAsOlderPython: Read = (text, variables) => read(text, variables, false);

// Python's \s, which has some control characters that JavaScript's does not have, and lacks U+FEFF.
const space =
  '[ \\t-\\r\\x1c-\\x1f\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const blank =
  '[ \\t\\v\\f\\x1c-\\x1f\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const spaces = new RegExp(`${space}*`, 'y');
const blanks = new RegExp(`${blank}*`, 'y');
const exported = new RegExp(`(?:export${blank}+)?`, 'y');
const quotedKey = /'([^']+)'/y;
const bareKey = new RegExp(`((?!${space})[^=#])+`, 'y');
const bareValue = /[^\r\n]*/y;
const comment = new RegExp(`(?:${blank}*#[^\\r\\n]*)?`, 'y');
const lineEnd = new RegExp(`${blank}*(?:\\r\\n|\\n|\\r|$)`, 'y');
const restOfLine = /[^\r\n]*(?:\r|\n|\r\n)?/y;
const spaceAtEnd = new RegExp(`${space}$`);

function read(given: string, variables: Variables, isCurrent: boolean): Reading {
  // Python opens a file with universal newlines
  const first = isCurrent && given.startsWith('\uFEFF') ? 1 : 0;
  const { text, offsetIn } = withLineFeeds(given, first);
  const pairs: { name: string; raw: string | undefined }[] = [];
  const spans: Span[] = [];
  let at = 0;
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found !== null) at += found[0].length;
    return found === null ? undefined : found[0];
  };

  const value = (): string | undefined => {
    const quote = text.charAt(at);
    if (quote === "'" || quote === '"') {
      const close = (isCurrent ? closingQuote : olderClosingQuote)(text, at);
      if (close < 0) return undefined;
      const inside = text.slice(at + 1, close);
      at = close + 1;
      return decoded(inside, quote === "'" ? /\\[\\']/g : /\\[\\'"abfnrtv]/g);
    }
    if (/^[\n\r]?$/.test(quote)) return '';
    return withoutComment(match(bareValue) ?? '');
  };

  /** Whether it is a valid statement; otherwise Python logs a warning and continues with the next line. */
  const statement = (): boolean => {
    match(spaces);
    if (at >= text.length) return true;
    match(exported);
    let name: string | undefined;
    const begin = at;
    if (text.charAt(at) !== '#') {
      const isQuoted = text.charAt(at) === "'";
      name = match(isQuoted ? quotedKey : bareKey);
      if (name === undefined) return false;
      if (isQuoted) name = name.slice(1, -1);
    }
    match(blanks);
    let raw: string | undefined;
    let span: Span | undefined;
    if (text.charAt(at) === '=') {
      at++;
      const sign = at;
      match(blanks);
      const valueStart = at;
      const isComment = isCurrent && at > sign && text.charAt(at) === '#';
      raw = isComment ? '' : value();
      if (raw === undefined) {
        at = valueStart;
        return false;
      }
      const isQuoted = /['"]/.test(text.charAt(valueStart)) && at > valueStart;
      const length = isQuoted ? at - valueStart : raw.length;
      if (name !== undefined)
        span = {
          name,
          lineStart: lineStartAt(given, offsetIn(begin)),
          valueStart: offsetIn(isComment ? sign : valueStart),
          valueEnd: offsetIn(isComment ? sign : valueStart + length),
        };
    }
    match(comment);
    if (match(lineEnd) === undefined) return false;
    if (name !== undefined) pairs.push({ name, raw });
    if (span !== undefined) spans.push(span);
    return true;
  };

  while (at < text.length) if (!statement()) match(restOfLine);
  return { ...expanded(pairs, variables), spans, unknown: new Map() };
}

/** A backslash escapes the character after it, whatever that is. */
function closingQuote(text: string, open: number): number {
  for (let at = open + 1; at < text.length; at++)
    if (text.charAt(at) === '\\') at++;
    else if (text.charAt(at) === text.charAt(open)) return at;
  return -1;
}

/** The first quote without a backslash before it, else the last one. */
function olderClosingQuote(text: string, open: number): number {
  let last = -1;
  for (let at = open; ; ) {
    at = text.indexOf(text.charAt(open), at + 1);
    if (at < 0) return last;
    last = at;
    if (text.charAt(at - 1) !== '\\') return at;
  }
}

/** The text without a comment, and without blanks at its end. */
function withoutComment(text: string): string {
  let end = text.length;
  for (let at = text.indexOf('#'); at >= 0; at = text.indexOf('#', at + 1))
    if (spaceAtEnd.test(text.charAt(at - 1))) {
      end = at;
      break;
    }
  while (end > 0 && spaceAtEnd.test(text.charAt(end - 1))) end--;
  return text.slice(0, end);
}

const meanings: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

function decoded(text: string, escapes: RegExp): string {
  return text.replace(escapes, ([, letter = '']) => meanings[letter] ?? letter);
}

/** `${NAME}` and `${NAME:-default}`: the environment first, then earlier lines of the file. */
function expanded(
  pairs: readonly { readonly name: string; readonly raw: string | undefined }[],
  variables: Variables,
): Pick<Reading, 'values' | 'outside'> {
  const known = new Map<string, string | undefined>();
  const outside = new Map<string, ReadonlySet<string>>();
  for (const { name, raw } of pairs) {
    const taken = new Set<string>();
    const value = raw?.replace(
      /\$\{([^}:]*)(?::-([^}]*))?\}/g,
      (_, key: string, fallback: string | undefined) => {
        const given = variableIn(variables, key);
        if (given !== undefined || !known.has(key)) taken.add(key);
        if (given !== undefined) return given;
        // a name without a value counts as an empty text
        return known.has(key) ? (known.get(key) ?? '') : (fallback ?? '');
      },
    );
    known.set(name, value);
    outside.delete(name);
    if (taken.size > 0) outside.set(name, taken);
  }
  const values = new Map<string, string>();
  for (const [name, value] of known) if (value !== undefined) values.set(name, value);
  return { values, outside };
}

/** The text as Python reads it, from `first` on, and how its offsets map to the original text. */
function withLineFeeds(
  given: string,
  first: number,
): { text: string; offsetIn: (at: number) => number } {
  if (!given.includes('\r')) return { text: given.slice(first), offsetIn: (at) => at + first };
  const dropped: number[] = [];
  const text = given.slice(first).replace(/\r\n?/g, (found, offset: number) => {
    if (found.length === 2) dropped.push(offset - dropped.length);
    return '\n';
  });
  const offsetIn = (at: number) => {
    let count = 0; // of those before `at`, by binary search
    for (let end = dropped.length; count < end; ) {
      const middle = (count + end) >> 1;
      if ((dropped[middle] ?? 0) < at) count = middle + 1;
      else end = middle;
    }
    return at + first + count;
  };
  return { text, offsetIn };
}
