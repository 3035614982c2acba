/**
 * Keyfall's events as OpenTelemetry metrics and spans. It listens on `node:diagnostics_channel`, not on
 * the chains themselves: a notice with a listener on its chain is no longer printed, and a fallback must not become silent
 * because it is measured.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Secrets, SecretsEvents, SecretsEventType } from '@keyfall/core';
import { assertOptions, type OptionKinds } from '@keyfall/core/provider';
import {
  type Attributes,
  type BatchObservableCallback,
  type MeterProvider,
  metrics,
  SpanStatusCode,
  type TracerProvider,
  trace,
} from '@opentelemetry/api';

/** Options of {@link instrumentSecrets}. */
export interface InstrumentSecretsOptions {
  /** The chains whose circuit breakers and cache hits are shown: there is no event for these. Default: none. */
  readonly secrets?: readonly Pick<Secrets, 'name' | 'status'>[] | undefined;
  /** Default: the global one at the time of the call. */
  readonly meterProvider?: MeterProvider | undefined;
  /** Default: the global one. */
  readonly tracerProvider?: TracerProvider | undefined;
}

const optionKinds: OptionKinds<InstrumentSecretsOptions> = {
  secrets: 'a list',
  meterProvider: 'an object',
  tracerProvider: 'an object',
};

const scope = '@keyfall/otel';

/** Histogram bounds in seconds: up to the default time limits of a read. */
const readSeconds = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
/** Histogram bounds in seconds: from a restart to a lost day. */
const outageSeconds = [1, 5, 15, 60, 300, 900, 3_600, 14_400, 86_400];

/**
 * Measures every chain of this process until it is stopped. Call it once, after the OpenTelemetry SDK was started:
 * before that, the global meter measures nothing.
 *
 * Metrics, each by `keyfall.provider` unless it says otherwise:
 *
 * | name | kind | what |
 * | --- | --- | --- |
 * | `keyfall.read.duration` | histogram, s | reads; its count is their number. `error.type` on those that failed |
 * | `keyfall.read.names` | counter | names in those answers |
 * | `keyfall.fallbacks` | counter | outages that made answers second-hand, by `keyfall.reason`, `keyfall.answered_by`, `error.type` |
 * | `keyfall.outage.duration` | histogram, s | those outages, once they are over |
 * | `keyfall.refusals` | counter | calls that were denied, not authenticated or met an untrusted certificate, by `error.type`; those after the first are counted when the refusal is over |
 * | `keyfall.changes` | counter | names with a new version |
 * | `keyfall.rejections` | counter | times that the schema of a view refused the values in the stores, by `keyfall.chain` |
 * | `keyfall.warnings` | counter | warnings about a provider's set-up |
 * | `keyfall.cache.hits` | counter | answers from the cache, also by `keyfall.chain`; only for `secrets` |
 * | `keyfall.breaker.open` | gauge | 1 while the circuit breaker of a provider is open, also by `keyfall.chain`; only for `secrets` |
 *
 * Every read is a span `keyfall.read`, a child of the span that was active when it was requested. A fallback
 * and a refusal are events of the active span (`keyfall.fallback`, `keyfall.denied`). Only the event of a fallback holds
 * names of secrets, and nothing holds values.
 *
 * @returns a function that stops it; safe to call twice
 * @example
 * ```ts
 * import { createSecrets, envProvider } from '@keyfall/core';
 * import { instrumentSecrets } from '@keyfall/otel';
 *
 * const secrets = createSecrets({ providers: [envProvider()] });
 * const stop = instrumentSecrets({ secrets: [secrets] });
 * ```
 */
export function instrumentSecrets(options: InstrumentSecretsOptions = {}): () => void {
  assertOptions(options, 'instrumentSecrets', optionKinds);
  const { secrets = [], meterProvider = metrics, tracerProvider = trace } = options;
  const meter = meterProvider.getMeter(scope);
  const tracer = tracerProvider.getTracer(scope);

  const seconds = (name: string, description: string, explicitBucketBoundaries: number[]) =>
    meter.createHistogram(name, { description, unit: 's', advice: { explicitBucketBoundaries } });
  const count = (name: string, description: string, unit: string) =>
    meter.createCounter(name, { description, unit });

  const reads = seconds('keyfall.read.duration', 'Reads of a store', readSeconds);
  const names = count('keyfall.read.names', 'Names that the stores answered', '{name}');
  const fallbacks = count(
    'keyfall.fallbacks',
    'Outages that made answers second-hand',
    '{fallback}',
  );
  const outages = seconds('keyfall.outage.duration', 'Outages that are over', outageSeconds);
  const refusals = count('keyfall.refusals', 'Refused or untrusted reads', '{refusal}');
  const changes = count('keyfall.changes', 'Names with a new version', '{change}');
  const warnings = count('keyfall.warnings', "Warnings about a provider's set-up", '{warning}');
  const rejections = count(
    'keyfall.rejections',
    'Values that the schema of a view refused',
    '{rejection}',
  );
  const breakers = meter.createObservableGauge('keyfall.breaker.open', {
    description: '1 while the circuit breaker of a provider is open',
  });

  /** Records one read, as a measurement and as a span that ends now. */
  const recordRead = (duration: number, attributes: Attributes, more: Attributes = {}) => {
    reads.record(duration / 1_000, attributes);
    const end = Date.now();
    const span = tracer.startSpan('keyfall.read', {
      startTime: end - duration,
      attributes: { ...attributes, ...more },
    });
    if ('error.type' in attributes) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end(end);
  };

  const stops = [
    on('refreshed', (event) => {
      const attributes = { 'keyfall.provider': event.provider };
      names.add(event.names, attributes);
      recordRead(event.duration, attributes, { 'keyfall.name_count': event.names });
    }),
    on('failed', ({ provider, code, duration }) =>
      recordRead(duration, { 'keyfall.provider': provider, 'error.type': code }),
    ),
    on('fallback', (event) => {
      const attributes = {
        'keyfall.provider': event.provider,
        'keyfall.reason': event.reason,
        'keyfall.answered_by': event.answeredBy,
        ...(event.code && { 'error.type': event.code }),
      };
      fallbacks.add(1, attributes);
      addToActiveSpan('keyfall.fallback', { ...attributes, 'keyfall.names': [...event.names] });
    }),
    on('denied', (event) => {
      const attributes = { 'keyfall.provider': event.provider, 'error.type': event.code };
      refusals.add(event.count, attributes);
      addToActiveSpan('keyfall.denied', attributes);
    }),
    // the calls that had no event of their own
    on('allowed', ({ provider, code, count }) =>
      refusals.add(count, { 'keyfall.provider': provider, 'error.type': code }),
    ),
    on('recovered', ({ provider, after }) =>
      outages.record(after / 1_000, { 'keyfall.provider': provider }),
    ),
    on('changed', ({ provider }) => changes.add(1, { 'keyfall.provider': provider })),
    on('rejected', ({ chain }) => rejections.add(1, { 'keyfall.chain': chain })),
    on('warning', ({ provider }) => warnings.add(1, { 'keyfall.provider': provider })),
  ];

  const hits = meter.createObservableCounter('keyfall.cache.hits', {
    description: 'Answers from the cache',
    unit: '{hit}',
  });
  const observe: BatchObservableCallback = (result) => {
    for (const chain of secrets)
      for (const status of chain.status()) {
        const attributes = { 'keyfall.chain': chain.name, 'keyfall.provider': status.provider };
        result.observe(breakers, status.breaker === 'closed' ? 0 : 1, attributes);
        result.observe(hits, status.hits, attributes);
      }
  };
  meter.addBatchObservableCallback(observe, [breakers, hits]);

  return () => {
    for (const stop of stops) stop();
    meter.removeBatchObservableCallback(observe, [breakers, hits]);
  };
}

/** Subscribes to one kind of event of every chain of this process. */
function on<Type extends SecretsEventType>(
  type: Type,
  take: (event: SecretsEvents[Type]) => void,
): () => void {
  const listener = (event: unknown) => take(event as SecretsEvents[Type]);
  subscribe(`keyfall:${type}`, listener);
  return () => void unsubscribe(`keyfall:${type}`, listener);
}

function addToActiveSpan(name: string, attributes: Attributes): void {
  const span = trace.getActiveSpan();
  if (span?.isRecording()) span.addEvent(name, attributes);
}
