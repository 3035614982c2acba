/**
 * Changes values in the text of a `.env` file and leaves every other byte as it was.
 *
 * No reader has a grammar to write by. For npm dotenv an open quote extends over later lines, `KEY:` takes the next line
 * as its value, `#` ends an unquoted value, and no quote can be escaped; other readers differ. So an edit is a search: each
 * form of the value, at each possible place, is tried until the reader that counts reads the result as intended, with every
 * other name as before. An edit that all readers read alike is preferred, then one that takes no name from any of them.
 * Text that a shell which sources the file would run is never written. If no try succeeds, the edit is refused.
 */
import { assertOptions, type OptionKinds, SecretError } from '@keyfall/core/provider';
import { readerNamedIn } from '../contents/dotenv-contents.ts';
import { readAsNpm } from '../readers/npm.ts';
import type { DotenvReader, Reading, Span, Variables } from '../readers/reading.ts';
import { scanDotenv } from '../readers/scan-dotenv.ts';
import {
  allReaders,
  type Changes,
  type EditClassifier,
  type EditEffect,
  editClassifier,
  type NamedReader,
} from './classify-edit.ts';
import { formsOf } from './value-forms.ts';

/** Options of {@link editDotenv}. */
export interface EditDotenvOptions {
  /** Whose reading counts. Default: the one that the text names by `KEYFALL_READER`, else `npm`. */
  readonly reader?: DotenvReader | undefined;
  /** What `${NAME}` may refer to besides the text, for a reader that looks there. Default: nothing. */
  readonly variables?: Variables | undefined;
  /** Receives a sentence, without a value, that names readers which read a name differently than intended. */
  readonly warn?: ((message: string) => void) | undefined;
}

const optionKinds: OptionKinds<EditDotenvOptions> = {
  reader: 'text',
  variables: 'an object',
  warn: 'a function',
};

/**
 * `text` with `changes` made: a new value by name, or `null` to remove the name. Everything else keeps its bytes:
 * comments, order, quotes, line breaks, byte order mark, `export`. A name that appears several times is changed where it is
 * read (the last place), and removed everywhere. A new name is added at the end, or at the start if the end is not possible.
 *
 * @throws `ERR_SECRET_UNSUPPORTED` if the reader cannot read such a name, if it reads no form of the value back
 *   unchanged, or if a shell that sources the file would run a part of each form; the error holds the name and not the
 *   value. `ERR_SECRET_CONFIG` for an unknown reader or option
 * @example
 * ```ts
 * import { editDotenv } from '@keyfall/provider-dotenv/edit';
 *
 * const text = await editDotenv('# shop\nTOKEN=old # from BotFather\n', new Map([['TOKEN', 'a b']]));
 * // # shop
 * // TOKEN='a b' # from BotFather
 * ```
 */
export async function editDotenv(
  text: string,
  changes: ReadonlyMap<string, string | null>,
  options: EditDotenvOptions = {},
): Promise<string> {
  assertOptions(options, 'editDotenv', optionKinds);
  const { reader, variables = {}, warn = () => {} } = options;
  const source = { path: '.env', shown: 'the text', provider: 'dotenv' };
  const own = await loadReader(reader ?? (await readerNamedIn(text, source)) ?? 'npm', variables);
  // removals are made together: a value may refer to another one
  const removals = [...changes].filter(([, value]) => value === null);
  const values = [...changes].filter(([, value]) => value !== null);
  return withAll(await withAll(text, removals, own, warn), values, own, warn);
}

/** The reader. Most edits need that of npm and no other, which are loaded together. */
async function loadReader(reader: DotenvReader, variables: Variables): Promise<NamedReader> {
  if (reader === 'npm') return { reader, read: readAsNpm };
  const found = (await allReaders()).find((each) => each.reader === reader);
  if (found !== undefined) return { reader, read: (text) => found.read(text, variables) };
  const reason = `the reader ${reader} is not available in this runtime`;
  throw new SecretError('ERR_SECRET_CONFIG', reason, { hint: 'Use Node, or name another reader.' });
}

type Change = readonly [name: string, value: string | null];
type Warn = (message: string) => void;

/**
 * Makes the changes as one edit, each in the form that is tried first: that nearly always works, and a thousand names
 * are then as little work as one. Otherwise each half is tried, down to single changes.
 */
async function withAll(
  text: string,
  changes: readonly Change[],
  own: NamedReader,
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
  own: NamedReader,
  warn: Warn,
): Promise<string> {
  return value === null ? without(text, name, own, warn) : withValue(text, name, value, own, warn);
}

/**
 * All changes in the form that is tried first for each, if all readers read the result as intended. Removals have no better
 * form to be found one by one: for them the first result counts that the reader which counts reads as intended.
 */
async function atOnce(
  text: string,
  changes: readonly Change[],
  own: NamedReader,
  warn: Warn,
): Promise<string | undefined> {
  const classifier = editClassifier(text, own);
  const { values: before } = classifier.before;
  const meant = new Map<string, string | null>();
  const places = new Map<string, Place[]>();
  for (const place of placesIn(text, own, classifier.before)) {
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
  // two pairs on one line, of which one is removed
  if (cuts.some(({ from }, index) => from < (cuts[index - 1]?.to ?? 0))) return undefined;
  const isRemoval = [...meant.values()].every((value) => value === null);
  let found: { readonly edited: string; readonly warning: string } | undefined;
  for (const filler of cuts.some(({ text }) => text === null) ? fillers(eol) : ['']) {
    let edited = '';
    let from = 0;
    for (const cut of cuts) {
      edited += text.slice(from, cut.from) + (cut.text ?? filler);
      from = cut.to;
    }
    edited += text.slice(from);
    if (added.length > 0) edited = ended(edited, eol) + added.join('');
    const effect = await classifier.classify(edited, meant);
    if (effect.kind === 'alike') return edited;
    if (effect.kind !== 'wrong' && isRemoval) found ??= { edited, warning: warningOf(effect) };
  }
  if (found !== undefined) warn(found.warning);
  return found?.edited;
}

function warningOf({ costly, apart, names }: EditEffect): string {
  const said = [
    ...(apart.length > 0
      ? [
          `these readers will read ${names.join(', ')} differently, because no form of the value suits them and the reader that counts: ${apart.join(', ')}`,
        ]
      : []),
    ...(costly.length > 0
      ? [`after the change these readers read other names differently: ${costly.join(', ')}`]
      : []),
  ];
  return said.join('; and ');
}

// A comment that no open quote extends over: whichever quote is open, it meets one here that cannot close it, and
// dotenv then takes the opening quote as part of an unquoted value.
const barrier = '#"\'`.';

/**
 * What may replace a removed line: that line may have kept the line before it from taking the line after it as its
 * value.
 */
function fillers(eol: string): readonly string[] {
  return ['', `#${eol}`, `${barrier}${eol}`];
}

async function without(text: string, name: string, own: NamedReader, warn: Warn): Promise<string> {
  const classifier = editClassifier(text, own);
  const { values, unknown } = classifier.before;
  const places = placesIn(text, own, classifier.before).filter((place) => place.name === name);
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
  const edited = await best(edits(), classifier, new Map([[name, null]]), text.length, warn);
  if (edited !== undefined) return edited;
  throw refusal(
    name,
    'cannot be removed from this file without changing how the rest is read',
    'Leave it there, or remove the names that refer to it or follow it as well.',
  );
}

async function withValue(
  text: string,
  name: string,
  value: string,
  own: NamedReader,
  warn: Warn,
): Promise<string> {
  assertWritable(name, value);
  const classifier = editClassifier(text, own);
  if (classifier.before.values.get(name) === value) return text;
  const eol = lineBreakOf(text);
  const places = await placesOf(text, name, own, classifier.before);
  const used = text.charAt(places[0]?.valueStart ?? text.length);
  const forms = await writableForms(name, value, used, own);
  const edits =
    places.length > 0 ? replacements(text, places, forms, eol) : additions(text, name, forms, eol);
  const edited = await best(edits, classifier, new Map([[name, value]]), text.length, warn);
  if (edited !== undefined) return edited;
  throw refusal(name, 'cannot be written into this file without changing how the rest is read');
}

/** How many more edits are tried for a better one, once one is found that costs another reader something. */
const maxTries = 64;

/** The first edit that all readers read as intended, else the one that costs the least, with a warning. */
async function best(
  edits: Iterable<string>,
  classifier: EditClassifier,
  changes: Changes,
  length: number,
  warn: Warn,
): Promise<string | undefined> {
  let found: { readonly edited: string; readonly effect: EditEffect } | undefined;
  let tries = 0;
  for (const edited of edits) {
    // once there is one, a better one is not worth much time on a large text
    if (found !== undefined && (++tries > maxTries || length > 1_000_000)) break;
    const effect = await classifier.classify(edited, changes);
    if (effect.kind === 'alike') return edited;
    if (effect.kind === 'wrong') continue;
    const isBetter = found === undefined || gravity(effect) < gravity(found.effect);
    if (isBetter) found = { edited, effect };
  }
  if (found !== undefined) warn(warningOf(found.effect));
  return found?.edited;
}

function gravity({ costly, apart }: EditEffect): number {
  return 100 * costly.length + apart.length;
}

function assertWritable(name: string, value: string): void {
  if (!/^[\w.-]+$/.test(name) || name === '__proto__')
    throw refusal(name, 'is not a name that a .env file can hold');
  // A zero byte ends the value of a variable in every process; half a surrogate pair has no UTF-8 form.
  if (/\0|\p{Surrogate}/u.test(value)) throw refusal(name, 'has a value that is not text');
}

/** The forms of a value, the best first; there is at least one. */
async function writableForms(
  name: string,
  value: string,
  used: string,
  own: NamedReader,
): Promise<readonly string[]> {
  const { forms, isRunOtherwise } = await formsOf(value, own, used);
  if (forms.length > 0) return forms;
  throw refusal(
    name,
    isRunOtherwise
      ? 'has a value that cannot be written safely: a shell that sources the file would run a part of it, or lose the lines after it'
      : 'has a value that no .env file can hold: its reader would not read this mixture of quotes, "#", line breaks and backslashes back unchanged',
  );
}

/** Where a name is in the text. */
interface Place extends Span {
  /** The end of its last line, before the line break. */
  readonly end: number;
  /** Where a value on a later line than its sign may move up to. */
  readonly signEnd?: number;
}

/** Where the reader that counts finds names; as npm dotenv finds them, if the reader does not say where. */
function placesIn(
  text: string,
  { reader, read }: NamedReader,
  { spans }: Pick<Reading, 'spans'> = read(text, {}),
): readonly Place[] {
  if (reader === 'npm' || reader === 'node') return scanDotenv(text).pairs;
  return spans.map((span) => ({ ...span, end: endOfLine(text, span.valueEnd) }));
}

/** Where the value may be changed: as its reader finds it, then as others do, which may see more of the line. */
async function placesOf(
  text: string,
  name: string,
  own: NamedReader,
  before: Reading,
): Promise<readonly Place[]> {
  const last = (found: readonly Place[]): Place[] =>
    found.filter((place) => place.name === name).slice(-1);
  const places = last(placesIn(text, own, before));
  if (!before.values.has(name) && !before.unknown.has(name) && places.length === 0) return [];
  for (const reader of await allReaders())
    if (reader.reader !== own.reader) places.push(...last(placesIn(text, reader)));
  // elsewhere another value would be replaced, and this one would stay
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
  // Only a quoted value may begin on a later line than its sign; any other must move up.
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

/** The text with a line break at its end. */
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
