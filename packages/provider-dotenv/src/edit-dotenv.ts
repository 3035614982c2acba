/**
 * Changes values in the text of a `.env` file and leaves every other byte as it was.
 *
 * npm dotenv has no grammar to write by: a quote left open reaches over later lines, `KEY:` takes the
 * next line for its value, `#` cuts what is not quoted, and no quote can be escaped. So an edit is a
 * search: each way of writing the value, at each place it may stand, is tried until dotenv itself
 * reads the result as meant, with every other name as before. An edit that no try achieves is refused.
 * Of the ways that dotenv reads as meant, that one is taken which most other readers do.
 */
import { SecretError } from '@keyfall/core';
import { isPlain, readability } from './other-readers.ts';
import { loadParse, type Parse, type Values } from './parse-dotenv.ts';
import { type DotenvPair, scanDotenv } from './scan-dotenv.ts';

/**
 * `text` with `changes` made: a new value by name, or `null` to take the name out. What is not
 * named keeps its bytes: comments, order, quotes, line breaks, byte order mark, `export`. A name
 * that stands there several times is changed where dotenv reads it (the last), and taken out
 * everywhere. A new name is added at the end, or at the start where the end cannot take one.
 *
 * @throws `ERR_SECRET_UNSUPPORTED` if dotenv can read no such name, or no way of writing the value
 *   comes back the same; the error names the name and not the value
 * @example
 * ```ts
 * import { editDotenv } from '@keyfall/provider-dotenv';
 *
 * const text = await editDotenv('# shop\nTOKEN=old # from BotFather\n', new Map([['TOKEN', 'a b']]));
 * // # shop
 * // TOKEN='a b' # from BotFather
 * ```
 */
export async function editDotenv(
  text: string,
  changes: ReadonlyMap<string, string | null>,
): Promise<string> {
  return withAll(text, [...changes], await loadParse());
}

type Change = readonly [name: string, value: string | null];

/**
 * The changes as one edit, each in the way that is tried first: nearly always dotenv reads that as meant, and
 * a thousand names are then as little work as one. Else one half after the other, down to a change by itself.
 */
function withAll(text: string, changes: readonly Change[], parse: Parse): string {
  const [first, ...others] = changes;
  if (first === undefined) return text;
  if (others.length === 0) return withOne(text, first, parse);
  const whole = atOnce(text, changes, parse);
  if (whole !== undefined) return whole;
  const half = changes.length >> 1;
  return withAll(withAll(text, changes.slice(0, half), parse), changes.slice(half), parse);
}

function withOne(text: string, [name, value]: Change, parse: Parse): string {
  return value === null ? without(text, name, parse) : withValue(text, name, value, parse);
}

/** All changes in the way that is tried first for each, if dotenv reads the result as meant. */
function atOnce(text: string, changes: readonly Change[], parse: Parse): string | undefined {
  const before = parse(text);
  const expected = new Map(before);
  const pairs = new Map<string, DotenvPair[]>();
  for (const pair of scanDotenv(text).pairs) {
    const own = pairs.get(pair.name);
    if (own === undefined) pairs.set(pair.name, [pair]);
    else own.push(pair);
  }
  const eol = lineBreakOf(text);
  const cuts: { readonly from: number; readonly to: number; readonly text: string }[] = [];
  const added: string[] = [];
  for (const [name, value] of changes) {
    const own = pairs.get(name) ?? [];
    if (value === null) {
      expected.delete(name);
      for (const { lineStart, end } of own)
        cuts.push({ from: lineStart, to: afterLineBreak(text, end), text: '' });
      continue;
    }
    assertWritable(name, value);
    if (before.get(name) === value) continue;
    expected.set(name, value);
    const pair = own.at(-1);
    const used = pair === undefined ? '' : text.charAt(pair.valueStart);
    const [form] = readableForms(name, value, used, eol, parse);
    if (pair === undefined) added.push(`${name}=${form}${eol}`);
    else cuts.push({ from: pair.valueStart, to: pair.valueEnd, text: `${form}` });
  }
  let edited = '';
  let from = 0;
  for (const cut of cuts.sort((a, b) => a.from - b.from)) {
    // two pairs on one line, of which one goes
    if (cut.from < from) return undefined;
    edited += text.slice(from, cut.from) + cut.text;
    from = cut.to;
  }
  edited += text.slice(from);
  if (added.length > 0) edited = ended(edited, eol) + added.join('');
  return same(parse(edited), expected) ? edited : undefined;
}

const quotes = ["'", '"', '`'];

// A comment that no open quote reaches over: whichever quote is open, it meets one here that cannot
// close it, and dotenv then takes the opening one for part of a bare value.
const barrier = '#"\'`.';

function without(text: string, name: string, parse: Parse): string {
  const pairs = scanDotenv(text).pairs.filter((pair) => pair.name === name);
  if (pairs.length === 0) return text;
  const expected = new Map(parse(text));
  expected.delete(name);
  const eol = lineBreakOf(text);
  // A line may have kept the line before it from taking the line after it for its value: then a
  // comment takes its place.
  for (const filler of ['', `#${eol}`, `${barrier}${eol}`]) {
    let edited = '';
    let from = 0;
    for (const { lineStart, end } of pairs) {
      edited += text.slice(from, lineStart) + filler;
      from = afterLineBreak(text, end);
    }
    edited += text.slice(from);
    if (same(parse(edited), expected)) return edited;
  }
  throw refusal(name, 'cannot be taken out of this file without changing how the rest is read');
}

function withValue(text: string, name: string, value: string, parse: Parse): string {
  assertWritable(name, value);
  const before = parse(text);
  if (before.get(name) === value) return text;
  const expected = new Map(before).set(name, value);
  const eol = lineBreakOf(text);
  const pair = scanDotenv(text).pairs.findLast((each) => each.name === name);
  const used = pair === undefined ? '' : text.charAt(pair.valueStart);
  const forms = readableForms(name, value, used, eol, parse);
  const edits = pair ? replacements(text, pair, forms, eol) : additions(text, name, forms, eol);
  for (const edited of edits) if (same(parse(edited), expected)) return edited;
  throw refusal(name, 'cannot be written into this file without changing how the rest is read');
}

function assertWritable(name: string, value: string): void {
  if (!/^[\w.-]+$/.test(name) || name === '__proto__')
    throw refusal(name, 'is not a name that a .env file can hold');
  // Zero bytes end a variable's value in every process; half a surrogate pair has no UTF-8 form.
  if (/\0|\p{Surrogate}/u.test(value)) throw refusal(name, 'has a value that is not text');
}

/** The ways to write a value that dotenv reads back, the best first; there is at least one. */
function readableForms(
  name: string,
  value: string,
  used: string,
  eol: string,
  parse: Parse,
): string[] {
  const forms = formsOf(value, used, eol).filter(
    (form) => parse(`N=${form} ${barrier}${eol}`).get('N') === value,
  );
  if (forms.length > 0) return forms;
  throw refusal(
    name,
    'has a value that no .env file can hold: its mixture of quotes, "#", line breaks and backslashes cannot be written so that dotenv reads it back',
  );
}

/**
 * The ways to write a value, the best first: as other readers than npm dotenv read it too, then as it was
 * quoted before, then bare if that is plain.
 */
function formsOf(value: string, used: string, eol: string): string[] {
  const quoted = quotes.map((quote) => quote + value.replaceAll('\n', eol) + quote);
  const oneLine = value.replaceAll('\n', '\\n').replaceAll('\r', '\\r');
  const escaped = `"${oneLine}"`;
  // Several lines go on one, where possible: tools that read line by line then see one pair.
  const all = /[\n\r]/.test(value) ? [escaped, ...quoted] : quoted;
  // dotenv resolves escapes after a double quote that is never closed, too.
  all.push(oneLine);
  const kept = quotes.includes(used) ? all.filter((form) => form.startsWith(used)) : [];
  const bare = isPlain(value) ? [value] : [];
  return [...new Set([...kept, ...bare, ...all])].sort(
    (a, b) => readability(b, value) - readability(a, value),
  );
}

function* replacements(text: string, pair: DotenvPair, forms: readonly string[], eol: string) {
  const { lineStart, signEnd, valueStart, valueEnd } = pair;
  // Only a quoted value may begin on a later line than its sign; another must move up.
  for (const start of new Set([valueStart, signEnd]))
    for (const before of ['', barrier + eol])
      for (const after of ['', ` ${barrier}`])
        for (const form of forms)
          yield text.slice(0, lineStart) +
            before +
            text.slice(lineStart, start) +
            form +
            after +
            text.slice(valueEnd);
}

function* additions(text: string, name: string, forms: readonly string[], eol: string) {
  const start = text.startsWith('\uFEFF') ? 1 : 0;
  const head = ended(text, eol);
  for (const before of ['', barrier + eol])
    for (const form of forms) yield `${head}${before}${name}=${form}${eol}`;
  for (const after of ['', ` ${barrier}`])
    for (const form of forms)
      yield `${text.slice(0, start)}${name}=${form}${after}${eol}${text.slice(start)}`;
}

/** The text with an end of its last line. */
function ended(text: string, eol: string): string {
  return text === '' || text === '\uFEFF' || /[\n\r]$/.test(text) ? text : text + eol;
}

function same(some: Values, others: Values): boolean {
  if (some.size !== others.size) return false;
  for (const [name, value] of some) if (others.get(name) !== value) return false;
  return true;
}

function lineBreakOf(text: string): string {
  return /\r\n|\n|\r/.exec(text)?.[0] ?? '\n';
}

function afterLineBreak(text: string, end: number): number {
  return text.startsWith('\r\n', end) ? end + 2 : Math.min(end + 1, text.length);
}

function refusal(name: string, reason: string): SecretError {
  return new SecretError('ERR_SECRET_UNSUPPORTED', `${JSON.stringify(name)} ${reason}`, {
    secretName: name,
    hint: 'Keep it in another store.',
  });
}
