import fc from 'fast-check';
import { expect, test } from 'vitest';
import { jsonMembers, jsonObject } from '../src/wire/json-members.ts';

test('every member of any object comes back as the text that it is', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.constantFrom(0, 1, 2, '\t'),
      (object, indent) => {
        const members = jsonMembers(JSON.stringify(object, null, indent));
        expect(members && [...members].map(([name, text]) => [name, JSON.parse(text)])).toEqual(
          Object.entries(JSON.parse(JSON.stringify(object))),
        );
      },
    ),
  );
});

test('what is taken apart and put together is the same text', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (object) => {
      const text = JSON.stringify(object);
      expect(jsonObject(jsonMembers(text) ?? new Map())).toBe(text);
    }),
  );
});

test('numbers keep every digit, and names their meaning', () => {
  const text =
    '{"n":9007199254740993, "z" : -0 ,"e":1.0E+400,"__proto__":{"a":[1,{"}":"]"}]},"\\u0041":"\\"\\\\"}';
  expect(jsonMembers(text)).toEqual(
    new Map([
      ['n', '9007199254740993'],
      ['z', '-0'],
      ['e', '1.0E+400'],
      ['__proto__', '{"a":[1,{"}":"]"}]}'],
      ['A', '"\\"\\\\"'],
    ]),
  );
});

test.each(['[]', 'null', '"{}"', '1', '', undefined])('%s is not an object', (text) => {
  expect(jsonMembers(text)).toBeUndefined();
});

test('of equal names the last counts, as for JSON.parse', () => {
  expect(jsonMembers('{"a":1,"a":2}')).toEqual(new Map([['a', '2']]));
});
