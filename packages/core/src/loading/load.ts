/**
 * Typed loading: a schema of any library that speaks Standard Schema is run on what the chain holds.
 *
 * A schema does not say which names it reads. So everything is read and the schema run on it; only
 * where the chain could not answer for everything, or the schema is not content, it is run once more
 * on an object that takes down which names it looks up. The chain is then asked for each of those
 * that are absent, because only the chain knows whether a name is missing or could not be checked.
 */
import { signalOf } from '../arguments/assert-options.ts';
import {
  errorWith,
  isSecretError,
  SecretError,
  type SecretErrorCode,
  type SecretIssue,
} from '../contract/secret-error.ts';
import type { SecretProvider } from '../contract/secret-provider.ts';
import { labelOf } from '../words/label.ts';
import { messagesOf, rehearse, showable } from './schema-message.ts';
import type { StandardSchemaV1 } from './standard-schema.ts';

/** Options of `load`. */
export interface LoadOptions {
  /** Ends this call alone: other callers waiting for the same read are not affected. */
  readonly signal?: AbortSignal | undefined;
  /**
   * The names to read, instead of everything: for a schema that refuses other names (`z.strictObject`),
   * for a store whose policy does not allow to list, and where no name may be left open: each must
   * be answered for, with a value or with "not here".
   */
  readonly names?: readonly string[] | undefined;
}

/** What is asked for the secrets: a `Secrets`. */
interface Asked extends Pick<SecretProvider, 'read'> {
  get(name: string, options?: { readonly signal?: AbortSignal }): Promise<string>;
  /** Who holds the name, for an error. */
  explain(name: string): Promise<{ readonly provider?: string; readonly store?: string }>;
}

/**
 * See `Secrets.load`.
 * @param warn - receives the names that the schema did without although they may be set: a store could not be
 *   asked, and a later one answered in its place
 */
export async function loadSchema<Schema extends StandardSchemaV1>(
  schema: Schema,
  { get, explain, read }: Asked,
  options: LoadOptions = {},
  warn: (message: string) => void,
): Promise<StandardSchemaV1.InferOutput<Schema>> {
  const signal = signalOf(options, 'load', { names: 'a list of texts' });
  const { names } = options;
  const { run, issuesOf } = runnerOf(schema);
  const values: Record<string, string> = Object.create(null);
  const failures = new Map<string, SecretError>();
  const ask = async (name: string) => {
    try {
      values[name] = await get(name, signal && { signal });
    } catch (error) {
      failures.set(name, failureOf(error));
    }
  };
  let whole: SecretError | undefined;
  let degraded: string | undefined;
  if (names) await Promise.all(names.map(ask));
  else
    try {
      const batch = await read('all', {
        signal: signal ?? new AbortController().signal,
        remainingTimeout: () => Number.POSITIVE_INFINITY,
        warn,
      });
      degraded = batch.degraded;
      for (const [name, entry] of batch.entries)
        if (isSecretError(entry)) failures.set(name, entry);
        else values[name] = entry.value;
    } catch (error) {
      whole = failureOf(error);
    }

  for (;;) {
    const { issues, value } = await run(copyOf(values));
    const needed = messagesOf(issues ?? []);
    const isUncertain = degraded || whole || ![...failures.values()].every(isMissing);
    if (!issues && !isUncertain) return value;

    const rehearsal = issues ? rehearse(Object.keys(values), issuesOf) : [];
    const { lookedUp, enumerated } = await lookUpsOf(run, values);
    // a library that copies the object first shows what it looked up in its issues alone
    for (const messages of rehearsal.flat())
      for (const name of messages.keys()) if (name && needed.has(name)) lookedUp.add(name);
    const open = [...lookedUp].filter(
      (name) =>
        !(name in values || failures.has(name)) && (needed.has(name) || (isUncertain && !names)),
    );
    if (names) for (const name of open) failures.set(name, leftOut());
    else if (open[0] !== undefined) {
      await Promise.all(open.map(ask));
      continue;
    }

    const problems: Problem[] = [];
    const passedOver: Problem[] = [];
    for (const [name, error] of failures) {
      const { code } = error;
      const issue = issueOf(name, error);
      const problem = {
        name,
        code,
        error,
        text: `${issue.kind} (${issue.message})`,
        issues: [issue],
      };
      if (needed.delete(name)) problems.push(problem);
      else if (degraded && code === 'ERR_SECRET_UNAVAILABLE') passedOver.push(problem);
      else if (!isMissing(error)) problems.push(problem);
    }
    for (const [name, messages] of needed) {
      const shown = messages.map((message) => showable(message, name, rehearsal));
      // one that many parts of a value are wrong by is said once
      const why = new Map(shown.map((message) => [message.text, message]));
      // a schema may make names out of values: only one that the chain holds is shown
      const isHeld = name in values;
      const text = isHeld ? await originOf(name, values[name], explain) : '';
      problems.push({
        name: isHeld ? name : '',
        code: 'ERR_SECRET_INVALID',
        text: `malformed (${text}${[...why.keys()].join('; ')})`,
        issues: [...why.values()].map(({ text: message, path }) => ({
          name: isHeld ? name : '',
          kind: 'malformed',
          path: isHeld ? path : [],
          message,
        })),
      });
    }
    if (problems.length > 0) throw errorOf(problems);
    // a schema that takes whatever is there cannot do with a part of it
    if (whole && (enumerated || lookedUp.size === 0))
      throw errorWith(whole, { issues: [issueOf('', whole)] });
    if (passedOver.length > 0)
      warn(`could not check whether these are set: ${linesOf(passedOver).join('; ')}`);
    return value;
  }
}

/** One name that is not as the schema needs it; `''` for a problem of no one name. */
interface Problem {
  readonly name: string;
  readonly code: SecretErrorCode;
  readonly text: string;
  readonly issues: readonly SecretIssue[];
  /** The chain's own error; missing where the schema refused a value. */
  readonly error?: SecretError;
}

/** Worst first: what needs a correction comes before what may go away by itself. */
const precedence = [
  'CONFIG',
  'TLS',
  'UNAUTHENTICATED',
  'DENIED',
  'PROVIDER',
  'INVALID',
  'UNAVAILABLE',
  'NOT_FOUND',
].map((code) => `ERR_SECRET_${code}`);

function isMissing({ code }: { readonly code: SecretErrorCode }): boolean {
  return code === 'ERR_SECRET_NOT_FOUND';
}

/** @throws only what is not an answer of the chain: the caller's own abort */
function failureOf(error: unknown): SecretError {
  if (isSecretError(error) && error.code !== 'ERR_SECRET_ABORTED') return error;
  throw error;
}

function leftOut(): SecretError {
  return new SecretError('ERR_SECRET_CONFIG', 'the option names leaves it out', {
    hint: 'Add it to the names.',
  });
}

/** What the chain could not answer for `name`, or for all where it is empty. */
function issueOf(name: string, error: SecretError): SecretIssue {
  const kind = error.code.slice('ERR_SECRET_'.length).toLowerCase() as SecretIssue['kind'];
  return {
    name,
    kind: isMissing(error) ? 'missing' : kind,
    path: name ? [name] : [],
    message: causeOf(error),
  };
}

/** What the providers said that an error of the chain comes from, without the name that was asked for. */
function causeOf({ code, reason, attempts }: SecretError): string {
  const asked = attempts.filter(({ outcome }) => outcome !== 'skipped');
  const failed = asked.filter((attempt) => attempt.code === code);
  const said =
    failed.length > 0
      ? failed.map((each) => `${labelOf(each.provider, each.store)}: ${each.reason}`)
      : asked.map((each) => `${labelOf(each.provider, each.store)} ${each.reason}`);
  return said.join('; ') || reason;
}

async function originOf(
  name: string,
  value: string | undefined,
  explain: Asked['explain'],
): Promise<string> {
  const { provider = '', store = '' } = await explain(name);
  return `from ${labelOf(provider, store)}; ${value === '' ? 'it is empty; ' : ''}`;
}

/** One line for all names that the same is wrong with. */
function linesOf(problems: readonly Problem[]): string[] {
  const lines = new Map<string, string[]>();
  for (const { name, text } of problems)
    lines.set(text, [...(lines.get(text) ?? []), name || 'the secrets as a whole']);
  return [...lines].map(([text, names]) => `${names.join(', ')}: ${text}`);
}

function errorOf(problems: readonly Problem[]): SecretError {
  const [worst, ...others] = [...problems].sort(
    (one, other) => precedence.indexOf(one.code) - precedence.indexOf(other.code),
  ) as [Problem, ...Problem[]];
  const { name, code, error } = worst;
  const lines = linesOf(problems);
  const separator = lines.length > 1 ? '\n  ' : ' ';
  const text = ['the secrets do not fit the schema:', ...lines].join(separator);
  return new SecretError(code, text, {
    ...(others.length === 0 && { ...error, secretName: name || undefined }),
    issues: problems.flatMap(({ issues }) => issues),
    // waiting helps only if it helps with all of them
    retryable: problems.every((problem) => problem.error?.retryable),
    hint:
      others.length > 0 && isMissing(worst)
        ? 'Store what is missing with `keyfall set NAME`.'
        : error?.hint,
  });
}

interface Outcome {
  readonly value?: unknown;
  readonly issues?: readonly StandardSchemaV1.Issue[] | undefined;
}

/** Stands for whatever a schema threw, which may quote a value, and for a refusal without a reason. */
const refused: Outcome = { issues: [{ message: '' }] };

function runnerOf(schema: StandardSchemaV1) {
  const standard = (schema as StandardSchemaV1 | undefined)?.['~standard'];
  if (standard?.version !== 1)
    throw new SecretError('ERR_SECRET_CONFIG', 'load() needs a Standard Schema', {
      hint: 'Give it a schema of zod, valibot, arktype or another library of standardschema.dev.',
    });
  let isAsynchronous = false;
  const settled = (outcome: Outcome) => (outcome.issues?.length === 0 ? refused : outcome);
  const attempt = (values: object): Outcome | Promise<Outcome> => {
    try {
      const result = standard.validate(values);
      if (!(result instanceof Promise)) return settled(result);
      isAsynchronous = true;
      return result.then(settled).catch(() => refused);
    } catch {
      return refused;
    }
  };
  return {
    run: async (values: object): Promise<Outcome> => attempt(values),
    /** The issues of a run on made-up texts, for an asynchronous schema none: it may ask a server. */
    issuesOf(values: object): readonly StandardSchemaV1.Issue[] {
      const outcome = isAsynchronous ? {} : attempt(values);
      return ('issues' in outcome && outcome.issues) || [];
    },
  };
}

/** A copy for the schema to keep or write into, without a prototype that would answer for names. */
function copyOf(values: object): object {
  return Object.assign(Object.create(null), values);
}

/** The names that a schema looks up, and whether it looks at what there is besides. */
async function lookUpsOf(run: (values: object) => Promise<Outcome>, values: object) {
  const lookedUp = new Set<string>();
  let enumerated = false;
  const traps: ProxyHandler<object> = new Proxy(
    {},
    {
      get: (_, trap: 'get') => (target: object, key: PropertyKey, receiver: unknown) => {
        enumerated ||= (trap as string) === 'ownKeys';
        // but not what libraries look at to learn what kind of object it is
        if (typeof key === 'string' && !(key in Object.prototype) && key !== 'then')
          lookedUp.add(key);
        return Reflect[trap](target, key, receiver);
      },
    },
  );
  await run(new Proxy(copyOf(values), traps));
  return { lookedUp, enumerated };
}
