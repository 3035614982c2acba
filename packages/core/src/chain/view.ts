/**
 * `Secrets.view`: a live object, whose properties are the latest answers of the chain. It follows them without
 * keeping the process alive.
 */
import { assertKind } from '../arguments/arguments.ts';
import { signalOf } from '../arguments/assert-options.ts';
import { isSecretError, SecretError } from '../contract/secret-error.ts';
import type { SecretProvider } from '../contract/secret-provider.ts';
import type { LoadOptions } from '../loading/load.ts';
import type { StandardSchemaV1 } from '../loading/standard-schema.ts';
import type { Resolution } from './chain.ts';
import type { Notifier } from './notifier.ts';
import type { Secrets } from './secrets.ts';
import type { Watching } from './watching.ts';

/** What a chain gives to a view of it. */
export interface ViewedChain {
  readonly watching: Watching;
  readonly notifier: Notifier;
  /** Rejects if the chain is closed, the name is none, or the signal fires. */
  readonly resolve: (name: string, signal?: AbortSignal) => Promise<Resolution>;
  readonly load: Secrets['load'];
  /** The chain as a provider. */
  readonly provider: SecretProvider;
}

/** As `Secrets.view`. */
export async function viewOf(
  chain: ViewedChain,
  subject: readonly string[] | StandardSchemaV1,
  options: LoadOptions | undefined,
): Promise<object> {
  // a schema of arktype is a function
  if ('~standard' in Object(subject))
    return viewOfSchema(chain, subject as StandardSchemaV1, options);
  assertKind(subject, 'a list of texts', 'view: the names');
  return viewOfNames(chain, subject, signalOf(options, 'view'));
}

/** The latest answer for a name. */
interface Latest {
  readonly name: string;
  text: string | undefined;
  error: SecretError | undefined;
}

/** @throws what `get` would reject with */
function textOf({ text, error }: Latest): string {
  if (text === undefined) throw error;
  return text;
}

async function viewOfNames(
  { watching, resolve }: ViewedChain,
  names: readonly string[],
  signal: AbortSignal | undefined,
): Promise<object> {
  const latest = names.map((name): Latest => ({ name, text: undefined, error: undefined }));
  const lookAtAll = async (signal?: AbortSignal): Promise<number> => {
    const ends = latest.map(async (each) => {
      const answer = await resolve(each.name, signal);
      [each.text, each.error] =
        answer.kind === 'found' ? [answer.record.value, undefined] : [undefined, answer.error];
      return endOf(watching, answer);
    });
    return Math.min(...(await Promise.all(ends)));
  };
  await lookAtAll(signal);
  for (const each of latest) textOf(each);
  if (names.length > 0) watching.follow(() => lookAtAll(), signal);
  // V8 makes a dictionary of what is created without a prototype, in which each property is looked up
  const view = Object.setPrototypeOf({}, null);
  // accessors, since what is frozen or sealed could not follow if its properties were values
  for (const each of latest)
    Object.defineProperty(view, each.name, {
      enumerable: true,
      get: () => each.text ?? textOf(each),
    });
  return Object.freeze(view);
}

function endOf(watching: Watching, resolution: Resolution): number {
  if (resolution.kind !== 'found') return Number.POSITIVE_INFINITY;
  return watching.timeLeftOf(resolution.record, resolution.age, resolution.freshFor);
}

/** What a schema is given, and when the first of it ends. */
interface Inputs {
  /** `undefined` where some name could not be read: then nothing says whether it is what it was before. */
  readonly texts: ReadonlyMap<string, string> | undefined;
  readonly end: number;
}

async function viewOfSchema(
  chain: ViewedChain,
  schema: StandardSchemaV1,
  options: LoadOptions = {},
): Promise<object> {
  const { watching, notifier, load, provider } = chain;
  const signal = signalOf(options, 'view', { names: 'a list of texts' });
  const { names } = options;
  let { texts } = await inputsOf(chain, names, signal);
  let latest: { readonly value: object } | { readonly error: SecretError } = {
    value: objectOf(await load(schema, options)),
  };
  let reported = '';

  watching.follow(async () => {
    const now = await inputsOf(chain, names);
    // a schema runs again for other texts alone
    if (texts && now.texts && isSame(texts, now.texts)) return now.end;
    const loaded = await load(schema, names && { names })
      .then((value) => ({ value: objectOf(value) }))
      .catch((error: SecretError) => ({ error }));
    if (signal?.aborted) return now.end;
    texts = now.texts;
    if ('value' in loaded) {
      latest = loaded;
      reported = '';
      return now.end;
    }
    const { error } = loaded;
    if (isSecretError(error, 'ERR_SECRET_ABORTED')) return now.end;
    const { issues, reason } = error;
    // the stores have answered, and it is what they answer that does not fit
    const isRefused =
      issues.length > 0 && issues.every(({ kind }) => kind === 'malformed' || kind === 'missing');
    if (!isRefused) latest = loaded;
    else if (reported !== JSON.stringify(issues)) {
      reported = JSON.stringify(issues);
      const detail = `a view of ${provider.name} keeps the values that it has: ${reason}`;
      notifier.emit({ type: 'rejected', chain: provider.name, detail, issues });
    }
    return now.end;
  }, signal);

  return liveObject(() => {
    if ('error' in latest) throw latest.error;
    return latest.value;
  });
}

async function inputsOf(
  { watching, resolve, provider }: ViewedChain,
  names: readonly string[] | undefined,
  signal?: AbortSignal,
): Promise<Inputs> {
  if (names) {
    const answers = await Promise.all(
      names.map(async (name) => [name, await resolve(name, signal)] as const),
    );
    const texts = new Map<string, string>();
    for (const [name, answer] of answers)
      if (answer.kind === 'found') texts.set(name, answer.record.value);
    return {
      texts: answers.some(([, { kind }]) => kind === 'failed') ? undefined : texts,
      end: Math.min(...answers.map(([, answer]) => endOf(watching, answer))),
    };
  }
  const context = {
    signal: signal ?? new AbortController().signal,
    remainingTimeout: () => Number.POSITIVE_INFINITY,
    warn: () => {},
  };
  const unread = { entries: new Map(), degraded: '' };
  const { entries, degraded } = await provider.read('all', context).catch(() => unread);
  const texts = new Map<string, string>();
  let end = watching.soon;
  for (const [name, entry] of entries) {
    if (isSecretError(entry)) continue;
    texts.set(name, entry.value);
    end = Math.min(end, watching.timeLeftOf(entry, 0));
  }
  // what a chain fell back to says nothing of what it lacks
  return { texts: degraded === undefined ? texts : undefined, end };
}

function isSame(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  return one.size === other.size && [...one].every(([name, text]) => other.get(name) === text);
}

/** What a schema has made. @throws `ERR_SECRET_CONFIG` unless it has properties that a view can show */
function objectOf(value: unknown): object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  const message = 'the schema makes no object, so there are no properties to view';
  throw new SecretError('ERR_SECRET_CONFIG', message, {
    hint: 'Give view() a schema of an object.',
  });
}

/**
 * An object that is always the one of `latest`: not a copy, since a schema leaves out the properties that are not
 * set, and a view must show them once they are. It cannot be changed, and shows nothing to `util.inspect`.
 */
function liveObject(latest: () => object): object {
  const refuse = () => false;
  return new Proxy(Object.create(null), {
    get: (_, key) => Reflect.get(latest(), key),
    has: (_, key) => Reflect.has(latest(), key),
    ownKeys: () => Reflect.ownKeys(latest()),
    getOwnPropertyDescriptor(_, key) {
      const found = Reflect.getOwnPropertyDescriptor(latest(), key);
      return found && { ...found, configurable: true };
    },
    getPrototypeOf: () => Reflect.getPrototypeOf(latest()),
    set: refuse,
    defineProperty: refuse,
    deleteProperty: refuse,
    preventExtensions: refuse,
    setPrototypeOf: refuse,
  });
}
