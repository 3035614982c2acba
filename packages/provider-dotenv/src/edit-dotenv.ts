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
  const parse = await loadParse();
  let edited = text;
  for (const [name, value] of changes)
    edited = value === null ? without(edited, name, parse) : withValue(edited, name, value, parse);
  return edited;
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
  if (!/^[\w.-]+$/.test(name) || name === '__proto__')
    throw refusal(name, 'is not a name that a .env file can hold');
  // Zero bytes end a variable's value in every process; half a surrogate pair has no UTF-8 form.
  if (/\0|\p{Surrogate}/u.test(value)) throw refusal(name, 'has a value that is not text');
  const before = parse(text);
  if (before.get(name) === value) return text;
  const expected = new Map(before).set(name, value);
  const eol = lineBreakOf(text);
  const pair = scanDotenv(text).pairs.findLast((each) => each.name === name);
  const used = pair === undefined ? '' : text.charAt(pair.valueStart);
  const forms = formsOf(value, used, eol).filter(
    (form) => parse(`N=${form} ${barrier}${eol}`).get('N') === value,
  );
  const edits = pair ? replacements(text, pair, forms, eol) : additions(text, name, forms, eol);
  for (const edited of edits) if (same(parse(edited), expected)) return edited;
  throw refusal(
    name,
    forms.length === 0
      ? 'has a value that no .env file can hold: its mixture of quotes, "#", line breaks and backslashes cannot be written so that dotenv reads it back'
      : 'cannot be written into this file without changing how the rest is read',
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
  const ended = text.length === start || /[\n\r]$/.test(text);
  const head = ended ? text : text + eol;
  for (const before of ['', barrier + eol])
    for (const form of forms) yield `${head}${before}${name}=${form}${eol}`;
  for (const after of ['', ` ${barrier}`])
    for (const form of forms)
      yield `${text.slice(0, start)}${name}=${form}${after}${eol}${text.slice(start)}`;
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
