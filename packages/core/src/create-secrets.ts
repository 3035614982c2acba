/**
 * Composes providers into the one object that an application asks.
 */
import { assertOptions } from './assert-options.ts';
import { assertName, Chain, type Resolution } from './chain.ts';
import { systemClock } from './clock.ts';
import { type Duration, toMilliseconds } from './duration.ts';
import type { SecretsEvent } from './events.ts';
import { FastAnswers } from './fast-answers.ts';
import { abortReason } from './limited-call.ts';
import { Notifier } from './notifier.ts';
import { createRedactorOfValues } from './redaction/redactor.ts';
import { closedError, SecretError } from './secret-error.ts';
import type { ReadContext, SecretChanges, SecretProvider } from './secret-provider.ts';
import type { CallOptions, ChainEntry, SecretChange, Secrets, SecretsOptions } from './secrets.ts';
import { Source } from './source.ts';
import type { Watching } from './watching.ts';

const minute = 60_000;

/**
 * Makes a chain of providers. It does no I/O: the first call does.
 *
 * @throws `ERR_SECRET_CONFIG` naming the option: no provider, something that is none, two of one
 *   name, a length of time that is none, or `only` with a provider that is not in the chain
 * @example
 * ```ts
 * import { createSecrets, envProvider, memoryProvider } from '@keyfall/core';
 *
 * const secrets = createSecrets({
 *   providers: [envProvider({ prefix: 'SHOP_' }), memoryProvider({ PAGE_ENTRIES: '8' })],
 * });
 * secrets.on('fallback', ({ provider, detail }) => console.warn(`${provider}: ${detail}`));
 * const pageEntries = await secrets.get('PAGE_ENTRIES');
 * ```
 */
export function createSecrets(options: SecretsOptions): Secrets {
  assertOptions(options, 'createSecrets');
  const { clock = systemClock, name: chainName = 'chain' } = options;
  const length = (option: 'ttl' | 'staleIfError' | 'budget', standard: Duration) =>
    toMilliseconds(options[option] ?? standard, option);
  const ttl = length('ttl', 5 * minute);
  const limits = {
    ttl,
    negativeTtl: Math.min(ttl, 30_000),
    staleWhileRevalidate: ttl,
    staleIfError: length('staleIfError', 60 * minute),
  };
  const budget = length('budget', 4_000);
  const notifier = new Notifier(clock);
  const answers = new FastAnswers(clock);
  const { redactor, values: known } = createRedactorOfValues({}, clock);
  const changed = () => {
    answers.clear();
    watching?.look();
  };
  const sources = entriesOf(options).map((entry, index) => {
    const { provider, required = false, timeout, onDenied = 'stop' } = entry;
    return new Source({
      provider,
      required,
      onDenied,
      timeout: toMilliseconds(timeout ?? provider.timeout ?? 2_500, `timeout of ${provider.name}`),
      limits,
      clock,
      notifier,
      changed,
      values: {
        put: (name, value) => known.put(`${index} ${name}`, value),
        pass: (name, value) => known.pass(`${index} ${name}`, value),
      },
    });
  });
  const only = new Map(Object.entries(options.only ?? {}));
  checkNames(sources, only);
  const chain = new Chain({ sources, only, budget, clock, notifier });
  const loadWarnings = new Set<string>();
  let closing: Promise<void> | undefined;

  const assertOpen = (signal: AbortSignal | undefined) => {
    if (signal?.aborted) throw abortReason(signal);
    if (closing) throw closedError();
  };
  const resolve = async (name: string, signal: AbortSignal | undefined): Promise<Resolution> => {
    assertOpen(signal);
    assertName(name);
    const resolution = await chain.resolve(name, signal);
    if (resolution.kind === 'failed' && resolution.error.code === 'ERR_SECRET_ABORTED')
      throw resolution.error;
    return resolution;
  };
  let watching: Watching | undefined;
  const watcher = async () => {
    assertOpen(undefined);
    // its size is paid by those who use it
    const { Watching } = await import('./watching.ts');
    const interval = Math.max(ttl, 1_000);
    watching ??= new Watching({ clock, interval, notifier, resolve, sources });
    return watching;
  };
  async function* changes(name: string, signal?: AbortSignal): AsyncGenerator<SecretChange> {
    yield* (await watcher()).changes(name, signal);
  }
  const watch = (
    ...[subject, given]: [string, CallOptions?] | [() => void, AbortSignal]
  ): AsyncGenerator<SecretChange> | Promise<void> => {
    if (typeof subject === 'string') return changes(subject, (given as CallOptions)?.signal);
    return watcher().then((it) => it.tell(subject, given as AbortSignal));
  };
  const resolveAll = async (signal: AbortSignal | undefined) => {
    assertOpen(signal);
    return chain.resolveAll(signal);
  };
  const target = sources.find(({ provider }) => provider.write);

  let writing: Promise<typeof import('./writing.ts')> | undefined;
  const parts = { chain, sources, target, budget, assertOpen };
  const writer = async (values: Iterable<readonly [name: string, value: unknown]>) => {
    for (const [name, value] of values)
      if (typeof value === 'string') known.put(`written ${String(name)}`, value);
    // its size is paid by those who use it; one promise for all keeps the order of the calls
    writing ??= import('./writing.ts');
    return writing;
  };

  const secrets: Secrets = {
    name: chainName,
    store: sources.map(({ label }) => label).join(', then '),
    timeout: budget,

    credentialVariables: new Set(
      sources.flatMap(({ provider }) => [...(provider.credentialVariables ?? [])]),
    ),

    async get(name, given) {
      // an aborted signal must be seen, so only a call without one takes the short way
      const answer = given === undefined ? answers.get(name) : undefined;
      if (answer !== undefined) return answer;
      const { clears } = answers;
      const resolution = await resolve(name, given?.signal);
      if (resolution.kind !== 'found') throw resolution.error;
      const { record, source, freshness, freshFor } = resolution;
      if (freshness === 'fresh' && !closing && clears === answers.clears)
        answers.keep(name, record.value, source, freshFor);
      return record.value;
    },

    async find(name, { signal } = {}) {
      const resolution = await resolve(name, signal);
      if (resolution.kind === 'failed') throw resolution.error;
      return resolution.kind === 'found' ? resolution.record.value : undefined;
    },

    async getAll({ signal } = {}) {
      const { held } = await resolveAll(signal);
      const all: Record<string, string> = Object.create(null);
      for (const [name, { record }] of held) all[name] = record.value;
      return Object.freeze(all);
    },

    async list({ signal } = {}) {
      return [...(await resolveAll(signal)).held.keys()].sort();
    },

    set: async (name, value, { signal } = {}) =>
      (await writer([[name, value]])).set(parts, name, value, signal),

    delete: async (name, { signal } = {}) => (await writer([])).remove(parts, name, signal),

    async explain(name, { signal } = {}) {
      const resolution = await resolve(name, signal);
      // its size is paid by those who use it
      return (await import('./explanation.ts')).explanationOf(name, resolution);
    },

    async load(schema, given = {}) {
      // its size is paid by those who use it
      const { loadSchema } = await import('./load.ts');
      return loadSchema(schema, secrets, given, (message) => {
        if (loadWarnings.has(message)) return;
        loadWarnings.add(message);
        notifier.emit({ type: 'warning', provider: chainName, message });
      });
    },

    status: () => sources.map((source) => source.status()),

    async refresh({ signal } = {}) {
      assertOpen(signal);
      await Promise.all(sources.map((source) => source.reread({ signal, limit: budget })));
      assertOpen(signal);
      return secrets.status();
    },

    watch: watch as Secrets['watch'],

    onChange: async (names, listener) =>
      (await watcher()).onChange(typeof names === 'string' ? [names] : names, listener),

    view: async (names, { signal } = {}) => (await watcher()).view(names, signal),

    redact: redactor.redact,

    redactor,

    on: (type, listener) => notifier.on(type, listener as unknown as (event: SecretsEvent) => void),

    async read(names, { signal }) {
      // its size is paid by those who use it
      const { batchOf, wholeBatch } = await import('./chain-as-provider.ts');
      return names === 'all'
        ? wholeBatch(await resolveAll(signal), target)
        : batchOf(names, await Promise.all(names.map((name) => resolve(name, signal))));
    },

    close() {
      if (closing) return closing;
      closing = Promise.all(sources.map((source) => source.close())).then(() => {});
      watching?.close();
      answers.clear();
      return closing;
    },

    [Symbol.asyncDispose]: () => secrets.close(),

    ...(target?.provider.write && {
      write: async (changes: SecretChanges, { signal }: ReadContext) =>
        (await writer(changes.entries)).write(parts, changes, signal),
      atomicity: target.provider.atomicity ?? 'name',
      conditionalWrites: target.provider.conditionalWrites ?? 'never',
    }),
  };

  return secrets;
}

function config(reason: string, hint: string): SecretError {
  return new SecretError('ERR_SECRET_CONFIG', reason, { hint });
}

/** What the option `providers` holds; a caller without types may have given anything. */
function entriesOf({ providers }: SecretsOptions): ChainEntry[] {
  if (!Array.isArray(providers) || providers.length === 0)
    throw config('the option providers lists no provider', 'Give at least one.');
  return providers.map((given: ChainEntry | SecretProvider, index) => {
    const entry =
      'provider' in Object(given) ? (given as ChainEntry) : { provider: given as SecretProvider };
    if (typeof entry.provider?.read !== 'function')
      throw config(
        `providers[${index}] is not a provider`,
        'Call the function that makes it, such as dotenvProvider().',
      );
    return entry;
  });
}

function checkNames(sources: readonly Source[], only: ReadonlyMap<string, string>): void {
  const names = sources.map(({ provider }) => provider.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw config(`two providers are named ${twice}`, 'Give one of them another `name`.');
  for (const [secret, provider] of only)
    if (!names.includes(provider))
      throw config(
        `the option only binds ${secret} to ${provider}, which is not in the chain`,
        `The chain's providers are: ${names.join(', ')}.`,
      );
}
