// Which values are masked, and until when; how much is kept for that is counted, not weighed.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/calls/clock.ts';
import {
  createKnownValues,
  mostReplaced,
  replacedWindow,
} from '../../src/redaction/known-values.ts';
import { createRedactor, createRedactorOfValues } from '../../src/redaction/redactor.ts';

function steppedClock() {
  let now = 0;
  return { ...systemClock, monotonic: () => now, pass: (by: number) => (now += by) };
}

/** A private key as PEM: 28 lines, no two of them alike but for its frame. */
function pem(seed: number): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  let state = seed + 1;
  const line = () =>
    Array.from({ length: 64 }, () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return letters[state >>> 26];
    }).join('');
  const body = Array.from({ length: 26 }, line).join('\n');
  return `-----BEGIN PRIVATE KEY-----\n${body}\n-----END PRIVATE KEY-----\n`;
}

test('what stands in a place is known until a day after something else does', () => {
  const clock = steppedClock();
  const known = createKnownValues(clock);
  known.put('A', 'first');
  clock.pass(10 * replacedWindow);
  known.put('B', 'other');
  expect([...known.all()]).toEqual(['first', 'other']);
  known.put('A', 'second');
  clock.pass(replacedWindow - 1);
  known.put('B', 'other');
  expect([...known.all()]).toEqual(['first', 'other', 'second']);
  clock.pass(1);
  known.put('B', 'other');
  expect([...known.all()]).toEqual(['other', 'second']);
  known.put('A', undefined);
  clock.pass(replacedWindow);
  known.put('C', undefined);
  expect([...known.all()]).toEqual(['other']);
});

test('a value that two places hold, that comes back, or that was added, stays', () => {
  const clock = steppedClock();
  const known = createKnownValues(clock);
  known.add('added');
  for (const place of ['A', 'B', 'C']) known.put(place, 'shared');
  known.put('C', 'added');
  known.put('C', 'third');
  known.put('A', 'next');
  known.put('A', 'shared');
  known.put('B', undefined);
  clock.pass(replacedWindow);
  known.put('B', undefined);
  expect([...known.all()].sort()).toEqual(['added', 'shared', 'third']);
  expect(known.length).toBe('addedsharedthird'.length);
});

test('of each place the last values that were replaced are known, each counted once', () => {
  const known = createKnownValues(steppedClock());
  for (let round = 0; round < 1_000; round += 1) {
    known.put('A', `value ${round}`);
    known.put('B', `of B ${round % 2}`);
    known.pass('A', `value ${round}`);
    known.pass('A', 'late');
  }
  const all = [...known.all()];
  expect(all).toContain('value 999');
  expect(all).toContain('late');
  expect(all).toContain(`value ${999 - mostReplaced + 1}`);
  expect(all).not.toContain(`value ${999 - mostReplaced}`);
  expect(all).toHaveLength(mostReplaced + 1 + 2);
});

test('no step leaves a value unknown that stands somewhere, or did a moment ago', () => {
  const place = fc.constantFrom('A', 'B', 'C');
  const value = fc.constantFrom('one', 'two', 'three', 'four');
  const step = fc.oneof(
    fc.tuple(fc.constant('put' as const), place, fc.option(value, { nil: undefined })),
    fc.tuple(fc.constant('pass' as const), place, value),
    fc.tuple(fc.constant('wait' as const), fc.nat(replacedWindow)),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const clock = steppedClock();
      const known = createKnownValues(clock);
      const now = new Map<string, string | undefined>();
      const until = new Map<string, number>();
      for (const each of steps) {
        if (each[0] === 'wait') clock.pass(each[1]);
        else if (each[0] === 'pass') {
          known.pass(each[1], each[2]);
          until.set(each[2], clock.monotonic() + replacedWindow);
        } else {
          const before = now.get(each[1]);
          if (before !== undefined) until.set(before, clock.monotonic() + replacedWindow);
          now.set(each[1], each[2]);
          known.put(each[1], each[2]);
        }
        const all = [...known.all()];
        for (const held of now.values()) if (held !== undefined) expect(all).toContain(held);
        for (const [gone, end] of until) if (clock.monotonic() < end) expect(all).toContain(gone);
        expect(known.length).toBe(all.join('').length);
      }
    }),
  );
});

test('2,000 rotations of a private key keep as much as the last of them', () => {
  const clock = steppedClock();
  const { redactor, values, size } = createRedactorOfValues({}, clock);
  values.put('PASSWORD', 'never changes');
  values.put('KEY', pem(0));
  redactor.redact('a first text');
  const one = size();
  let largest = 0;
  for (let round = 1; round < 2_000; round += 1) {
    values.put('KEY', pem(round));
    if (round % 500 > 25) continue; // a text now and then, and some in a row
    redactor.redact('a text of some length');
    largest = Math.max(largest, size());
  }
  // those that are masked, and as many again that wait to be forgotten
  expect(largest).toBeLessThan(one * (mostReplaced + 1) * 3.5);
  const shown = redactor.redact(
    `${pem(1_999)}|${pem(1_999 - mostReplaced)}|${pem(1)}|never changes`,
  );
  expect(shown.split('|').map((part) => part.length < 30)).toEqual([true, true, false, true]);
  clock.pass(replacedWindow);
  values.put('KEY', pem(1_999));
  redactor.redact('a later text');
  expect(redactor.redact(pem(1_998))).not.toContain('[redacted]');
  expect(redactor.redact(pem(1_999))).toContain('[redacted]');
});

test('a value that was added under a name is masked until a day after another one was', () => {
  const clock = steppedClock();
  const { redactor, size } = createRedactorOfValues({}, clock);
  const isMasked = (text: string) => redactor.redact(text) === '[redacted]';
  redactor.add('for good and ever');
  let twoDays = 0;
  for (let hour = 0; hour < 24 * 30; hour += 1) {
    redactor.add(`the value of the hour ${hour}`, 'A');
    expect(isMasked(`the value of the hour ${hour}`)).toBe(true);
    expect(isMasked(`the value of the hour ${Math.max(0, hour - mostReplaced)}`)).toBe(true);
    if (hour === 48) twoDays = size();
    clock.pass(3_600_000);
  }
  // until most of them are forgotten values, forms are kept
  expect(size()).toBeLessThan(20 * twoDays);
  expect(isMasked('the value of the hour 3')).toBe(false);
  expect(isMasked('for good and ever')).toBe(true);
  redactor.add('short', 'A');
  expect(isMasked('short')).toBe(false);
});

test('a stream that began before values were forgotten masks what is held still', () => {
  const { redactor, values } = createRedactorOfValues({}, steppedClock());
  const chunks = redactor.chunks();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  values.put('PASSWORD', 'correct horse battery');
  expect(text(chunks.push('it is correct hor'))).toBe('it is ');
  for (let round = 0; round < 60; round += 1) {
    values.put('KEY', pem(round));
    redactor.redact('a text of some length');
  }
  expect(text(chunks.push('se batt'))).toBe('');
  for (let round = 0; round < 60; round += 1) {
    values.put('KEY', pem(round));
    redactor.redact('a text of some length');
  }
  expect(text(chunks.push('ery, correct horse bat'))).toBe('[redacted], ');
  expect(text(chunks.end())).toBe('correct horse bat');
});

test('what is kept of long values is a few times their length', () => {
  const line = 'abcdefghijklmnopqrstuvwxyz0123456789-_'.repeat(2);
  const kept = (value: string) => {
    const { redactor, size } = createRedactorOfValues({}, systemClock);
    redactor.add(value);
    expect(redactor.redact(`<${value.trim()}>`)).toBe('<[redacted]>');
    return size() / value.length;
  };
  expect(kept('x'.repeat(300_000))).toBeLessThan(1.1);
  expect(kept(Array.from({ length: 4_000 }, (_, at) => `${at}${line}`).join('\n'))).toBeLessThan(6);
  expect(kept('"\\\n'.repeat(20_000))).toBeLessThan(30);
  expect(kept(pem(1))).toBeLessThan(60);
});

test('redact never throws, whatever it is given', () => {
  const redactor = createRedactor();
  // values, each of which begins what another one goes on with
  for (let length = 6; length < 1_000; length += 1) redactor.add(`${'a'.repeat(length)}b`);
  redactor.add('a'.repeat(500_000));
  redactor.add('\ud800'.repeat(20_000));
  redactor.add('\\"\n'.repeat(20_000));
  const redact = redactor.redact as (text: unknown) => string;
  expect(redact('a'.repeat(100_000))).toBe('a'.repeat(100_000));
  expect(redact(`${'a'.repeat(999)}b`)).toBe('[redacted]');
  expect(redact('a'.repeat(1_500_000))).toBe('[redacted]');
  expect(redact(`${'a'.repeat(2_000)}c`)).toBe(`${'a'.repeat(2_000)}c`);
  expect(redact('\ud800'.repeat(20_000))).toBe('[redacted]');
  expect([undefined, null, 8, 7n, Symbol('s'), {}].map(redact)).toEqual([
    'undefined',
    'null',
    '8',
    '7',
    'Symbol(s)',
    '[object Object]',
  ]);
  expect(redact(Object.create(null))).toBe('[redacted]');
  expect(redact({ toString: () => `it is ${'a'.repeat(10)}b` })).toBe('it is [redacted]');
});

test('a value that is not text cannot be added', () => {
  expect(() => createRedactor().add(undefined as unknown as string)).toThrow(
    expect.objectContaining({ code: 'ERR_SECRET_CONFIG' }),
  );
});

test('a long text is masked wherever a value stands in it', () => {
  const redactor = createRedactor();
  redactor.add('correct horse 😀 battery');
  fc.assert(
    fc.property(
      fc.integer({ min: 65_400, max: 65_600 }),
      fc.constantFrom('x', 'é', '😀'),
      (at, fill) => {
        const before = fill.repeat(at / fill.length);
        expect(redactor.redact(`${before}correct horse 😀 battery${before}`)).toBe(
          `${before}[redacted]${before}`,
        );
      },
    ),
    { numRuns: 50 },
  );
});
