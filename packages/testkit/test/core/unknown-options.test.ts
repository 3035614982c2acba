// A mistyped option or event is refused by name, with the near one, and is never taken for one that was left out.
import {
  createRedactor,
  createSecrets,
  envProvider,
  memoryProvider,
  withMapping,
} from '@keyfall/core';
import { assertOptions } from '@keyfall/core/provider';
import { describe, expect, test } from 'vitest';
import { conformanceTests } from '../../src/index.ts';

const store = memoryProvider({ A: 'a' });
const secrets = createSecrets({ providers: [store] });
const canary = 'canary-0pt10n';

// biome-ignore lint/suspicious/noExplicitAny: it is called as a caller without types would
type Anything = any;

async function complaintOf(call: () => unknown): Promise<unknown> {
  try {
    return await call();
  } catch (error) {
    return error;
  }
}

const mistyped: readonly (readonly [string, (options: Anything) => unknown, string, string])[] = [
  ['createSecrets', (more) => createSecrets({ providers: [store], ...more }), 'tll', 'ttl'],
  [
    'createSecrets',
    (more) => createSecrets({ providers: [store], ...more }),
    'stale-if-error',
    'staleIfError',
  ],
  [
    'a chain entry',
    (more) => createSecrets({ providers: [{ provider: store, ...more }] }),
    'requird',
    'required',
  ],
  ['envProvider', (more) => envProvider(more), 'prefx', 'prefix'],
  ['memoryProvider', (more) => memoryProvider({}, more), 'nam', 'name'],
  ['withMapping', (more) => withMapping(store, {}, more), 'strct', 'strict'],
  ['createRedactor', (more) => createRedactor(more), 'minLenght', 'minLength'],
  ['get', (more) => secrets.get('A', more), 'singal', 'signal'],
  ['find', (more) => secrets.find('A', more), 'singal', 'signal'],
  ['getAll', (more) => secrets.getAll(more), 'singal', 'signal'],
  ['list', (more) => secrets.list(more), 'singal', 'signal'],
  ['set', (more) => secrets.set('A', 'b', more), 'singal', 'signal'],
  ['delete', (more) => secrets.delete('A', more), 'singal', 'signal'],
  ['explain', (more) => secrets.explain('A', more), 'singal', 'signal'],
  ['refresh', (more) => secrets.refresh(more), 'singal', 'signal'],
  ['load', (more) => secrets.load({} as never, more), 'nmaes', 'names'],
  ['view', (more) => secrets.view(['A'], more), 'singal', 'signal'],
  ['watch', (more) => secrets.watch('A', more), 'singal', 'signal'],
];

describe('an unknown option', () => {
  test.each(mistyped)('%s names it, and the near one (%#)', async (_, call, option, near) => {
    const complaint = await complaintOf(() => call({ [option]: canary }));
    expect(complaint).toMatchObject({
      code: 'ERR_SECRET_CONFIG',
      setting: { option },
      hint: expect.stringMatching(new RegExp(` ${near}\\?$`)),
    });
    expect((complaint as Error).message).not.toContain(canary);
  });

  test('is refused even if it is undefined, and if no option is near, all are named', async () => {
    const complaint = await complaintOf(() => envProvider({ file: undefined } as Anything));
    expect(complaint).toMatchObject({
      setting: { option: 'file' },
      hint: expect.stringMatching(/ prefix, env, name\.$/),
    });
  });

  test.each(['constructor', '__proto__', 'toString'])('%s is no option either', async (option) => {
    const options = JSON.parse(`{"${option}":1}`);
    expect(await complaintOf(() => envProvider(options))).toMatchObject({ setting: { option } });
  });
});

test.each([
  ['fallbak', / fallback\?$/],
  ['recoverd', / recovered\?$/],
  [
    'nothing-like-it',
    / fallback, recovered, denied, allowed, failed, refreshed, changed, rejected, warning\.$/,
  ],
])('the unknown event %s is refused, with the near one or all', async (event, hint) => {
  expect(await complaintOf(() => secrets.on(event as Anything, () => {}))).toMatchObject({
    code: 'ERR_SECRET_CONFIG',
    reason: expect.stringContaining(event),
    hint: expect.stringMatching(hint),
  });
});

test.each([
  [{ kind: 7 }, 'text', ' text'],
  [{ kind: 'yes' }, 'true or false', ' true or false'],
  [{ kind: canary }, ['inside', 'anywhere'], "'inside' or 'anywhere'"],
  [{ kind: [7] }, 'a list of texts', ' a list of texts'],
  [{ kind: {} }, 'a function', ' a function'],
  [{ kind: null }, 'an object', ' an object'],
] as const)('an option of another kind is refused: %j', (options, kind, must) => {
  const check = () => assertOptions(options, 'drawerProvider', { kind });
  expect(check).toThrow(new RegExp(`^drawerProvider: .*\\bkind\\b.*${must}`));
  expect(check).not.toThrow(canary);
  expect(() => assertOptions({ kind: undefined }, 'drawerProvider', { kind })).not.toThrow();
});

const noOptions = ['text', null, undefined, ['a'], new AbortController().signal, new Map()];
test.each(noOptions.map((given) => [given]))(
  'options that are not an object are refused: %o',
  (given) => {
    expect(() => assertOptions(given, 'drawerProvider', {})).toThrow(
      expect.objectContaining({
        code: 'ERR_SECRET_CONFIG',
        message: expect.stringMatching(/^drawerProvider: /),
      }),
    );
  },
);

test('a chain leaves out false and missing entries, and refuses to have no other', async () => {
  const useVault = false;
  const chain = createSecrets({
    providers: [useVault && memoryProvider(), undefined, null, '', 0, { provider: store }],
  });
  expect(await chain.get('A')).toBe('a');
  expect(chain.status()).toHaveLength(1);
  for (const providers of [[], [false, undefined, null, '', 0]] as const)
    expect(() => createSecrets({ providers })).toThrow(/\bproviders\b(?!\[)/);
  expect(() => createSecrets({ providers: [true as Anything] })).toThrow('providers[0]');
  // the place is counted as it was written
  expect(() => createSecrets({ providers: [false, {} as Anything] })).toThrow('providers[1]');
});

test('the conformance suite refuses a fault that there is not: its tests would be left out', () => {
  const harness = {
    create: async () => ({ provider: store, close: async () => {} }),
    capabilities: { writes: 'store', bag: true },
    faults: { unavailable: 'impossible', staled: 'impossible' },
  };
  expect(() => conformanceTests(harness as Anything)).toThrow('stalled?');
});
