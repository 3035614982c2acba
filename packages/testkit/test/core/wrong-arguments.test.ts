// What callers without types may give: each export and each method names the argument that is wrong, in a
// SecretError, and is no TypeError from somewhere inside. Every export is walked, those to come included.
import * as core from '@keyfall/core';
import { createSecrets, isSecretError, memoryProvider, type Secrets } from '@keyfall/core';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { scripted } from './scripted-provider.ts';

/** One of each kind of thing that is no argument somewhere. */
const junk: readonly (readonly [string, unknown])[] = [
  ['undefined', undefined],
  ['null', null],
  ['a number', 7],
  ['NaN', Number.NaN],
  ['a bigint', 7n],
  ['a boolean', true],
  ['empty text', ''],
  ['text', 'text'],
  ['a symbol', Symbol('name')],
  ['an empty list', []],
  ['a list of others', [null, Symbol('name'), 7]],
  ['an object', {}],
  ['an object without a prototype', Object.create(null)],
  ['a function', () => undefined],
  ['a signal that is none', { signal: 'signal' }],
  ['a signal that is null', { signal: null }],
  ['options of other types', { name: 7, prefix: 7, env: 7, names: 7, ttl: Symbol('ttl'), only: 7 }],
  ['other options of other types', { clock: 7, limit: 'x', interval: {}, strict: 7, providers: 7 }],
  ['a provider that is none', { read: 7 }],
  ['a provider without a name', { read: async () => undefined, store: 's' }],
  ['one whose name is empty', { read: async () => undefined, name: '', store: 's' }],
  ['one whose members are others', { read: async () => undefined, name: 'n', store: 's', list: 7 }],
];

/** What is not made to be called with what a caller gives. */
const notCalled = new Set(['SecretError', 'isSecretError', 'httpStatusOf', 'systemClock']);

async function complaintOf(call: () => unknown): Promise<unknown> {
  try {
    const answer = call();
    // a generator shows what is wrong at its first step
    if (Symbol.asyncIterator in Object(answer)) {
      const steps = answer as AsyncGenerator;
      await Promise.race([steps.next(), new Promise((resolve) => setTimeout(resolve, 20))]);
      await steps.return(undefined);
    } else await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 20))]);
    return undefined;
  } catch (error) {
    return error;
  }
}

async function expectNamed(what: string, call: () => unknown): Promise<boolean> {
  const complaint = await complaintOf(call);
  if (complaint === undefined) return false;
  const shown = complaint instanceof Error ? `${complaint.name}: ${complaint.message}` : complaint;
  expect(isSecretError(complaint), `${what} threw ${String(shown)}`).toBe(true);
  return true;
}

describe('each export of the package', () => {
  const functions = Object.entries(core).filter(
    ([name, value]) => typeof value === 'function' && !notCalled.has(name),
  ) as [string, (...args: readonly unknown[]) => unknown][];

  test.each(functions)('%s', async (name, each) => {
    let complaints = 0;
    const call = (args: readonly unknown[]) =>
      name === 'Secret' ? Reflect.construct(each, args) : each(...args);
    for (const [what, first] of junk) {
      if (await expectNamed(`${name}(${what})`, () => call([first]))) complaints += 1;
      for (const [other, second] of junk)
        await expectNamed(`${name}(${what}, ${other})`, () => call([first, second]));
    }
    // two hold, or hand on, whatever they are given
    if (!['Secret', 'withApplied'].includes(name)) expect(complaints).toBeGreaterThan(0);
  });
});

describe('each method of the secrets, and of their provider', () => {
  const made = () =>
    createSecrets({ providers: [memoryProvider({ A: 'a' }), scripted('other', { B: 'b' })] });
  const faces = {
    secrets: (secrets: Secrets) => secrets,
    provider: (secrets: Secrets) => secrets.asProvider(),
  };
  type Methods = Record<string, (...args: readonly unknown[]) => unknown>;
  const methods = Object.entries(faces).flatMap(([face, of]) =>
    Object.entries(of(made()))
      .filter(([name, value]) => typeof value === 'function' && name !== 'close')
      .map(([name]) => [face as keyof typeof faces, name] as const),
  );

  test.each(methods)('%s.%s', async (face, name) => {
    const secrets = made();
    const methods = faces[face](secrets) as unknown as Methods;
    for (const [what, first] of junk) {
      await expectNamed(`${name}(${what})`, () => methods[name]?.(first));
      for (const [other, second] of junk)
        await expectNamed(`${name}(${what}, ${other})`, () => methods[name]?.(first, second));
    }
    for (const [other, third] of junk)
      await expectNamed(`${name}('A', 'a', ${other})`, () => methods[name]?.('A', 'a', third));
    await secrets.close();
  });

  // biome-ignore lint/suspicious/noExplicitAny: it is called as a caller without types would
  const wrong: readonly (readonly [string, (secrets: any) => unknown, string])[] = [
    ['get', (secrets) => secrets.get(Symbol('A')), 'the name of a secret'],
    ['get', (secrets) => secrets.get('A', null), 'get: the options'],
    ['get', (secrets) => secrets.get('A', { signal: 'x' }), 'get: the option signal'],
    ['find', (secrets) => secrets.find('A', { signal: {} }), 'find: the option signal'],
    ['getAll', (secrets) => secrets.getAll({ signal: 1 }), 'getAll: the option signal'],
    ['get', (secrets) => secrets.get('A', new AbortController().signal), 'get: the options'],
    ['set', (secrets) => secrets.set('A', 7), 'the value for A'],
    ['set', (secrets) => secrets.set('A', null), 'the value for A'],
    ['set', (secrets) => secrets.set(Symbol('A'), 'x'), 'the name of a secret'],
    ['delete', (secrets) => secrets.delete('A', { signal: 1 }), 'delete: the option signal'],
    ['refresh', (secrets) => secrets.refresh({ signal: 1 }), 'refresh: the option signal'],
    [
      'write',
      (secrets) => secrets.asProvider().write({ entries: new Map() }, { signal: 1 }),
      'write: the option signal',
    ],
    ['view', (secrets) => secrets.view('A'), 'view: the names'],
    ['view', (secrets) => secrets.view(['A'], { signal: 'x' }), 'view: the option signal'],
    ['view', (secrets) => secrets.view(z.object({}), { names: 'A' }), 'view: the option names'],
    ['watch', (secrets) => secrets.watch('A', { signal: 1 }), 'watch: the option signal'],
    ['watch', (secrets) => secrets.watch('A', () => {}), 'watch: the options'],
    ['watch', (secrets) => secrets.watch(['A', 7]).next(), 'watch: the names'],
    ['provider.watch', (secrets) => secrets.asProvider().watch(() => {}), 'watch: the signal'],
    ['on', (secrets) => secrets.on(Symbol('fallback'), () => {}), 'on: the event'],
    ['on', (secrets) => secrets.on('fallback'), 'on: the listener'],
    ['on', (secrets) => secrets.on('fallback', () => {}, { signal: 1 }), 'on: the option signal'],
    ['load', (secrets) => secrets.load({}, { names: 'A' }), 'load: the option names'],
    ['load', (secrets) => secrets.load(null), 'Standard Schema'],
    ['list', (secrets) => secrets.asProvider().list(), 'list: the context'],
    ['read', (secrets) => secrets.asProvider().read('all'), 'read: the context'],
    ['write', (secrets) => secrets.asProvider().write({}, {}), 'write: the entries'],
    ['redactor.add', (secrets) => secrets.redactor.add(null), 'the value to mask'],
  ];
  test.each(wrong)('%s names what is wrong (%#)', async (_, call, named) => {
    const complaint = await complaintOf(() => call(made()));
    expect(complaint).toMatchObject({ code: 'ERR_SECRET_CONFIG' });
    expect((complaint as Error).message).toContain(named);
  });
});
