/**
 * A `.env` as docker compose reads it. Its `dotenv` (compose-go 2.16, `parser.go`) is followed rule by rule;
 * a test holds this to the package itself.
 */
import { SubstitutionError, substituted } from './compose-template.ts';
import { lineAt, lineStartAt, type Read, type Span, variableIn } from './reading.ts';

// Go's unicode.IsSpace, and the one of parser.go, which has no line feed
const goSpace = /[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;
const blank = /[\t\v\f\r \x85\xa0]/;
const keyCharacter = /[_.[\]\p{L}\p{N}-]/u;

/** Thrown within this file. */
class Refused extends Error {
  readonly at: number;

  constructor(at: number, reason: string) {
    super(reason);
    this.at = at;
  }
}

/** As docker compose reads the file before it puts the values into a container or its own file. */
export const readAsCompose: Read = (text, variables) => {
  const values = new Map<string, string>();
  const outside = new Map<string, ReadonlySet<string>>();
  const spans: Span[] = [];
  let taken = new Set<string>();
  const lookUp = (name: string): string | undefined => {
    const given = variableIn(variables, name);
    if (given !== undefined || !values.has(name)) taken.add(name);
    return given ?? values.get(name);
  };
  let at = text.startsWith('\uFEFF') ? 1 : 0;

  const skip = (kind: RegExp): void => {
    while (at < text.length && kind.test(text.charAt(at))) at++;
  };

  /** The name of a statement; `inherits` if its value comes from the environment. */
  const key = (): { name: string; inherits: boolean } => {
    if (/^export[\t\n\f\r ]/.test(text.slice(at, at + 7))) {
      at += 'export'.length;
      skip(blank);
    }
    const start = at;
    if (start === text.length) throw new Refused(start, 'ends where a name is expected');
    for (const character of text.slice(start, endOfName(text, start))) {
      if (/[=:\n]/.test(character)) {
        const name = trimmedEnd(text.slice(start, at));
        at++;
        skip(blank);
        if (name.includes(' ')) throw new Refused(start, 'has a space in a name');
        return { name, inherits: character === '\n' };
      }
      if (!blank.test(character) && !keyCharacter.test(character))
        throw new Refused(start, 'has a character that is not allowed in a name');
      at += character.length;
    }
    // the end of the file: the text there is a value without a name
    at = start;
    skip(blank);
    return { name: '', inherits: false };
  };

  const value = (): { value: string; end: number } => {
    const start = at;
    const quote = text.charAt(at);
    if (quote !== '"' && quote !== "'") {
      const lineEnd = indexOrEnd(text, '\n', at);
      const [bare = ''] = text.slice(at, lineEnd).split(' #', 1);
      const raw = trimmedEnd(bare);
      at = lineEnd + 1;
      return { value: substituted(raw, lookUp), end: start + raw.length };
    }
    let inside = '';
    let from = at + 1;
    for (at++; at < text.length; at++) {
      if (text.charAt(at) === '\\') {
        // an escaped quote loses its backslash, and anything else keeps it
        if (text.charAt(at + 1) === quote) {
          inside += text.slice(from, at);
          from = at + 1;
        }
        at++;
      } else if (text.charAt(at) === quote) {
        inside += text.slice(from, at);
        at++;
        return {
          value: quote === '"' ? substituted(unescaped(inside), lookUp) : inside,
          end: at,
        };
      }
    }
    throw new Refused(start, 'has a quote that is never closed');
  };

  let statement = at;
  try {
    for (;;) {
      skip(goSpace);
      if (at >= text.length) break;
      if (text.charAt(at) === '#') {
        at = indexOrEnd(text, '\n', at);
        continue;
      }
      statement = at;
      taken = new Set();
      const { name, inherits } = key();
      if (inherits) {
        const given = lookUp(name);
        if (given !== undefined && name !== '') values.set(name, given);
        if (taken.size > 0 && values.has(name)) outside.set(name, taken);
        continue;
      }
      const valueStart = at;
      const read = value();
      if (name === '') continue;
      values.set(name, read.value);
      outside.delete(name);
      if (taken.size > 0) outside.set(name, taken);
      spans.push({
        name,
        lineStart: lineStartAt(text, statement),
        valueStart,
        valueEnd: read.end,
      });
    }
    return { values, outside, spans, unknown: new Map() };
  } catch (error) {
    const isOurs = error instanceof Refused || error instanceof SubstitutionError;
    if (!isOurs) throw error;
    const offset = error instanceof Refused ? error.at : statement;
    const refusal = { line: lineAt(text, offset), reason: error.message };
    return { values: new Map(), outside: new Map(), spans: [], unknown: new Map(), refusal };
  }
};

/** Behind the first character that ends a name. */
function endOfName(text: string, from: number): number {
  const found = text.slice(from).search(/[=:\n]/);
  return found < 0 ? text.length : from + found + 1;
}

function indexOrEnd(text: string, what: string, from: number): number {
  const at = text.indexOf(what, from);
  return at < 0 ? text.length : at;
}

function trimmedEnd(text: string): string {
  let end = text.length;
  while (end > 0 && goSpace.test(text.charAt(end - 1))) end--;
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
  '"': '"',
  '\\': '\\',
  $: '$$', // which the substitution reduces to one
};

function unescaped(text: string): string {
  return text.replace(/\\(?:([abcfnrtv$"\\])|0([0-9]{0,3}))/g, (whole, letter, digits) => {
    if (letter !== undefined) return meanings[letter] ?? whole;
    const code = /^[0-7]{3}$/.test(digits) ? Number.parseInt(digits, 8) : 256;
    return code < 256 ? String.fromCharCode(code) : `\\${digits}`;
  });
}
