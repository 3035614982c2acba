// What a chain masks: every value that it answers or is given now, and what it answered before for a day.
import { createSecrets } from '@keyfall/core';
import { expect, test } from 'vitest';
import { manualClock } from '../../src/index.ts';
import { scripted } from './scripted-provider.ts';

const day = 86_400_000;

test('a value is masked until a day after its store has another one', async () => {
  const clock = manualClock();
  const vault = scripted('vault', { A: 'value-one', B: 'value-of-b' });
  const own = scripted('own', { A: 'value-below', C: 'value-of-c' });
  const secrets = createSecrets({ providers: [vault, own], ttl: '1m', clock });
  await secrets.getAll();
  await clock.advance(40 * day);
  const masked = () =>
    ['value-one', 'value-two', 'value-of-b', 'value-below', 'value-of-c'].filter(
      (value) => secrets.redact(value) === '[redacted]',
    );
  // what nobody asks for again is current all the same
  expect(masked()).toEqual(['value-one', 'value-of-b', 'value-below', 'value-of-c']);

  vault.held.set('A', { value: 'value-two' });
  own.held.delete('C');
  await secrets.getAll();
  expect(masked()).toHaveLength(5);
  await clock.advance(day - 1_000);
  await secrets.getAll();
  expect(masked()).toHaveLength(5);
  await clock.advance(1_000);
  await secrets.refresh();
  // forms are let go when most of what is kept is of values that were forgotten
  for (let round = 0; round < 40; round += 1) {
    vault.held.set('LONG', { value: `${round} ${'long'.repeat(2_000)}` });
    await secrets.refresh();
    secrets.redact('long '.repeat(5));
  }
  expect(masked()).toEqual(['value-two', 'value-of-b', 'value-below']);
});

test('while a store fails, what it answered last is masked for as long as that takes', async () => {
  const clock = manualClock();
  const vault = scripted('vault', { A: 'value-one' });
  const secrets = createSecrets({ providers: [vault], clock });
  await secrets.get('A');
  for (const mood of ['unavailable', 'denied', 'missing-document'] as const) {
    vault.mood = mood;
    await clock.advance(day / 2);
    await secrets.refresh();
    expect(secrets.redact('value-one')).toBe('[redacted]');
  }
});

test('a value that was written is masked, whether it is ever read or not', async () => {
  const clock = manualClock();
  const vault = scripted('vault', {}, { writable: true });
  const secrets = createSecrets({ providers: [vault], clock });
  await secrets.set('A', 'value-one');
  await clock.advance(40 * day);
  expect(secrets.redact('value-one')).toBe('[redacted]');
  vault.mood = 'denied';
  await expect(secrets.set('A', 'value-two')).rejects.toMatchObject({ code: 'ERR_SECRET_DENIED' });
  expect(secrets.redact('value-one, value-two')).toBe('[redacted], [redacted]');
});

test('an answer that came too late to count is masked', async () => {
  const vault = scripted('vault', { A: 'value-one' }, { writable: true });
  const secrets = createSecrets({ providers: [vault] });
  let answer: (() => void) | undefined;
  vault.mood = () =>
    new Promise((resolve) => {
      answer = () => resolve({ entries: new Map([['A', { value: 'value-one' }]]), complete: true });
    });
  const late = secrets.get('A');
  await new Promise(setImmediate);
  vault.mood = 'answers';
  await secrets.set('A', 'value-two');
  answer?.();
  expect(await late).toBe('value-one');
  expect(secrets.redact('value-one, value-two')).toBe('[redacted], [redacted]');
  expect(await secrets.get('A')).toBe('value-two');
});

test('the names in `redact.except` are words of the log, unless another name holds the same', async () => {
  const providers = [
    scripted('vault', { DB_USER: 'orders', DB_PASS: 'hunter2hunter2' }, { writable: true }),
  ];
  const secrets = createSecrets({ providers, redact: { except: ['DB_USER'] } });
  await secrets.getAll();
  expect(secrets.redact('/orders by hunter2hunter2')).toBe('/orders by [redacted]');
  await secrets.set('DB_USER', 'invoices');
  await secrets.getAll();
  expect(secrets.redact('/invoices')).toBe('/invoices');
  await secrets.set('ADMIN', 'invoices');
  expect(secrets.redact('/invoices')).toBe('/[redacted]');
});

test('`redact.minLength` says from what length on a value is masked', async () => {
  const providers = [scripted('vault', { A: 'abcd', B: 'abcdefgh' })];
  const masked = async (minLength: number) => {
    const secrets = createSecrets({ providers, redact: { minLength } });
    await secrets.getAll();
    return ['abcd', 'abcdefgh'].map((value) => secrets.redact(value) !== value);
  };
  expect([await masked(4), await masked(8), await masked(9)]).toEqual([
    [true, true],
    [false, true],
    [false, false],
  ]);
  expect(() => createSecrets({ providers, redact: { minLength: 3 } })).toThrow('minLength');
  expect(() => createSecrets({ providers, redact: { excpt: [] } as never })).toThrow(
    expect.objectContaining({
      setting: { option: 'redact.excpt' },
      hint: expect.stringContaining('redact.except'),
    }),
  );
});

test('a line of JSON stays one: a number becomes a text, and names that are plain words stay', async () => {
  const secrets = createSecrets({
    providers: [scripted('vault', { PIN: '471112', USER: 'orders' })],
  });
  await secrets.getAll();
  const line = JSON.stringify({ orders: 'orders', pin: 471112, level: 30 });
  expect(JSON.parse(secrets.redact(line))).toEqual({
    orders: '[redacted]',
    pin: '[redacted]',
    level: 30,
  });
});
