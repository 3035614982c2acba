/**
 * Composes providers into the one object that an application asks.
 */
import { assertKind } from '../arguments/arguments.ts';
import { assertKnown, assertOptions, signalOf } from '../arguments/assert-options.ts';
import { systemClock } from '../calls/clock.ts';
import { type Duration, toMilliseconds } from '../calls/duration.ts';
import { abortReason } from '../calls/limited-call.ts';
import { eventTypes, type SecretsEvent } from '../contract/events.ts';
import { closedError } from '../contract/secret-error.ts';
import type { ReadContext, SecretChanges, SecretProvider } from '../contract/secret-provider.ts';
import type { LoadOptions } from '../loading/load.ts';
import type { StandardSchemaV1 } from '../loading/standard-schema.ts';
import { createRedactorOfValues } from '../redaction/redactor.ts';
import { CachedProvider } from './cached-provider.ts';
import { assertName, Chain, type Resolution } from './chain.ts';
import { chainOptions, checkNames, entriesOf } from './chain-options.ts';
import { endable } from './endable.ts';
import { FastAnswers } from './fast-answers.ts';
import { Notifier } from './notifier.ts';
import type { GetOptions, Secrets, SecretsOptions } from './secrets.ts';
import type { Watching } from './watching.ts';
import type { Writer } from './writing.ts';

const minute = 60_000;

/** What `get` and `find` take besides a signal. */
const aged = { maxAge: 'anything' } as const;

/**
 * Makes a chain of providers. It does no I/O: the first call does.
 *
 * @throws `ERR_SECRET_CONFIG` naming the option: an unknown one, no provider at all, anything but a provider, two of
 *   one name, a wrong length of time, or `only` with a provider that is not in the chain
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
  assertOptions(options, 'createSecrets', chainOptions);
  const { clock = systemClock, name: chainName = 'chain', only: bindings = {} } = options;
  const length = (option: 'ttl' | 'staleIfError' | 'budget', standard: Duration) =>
    toMilliseconds(options[option] ?? standard, option);
  const ttl = length('ttl', 5 * minute);
  const lifetimes = {
    ttl,
    negativeTtl: Math.min(ttl, 30_000),
    staleWhileRevalidate: ttl,
    staleIfError: length('staleIfError', 60 * minute),
  };
  const budget = length('budget', 4_000);
  const notifier = new Notifier(clock);
  const answers = new FastAnswers(clock);
  const { except = [], ...redactorOptions } = options.redact ?? {};
  const { redactor, values: known } = createRedactorOfValues(redactorOptions, clock);
  const isMasked = (name: string) => !except.includes(name);
  const changed = () => {
    answers.clear();
    watching?.look();
  };
  const providers = entriesOf(options).map((entry, index) => {
    const { timeout } = entry;
    return new CachedProvider({
      entry,
      timeout: timeout === undefined ? timeout : toMilliseconds(timeout, 'timeout'),
      lifetimes,
      clock,
      notifier,
      changed,
      values: {
        put: (name, value) => isMasked(name) && known.put(`${index} ${name}`, value),
        putPrevious: (name, value) => isMasked(name) && known.pass(`${index} ${name}`, value),
      },
    });
  });
  const only = new Map(Object.entries(bindings));
  checkNames(providers, only);
  const chain = new Chain({ providers, only, budget, clock, notifier });
  let closing: Promise<void> | undefined;

  const assertOpen = (signal: AbortSignal | undefined) => {
    if (signal?.aborted) throw abortReason(signal);
    if (closing) throw closedError();
  };
  const resolve = async (
    name: string,
    signal: AbortSignal | undefined,
    maxAge?: Duration,
  ): Promise<Resolution> => {
    assertOpen(signal);
    assertName(name);
    const oldest = maxAge === undefined ? maxAge : toMilliseconds(maxAge, 'maxAge');
    const resolution = await chain.resolve(name, signal, oldest);
    if (resolution.kind === 'failed') {
      if (resolution.error.code === 'ERR_SECRET_ABORTED') throw resolution.error;
      for (const cached of providers) cached.need();
    }
    return resolution;
  };
  let watching: Watching | undefined;
  const following = async () => {
    const { changesOf, viewOf, Watching } = await import('./following.ts');
    assertOpen(undefined);
    watching ??= new Watching({
      clock,
      interval: Math.max(ttl, 1_000),
      notifier,
      providers,
    });
    return { changesOf, viewOf, watching };
  };
  // a standby is a copy of others, so it is never written to
  const target = providers.find(({ provider, standby }) => provider.write && !standby);
  const parts = { chain, target, budget, assertOpen, resolve };
  // the rest is loaded at its first use, so that only programs that use it pay for its size
  const whole = () => import('./whole-chain.ts');
  const asProvider = () => import('./chain-as-provider.ts');

  let writing: Promise<Writer> | undefined;
  const writer = async (changes: SecretChanges) => {
    const { entries } = Object(changes) as SecretChanges;
    assertKind(entries, 'a map', 'write: the entries');
    for (const [name, value] of entries)
      if (typeof name === 'string' && typeof value === 'string' && isMasked(name))
        known.put(`written ${name}`, value);
    // one promise for all keeps the order of the calls
    writing ??= import('./writing.ts').then(({ createWriter }) => createWriter(parts));
    return writing;
  };

  const ask = async (name: string, given: GetOptions | undefined): Promise<string> => {
    const { clears } = answers;
    const resolution = await resolve(name, signalOf(given, 'get', aged), given?.maxAge);
    if (resolution.kind !== 'found') throw resolution.error;
    const { record, cached, freshness, freshFor } = resolution;
    if (freshness === 'fresh' && !closing && clears === answers.clears)
      answers.keep(name, record.value, cached, freshFor);
    return record.value;
  };

  const secrets: Secrets = {
    name: chainName,

    get(name, given) {
      // an aborted signal must be seen, so only a call without one takes the short way
      const answer = given === undefined ? answers.get(name) : undefined;
      return answer ?? ask(name, given);
    },

    async find(name, given) {
      const resolution = await resolve(name, signalOf(given, 'find', aged), given?.maxAge);
      if (resolution.kind === 'failed') throw resolution.error;
      return resolution.kind === 'found' ? resolution.record.value : undefined;
    },

    async getAll(given) {
      return (await whole()).getAll(parts, given);
    },

    async list(given) {
      return (await whole()).list(parts, given);
    },

    async set(name, value, given) {
      return (await writer({ entries: new Map([[name, value]]) })).set(name, value, given);
    },

    async delete(name, given) {
      return (await writer({ entries: new Map() })).remove(name, given);
    },

    async explain(name, given) {
      const resolution = await resolve(name, signalOf(given, 'explain'));
      return (await import('./explanation.ts')).explanationOf(name, resolution);
    },

    async load(schema, given) {
      const { loadSchema } = await import('../loading/load.ts');
      const warn = (message: string) => notifier.warn(chainName, message);
      return loadSchema(schema, { ...secrets, read: provider.read }, given, warn);
    },

    status: () => providers.map((cached) => cached.status()),

    async refresh(given) {
      await (await whole()).refresh(parts, given);
      return secrets.status();
    },

    watch(names, given) {
      // at once: who gives a callback would never take the first step
      const signal = signalOf(given, 'watch');
      const wasOpen = !closing;
      return endable(async function* (stop) {
        try {
          const { changesOf, watching } = await following();
          yield* changesOf(watching, resolve, names, stop, signal);
        } catch (error) {
          // that it was closed since ends it as quietly before its first answer as after it
          if (!(wasOpen && closing)) throw error;
        }
      });
    },

    async view(subject: readonly string[] | StandardSchemaV1, given?: LoadOptions) {
      const { viewOf, watching } = await following();
      const chain = { watching, notifier, resolve, load: secrets.load, provider };
      return viewOf(chain, subject, given) as Promise<never>;
    },

    redact: redactor.redact,

    redactor,

    on(type, listener, given) {
      assertKind(type, 'text', 'on: the event');
      assertKnown(type, eventTypes, 'on: there is no event');
      assertKind(listener, 'a function', 'on: the listener');
      const hear = listener as unknown as (event: SecretsEvent) => void;
      return notifier.on(type, hear, signalOf(given, 'on'));
    },

    asProvider: () => provider,

    close() {
      closing ??= Promise.all(providers.map((cached) => cached.close())).then(() => {});
      watching?.close();
      answers.clear();
      return closing;
    },

    [Symbol.asyncDispose]: () => secrets.close(),
  };

  const provider: SecretProvider = {
    name: chainName,
    timeout: budget,

    get store() {
      return providers.map(({ label }) => label).join(', then ');
    },

    get credentialVariables() {
      return new Set(
        providers.flatMap(({ provider }) => [...(provider.credentialVariables ?? [])]),
      );
    },

    async read(names, context) {
      return (await asProvider()).read(parts, names, context);
    },

    async list(context) {
      return (await asProvider()).list(parts, context);
    },

    async readings(context) {
      return (await asProvider()).readings(parts, context);
    },

    async watch(onChange, signal) {
      return (await following()).watching.forwardChanges(onChange, signal);
    },

    close: () => secrets.close(),

    ...(target?.provider.write && {
      async write(changes: SecretChanges, context: ReadContext) {
        return (await writer(changes)).write(changes, context);
      },
      atomicity: target.provider.atomicity ?? 'name',
      conditionalWrites: target.provider.conditionalWrites ?? 'never',
    }),
  };

  return secrets;
}
