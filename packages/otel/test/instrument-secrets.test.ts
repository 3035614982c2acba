import { createSecrets, memoryProvider, SecretError } from '@keyfall/core';
import type { SecretProvider } from '@keyfall/core/provider';
import { assertNoLeak, type ManualClock, manualClock } from '@keyfall/testkit';
import { context, metrics, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  DataPointType,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type InstrumentSecretsOptions, instrumentSecrets } from '../src/index.ts';

const canary = 'canary-4f1f2f6a9b';
const cleanUps: (() => unknown)[] = [];

beforeEach(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
});

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  context.disable();
  trace.disable();
  metrics.disable();
});

/** A real SDK that keeps what it would send. */
function sdk() {
  const spanExporter = new InMemorySpanExporter();
  const tracerProvider = new BasicTracerProvider({
    spanProcessors: [new SimpleSpanProcessor(spanExporter)],
  });
  const metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({
    exporter: metricExporter,
    exportIntervalMillis: 3_600_000,
  });
  const meterProvider = new MeterProvider({ readers: [reader] });
  cleanUps.push(
    () => meterProvider.shutdown(),
    () => tracerProvider.shutdown(),
  );
  /** Every data point by metric: its attributes, and its value or a histogram's count and sum. */
  const points = async () => {
    metricExporter.reset();
    await meterProvider.forceFlush();
    const found = new Map<string, { readonly attributes: object; readonly value: unknown }[]>();
    for (const { scopeMetrics } of metricExporter.getMetrics())
      for (const { metrics } of scopeMetrics)
        for (const { descriptor, dataPointType, dataPoints } of metrics)
          found.set(
            descriptor.name,
            dataPoints.map(({ attributes, value }) => ({
              attributes,
              value:
                dataPointType === DataPointType.HISTOGRAM && typeof value === 'object'
                  ? { count: value.count, sum: value.sum }
                  : value,
            })),
          );
    return found;
  };
  return {
    meterProvider,
    tracerProvider,
    points,
    spans: () => spanExporter.getFinishedSpans(),
    exportedMetrics: () => metricExporter.getMetrics(),
  };
}

/** A store with a canary for a value, that fails on demand and takes its time. */
function vault(clock?: ManualClock) {
  const store: Store = {
    version: '1',
    provider: {
      name: 'vault',
      store: 'https://vault.example secret/shop',
      async read(_, { warn }) {
        warn('the token ends soon');
        await clock?.advance(250);
        if (store.failure) throw store.failure;
        const { version } = store;
        const record = { value: `${canary}-${version}`, version };
        return { entries: new Map([['TOKEN', record]]), complete: true };
      },
    },
  };
  return store;
}

interface Store {
  failure?: SecretError | undefined;
  version: string;
  readonly provider: SecretProvider;
}

/** `sdk()` has more in it than the options. */
function instrument({ secrets, meterProvider, tracerProvider }: InstrumentSecretsOptions = {}) {
  const stop = instrumentSecrets({
    ...(secrets && { secrets }),
    ...(meterProvider && { meterProvider }),
    ...(tracerProvider && { tracerProvider }),
  });
  cleanUps.push(stop);
  return stop;
}

const quiet = (secrets: ReturnType<typeof createSecrets>) => {
  for (const type of ['fallback', 'recovered', 'warning'] as const) secrets.on(type, () => {});
  cleanUps.push(() => secrets.close());
  return secrets;
};

describe('metrics', () => {
  test('reads are counted, with their duration and their names', async () => {
    const { points, ...providers } = sdk();
    const clock = manualClock();
    instrument(providers);
    const secrets = quiet(createSecrets({ providers: [vault(clock).provider], clock, ttl: 0 }));
    await secrets.get('TOKEN');
    await secrets.get('TOKEN');
    const attributes = { 'keyfall.provider': 'vault' };
    const found = await points();
    expect(found.get('keyfall.read.duration')).toEqual([
      { attributes, value: { count: 2, sum: 0.5 } },
    ]);
    expect(found.get('keyfall.read.names')).toEqual([{ attributes, value: 2 }]);
    expect(found.get('keyfall.warnings')).toEqual([{ attributes, value: 1 }]);
  });

  test('an outage is counted, with its duration and the state of the breaker', async () => {
    const { points, ...providers } = sdk();
    const clock = manualClock();
    const store = vault();
    const secrets = quiet(
      createSecrets({
        providers: [store.provider, memoryProvider({ TOKEN: `${canary}-plain` })],
        clock,
        name: 'shop',
      }),
    );
    instrument({ secrets: [secrets], ...providers });
    const breaker = async () =>
      Object.fromEntries(
        ((await points()).get('keyfall.breaker.open') ?? []).map(({ attributes, value }) => [
          Object.values(attributes).join(' '),
          value,
        ]),
      );

    store.failure = new SecretError('ERR_SECRET_UNAVAILABLE', `connection refused`);
    await secrets.get('TOKEN');
    await secrets.get('TOKEN');
    expect(await breaker()).toEqual({ 'shop vault': 1, 'shop memory': 0 });
    expect((await points()).get('keyfall.fallbacks')).toEqual([
      {
        attributes: {
          'keyfall.provider': 'vault',
          'keyfall.reason': 'unavailable',
          'keyfall.answered_by': 'memory',
          'error.type': 'ERR_SECRET_UNAVAILABLE',
        },
        value: 1,
      },
    ]);

    store.failure = undefined;
    await clock.advance(60_000);
    expect(await breaker()).toEqual({ 'shop vault': 0, 'shop memory': 0 });
    const outages = (await points()).get('keyfall.outage.duration');
    expect(outages).toEqual([
      {
        attributes: { 'keyfall.provider': 'vault' },
        // the first probe comes after half a second to a second
        value: { count: 1, sum: expect.closeTo(0.75, 0) },
      },
    ]);
  });

  test('refusals and changes are counted', async () => {
    const { points, ...providers } = sdk();
    const store = vault();
    instrument(providers);
    const secrets = quiet(createSecrets({ providers: [store.provider], ttl: '5m' }));
    await secrets.get('TOKEN');
    store.version = '2';
    await secrets.refresh();
    store.failure = new SecretError('ERR_SECRET_DENIED', 'permission denied', { storeStatus: 403 });
    await secrets.refresh();
    const found = await points();
    const attributes = { 'keyfall.provider': 'vault' };
    expect(found.get('keyfall.changes')).toEqual([{ attributes, value: 1 }]);
    expect(found.get('keyfall.refusals')).toEqual([
      { attributes: { ...attributes, 'error.type': 'ERR_SECRET_DENIED' }, value: 1 },
    ]);
  });

  test('values that the schema of a view refuses are counted', async () => {
    const { points, ...providers } = sdk();
    instrument(providers);
    const secrets = createSecrets({ name: 'shop', providers: [memoryProvider({ TOKEN: 'good' })] });
    cleanUps.push(() => secrets.close());
    const rejected = new Promise((resolve) => {
      secrets.on('rejected', resolve);
    });
    const issues = [{ path: ['TOKEN'], message: 'must be good' }];
    const view = await secrets.view({
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value) =>
          (value as { TOKEN: string }).TOKEN === 'good' ? { value } : { issues },
      },
    });
    await secrets.set('TOKEN', canary);
    await rejected;
    expect(view).toEqual({ TOKEN: 'good' });
    expect((await points()).get('keyfall.rejections')).toEqual([
      { attributes: { 'keyfall.chain': 'shop' }, value: 1 },
    ]);
  });
});

describe('spans', () => {
  test('the span of a read is a child of the active span, with the duration of the read', async () => {
    const { tracerProvider, meterProvider, spans } = sdk();
    const clock = manualClock();
    instrument({ tracerProvider, meterProvider });
    const secrets = quiet(createSecrets({ providers: [vault(clock).provider], clock }));
    await tracerProvider.getTracer('test').startActiveSpan('order', async (order) => {
      await secrets.get('TOKEN');
      await secrets.get('TOKEN');
      order.end();
    });
    const [read, order, ...others] = spans();
    expect(others).toEqual([]);
    expect(read).toMatchObject({
      name: 'keyfall.read',
      attributes: { 'keyfall.provider': 'vault', 'keyfall.name_count': 1 },
      parentSpanContext: { spanId: order?.spanContext().spanId },
    });
    const [seconds = 0, nanoseconds = 0] = read?.duration ?? [];
    expect(seconds * 1e3 + nanoseconds / 1e6).toBeCloseTo(250);
  });

  test('a fallback and a refusal are events of the active span', async () => {
    const { tracerProvider, meterProvider, spans } = sdk();
    const store = vault();
    instrument({ tracerProvider, meterProvider });
    const secrets = quiet(
      createSecrets({
        providers: [{ provider: store.provider, onDenied: 'next' }, memoryProvider({ TOKEN: 'x' })],
      }),
    );
    store.failure = new SecretError('ERR_SECRET_DENIED', 'permission denied');
    await tracerProvider.getTracer('test').startActiveSpan('order', async (order) => {
      await secrets.get('TOKEN');
      order.end();
    });
    const order = spans().find(({ name }) => name === 'order');
    expect(order?.events.map(({ name, attributes }) => [name, attributes])).toEqual([
      ['keyfall.denied', { 'keyfall.provider': 'vault', 'error.type': 'ERR_SECRET_DENIED' }],
      [
        'keyfall.fallback',
        {
          'keyfall.provider': 'vault',
          'keyfall.reason': 'denied',
          'keyfall.answered_by': 'memory',
          'keyfall.names': ['TOKEN'],
          'error.type': 'ERR_SECRET_DENIED',
        },
      ],
    ]);
  });
});

test('the global providers are the default', async () => {
  const { points, spans, meterProvider, tracerProvider } = sdk();
  metrics.setGlobalMeterProvider(meterProvider);
  trace.setGlobalTracerProvider(tracerProvider);
  instrument();
  await quiet(createSecrets({ providers: [vault().provider] })).get('TOKEN');
  expect((await points()).get('keyfall.read.names')).toMatchObject([{ value: 1 }]);
  expect(spans()).toHaveLength(1);
});

test('a notice without a listener is still printed', async () => {
  const printed: string[] = [];
  const listen = (warning: Error) => printed.push(warning.message);
  process.on('warning', listen);
  cleanUps.push(() => process.off('warning', listen));
  const store = vault();
  store.failure = new SecretError('ERR_SECRET_UNAVAILABLE', 'connection refused');
  const secrets = createSecrets({ providers: [store.provider, memoryProvider({ TOKEN: 'x' })] });
  cleanUps.push(() => secrets.close());
  instrument({ secrets: [secrets], ...sdk() });
  await secrets.get('TOKEN');
  await new Promise(setImmediate);
  expect(printed).toEqual([
    'vault: the token ends soon',
    expect.stringMatching(/connection refused\. TOKEN comes from memory instead/),
  ]);
});

test('nothing is measured after it is stopped', async () => {
  const { points, spans, ...providers } = sdk();
  const secrets = quiet(createSecrets({ providers: [vault().provider], ttl: 0 }));
  const stop = instrument({ secrets: [secrets], ...providers });
  await secrets.get('TOKEN');
  stop();
  stop();
  await secrets.get('TOKEN');
  const found = await points();
  expect(found.get('keyfall.read.names')).toMatchObject([{ value: 1 }]);
  expect(found.get('keyfall.breaker.open') ?? []).toEqual([]);
  expect(spans()).toHaveLength(1);
});

test('cache hits and failed reads are counted, with the code of the error', async () => {
  const { spans, points, ...providers } = sdk();
  const store = vault();
  const secrets = quiet(
    createSecrets({
      name: 'shop',
      providers: [store.provider, memoryProvider({ TOKEN: 'plain' })],
    }),
  );
  instrument({ secrets: [secrets], ...providers });
  store.failure = new SecretError('ERR_SECRET_UNAVAILABLE', 'connection refused');
  for (let count = 0; count < 3; count += 1) await secrets.get('TOKEN');
  const found = await points();
  const byProvider = (name: string) =>
    (found.get(name) ?? []).map(({ attributes, value }) => [attributes, value]);
  expect(byProvider('keyfall.cache.hits')).toEqual([
    [{ 'keyfall.chain': 'shop', 'keyfall.provider': 'vault' }, 0],
    [{ 'keyfall.chain': 'shop', 'keyfall.provider': 'memory' }, 2],
  ]);
  expect(byProvider('keyfall.read.duration')).toMatchObject([
    [{ 'keyfall.provider': 'vault', 'error.type': 'ERR_SECRET_UNAVAILABLE' }, { count: 1 }],
    [{ 'keyfall.provider': 'memory' }, { count: 1 }],
  ]);
  expect(spans()).toMatchObject([
    {
      name: 'keyfall.read',
      status: { code: 2 },
      attributes: { 'error.type': 'ERR_SECRET_UNAVAILABLE' },
    },
    { name: 'keyfall.read', status: { code: 0 } },
  ]);
});

test('no value is exported', async () => {
  const { spans, points, exportedMetrics, ...providers } = sdk();
  const clock = manualClock();
  const store = vault();
  const secrets = quiet(
    createSecrets({
      providers: [
        { provider: store.provider, onDenied: 'next' },
        memoryProvider({ TOKEN: `${canary}-plain` }),
      ],
      clock,
    }),
  );
  instrument({ secrets: [secrets], ...providers });
  await providers.tracerProvider.getTracer('test').startActiveSpan('order', async (order) => {
    await secrets.get('TOKEN');
    store.version = '2';
    await secrets.refresh();
    for (const code of ['ERR_SECRET_UNAVAILABLE', 'ERR_SECRET_DENIED'] as const) {
      // what a provider says must not hold a value; if it does all the same, it goes no further
      store.failure = new SecretError(code, `it said ${canary}`);
      await secrets.refresh();
      await clock.advance(11 * 60_000);
      await secrets.getAll();
    }
    store.failure = undefined;
    await secrets.refresh();
    order.end();
  });
  const found = await points();
  const measured = [...found].filter(([, data]) => data.length > 0).map(([name]) => name);
  expect(measured.sort()).toEqual([
    'keyfall.breaker.open',
    'keyfall.cache.hits',
    'keyfall.changes',
    'keyfall.fallbacks',
    'keyfall.outage.duration',
    'keyfall.read.duration',
    'keyfall.read.names',
    'keyfall.refusals',
    'keyfall.warnings',
  ]);
  const events = spans().flatMap(({ events }) => events.map(({ name }) => name));
  expect(events).toEqual(expect.arrayContaining(['keyfall.fallback', 'keyfall.denied']));
  assertNoLeak([canary], spans(), exportedMetrics());
});
