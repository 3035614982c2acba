// What a change makes of a document: every other name keeps its text, and nothing is written that was not asked for.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  countStrings,
  mergeMembers,
  mergePatch,
  patchOf,
  sameMembers,
} from '../src/kv/kv-members.ts';
import { jsonMembers } from '../src/wire/json-members.ts';

const name = fc.oneof(fc.constantFrom('A', 'B', 'C', '__proto__', 'constructor', ''), fc.string());
const members = fc
  .array(fc.tuple(name, fc.jsonValue()), { maxLength: 6 })
  .map((pairs) => new Map(pairs.map(([key, value]) => [key, JSON.stringify(value)])));
const text = fc.string().map((value) => value.toWellFormed());
const entries = fc
  .array(fc.tuple(name, fc.option(text)), { maxLength: 6 })
  .map((pairs) => new Map(pairs));

describe('mergeMembers', () => {
  test('changes what it names and nothing else, and says when that is nothing', () => {
    fc.assert(
      fc.property(members, entries, (before, changes) => {
        const original = [...before];
        const merged = mergeMembers(before, changes, 'vault');
        expect([...before]).toEqual(original);
        const after = merged ?? before;
        for (const [key, value] of before)
          if (!changes.has(key)) expect(after.get(key)).toBe(value);
        for (const [key, value] of changes) {
          const stored = after.get(key);
          expect(stored === undefined ? null : JSON.parse(stored)).toBe(value);
        }
        const known = new Set([...before.keys(), ...changes.keys()]);
        expect([...after.keys()].filter((key) => !known.has(key))).toEqual([]);
        const differs = [...changes].some(([key, value]) => {
          const old = before.get(key);
          return value === null
            ? old !== undefined
            : old === undefined || JSON.parse(old) !== value;
        });
        expect(merged !== undefined).toBe(differs);
      }),
    );
  });

  test('a value that is the same in another form of text is left as it stands', () => {
    const before = new Map([['A', '"\\u0041"']]);
    expect(mergeMembers(before, new Map([['A', 'A']]), 'vault')).toBeUndefined();
    // a number is no text of that form
    const merged = mergeMembers(new Map([['A', '12']]), new Map([['A', '12']]), 'vault');
    expect(merged).toEqual(new Map([['A', '"12"']]));
  });

  test('two removals of which the last changes nothing are a change', () => {
    const changes = new Map([
      ['A', null],
      ['NONE', null],
    ]);
    expect(mergeMembers(new Map([['A', '"a"']]), changes, 'vault')).toEqual(new Map());
  });

  test.each([
    ['a name', 'A\ud800', 'canary'],
    ['a value', 'A', 'canary\udc00'],
  ])('%s that a server would alter is refused, without the value', (_, key, value) => {
    for (const write of [
      () => mergeMembers(new Map(), new Map([[key, value]]), 'vault'),
      () => mergePatch({ [key]: value }, 'vault'),
    ])
      expect(write).toThrow(
        expect.objectContaining({
          code: 'ERR_SECRET_UNSUPPORTED',
          provider: 'vault',
          message: expect.not.stringContaining('canary'),
        }),
      );
    // to remove such a name is none of a server's business
    expect(mergeMembers(new Map([[key, '"a"']]), new Map([[key, null]]), 'vault')).toEqual(
      new Map(),
    );
  });
});

describe('patchOf', () => {
  test('is the smallest merge patch from one to the other', () => {
    fc.assert(
      fc.property(members, members, (before, after) => {
        const patch = patchOf(before, after);
        const result = new Map(before);
        for (const [key, value] of patch)
          if (value === 'null' && !after.has(key)) result.delete(key);
          else result.set(key, value);
        expect(new Map([...result].sort())).toEqual(new Map([...after].sort()));
        for (const [key, value] of patch)
          if (after.has(key)) expect(before.get(key)).not.toBe(value);
        for (const key of patch.keys()) expect(before.has(key) || after.has(key)).toBe(true);
      }),
    );
  });
});

test('patchOf leaves out what stays', () => {
  const before = new Map(Object.entries({ same: '1', other: '2', gone: '3' }));
  const after = new Map(Object.entries({ same: '1', other: '9', made: '4' }));
  expect(Object.fromEntries(patchOf(before, after))).toEqual({
    gone: 'null',
    other: '9',
    made: '4',
  });
});

test('mergePatch is JSON of texts and nulls, and refuses a value that is not text without showing it', () => {
  const changes = { A: 'a"b', B: null, ['__proto__']: 'p' };
  expect([...(jsonMembers(mergePatch(changes, 'vault')) ?? [])]).toEqual([
    ['A', '"a\\"b"'],
    ['B', 'null'],
    ['__proto__', '"p"'],
  ]);
  // the server would remove the name that it makes of this one
  expect(() => mergePatch({ 'A\ud800': null }, 'vault')).toThrow(
    expect.objectContaining({ code: 'ERR_SECRET_UNSUPPORTED' }),
  );
  for (const value of [31_337_421, ['31337421'], { value: '31337421' }, undefined])
    expect(() => mergePatch({ A: value as never }, 'vault')).toThrow(
      expect.objectContaining({
        code: 'ERR_SECRET_CONFIG',
        provider: 'vault',
        message: expect.not.stringContaining('31337421'),
      }),
    );
});

describe('sameMembers', () => {
  test('goes by values, not by their form or order', () => {
    fc.assert(
      fc.property(members, (one) => {
        const other = new Map(
          [...one]
            .reverse()
            .map(([key, value]) => [key, JSON.stringify(JSON.parse(value), null, 1)]),
        );
        expect(sameMembers(one, other)).toBe(true);
      }),
    );
  });

  const one = new Map([
    ['A', '"a"'],
    ['B', '{"x":1}'],
  ]);
  test.each<[string, [string, string][]]>([
    [
      'another value',
      [
        ['A', '"b"'],
        ['B', '{"x":1}'],
      ],
    ],
    [
      'another value inside',
      [
        ['A', '"a"'],
        ['B', '{"x":2}'],
      ],
    ],
    ['a name less', [['A', '"a"']]],
    [
      'a name more',
      [
        ['A', '"a"'],
        ['B', '{"x":1}'],
        ['C', '1'],
      ],
    ],
    [
      'another name',
      [
        ['A', '"a"'],
        ['C', '{"x":1}'],
      ],
    ],
    [
      'text for a number',
      [
        ['A', '"a"'],
        ['B', '{"x":"1"}'],
      ],
    ],
  ])('is false for %s', (_, other) => {
    expect(sameMembers(one, new Map(other))).toBe(false);
    expect(sameMembers(new Map(other), one)).toBe(false);
  });
});

test('countStrings counts names and texts, also inside of values', () => {
  const stringsOf = (value: unknown): number => {
    if (typeof value === 'string') return 1;
    if (Array.isArray(value)) return value.reduce((sum, item) => sum + stringsOf(item), 0);
    if (typeof value !== 'object' || value === null) return 0;
    return Object.entries(value).reduce((sum, [, item]) => sum + 1 + stringsOf(item), 0);
  };
  fc.assert(
    fc.property(members, (given) => {
      const expected = [...given.values()].reduce(
        (sum, value) => sum + 1 + stringsOf(JSON.parse(value)),
        0,
      );
      expect(countStrings(given)).toBe(expected);
    }),
  );
  expect(
    countStrings(
      new Map([
        ['A', '"a\\"b\\\\"'],
        ['B', '["",""]'],
      ]),
    ),
  ).toBe(5);
});
