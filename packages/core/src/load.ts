/**
 * Typed loading: a schema of any library that speaks Standard Schema is run on what the chain holds.
 *
 * A schema doesn't tell which names it reads. So everything is read and the schema run on it; only
 * where the chain could not answer for everything, or the schema is not content, it is run once more
 * on an object that takes down which names it looks up. The chain is then asked for each of those
 * that are absent, since it alone knows whether a name is missing, or nobody could say.
 */
import { labelOf } from './label.ts';
import { messagesOf, type Rehearsal, rehearse, showable } from './schema-message.ts';
import { isSecretError, SecretError, type SecretErrorCode } from './secret-error.ts';
import type { CallOptions, Secrets } from './secrets.ts';
import type { StandardSchemaV1 } from './standard-schema.ts';

/** Options of `load`. */
export interface LoadOptions extends CallOptions {
  /**
   * The names to read, instead of everything: for a schema that refuses other names (`z.strictObject`),
   * for a store whose policy does not allow to list, and where no name may be left open: each must
   * be answered for, with a value or with "not here".
   */
  readonly names?: readonly string[];
}

/**
 * What `schema` makes of the secrets: texts by name go in, the schema's own type comes out.
 *
 * The schema must be free of side effects. It may be run several times, and where it is synchronous
 * and has refused, on made-up texts as well, to learn what of its messages depends on no value.
 *
 * @param warn - is told which names the schema went without although nobody could say whether they
 *   are set: a store could not be asked, and a later one answered in its place
 * @throws one `SecretError` that lists every name that is missing, unavailable, denied or malformed,
 *   without any value. Its code is the worst one's: `_CONFIG` (also if `schema` is no Standard
 *   Schema), `_TLS`, `_UNAUTHENTICATED`, `_DENIED`, `_INVALID` (also for what is malformed),
 *   `_UNAVAILABLE`, `_NOT_FOUND` (so every provider answered, and nothing else is wrong)
 */
export async function loadSchema<Schema extends StandardSchemaV1>(
  schema: Schema,
  secrets: Pick<Secrets, 'read' | 'get' | 'explain'>,
  options: LoadOptions,
  warn: (message: string) => void,
): Promise<StandardSchemaV1.InferOutput<Schema>> {
  const { names } = options;
  const { run, issuesOf } = runnerOf(schema);
  const { values, failures, degraded, whole, ask } = await readAll(secrets, options, warn);
  for (;;) {
    const outcome = await run(copyOf(values));
    const needed = messagesOf(outcome.issues ?? []);
    const uncertain =
      degraded || whole !== undefined || [...failures.values()].some((error) => !isMissing(error));
    if (!outcome.issues && !uncertain) return outcome.value;

    const rehearsal = outcome.issues ? rehearse(Object.keys(values), issuesOf) : [];
    const { lookedUp, enumerated } = await lookUpsOf(run, values);
    // a library that copies the object first shows what it looked up in its issues alone
    for (const messages of rehearsal.flat())
      for (const name of messages.keys()) if (needed.has(name)) lookedUp.add(name);
    const wanted = (name: string) => needed.has(name) || (uncertain && !names);
    const open = [...lookedUp].filter(
      (name) => name !== '' && !(name in values || failures.has(name)) && wanted(name),
    );
    if (names) for (const name of open) failures.set(name, leftOut(name));
    else if (open.length > 0) {
      await Promise.all(open.map(ask));
      continue;
    }

    const problems: Problem[] = [];
    const passedOver: Problem[] = [];
    for (const [name, error] of failures) {
      const problem = { name, code: error.code, why: causeOf(name, error), error };
      if (needed.has(name)) problems.push(problem);
      else if (error.code === 'ERR_SECRET_UNAVAILABLE' && degraded) passedOver.push(problem);
      else if (!isMissing(error)) problems.push(problem);
    }
    for (const [name, messages] of needed)
      if (!failures.has(name))
        problems.push(await malformed(name, messages, rehearsal, values, secrets));
    if (outcome.issues || problems.length > 0) throw errorOf(problems);
    // a schema that takes whatever is there cannot do with a part of it
    if (whole && (enumerated || lookedUp.size === 0)) throw whole;
    if (passedOver.length > 0)
      warn(`went without what nobody could say is set or not: ${linesOf(passedOver).join('; ')}`);
    return outcome.value;
  }
}

/** One name that is not as the schema needs it; `''` for a problem of no one name. */
interface Problem {
  readonly name: string;
  readonly code: SecretErrorCode;
  readonly why: string;
  /** The chain's own error; missing where the schema refused a value. */
  readonly error?: SecretError;
}

/** The codes, worst first (what somebody must mend before what time may mend), and their words. */
const kinds: ReadonlyMap<SecretErrorCode, string> = new Map<SecretErrorCode, string>([
  ['ERR_SECRET_CONFIG', 'not to be had'],
  ['ERR_SECRET_TLS', 'not trusted'],
  ['ERR_SECRET_UNAUTHENTICATED', 'not authenticated'],
  ['ERR_SECRET_DENIED', 'denied'],
  ['ERR_SECRET_INVALID', 'broken'],
  ['ERR_SECRET_UNAVAILABLE', 'unavailable'],
  ['ERR_SECRET_NOT_FOUND', 'missing'],
]);

function isMissing({ code }: SecretError): boolean {
  return code === 'ERR_SECRET_NOT_FOUND';
}

/** What the chain says, read whole or name by name, and how to ask it for one name more. */
async function readAll(
  secrets: Pick<Secrets, 'read' | 'get'>,
  { names, signal }: LoadOptions,
  warn: (message: string) => void,
) {
  const values: Record<string, string> = Object.create(null);
  const failures = new Map<string, SecretError>();
  const expected = (error: unknown): SecretError => {
    if (isSecretError(error) && error.code !== 'ERR_SECRET_ABORTED') return error;
    throw error;
  };
  const ask = async (name: string) => {
    try {
      values[name] = await secrets.get(name, signal && { signal });
    } catch (error) {
      failures.set(name, expected(error));
    }
  };
  let whole: SecretError | undefined;
  let degraded = false;
  if (names) await Promise.all(names.map(ask));
  else
    try {
      const batch = await secrets.read('all', {
        signal: signal ?? new AbortController().signal,
        timeLeft: () => Number.POSITIVE_INFINITY,
        warn,
      });
      degraded = batch.degraded !== undefined;
      for (const [name, entry] of batch.entries)
        if (isSecretError(entry)) failures.set(name, entry);
        else values[name] = entry.value;
    } catch (error) {
      whole = expected(error);
    }
  return { values, failures, degraded, whole, ask };
}

type Outcome = StandardSchemaV1.Result<unknown>;
type Run = (values: object) => Promise<Outcome>;

const noReason = 'the schema threw an error, or gave no reason';

/** Stands for whatever a schema threw, which may quote a value, and for a refusal without a reason. */
const threw: Outcome = { issues: [{ message: noReason }] };

function runnerOf(schema: StandardSchemaV1): {
  readonly run: Run;
  readonly issuesOf: (values: object) => readonly StandardSchemaV1.Issue[];
} {
  const standard = (schema as Partial<StandardSchemaV1> | undefined)?.['~standard'];
  if (standard?.version !== 1 || typeof standard.validate !== 'function')
    throw new SecretError('ERR_SECRET_CONFIG', 'what load was given is no Standard Schema', {
      hint: 'Give it a schema of zod, valibot, arktype or another library of standardschema.dev.',
    });
  let asynchronous = false;
  const run: Run = async (values) => {
    try {
      const result = standard.validate(values);
      asynchronous ||= result instanceof Promise;
      const outcome = await result;
      return outcome.issues?.length === 0 ? threw : outcome;
    } catch {
      return threw;
    }
  };
  const issuesOf = (values: object): readonly StandardSchemaV1.Issue[] => {
    // an asynchronous schema may ask somebody about the text, who must not see made-up ones
    if (asynchronous) return [];
    try {
      const result = standard.validate(values);
      if (!(result instanceof Promise)) return result.issues ?? [];
      asynchronous = true;
      result.catch(() => {});
    } catch {
      // it says nothing of this text
    }
    return [];
  };
  return { run, issuesOf };
}

/** A copy for the schema to keep or write into, without a prototype that would answer for names. */
function copyOf(values: object): object {
  return Object.assign(Object.create(null), values);
}

/** The names that a schema looks up, and whether it looks at what there is besides. */
async function lookUpsOf(
  run: Run,
  values: object,
): Promise<{ readonly lookedUp: Set<string>; readonly enumerated: boolean }> {
  const lookedUp = new Set<string>();
  let enumerated = false;
  const note = (key: PropertyKey) => {
    // what libraries look at to learn what kind of object it is
    if (typeof key === 'string' && !(key in Object.prototype) && key !== 'then') lookedUp.add(key);
  };
  await run(
    new Proxy(copyOf(values), {
      get(target, key) {
        note(key);
        return Reflect.get(target, key);
      },
      has(target, key) {
        note(key);
        return Reflect.has(target, key);
      },
      getOwnPropertyDescriptor(target, key) {
        note(key);
        return Reflect.getOwnPropertyDescriptor(target, key);
      },
      ownKeys(target) {
        enumerated = true;
        return Reflect.ownKeys(target);
      },
    }),
  );
  return { lookedUp, enumerated };
}

function leftOut(name: string): SecretError {
  return new SecretError('ERR_SECRET_CONFIG', 'the option names leaves it out', {
    secretName: name,
    hint: 'Add it to the names.',
  });
}

/** What the chain said about a name, without the name. */
function causeOf(name: string, { reason }: SecretError): string {
  const start = reason.startsWith(`${name} `) ? reason.indexOf(': ', name.length) : -1;
  return start < 0 ? reason : reason.slice(start + 2);
}

async function malformed(
  name: string,
  messages: readonly string[],
  rehearsal: Rehearsal,
  values: Readonly<Record<string, string>>,
  secrets: Pick<Secrets, 'explain'>,
): Promise<Problem> {
  // a schema may make names out of values: only one that the chain holds is shown
  const known = name in values;
  const said = new Set(
    messages.map((message) =>
      message === noReason ? message : showable(message, name, rehearsal),
    ),
  );
  if (said.delete(undefined) && said.size === 0)
    said.add('what the schema says is not shown, since it may quote the value');
  const parts = [...said];
  if (known) {
    if (values[name] === '') parts.unshift('it is empty');
    const { provider, store } = (await secrets.explain(name).catch(() => undefined)) ?? {};
    if (provider !== undefined && store !== undefined)
      parts.unshift(`from ${labelOf(provider, store)}`);
  }
  return { name: known ? name : '', code: 'ERR_SECRET_INVALID', why: parts.join('; ') };
}

/** One line for all names that the same is wrong with. */
function linesOf(problems: readonly Problem[]): string[] {
  const lines = new Map<string, string[]>();
  for (const { name, code, why, error } of problems) {
    const kind = error ? (kinds.get(code) ?? 'not to be had') : 'malformed';
    const what = `${kind} (${why})`;
    lines.set(what, [...(lines.get(what) ?? []), name || 'the secrets as a whole']);
  }
  return [...lines].map(([what, names]) => `${names.join(', ')}: ${what}`);
}

function errorOf(problems: readonly Problem[]): SecretError {
  const ranks = [...kinds.keys()];
  const { code, name, error } = problems.reduce((worst, other) =>
    ranks.indexOf(other.code) < ranks.indexOf(worst.code) ? other : worst,
  );
  const alone = problems.length === 1;
  const lines = linesOf(problems);
  const text = lines.length === 1 ? ` ${lines[0]}` : lines.map((line) => `\n  ${line}`).join('');
  const { provider, attempts, status, requestId } = (alone && error) || {};
  return new SecretError(code, `the secrets do not fit the schema:${text}`, {
    provider,
    secretName: (alone && name) || undefined,
    // waiting mends it only if it mends all of it
    retryable: problems.every((problem) => problem.error?.retryable),
    hint:
      code === 'ERR_SECRET_NOT_FOUND' && !alone
        ? 'Store what is missing with `keyfall set NAME`.'
        : error?.hint,
    attempts,
    status,
    requestId,
  });
}
