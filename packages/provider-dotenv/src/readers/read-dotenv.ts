/**
 * Every reader by its name, and where they differ. A reader is loaded when it is needed, so that a file of plain lines,
 * which all read alike, stays cheap to read.
 */
import { SecretError } from '@keyfall/core/provider';
import {
  type DotenvReader,
  dotenvReaders,
  type Read,
  type Reading,
  type Variables,
} from './reading.ts';

/** Whether `text` is the name of a reader. */
export function isDotenvReader(text: unknown): text is DotenvReader {
  return (dotenvReaders as readonly unknown[]).includes(text);
}

/** The reader of that name; `undefined` if this runtime has no `node --env-file`. */
async function loadReader(reader: DotenvReader): Promise<Read | undefined> {
  switch (reader) {
    case 'npm':
      return (await import('./npm.ts')).readAsNpm;
    case 'python':
      return (await import('./python.ts')).readAsPython;
    case 'node':
      return (await import('./node.ts')).nodeReader();
    case 'compose':
      return (await import('./compose.ts')).readAsCompose;
    case 'shell':
      return (await import('./shell.ts')).readAsShell;
  }
}

/**
 * What that reader reads in the text.
 *
 * @throws `ERR_SECRET_CONFIG` for `node` if this runtime has no `node --env-file`
 */
export async function readWith(
  reader: DotenvReader,
  text: string,
  variables: Variables,
): Promise<Reading> {
  const read = await loadReader(reader);
  if (read !== undefined) return read(text, variables);
  throw new SecretError(
    'ERR_SECRET_CONFIG',
    `the reader ${reader} is not available in this runtime`,
    {
      hint: 'Use Node, or name another reader.',
    },
  );
}

/** A line that every reader reads alike, whatever the lines around it are. */
// (Node reads `export A=` as a name of two words.)
const plainLine =
  /^(?:#.*)?$|^(?!__proto__=)[A-Za-z_]\w*=$|^(?:export )?(?!__proto__=)[A-Za-z_]\w*=(?:[\w@%+:,./=-]+|'[^'"`$\\\p{Cc}\u2028\u2029]*'|"[^'"`$\\\p{Cc}\u2028\u2029]*")(?: #[^'"`=]*)?$/u;

/** Whether the form of the text alone shows that all readers read it alike. */
export function isPlainText(text: string): boolean {
  return text.split('\n').every((line) => plainLine.test(line));
}

/** Groups of readers that read a name alike, that of `npm` first. */
export type ReaderGroups = readonly (readonly string[])[];

/**
 * The names that programs with these variables would read differently: with another value, or not at all. Only readers
 * that can be in use count: a program whose reader refuses the file could not have started with it. A shell does not count for
 * a text with carriage returns, because it keeps them in every value.
 */
export async function differingNames(
  text: string,
  variables: Variables,
): Promise<ReadonlyMap<string, ReaderGroups>> {
  const differing = new Map<string, ReaderGroups>();
  if (isPlainText(text)) return differing;
  const readings = await allReadings(text, variables);
  const names = new Set([...readings.values()].flatMap((each) => [...each.values.keys()]));
  for (const { unknown } of readings.values()) for (const name of unknown.keys()) names.add(name);
  for (const name of names) {
    // anything else is not a name, but a piece of a value that a reader has cut
    if (!/^[\p{L}_][\p{L}\p{N}_.-]*$/u.test(name)) continue;
    const groups = new Map<string, string[]>();
    for (const [reader, { values, unknown, outside }] of readings) {
      // docker compose passes on a variable of the environment: the file says nothing about it
      if (reader === 'compose' && outside.get(name)?.has(name)) continue;
      const value = values.get(name);
      const kind = unknown.has(name) ? '?' : value === undefined ? '-' : `=${value}`;
      groups.set(kind, [...(groups.get(kind) ?? []), reader]);
    }
    if (groups.size > 1) differing.set(name, [...groups.values()]);
  }
  return differing;
}

/** What each reader that can be in use reads, by its name. */
async function allReadings(
  text: string,
  variables: Variables,
): Promise<ReadonlyMap<string, Reading>> {
  const readings = new Map<string, Reading>();
  for (const reader of dotenvReaders) {
    if (reader === 'shell' && text.includes('\r')) continue;
    const reading = (await loadReader(reader))?.(text, variables);
    if (reading !== undefined && reading.refusal === undefined) readings.set(reader, reading);
  }
  return readings;
}
