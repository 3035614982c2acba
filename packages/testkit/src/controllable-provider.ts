/**
 * A store that does what a test says: an application's own tests need one that fails on demand.
 */
import { SecretError, type SecretErrorCode, type TextPairs } from '@keyfall/core';
import {
  assertOptions,
  failedCheck,
  type OptionKinds,
  type ReadContext,
  type SecretProvider,
  type SecretRecord,
} from '@keyfall/core/provider';

/** Options of {@link controllableProvider}. */
export interface ControllableProviderOptions {
  /** Unique in the chain: with the name of the real provider, events and errors name that one. Default `controllable`. */
  readonly name?: string | undefined;
  /** Whether it can be written to. Default true. */
  readonly writable?: boolean | undefined;
}

const optionKinds: OptionKinds<ControllableProviderOptions> = {
  name: 'text',
  writable: 'true or false',
};

/** A call that the provider was given. Names only, never a value. */
export interface ProviderCall {
  readonly method: 'read' | 'write' | 'list' | 'check';
  /** What it was called for. */
  readonly names: readonly string[] | 'all';
}

/** A provider under the control of a test. A state lasts until another is set, or until `recover`. */
export interface ControllableProvider extends SecretProvider {
  /** Every call so far, oldest first. */
  readonly calls: readonly ProviderCall[];
  /**
   * Fails with an error of this code: these names only, or, without names, every call. A name that the
   * store should not hold any more is no failure: `rotate({ NAME: null })`.
   */
  fail(code: Exclude<SecretErrorCode, 'ERR_SECRET_NOT_FOUND'>, ...names: readonly string[]): void;
  /** As `fail('ERR_SECRET_DENIED', …)`: a policy that allows too little. */
  deny(...names: readonly string[]): void;
  /** Takes calls and does not answer. They end when they are aborted, and are answered after `recover`. */
  hang(): void;
  /** Has nothing at its path any more: a document that was deleted, or whose path is mistyped. */
  loseDocument(): void;
  /** Changes values as another program would, and notifies those who watch; `null` deletes a name. */
  rotate(changes: Readonly<Record<string, string | null>>): void;
  /** Ends every failure. What was held before is held again. */
  recover(): void;
}

/**
 * A provider in memory that fails, denies, hangs and rotates when a test says so, and keeps the provider
 * contract meanwhile. It works in every test runner.
 *
 * @param values - what it holds at first
 * @throws `ERR_SECRET_CONFIG` for an option that there is not, and for a value that is not text
 * @example
 * ```ts
 * import { createSecrets, memoryProvider } from '@keyfall/core';
 * import { controllableProvider } from '@keyfall/testkit';
 *
 * const vault = controllableProvider({ TOKEN: 'first' }, { name: 'vault' });
 * const fallback = memoryProvider({ TOKEN: 'from the fallback' });
 * const secrets = createSecrets({ providers: [vault, fallback], ttl: 0, staleIfError: 0 });
 *
 * vault.fail('ERR_SECRET_UNAVAILABLE');
 * await secrets.get('TOKEN'); // 'from the fallback'
 * vault.deny('TOKEN');
 * await secrets.get('TOKEN'); // rejects with ERR_SECRET_DENIED
 * vault.recover();
 * ```
 */
export function controllableProvider(
  values: TextPairs = {},
  options: ControllableProviderOptions = {},
): ControllableProvider {
  assertOptions(options, 'controllableProvider', optionKinds);
  const { name: provider = 'controllable', writable = true } = options;
  if (Object(values) !== values) throw configError('the values must be an object');
  const pairs = Symbol.iterator in values ? values : Object.entries(values);
  const held = new Map<string, SecretRecord>();
  for (const [name, value] of pairs) held.set(name, { value: textOf(name, value), version: '1' });
  const calls: ProviderCall[] = [];
  const watchers = new Set<() => void>();
  const codeOf = new Map<string, SecretErrorCode>();
  let revision = 1;
  let code: SecretErrorCode | undefined;
  let lost = false;
  let answering = Promise.resolve();
  let answer = (): void => {};

  const failure = (of: SecretErrorCode, secretName?: string): SecretError =>
    new SecretError(of, 'the test has it fail', { provider, secretName });
  const apply = (changes: Iterable<readonly [string, string | null]>): void => {
    revision += 1;
    lost = false;
    for (const [name, value] of changes)
      if (value === null) held.delete(name);
      else held.set(name, { value: textOf(name, value), version: String(revision) });
  };

  /** A call arrives, and the store answers it or fails. */
  async function take(
    method: ProviderCall['method'],
    names: readonly string[] | 'all',
    { signal }: ReadContext,
  ): Promise<void> {
    calls.push({ method, names: names === 'all' ? names : [...names] });
    await endedBy(signal, answering, () => failure('ERR_SECRET_ABORTED'));
    if (code !== undefined) throw failure(code);
  }

  const self: ControllableProvider = {
    name: provider,
    store: `${provider} (controlled by a test)`,
    place: { kind: 'controllable' },
    calls,
    async read(names, context) {
      await take('read', names, context);
      if (lost)
        return {
          entries: new Map(),
          complete: true,
          missingDocument: { description: 'has nothing there', optional: false },
        };
      const entries = new Map<string, SecretRecord | SecretError>(held);
      for (const [name, of] of codeOf) entries.set(name, failure(of, name));
      return { entries, complete: true, revision: String(revision) };
    },
    async list(context) {
      await take('list', 'all', context);
      return lost ? [] : [...held.keys()];
    },
    async check(context) {
      try {
        await take('check', 'all', context);
      } catch (error) {
        if (error instanceof SecretError) return [failedCheck('store', error)];
        throw error;
      }
      return [{ subject: 'store', state: 'ready', message: 'answers' }];
    },
    watch: (onChange, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve();
        watchers.add(onChange);
        signal.addEventListener('abort', () => {
          watchers.delete(onChange);
          resolve();
        });
      }),
    fail(failing, ...names) {
      if (names.length === 0) code = failing;
      else for (const name of names) codeOf.set(name, failing);
    },
    deny: (...names) => self.fail('ERR_SECRET_DENIED', ...names),
    hang() {
      answer();
      answering = new Promise((resolve) => {
        answer = resolve;
      });
    },
    loseDocument() {
      lost = true;
    },
    rotate(changes) {
      apply(Object.entries(changes));
      for (const onChange of watchers) onChange();
    },
    recover() {
      code = undefined;
      codeOf.clear();
      lost = false;
      answer();
      answering = Promise.resolve();
      for (const onChange of watchers) onChange();
    },
  };
  if (!writable) return self;
  return Object.assign(self, {
    atomicity: 'store',
    conditionalWrites: 'always',
    async write({ entries, ifRevision }, context) {
      try {
        await take('write', [...entries.keys()], context);
        for (const name of entries.keys()) {
          const of = codeOf.get(name);
          if (of !== undefined) throw failure(of, name);
        }
        if (ifRevision !== undefined && ifRevision !== String(revision))
          throw failure('ERR_SECRET_CONFLICT');
      } catch (error) {
        throw error instanceof SecretError ? error.with({ applied: 'no' }) : error;
      }
      if (lost) held.clear();
      apply(entries);
      const version = String(revision);
      return { revision: version, version, conditional: ifRevision !== undefined };
    },
  } satisfies Partial<SecretProvider>);
}

/** A value of the test; the error does not show one that is not text. */
function textOf(name: string, value: string): string {
  if (typeof value === 'string') return value;
  throw configError(`the value of ${name} is not text`);
}

function configError(reason: string): SecretError {
  return new SecretError('ERR_SECRET_CONFIG', `controllableProvider: ${reason}`);
}

/** Settles as `promise` does, unless `signal` fires before. */
function endedBy(
  signal: AbortSignal,
  promise: Promise<void>,
  aborted: () => SecretError,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(aborted());
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(() => {
      signal.removeEventListener('abort', abort);
      resolve();
    });
  });
}
