/**
 * Composes providers into the one object that an application asks.
 */
import {
  assertFunction,
  assertObject,
  assertProvider,
  assertSignal,
  assertText,
  signalOf,
  wrongArgument,
} from '../arguments/arguments.ts';
import { assertOptions } from '../arguments/assert-options.ts';
import { systemClock } from '../calls/clock.ts';
import { type Duration, toMilliseconds } from '../calls/duration.ts';
import { abortReason } from '../calls/limited-call.ts';
import type { SecretsEvent } from '../contract/events.ts';
import { closedError, SecretError } from '../contract/secret-error.ts';
import type { ReadContext, SecretChanges, SecretProvider } from '../contract/secret-provider.ts';
import { createRedactorOfValues } from '../redaction/redactor.ts';
import { CachedProvider } from './cached-provider.ts';
import { assertName, Chain, type Resolution } from './chain.ts';
import { endable } from './endable.ts';
import { FastAnswers } from './fast-answers.ts';
import { Notifier } from './notifier.ts';
import type { CallOptions, ChainEntry, Secrets, SecretsOptions } from './secrets.ts';
import type { Watching } from './watching.ts';
import type { Writer } from './writing.ts';

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
  const { clock = systemClock, name: chainName = 'chain', only: bindings = {} } = options;
  assertText(chainName, 'createSecrets: the option name');
  assertObject(bindings, 'createSecrets: the option only');
  assertObject(clock, 'createSecrets: the option clock');
  for (const member of ['monotonic', 'wall', 'schedule'] as const)
    assertFunction(clock[member], `createSecrets: the option clock: its ${member}`);
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
  const { redactor, values: known } = createRedactorOfValues({}, clock);
  const changed = () => {
    answers.clear();
    watching?.look();
  };
  const providers = entriesOf(options).map((entry, index) => {
    const { provider, required = false, standby = false, timeout, onDenied = 'stop' } = entry;
    return new CachedProvider({
      provider,
      required,
      standby,
      onDenied,
      timeout: toMilliseconds(timeout ?? provider.timeout ?? 2_500, `timeout of ${provider.name}`),
      lifetimes,
      clock,
      notifier,
      changed,
      values: {
        put: (name, value) => known.put(`${index} ${name}`, value),
        putPrevious: (name, value) => known.pass(`${index} ${name}`, value),
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
    const { Watching } = await import('./watching.ts');
    assertOpen(undefined);
    const interval = Math.max(ttl, 1_000);
    watching ??= new Watching({ clock, interval, notifier, resolve, providers });
    return watching;
  };
  const changes = (name: string, given: CallOptions | undefined) => {
    const wasOpen = !closing;
    return endable(
      () => signalOf(given, 'watch'),
      async function* (stop) {
        try {
          yield* (await watcher()).changes(name, stop);
        } catch (error) {
          // that it was closed since ends it as quietly before its first answer as after it
          if (!(wasOpen && closing)) throw error;
        }
      },
    );
  };
  // a standby is a copy of what others hold
  const target = providers.find(({ provider, standby }) => provider.write && !standby);
  const parts = { chain, target, budget, assertOpen, resolve };
  // what follows is loaded by those who use it, who pay its size
  const whole = () => import('./whole-chain.ts');
  const asProvider = () => import('./chain-as-provider.ts');

  let writing: Promise<Writer> | undefined;
  const writer = async (values: Iterable<readonly [name: unknown, value: unknown]>) => {
    for (const [name, value] of values)
      if (typeof name === 'string' && typeof value === 'string')
        known.put(`written ${name}`, value);
    // one promise for all keeps the order of the calls
    writing ??= import('./writing.ts').then(({ createWriter }) => createWriter(parts));
    return writing;
  };

  const ask = async (name: string, given: CallOptions | undefined): Promise<string> => {
    const { clears } = answers;
    const resolution = await resolve(name, signalOf(given, 'get'));
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
      const resolution = await resolve(name, signalOf(given, 'find'));
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
      return (await writer([[name, value]])).set(name, value, given);
    },

    async delete(name, given) {
      return (await writer([])).remove(name, given);
    },

    async explain(name, given) {
      const resolution = await resolve(name, signalOf(given, 'explain'));
      return (await import('./explanation.ts')).explanationOf(name, resolution);
    },

    async load(schema, given = {}) {
      signalOf(given, 'load');
      const { loadSchema } = await import('../loading/load.ts');
      const warn = (message: string) => notifier.warn(chainName, message);
      return loadSchema(schema, { ...secrets, read: provider.read }, given, warn);
    },

    status: () => providers.map((cached) => cached.status()),

    async refresh(given) {
      await (await whole()).refresh(parts, given);
      return secrets.status();
    },

    watch: changes,

    async onChange(given, listener) {
      return (await watcher()).onChange(given, listener);
    },

    async view(names, given) {
      return (await watcher()).view(names, given);
    },

    redact: redactor.redact,

    redactor,

    on(type, listener) {
      assertText(type, 'on: the event');
      assertFunction(listener, 'on: the listener');
      return notifier.on(type, listener as unknown as (event: SecretsEvent) => void);
    },

    asProvider: () => provider,

    close() {
      if (closing) return closing;
      closing = Promise.all(providers.map((cached) => cached.close())).then(() => {});
      watching?.close();
      answers.clear();
      return closing;
    },

    [Symbol.asyncDispose]: () => secrets.close(),
  };

  const provider: SecretProvider = {
    name: chainName,
    store: providers.map(({ label }) => label).join(', then '),
    timeout: budget,

    credentialVariables: new Set(
      providers.flatMap(({ provider }) => [...(provider.credentialVariables ?? [])]),
    ),

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
      assertFunction(onChange, 'watch: the listener');
      assertSignal(signal, 'watch: the signal');
      return (await watcher()).forwardChanges(onChange, signal);
    },

    close: () => secrets.close(),

    ...(target?.provider.write && {
      async write(changes: SecretChanges, context: ReadContext) {
        assertObject(changes, 'write: the changes');
        if (!(changes.entries instanceof Map)) throw wrongArgument('write: the entries', 'a map');
        return (await writer(changes.entries)).write(changes, context);
      },
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
function entriesOf({ providers }: SecretsOptions): (ChainEntry & {
  readonly provider: SecretProvider;
})[] {
  if (!Array.isArray(providers) || providers.length === 0)
    throw config('the option providers lists no provider', 'Give at least one.');
  return providers.map((given: SecretsOptions['providers'][number], index) => {
    const entry: ChainEntry =
      'provider' in Object(given) ? (given as ChainEntry) : { provider: given as SecretProvider };
    const what = `providers[${index}]`;
    const provider =
      'asProvider' in Object(entry.provider)
        ? (entry.provider as Secrets).asProvider()
        : entry.provider;
    assertProvider(provider, what);
    const { onDenied } = entry;
    for (const option of ['required', 'standby'] as const)
      if (entry[option] !== undefined && typeof entry[option] !== 'boolean')
        throw wrongArgument(`the option ${option} of ${what}`, 'true or false');
    if (onDenied !== undefined && onDenied !== 'stop' && onDenied !== 'next')
      throw wrongArgument(`the option onDenied of ${what}`, "'stop' or 'next'");
    return { ...entry, provider };
  });
}

function checkNames(providers: readonly CachedProvider[], only: ReadonlyMap<string, string>): void {
  const names = providers.map(({ provider }) => provider.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw config(`two providers are named ${twice}`, 'Give one of them another `name`.');
  if (providers[0]?.standby)
    throw config(
      `${names[0]} is on standby, and no provider comes before it`,
      'Give it its place behind the one that it stands in for, or leave out `standby`.',
    );
  for (const [secret, provider] of only) {
    assertText(provider, `the option only: what ${secret} is bound to`);
    if (!names.includes(provider))
      throw config(
        `the option only binds ${secret} to ${provider}, which is not in the chain`,
        `The chain's providers are: ${names.join(', ')}.`,
      );
    if (providers[names.indexOf(provider)]?.standby)
      throw config(
        `the option only binds ${secret} to ${provider}, which is on standby: it would be asked for it only while another provider cannot be`,
        'Bind it to another provider, or leave out `standby`.',
      );
  }
}
