/**
 * Changes values in the text of a `.env` file and leaves every other byte as it was.
 *
 * No reader has a grammar to write by: to npm dotenv a quote left open reaches over later lines, `KEY:` takes
 * the next line for its value, `#` cuts what is not quoted, and no quote can be escaped; others differ. So
 * an edit is a search: each way of writing the value, at each place it may stand, is tried until the reader
 * that counts reads the result as meant, with every other name as before. Of those, one is taken that all
 * readers read alike, else one that takes no name from any of them. What a shell would run that sources
 * the file is never written. An edit that no try achieves is refused.
 */
import { SecretError } from '@keyfall/core';
import { readerSaid } from '../contents/dotenv-contents.ts';
import { loadNpm } from '../readers/npm.ts';
import type { DotenvReader, Reading, Span, Variables } from '../readers/reading.ts';
import { scanDotenv } from '../readers/scan-dotenv.ts';
import {
  type Changes,
  type Judge,
  type JudgedReader,
  judgedReaders,
  judgeOf,
  type Verdict,
} from './edit-verdict.ts';
import { formsOf } from './value-forms.ts';

/** Options of {@link editDotenv}. */
export interface EditDotenvOptions {
  /** Whose reading counts. Default: the one that the text names by `KEYFALL_READER`, else `npm`. */
  readonly reader?: DotenvReader | undefined;
  /** What `${NAME}` may refer to beside the text, for a reader that looks there. Default: nothing. */
  readonly variables?: Variables;
  /** Is told, in a sentence without a value, which readers read a name otherwise than it was meant. */
  readonly warn?: (message: string) => void;
}

/**
 * `text` with `changes` made: a new value by name, or `null` to take the name out. What is not
 * named keeps its bytes: comments, order, quotes, line breaks, byte order mark, `export`. A name
 * that stands there several times is changed where it is read (the last), and taken out
 * everywhere. A new name is added at the end, or at the start where the end cannot take one.
 *
 * @throws `ERR_SECRET_UNSUPPORTED` if the reader can read no such name, no way of writing the value
 *   comes back the same, or a shell that sources the file would run a part of each; the error names the
 *   name and not the value. `ERR_SECRET_CONFIG` for a reader that there is not
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
  { reader, variables = {}, warn = () => {} }: EditDotenvOptions = {},
): Promise<string> {
  const source = { path: '.env', shown: 'the text', provider: 'dotenv' };
  const own = await judged(reader ?? (await readerSaid(text, source)) ?? 'npm', variables);
  // what goes, goes together: a value may refer to another one
  const removals = [...changes].filter(([, value]) => value === null);
  const values = [...changes].filter(([, value]) => value !== null);
  return withAll(await withAll(text, removals, own, warn), values, own, warn);
}

/** That reader. That of npm is loaded alone: most edits ask no other. */
async function judged(reader: DotenvReader, variables: Variables): Promise<JudgedReader> {
  if (reader === 'npm') return { reader, read: await loadNpm() };
  const found = (await judgedReaders()).find((each) => each.reader === reader);
  if (found !== undefined) return { reader, read: (text) => found.read(text, variables) };
  throw new SecretError('ERR_SECRET_CONFIG', `nothing here reads a .env as ${reader} does`, {
    hint: 'Run this with Node, or name another reader.',
  });
}

type Change = readonly [name: string, value: string | null];
type Warn = (message: string) => void;

/**
 * The changes as one edit, each in the way that is tried first: nearly always all read that as meant, and
 * a thousand names are then as little work as one. Else one half after the other, down to a change by itself.
 */
async function withAll(
  text: string,
  changes: readonly Change[],
  own: JudgedReader,
  warn: Warn,
): Promise<string> {
  const [first, ...others] = changes;
  if (first === undefined) return text;
  if (others.length === 0) return withOne(text, first, own, warn);
  const whole = await atOnce(text, changes, own, warn);
  if (whole !== undefined) return whole;
  const half = changes.length >> 1;
  const begun = await withAll(text, changes.slice(0, half), own, warn);
  return withAll(begun, changes.slice(half), own, warn);
}

function withOne(
  text: string,
  [name, value]: Change,
  own: JudgedReader,
  warn: Warn,
): Promise<string> {
  return value === null ? without(text, name, own, warn) : withValue(text, name, value, own, warn);
}

/**
 * All changes in the way that is tried first for each, if all readers read the result as meant. Where names
 * are only taken out there is no better way to be found one by one: then the first that is read as meant
 * by the reader that counts.
 */
async function atOnce(
  text: string,
  changes: readonly Change[],
  own: JudgedReader,
  warn: Warn,
): Promise<string | undefined> {
  const judge = judgeOf(text, own);
  const { values: before } = judge.before;
  const meant = new Map<string, string | null>();
  const places = new Map<string, Place[]>();
  for (const place of placesIn(text, own, judge.before)) {
    const found = places.get(place.name);
    if (found === undefined) places.set(place.name, [place]);
    else found.push(place);
  }
  const eol = lineBreakOf(text);
  const cuts: { readonly from: number; readonly to: number; readonly text: string | null }[] = [];
  const added: string[] = [];
  for (const [name, value] of changes) {
    const found = places.get(name) ?? [];
    if (value === null) {
      meant.set(name, null);
      for (const { lineStart, end } of found)
        cuts.push({ from: lineStart, to: afterLineBreak(text, end), text: null });
      continue;
    }
    assertWritable(name, value);
    if (before.get(name) === value) continue;
    meant.set(name, value);
    const place = found.at(-1);
    const used = place === undefined ? '' : text.charAt(place.valueStart);
    const [form] = await writableForms(name, value, used, own);
    if (place === undefined) added.push(`${name}=${form}${eol}`);
    else cuts.push({ from: place.valueStart, to: place.valueEnd, text: `${form}` });
  }
  cuts.sort((a, b) => a.from - b.from);
  // two pairs on one line, of which one goes
  if (cuts.some(({ from }, index) => from < (cuts[index - 1]?.to ?? 0))) return undefined;
  const isRemoval = [...meant.values()].every((value) => value === null);
  let found: { readonly edited: string; readonly told: string } | undefined;
  for (const filler of cuts.some(({ text }) => text === null) ? fillers(eol) : ['']) {
    let edited = '';
    let from = 0;
    for (const cut of cuts) {
      edited += text.slice(from, cut.from) + (cut.text ?? filler);
      from = cut.to;
    }
    edited += text.slice(from);
    if (added.length > 0) edited = ended(edited, eol) + added.join('');
    const verdict = await judge.judge(edited, meant);
    if (verdict.kind === 'alike') return edited;
    if (verdict.kind !== 'wrong' && isRemoval) found ??= { edited, told: told(verdict) };
  }
  if (found !== undefined) warn(found.told);
  return found?.edited;
}

function told({ costly, apart, names }: Verdict): string {
  const said = [
    ...(apart.length > 0
      ? [
          `${names.join(', ')} will read otherwise for these readers, which have no way of writing in common with the one that counts: ${apart.join(', ')}`,
        ]
      : []),
    ...(costly.length > 0
      ? [`the change makes other names read differently for these readers: ${costly.join(', ')}`]
      : []),
  ];
  return said.join('; and ');
}

// A comment that no open quote reaches over: whichever quote is open, it meets one here that cannot
// close it, and dotenv then takes the opening one for part of a bare value.
const barrier = '#"\'`.';

/**
 * What may take the place of a line that goes: it may have kept the line before it from taking the line
 * after it for its value.
 */
function fillers(eol: string): readonly string[] {
  return ['', `#${eol}`, `${barrier}${eol}`];
}

async function without(text: string, name: string, own: JudgedReader, warn: Warn): Promise<string> {
  const judge = judgeOf(text, own);
  const { values, unknown } = judge.before;
  const places = placesIn(text, own, judge.before).filter((place) => place.name === name);
  if (!values.has(name) && !unknown.has(name) && places.length === 0) return text;
  const edits = function* () {
    for (const filler of fillers(lineBreakOf(text))) {
      let edited = '';
      let from = 0;
      for (const { lineStart, end } of places) {
        edited += text.slice(from, Math.max(from, lineStart)) + filler;
        from = Math.max(from, afterLineBreak(text, end));
      }
      yield edited + text.slice(from);
    }
  };
  const edited = await best(edits(), judge, new Map([[name, null]]), text.length, warn);
  if (edited !== undefined) return edited;
  throw refusal(
    name,
    'cannot be taken out of this file without changing how the rest is read',
    'Leave it there, or take out together with it what refers to it or follows it.',
  );
}

async function withValue(
  text: string,
  name: string,
  value: string,
  own: JudgedReader,
  warn: Warn,
): Promise<string> {
  assertWritable(name, value);
  const judge = judgeOf(text, own);
  if (judge.before.values.get(name) === value) return text;
  const eol = lineBreakOf(text);
  const places = await placesOf(text, name, own, judge.before);
  const used = text.charAt(places[0]?.valueStart ?? text.length);
  const forms = await writableForms(name, value, used, own);
  const edits =
    places.length > 0 ? replacements(text, places, forms, eol) : additions(text, name, forms, eol);
  const edited = await best(edits, judge, new Map([[name, value]]), text.length, warn);
  if (edited !== undefined) return edited;
  throw refusal(name, 'cannot be written into this file without changing how the rest is read');
}

/** How many edits that cost another reader something are looked past for a better one. */
const patience = 64;

/** The first edit that all read as meant, else the one that costs the least; what that is, is told. */
async function best(
  edits: Iterable<string>,
  judge: Judge,
  changes: Changes,
  length: number,
  warn: Warn,
): Promise<string | undefined> {
  let found: { readonly edited: string; readonly verdict: Verdict } | undefined;
  let tries = 0;
  for (const edited of edits) {
    // once there is one, a better one is worth only so much of the time that a large text takes
    if (found !== undefined && (++tries > patience || length > 1_000_000)) break;
    const verdict = await judge.judge(edited, changes);
    if (verdict.kind === 'alike') return edited;
    if (verdict.kind === 'wrong') continue;
    const isBetter = found === undefined || gravity(verdict) < gravity(found.verdict);
    if (isBetter) found = { edited, verdict };
  }
  if (found !== undefined) warn(told(found.verdict));
  return found?.edited;
}

function gravity({ costly, apart }: Verdict): number {
  return 100 * costly.length + apart.length;
}

function assertWritable(name: string, value: string): void {
  if (!/^[\w.-]+$/.test(name) || name === '__proto__')
    throw refusal(name, 'is not a name that a .env file can hold');
  // Zero bytes end a variable's value in every process; half a surrogate pair has no UTF-8 form.
  if (/\0|\p{Surrogate}/u.test(value)) throw refusal(name, 'has a value that is not text');
}

/** The ways to write a value, the best first; there is at least one. */
async function writableForms(
  name: string,
  value: string,
  used: string,
  own: JudgedReader,
): Promise<readonly string[]> {
  const { forms, isRunOtherwise } = await formsOf(value, own, used);
  if (forms.length > 0) return forms;
  throw refusal(
    name,
    isRunOtherwise
      ? 'has a value that can only be written so that a shell which sources the file would run a part of it, or lose the lines after it'
      : 'has a value that no .env file can hold: its mixture of quotes, "#", line breaks and backslashes cannot be written so that its reader reads it back',
  );
}

/** Where a name stands. */
interface Place extends Span {
  /** The end of its last line, before the line break. */
  readonly end: number;
  /** Where a value may move up to that stands on a later line than its sign. */
  readonly signEnd?: number;
}

/** Where the reader that counts finds names; where it keeps that to itself, as npm dotenv finds them. */
function placesIn(
  text: string,
  { reader, read }: JudgedReader,
  { spans }: Pick<Reading, 'spans'> = read(text, {}),
): readonly Place[] {
  if (reader === 'npm' || reader === 'node') return scanDotenv(text).pairs;
  return spans.map((span) => ({ ...span, end: endOfLine(text, span.valueEnd) }));
}

/** Where the value may be changed: as its reader finds it, then as others do, who may see more of the line. */
async function placesOf(
  text: string,
  name: string,
  own: JudgedReader,
  before: Reading,
): Promise<readonly Place[]> {
  const last = (found: readonly Place[]): Place[] =>
    found.filter((place) => place.name === name).slice(-1);
  const places = last(placesIn(text, own, before));
  if (!before.values.has(name) && !before.unknown.has(name) && places.length === 0) return [];
  for (const reader of await judgedReaders())
    if (reader.reader !== own.reader) places.push(...last(placesIn(text, reader)));
  // elsewhere it is another value that would go, and this one would stay
  const start = own.reader === 'node' ? undefined : places[0]?.valueStart;
  const seen = new Set<string>();
  return places.filter(({ valueStart, valueEnd }) => {
    const key = `${valueStart}-${valueEnd}`;
    const isHere = start === undefined || valueStart === start;
    return isHere && !seen.has(key) && seen.add(key);
  });
}

function* replacements(
  text: string,
  places: readonly Place[],
  forms: readonly string[],
  eol: string,
) {
  // Only a quoted value may begin on a later line than its sign; another must move up.
  for (const form of forms)
    for (const { lineStart, signEnd, valueStart, valueEnd } of places)
      for (const start of new Set([valueStart, signEnd ?? valueStart]))
        for (const before of ['', barrier + eol])
          for (const after of ['', ` ${barrier}`])
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
  for (const form of forms) {
    for (const before of ['', barrier + eol]) yield `${head}${before}${name}=${form}${eol}`;
    for (const after of ['', ` ${barrier}`])
      yield `${text.slice(0, start)}${name}=${form}${after}${eol}${text.slice(start)}`;
  }
}

/** The text with an end of its last line. */
function ended(text: string, eol: string): string {
  return text === '' || text === '\uFEFF' || /[\n\r]$/.test(text) ? text : text + eol;
}

function endOfLine(text: string, from: number): number {
  const found = text.slice(from).search(/[\n\r]/);
  return found < 0 ? text.length : from + found;
}

function lineBreakOf(text: string): string {
  return /\r\n|\n|\r/.exec(text)?.[0] ?? '\n';
}

function afterLineBreak(text: string, end: number): number {
  return text.startsWith('\r\n', end) ? end + 2 : Math.min(end + 1, text.length);
}

function refusal(name: string, reason: string, hint = 'Keep it in another store.'): SecretError {
  return new SecretError('ERR_SECRET_UNSUPPORTED', `${JSON.stringify(name)} ${reason}`, {
    secretName: name,
    hint,
  });
}
