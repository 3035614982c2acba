// What becomes of an event: listeners, diagnostics_channel, and a process warning where nobody listens.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Notifier } from '../src/chain/notifier.ts';
import { eventTypes, type SecretsEvents } from '../src/contract/events.ts';
import { memoryProvider } from '../src/index.ts';

let now = 0;
const clock = { monotonic: () => now, wall: () => now, schedule: () => () => {} };
const provider = { ...memoryProvider(), name: 'vault', store: 'secret/shop' };
const outage: Omit<SecretsEvents['fallback'], 'provider' | 'store'> = {
  reason: 'unavailable',
  detail: 'it is sealed',
  answeredBy: 'dotenv',
  names: ['A'],
};

let warn = vi.spyOn(process, 'emitWarning');
beforeEach(() => {
  now = 0;
  warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});
const warned = () => warn.mock.calls.map(([text, options]) => [text, options]);

test('every event is among those that can be listened to', () => {
  const all: Record<keyof SecretsEvents, true> = {
    fallback: true,
    recovered: true,
    denied: true,
    allowed: true,
    failed: true,
    refreshed: true,
    changed: true,
    rejected: true,
    warning: true,
  };
  expect([...eventTypes].sort()).toEqual(Object.keys(all).sort());
});

describe('a listener', () => {
  test('hears until its signal fires, and never of a signal that has fired', () => {
    const notifier = new Notifier(clock);
    const stop = new AbortController();
    const heard: string[] = [];
    const hears = (who: string) => () => void heard.push(who);
    notifier.on('changed', hears('until the signal'), stop.signal);
    notifier.on('changed', hears('never'), AbortSignal.abort());
    const leave = notifier.on('changed', hears('until it stops'), stop.signal);
    notifier.change(provider, 'A');
    leave();
    expect(getEventListeners(stop.signal, 'abort')).toHaveLength(1);
    notifier.change(provider, 'A');
    stop.abort();
    notifier.change(provider, 'A');
    expect(heard).toEqual(['until the signal', 'until it stops', 'until the signal']);
    expect(getEventListeners(stop.signal, 'abort')).toEqual([]);
  });
});

describe('a notice without a listener', () => {
  test.each<[string, Partial<typeof outage>]>([
    ['one name', {}],
    ['several names', { names: ['A', 'B'] }],
    ['a last good value', { answeredBy: 'last-good' }],
    ['no other provider', { answeredBy: 'none', names: [] }],
    ['a missing document', { reason: 'missing-document', detail: 'has nothing at secret/shop' }],
  ])('is a process warning, with its words for %s', (_, facts) => {
    new Notifier(clock).fallBack(provider, { ...outage, ...facts });
    expect(warned()).toEqual([
      [
        expect.stringMatching(/^vault \(secret\/shop\) /),
        { type: 'KeyfallWarning', code: 'KEYFALL_FALLBACK' },
      ],
    ]);
    expect(warned()).toMatchSnapshot();
  });

  test('is a process warning when the provider is back, and when it warns; other events need a listener', () => {
    const notifier = new Notifier(clock);
    notifier.fallBack(provider, outage);
    notifier.recover(provider);
    notifier.emit({ type: 'warning', provider: 'vault', message: 'TLS is not verified' });
    notifier.change(provider, 'A', '1', '2');
    notifier.emit({ type: 'refreshed', provider: 'vault', names: 1, duration: 1 });
    const facts = { provider: 'vault', store: 's', detail: 'no', duration: 1 };
    notifier.emit({ type: 'failed', code: 'ERR_SECRET_DENIED', ...facts });
    notifier.emit({ type: 'denied', code: 'ERR_SECRET_DENIED', ...facts, count: 1 });
    expect(warned().slice(1)).toEqual([
      ['vault answers again', { type: 'KeyfallWarning', code: 'KEYFALL_RECOVERED' }],
      ['vault: TLS is not verified', { type: 'KeyfallWarning', code: 'KEYFALL_WARNING' }],
    ]);
  });

  test('goes to the console where there are no process warnings', () => {
    const said = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const tell = () =>
      new Notifier(clock).emit({ type: 'warning', provider: 'vault', message: 'look' });
    // Next's edge functions have a process whose functions throw
    const throws = () => {
      throw new Error('A Node.js API is used');
    };
    const edge = { env: {}, versions: undefined, emitWarning: throws, getBuiltinModule: throws };
    for (const process of [undefined, {}, edge]) {
      vi.stubGlobal('process', process);
      tell();
      vi.unstubAllGlobals();
    }
    expect(said.mock.calls).toEqual(Array(3).fill(['keyfall: vault: look']));
    expect(warned()).toEqual([]);
  });
});

test('listeners hear their own event until they leave, and one may leave while it hears', () => {
  const notifier = new Notifier(clock);
  const heard: string[] = [];
  const leave = notifier.on('recovered', () => {
    heard.push('first');
    leave();
  });
  notifier.on('recovered', ({ type }) => heard.push(type));
  notifier.on('fallback', ({ type }) => heard.push(type));
  for (let time = 0; time < 2; time += 1) {
    notifier.fallBack(provider, outage);
    notifier.recover(provider);
  }
  expect(heard).toEqual(['fallback', 'first', 'recovered', 'fallback', 'recovered']);
  expect(warned()).toEqual([]);
});

test('an outage is reported once for each reason and each provider that answers instead, and ends once', () => {
  const notifier = new Notifier(clock);
  const heard: unknown[] = [];
  notifier.on('fallback', (event) => heard.push(event));
  notifier.on('recovered', (event) => heard.push(event));
  notifier.recover(provider); // of what was not told there is no end
  now = 1_000;
  notifier.fallBack(provider, { ...outage, code: 'ERR_SECRET_UNAVAILABLE' });
  now = 2_000;
  notifier.fallBack(provider, { ...outage, names: ['B'] });
  notifier.fallBack(provider, { ...outage, answeredBy: 'last-good' });
  notifier.fallBack(provider, { ...outage, reason: 'denied' });
  notifier.fallBack(provider, { ...outage, answeredBy: 'last-good' });
  const other = { ...provider };
  notifier.fallBack(other, outage);
  now = 5_000;
  notifier.recover(provider);
  notifier.recover(provider);
  const event = { type: 'fallback', provider: 'vault', store: 'secret/shop', ...outage };
  expect(heard).toStrictEqual([
    { ...event, code: 'ERR_SECRET_UNAVAILABLE' },
    { ...event, answeredBy: 'last-good' },
    { ...event, reason: 'denied' },
    event,
    // since the first notice of it
    { type: 'recovered', provider: 'vault', store: 'secret/shop', after: 4_000 },
  ]);
});

test('a change has the versions that there are', () => {
  const notifier = new Notifier(clock);
  const heard: unknown[] = [];
  notifier.on('changed', (event) => heard.push(event));
  notifier.change(provider, 'A');
  notifier.change(provider, 'A', '1');
  notifier.change(provider, 'A', undefined, '2');
  const event = { type: 'changed', provider: 'vault', name: 'A' };
  expect(heard).toStrictEqual([
    event,
    { ...event, versionBefore: '1' },
    { ...event, versionAfter: '2' },
  ]);
});

test('diagnostics_channel has each event, whether somebody listens here or not', () => {
  const notifier = new Notifier(clock);
  const heard: unknown[] = [];
  const hear = (message: unknown) => heard.push(message);
  subscribe('keyfall:recovered', hear);
  try {
    notifier.fallBack(provider, outage);
    notifier.recover(provider);
    notifier.on('recovered', () => {});
    notifier.fallBack(provider, outage);
    notifier.recover(provider);
  } finally {
    unsubscribe('keyfall:recovered', hear);
  }
  expect(heard).toMatchObject([{ type: 'recovered' }, { type: 'recovered' }]);
});

test('what a listener throws is never shown, and the other listeners hear all the same', async () => {
  const notifier = new Notifier(clock);
  const heard: string[] = [];
  notifier.on('warning', () => {
    throw new Error('canary-listener');
  });
  notifier.on('warning', () => Promise.reject(new Error('canary-listener')));
  notifier.on('warning', (event) => heard.push('message' in event ? event.message : event.type));
  notifier.emit({ type: 'warning', provider: 'vault', message: 'look' });
  expect(heard).toEqual(['look']);
  await new Promise(setImmediate);
  expect(warned()).toEqual(
    Array(2).fill([
      expect.stringContaining("'warning'"),
      { type: 'KeyfallWarning', code: 'KEYFALL_LISTENER' },
    ]),
  );
});
