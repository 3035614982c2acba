/**
 * The protocol of a helper, version 1, as docs/providers/exec.md has it for authors: lines of JSON on stdin and stdout,
 * and an exit code. The last line says that the answer is whole, and each name that was asked for has a line, so that a helper that
 * fails on its way is never taken for a store that does not hold a name.
 */
import { isUtf8 } from 'node:buffer';
import {
  type Applied,
  type ReadContext,
  type SecretBatch,
  type SecretChanges,
  SecretError,
  type SecretRecord,
  type WriteContext,
  type WriteReceipt,
  withApplied,
} from '@keyfall/core/provider';
import { type FailureKind, failure, isFailureKind } from './exit-codes.ts';
import { type Program, runProgram } from './run-program.ts';

/** An answer: bytes. */
const maxOutput = 8 * 1024 * 1024;

type Action = 'read' | 'read-all' | 'list' | 'write';

type Line = Readonly<Record<string, unknown>>;

/** What the whole answer of a helper is. */
interface Answer {
  /** The lines about names. */
  readonly lines: readonly (Line & { readonly name: string })[];
  /** The last line. */
  readonly done: Line;
}

/** The exit codes of sysexits.h that stand for a failure. */
const failures: ReadonlyMap<number, FailureKind> = new Map([
  [65, 'invalid'],
  [67, 'unauthenticated'],
  [69, 'unavailable'],
  [75, 'unavailable'],
  [77, 'denied'],
  [78, 'misconfigured'],
]);

const codeOfUnknownAction = 64;
const codeOfMissingDocument = 66;
const codeOfConflict = 73;

/** The exit codes after which nothing has changed. */
const unchanged = new Set([64, 66, 67, 73, 77, 78]);

/**
 * Reads names, or all.
 * @throws `SecretError` for everything that is no answer
 */
export async function readByHelper(
  program: Program,
  names: readonly string[] | 'all',
  hasRevisions: boolean,
  { signal, stamp }: ReadContext,
): Promise<SecretBatch> {
  const stamped = stamp?.();
  const stamps = stamped === undefined ? {} : { stamp: stamped };
  const asked = names === 'all' ? [] : names.map((name) => ({ name }));
  const action = names === 'all' ? 'read-all' : 'read';
  const answer = await ask(program, { action }, asked, signal);
  if (answer === undefined) {
    const description = `says that its store is not there (exit code ${codeOfMissingDocument})`;
    return {
      entries: new Map(),
      complete: true,
      missingDocument: { description, optional: false },
      ...stamps,
    };
  }
  const { lines, done } = answer;
  const entries = new Map<string, SecretRecord | SecretError>();
  const answered = new Set<string>();
  for (const line of lines) {
    if (answered.has(line.name)) throw broken(program, 'has a name twice');
    answered.add(line.name);
    const entry = entryOf(program, line);
    if (entry !== undefined) entries.set(line.name, entry);
  }
  const complete = names === 'all' || done['complete'] === true;
  if (!complete && asked.some(({ name }) => !answered.has(name)))
    throw broken(program, 'leaves out a name that was asked for');
  const revision = textOf(program, done, 'revision');
  if (hasRevisions && revision === undefined) throw broken(program, 'has no revision');
  return {
    entries,
    complete,
    ...(hasRevisions && revision !== undefined && { revision }),
    ...stamps,
  };
}

/** The names, or `undefined` if the store as a whole is not there; throws as {@link readByHelper}. */
export async function listByHelper(
  program: Program,
  { signal }: ReadContext,
): Promise<readonly string[] | undefined> {
  const answer = await ask(program, { action: 'list' }, [], signal);
  return answer && [...new Set(answer.lines.map(({ name }) => name))];
}

/** Writes; throws as {@link readByHelper}, with what became of the change. */
export async function writeByHelper(
  program: Program,
  { entries, ifRevision }: SecretChanges,
  isConditional: boolean,
  { signal }: WriteContext,
): Promise<WriteReceipt> {
  const changes = [...entries].map(([name, value]) => ({ name, value }));
  const header = { action: 'write' as const, ...(ifRevision !== undefined && { ifRevision }) };
  let applied: Applied = 'no';
  const onStart = () => {
    applied = 'unknown';
  };
  try {
    const answer = await ask(program, header, changes, signal, onStart);
    if (answer === undefined)
      throw new SecretError(
        'ERR_SECRET_NOT_FOUND',
        `${program.label} says that its store is not there (exit code ${codeOfMissingDocument})`,
        { provider: program.provider, applied: 'no' },
      );
    const revision = textOf(program, answer.done, 'revision');
    const version = textOf(program, answer.done, 'version');
    return {
      conditional: isConditional,
      ...(isConditional && revision !== undefined && { revision }),
      ...(version !== undefined && { version }),
    };
  } catch (error) {
    throw withApplied(error, applied);
  }
}

/** @returns `undefined` if the whole document is not there */
async function ask(
  program: Program,
  header: { readonly action: Action; readonly ifRevision?: string },
  lines: readonly object[],
  signal: AbortSignal,
  onStart?: () => void,
): Promise<Answer | undefined> {
  const request = [{ keyfall: 1, ...header }, ...lines].map((line) => `${JSON.stringify(line)}\n`);
  const { exitCode, output } = await runProgram(program, request.join(''), {
    signal,
    maxOutput,
    onStart,
  });
  if (exitCode === 0) return answerOf(program, output);
  if (exitCode === codeOfMissingDocument) return undefined;
  const isRefusedWrite = header.action === 'write' && unchanged.has(exitCode);
  const applied: Applied | undefined = isRefusedWrite ? 'no' : undefined;
  const details = { exitCode, ...(applied && { applied }) };
  const kind = failures.get(exitCode);
  if (kind !== undefined) throw failure(program, kind, details);
  const { provider, label } = program;
  const facts = { provider, applied };
  if (exitCode === codeOfUnknownAction)
    throw new SecretError(
      'ERR_SECRET_UNSUPPORTED',
      `${label} does not know the action ${header.action}, or cannot hold one of the names or values (exit code ${exitCode})`,
      { ...facts, hint: 'The options lists and writes say what it can do.' },
    );
  if (exitCode === codeOfConflict)
    throw new SecretError(
      'ERR_SECRET_CONFLICT',
      `${label} says that its store was changed in between (exit code ${exitCode})`,
      { ...facts, hint: 'Read it again and repeat the change.' },
    );
  throw new SecretError(
    'ERR_SECRET_INVALID',
    `${label} ended with exit code ${exitCode}, which is none of the protocol`,
    {
      ...facts,
      hint: 'A tool that prints one value needs {name} in the option command. Else run the helper by hand.',
    },
  );
}

function answerOf(program: Program, output: Buffer): Answer {
  if (!isUtf8(output)) throw broken(program, 'is not UTF-8');
  const texts = output.toString().split('\n');
  if (texts.at(-1) === '') texts.pop();
  const parsed = texts.map((text) => parse(program, text));
  const done = parsed.pop();
  if (done?.['done'] !== true) throw broken(program, 'does not end with {"done":true}');
  const lines = parsed.map((line) => {
    if (typeof line['name'] !== 'string') throw broken(program, 'has a line without a name');
    return { ...line, name: line['name'] };
  });
  return { lines, done };
}

function parse(program: Program, text: string): Line {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // what JSON.parse throws shows the text
  }
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Line;
  throw broken(program, 'has a line that is no JSON object');
}

/** What a line says of its name; `undefined`: it is not here. */
function entryOf(
  program: Program,
  line: Line & { readonly name: string },
): SecretRecord | SecretError | undefined {
  const { name: secretName, value, base64, missing, error } = line;
  const given = [value, base64, missing].filter((each) => each !== undefined);
  const invalid = (what: string) =>
    new SecretError('ERR_SECRET_INVALID', `the answer of ${program.label} for a name ${what}`, {
      provider: program.provider,
      secretName,
    });
  // a helper that has begun to print a value may find out only then that it cannot
  if (isFailureKind(error)) return failure(program, error, { secretName });
  if (error !== undefined) return invalid('has an error that is none of the protocol');
  if (given.length !== 1) return invalid('has not one of value, base64, missing and error');
  if (missing === true) return undefined;
  const text = typeof value === 'string' && value.isWellFormed() ? value : decoded(base64);
  if (text === undefined) return invalid('is no text');
  const { version, createdAt, expiresAt } = line;
  const isTime = (time: unknown) => time === undefined || Number.isFinite(time);
  if (!isTime(createdAt) || !isTime(expiresAt)) return invalid('has a time that is no number');
  if (version !== undefined && typeof version !== 'string')
    return invalid('has no text as version');
  return {
    value: text,
    ...(version !== undefined && { version }),
    ...(createdAt !== undefined && { createdAt: createdAt as number }),
    ...(expiresAt !== undefined && { expiresAt: expiresAt as number }),
  };
}

/** The text of base64 (RFC 4648, 4) of UTF-8; `undefined` if it is none. */
function decoded(base64: unknown): string | undefined {
  if (typeof base64 !== 'string') return undefined;
  const bytes = Buffer.from(base64, 'base64');
  return bytes.toString('base64') === base64 && isUtf8(bytes) ? bytes.toString() : undefined;
}

function textOf(program: Program, line: Line, member: string): string | undefined {
  const value = line[member];
  if (value === undefined || typeof value === 'string') return value;
  throw broken(program, `has a ${member} that is no text`);
}

function broken({ provider, label }: Program, what: string): SecretError {
  return new SecretError('ERR_SECRET_INVALID', `the answer of ${label} ${what}`, { provider });
}
