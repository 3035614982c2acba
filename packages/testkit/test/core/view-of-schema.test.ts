// A view of a schema: typed, validated, following; what it does with values that the schema refuses, and with a chain
// that has no answer any more.
import { inspect } from 'node:util';
import {
  createSecrets,
  memoryProvider,
  SecretError,
  type Secrets,
  type SecretsEvent,
  type StandardSchemaV1,
} from '@keyfall/core';
import { type } from 'arktype';
import * as v from 'valibot';
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { manualClock } from '../../src/index.ts';
import { outcome, scripted } from './scripted-provider.ts';

const minute = 60_000;
const schema = z.object({
  PORT: z.string().regex(/^\d+$/, 'must be a port').transform(Number),
  DEBUG: z.stringbool().optional(),
});

// what validates and follows is loaded at its first use, which takes time that no clock here stands for
beforeAll(async () => {
  const secrets = createSecrets({ providers: [memoryProvider({ PORT: '1' })] });
  // what goes wrong is for the tests to say: a failure here would pass for tests that were not run
  await Promise.allSettled([secrets.view(schema), secrets.explain('PORT')]);
  await secrets.close();
});

function rejectionsOf(secrets: Secrets) {
  const rejections: Extract<SecretsEvent, { type: 'rejected' }>[] = [];
  secrets.on('rejected', (event) => rejections.push(event));
  return rejections;
}

test.each<[string, StandardSchemaV1<unknown, { readonly PORT: number }>]>([
  ['zod', schema],
  ['valibot', v.object({ PORT: v.pipe(v.string(), v.digits(), v.transform(Number)) })],
  ['arktype', type({ PORT: 'string.integer.parse' })],
])('follows with what %s makes of the values', async (_, schema) => {
  const clock = manualClock();
  const vault = scripted('vault', { PORT: '5001' });
  const secrets = createSecrets({ providers: [vault], ttl: '1m', clock });
  const view = await secrets.view(schema);
  expect(view.PORT).toBe(5001);
  vault.held.set('PORT', { value: '5002', version: '2' });
  await clock.advance(3 * minute);
  expect(view.PORT).toBe(5002);
  await secrets.close();
  expect([view.PORT, clock.timers]).toEqual([5002, 0]);
});

test('a write is seen at once, and properties come and go', async () => {
  const clock = manualClock();
  const secrets = createSecrets({ providers: [memoryProvider({ PORT: '1' })], clock });
  const view = await secrets.view(schema);
  expect([Object.keys(view), 'DEBUG' in view]).toEqual([['PORT'], false]);
  await secrets.set('DEBUG', 'true');
  await clock.advance(1);
  expect({ ...view }).toEqual({ PORT: 1, DEBUG: true });
  expect(JSON.stringify(view)).toBe('{"PORT":1,"DEBUG":true}');
  await secrets.delete('DEBUG');
  await clock.advance(1);
  expect(view).toEqual({ PORT: 1 });
  await secrets.close();
});

describe('values that the schema refuses', () => {
  test('keep the last good ones, and are reported once for each reason, without a value', async () => {
    const clock = manualClock();
    const vault = scripted('vault', { PORT: '5001' });
    const secrets = createSecrets({ providers: [vault], ttl: '1m', clock });
    const rejections = rejectionsOf(secrets);
    const view = await secrets.view(schema);
    for (const wrong of ['canary-7c2e', 'canary-9d3f']) {
      vault.held.set('PORT', { value: wrong, version: wrong });
      await clock.advance(5 * minute);
    }
    expect(view.PORT).toBe(5001);
    const issue = { kind: 'malformed', name: 'PORT', path: ['PORT'], message: 'must be a port' };
    expect(rejections).toEqual([
      { type: 'rejected', chain: 'chain', detail: expect.any(String), issues: [issue] },
    ]);
    expect(JSON.stringify(rejections)).not.toContain('canary');

    vault.held.delete('PORT');
    await clock.advance(5 * minute);
    expect(view.PORT).toBe(5001);
    expect(rejections.at(-1)?.issues).toMatchObject([{ kind: 'missing', name: 'PORT' }]);

    vault.held.set('PORT', { value: '5002', version: '3' });
    await clock.advance(5 * minute);
    expect([view.PORT, rejections.length]).toEqual([5002, 2]);
    vault.held.set('PORT', { value: 'canary-1a4b', version: '4' });
    await clock.advance(5 * minute);
    expect([view.PORT, rejections.length]).toEqual([5002, 3]);
    await secrets.close();
  });

  test('become a process warning where nothing listens', async () => {
    const clock = manualClock();
    const vault = scripted('vault', { PORT: '5001' });
    const secrets = createSecrets({ providers: [vault], ttl: '1m', clock });
    await secrets.view(schema);
    const warning = new Promise<Error>((resolve) => process.once('warning', resolve));
    vault.held.set('PORT', { value: 'canary', version: '2' });
    await clock.advance(3 * minute);
    expect(await warning).toMatchObject({
      code: 'KEYFALL_REJECTED',
      message: expect.stringContaining('must be a port'),
    });
    await secrets.close();
  });

  test('reject the first call, as load does', async () => {
    const clock = manualClock();
    const secrets = createSecrets({ providers: [memoryProvider({ PORT: 'x' })], clock });
    expect(await outcome<unknown>(secrets.view(schema))).toBe('ERR_SECRET_INVALID');
    expect(await outcome<unknown>(secrets.view(z.string().array()))).toBe('ERR_SECRET_INVALID');
    expect(await outcome<unknown>(secrets.view(z.unknown().transform(() => 7)))).toBe(
      'ERR_SECRET_CONFIG',
    );
    expect(clock.timers).toBe(0);
  });
});

test('a store that fails changes nothing for as long as the chain answers, and is what a property throws then', async () => {
  const clock = manualClock();
  const vault = scripted('vault', { PORT: '5001' });
  const secrets = createSecrets({ providers: [vault], ttl: '5m', staleIfError: '1h', clock });
  for (const type of ['fallback', 'recovered'] as const) secrets.on(type, () => {});
  const rejections = rejectionsOf(secrets);
  const view = await secrets.view(schema);
  vault.mood = 'unavailable';
  await clock.advance(30 * minute);
  expect(view.PORT).toBe(5001);
  await clock.advance(61 * minute);
  for (const use of [() => view.PORT, () => Object.keys(view), () => 'PORT' in view])
    expect(use).toThrow(expect.objectContaining({ code: 'ERR_SECRET_UNAVAILABLE' }));
  vault.mood = 'answers';
  await clock.advance(10 * minute);
  expect([view.PORT, rejections]).toEqual([5001, []]);
  await secrets.close();
});

test('with names, only these are read, of a store that does not list', async () => {
  const clock = manualClock();
  const aws = scripted('aws', { PORT: '1', OTHER: 'x' }, { byName: true });
  const secrets = createSecrets({ providers: [aws], ttl: '1m', clock });
  const view = await secrets.view(schema, { names: ['PORT', 'DEBUG'] });
  aws.held.set('PORT', { value: '2', version: '2' });
  await clock.advance(3 * minute);
  expect(view.PORT).toBe(2);
  expect(aws.reads.filter((asked) => asked === 'all' || asked.includes('OTHER'))).toEqual([]);
  await secrets.close();
});

test('its signal ends it', async () => {
  const clock = manualClock();
  const vault = scripted('vault', { PORT: '1' });
  const secrets = createSecrets({ providers: [vault], ttl: '1m', clock });
  const stop = new AbortController();
  const view = await secrets.view(schema, { signal: stop.signal });
  stop.abort();
  vault.held.set('PORT', { value: '2', version: '2' });
  await clock.advance(10 * minute);
  expect([view.PORT, clock.timers]).toEqual([1, 0]);
  expect(await outcome<unknown>(secrets.view(schema, { signal: stop.signal }))).toBe(
    'ERR_SECRET_ABORTED',
  );
  await secrets.close();
});

test('the schema runs again for other values alone', async () => {
  const clock = manualClock();
  const vault = scripted('vault', { PORT: '1' });
  const secrets = createSecrets({ providers: [vault], ttl: '1m', clock });
  let runs = 0;
  const counting = z.looseObject({}).transform((values) => {
    runs += 1;
    return values;
  });
  await secrets.view(counting);
  const first = runs;
  await clock.advance(30 * minute);
  expect(runs).toBe(first);
  vault.held.set('PORT', { value: '2', version: '2' });
  await clock.advance(3 * minute);
  expect(runs).toBeGreaterThan(first);
  await secrets.close();
});

test('it cannot be changed, and shows no value when it is printed', async () => {
  const secrets = createSecrets({ providers: [memoryProvider({ PORT: '99887766' })] });
  const view = await secrets.view(schema);
  for (const change of [
    () => Object.assign(view, { PORT: 1 }),
    () => Object.freeze(view),
    () => Object.defineProperty(view, 'PORT', { value: 1 }),
    () => Object.setPrototypeOf(view, {}),
    () => Reflect.deleteProperty(view, 'PORT') || Reflect.set(view, 'PORT', 1) || fail(),
  ])
    expect(change).toThrow(TypeError);
  expect(view.PORT).toBe(99887766);
  expect(inspect(view)).not.toContain('99887766');
  await secrets.close();
});

function fail(): never {
  throw new TypeError('refused');
}

const code = (expected: string) => expect.objectContaining({ code: expected });
const denied = () => new SecretError('ERR_SECRET_DENIED', 'it is denied');

describe.each([
  ['all names', undefined],
  ['these names', { names: ['PORT', 'DEBUG'] }],
])('a view of %s', (_, options) => {
  const open = (held: Record<string, string>) => {
    const clock = manualClock();
    const vault = scripted('vault', held, { byName: options !== undefined });
    const secrets = createSecrets({ providers: [vault], ttl: '1m', staleIfError: 0, clock });
    secrets.on('denied', () => {});
    return { clock, vault, secrets };
  };

  test('follows one value of several', async () => {
    const { clock, vault, secrets } = open({ PORT: '1', DEBUG: 'true' });
    const view = await secrets.view(schema, options);
    vault.held.set('PORT', { value: '2', version: '2' });
    await clock.advance(3 * minute);
    expect({ ...view }).toEqual({ PORT: 2, DEBUG: true });
    await secrets.close();
  });

  test('throws what a name that was absent is denied with, until it is absent again', async () => {
    const { clock, vault, secrets } = open({ PORT: '1' });
    const view = await secrets.view(schema, options);
    vault.held.set('DEBUG', denied());
    await clock.advance(3 * minute);
    expect(() => view.PORT).toThrow(code('ERR_SECRET_DENIED'));
    vault.held.delete('DEBUG');
    await clock.advance(3 * minute);
    expect(view.PORT).toBe(1);
    await secrets.close();
  });

  test('runs the schema for other values alone', async () => {
    const { clock, secrets } = open({ PORT: '1' });
    let runs = 0;
    const counting = z.looseObject({}).transform((values) => {
      runs += 1;
      return values;
    });
    await secrets.view(counting, options);
    const first = runs;
    await clock.advance(30 * minute);
    expect(runs).toBe(first);
    await secrets.close();
  });

  test('reads again when the first of its values ends', async () => {
    const clock = manualClock();
    const vault = scripted('vault', { DEBUG: 'true' }, { byName: options !== undefined });
    vault.held.set('PORT', { value: '1', version: '1', expiresAt: clock.wall() + 10_000 });
    const secrets = createSecrets({ providers: [vault], ttl: '1h', clock });
    const view = await secrets.view(schema, options);
    await clock.advance(9_000);
    vault.held.set('PORT', { value: '2', version: '2' });
    expect(view.PORT).toBe(1);
    await clock.advance(2_000);
    expect(view.PORT).toBe(2);
    await secrets.close();
  });

  test('throws the outage where one value is malformed and the other cannot be read', async () => {
    const { clock, vault, secrets } = open({ PORT: '1', DEBUG: 'true' });
    const view = await secrets.view(schema, options);
    vault.held.set('PORT', { value: 'x', version: '2' });
    vault.held.set('DEBUG', denied());
    await clock.advance(3 * minute);
    expect(() => view.PORT).toThrow(code('ERR_SECRET_DENIED'));
    await secrets.close();
  });
});

test('a schema that makes no object of new values is an error of the properties, and no refusal', async () => {
  for (const made of [7, null, ['x']]) {
    const clock = manualClock();
    const vault = scripted('vault', { PORT: '1' });
    const secrets = createSecrets({ providers: [vault], ttl: '1m', clock });
    const rejections = rejectionsOf(secrets);
    const odd = z.looseObject({}).transform((values) => (values['PORT'] === '1' ? values : made));
    const view = (await secrets.view(odd)) as Record<string, unknown>;
    expect(view['PORT']).toBe('1');
    vault.held.set('PORT', { value: '2', version: '2' });
    await clock.advance(3 * minute);
    expect(() => view['PORT']).toThrow(code('ERR_SECRET_CONFIG'));
    expect(rejections).toEqual([]);
    await secrets.close();
  }
});

test('a signal while a change is looked at leaves the values that it has', async () => {
  const clock = manualClock();
  const vault = scripted('vault', { PORT: '1' });
  const secrets = createSecrets({ providers: [vault], ttl: '1m', clock });
  const stop = new AbortController();
  const ending = z.looseObject({}).transform((values) => {
    if (values['PORT'] === '2') stop.abort();
    return values;
  });
  const view = (await secrets.view(ending, { signal: stop.signal })) as Record<string, unknown>;
  vault.held.set('PORT', { value: '2', version: '2' });
  await clock.advance(3 * minute);
  expect([stop.signal.aborted, view['PORT'], clock.timers]).toEqual([true, '1', 0]);
  await secrets.close();
});

test('a close while a store is asked leaves the values that it has', async () => {
  const clock = manualClock();
  const vault = scripted('vault', { PORT: '1' });
  const secrets = createSecrets({ providers: [vault], ttl: '1m', clock });
  const view = await secrets.view(schema);
  vault.mood = 'silent';
  await clock.advance(2 * minute);
  expect(vault.lastMet).toBe('silent');
  await secrets.close();
  await clock.advance(minute);
  expect(view.PORT).toBe(1);
});

test('a property that there is not has no descriptor', async () => {
  const secrets = createSecrets({ providers: [memoryProvider({ PORT: '1' })] });
  const view = await secrets.view(schema);
  expect(Object.getOwnPropertyDescriptor(view, 'DEBUG')).toBeUndefined();
  expect(Object.getOwnPropertyDescriptor(view, 'PORT')).toMatchObject({ value: 1 });
  await secrets.close();
});

test('a view of no names follows nothing', async () => {
  const clock = manualClock();
  const secrets = createSecrets({ providers: [memoryProvider({ PORT: '1' })], clock });
  expect({ ...(await secrets.view([])) }).toEqual({});
  expect(clock.timers).toBe(0);
  await secrets.close();
});
