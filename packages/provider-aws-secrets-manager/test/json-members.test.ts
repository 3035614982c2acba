import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyCharacter } from '../../../test/any-character.ts';
import { editMembers, JsonSecretError, membersOf } from '../src/json-secret/json-members.ts';

function texts(json: string): Record<string, string | undefined> {
  const members = membersOf(json, '.') ?? new Map();
  return Object.fromEntries([...members].map(([name, { text }]) => [name, text]));
}

describe('the members of a JSON secret', () => {
  test('numbers keep their digits, and lists their JSON text', () => {
    const json = String.raw`{"port": 5432, "big": 12345678901234567890, "price": 1.10, "tiny": -1e-7,
      "on": true, "off": false, "list": [1.0, "a", {"b": 2.50}], "text": "say \"1.10\" \\", "none": {}}`;
    expect(texts(json)).toEqual({
      port: '5432',
      big: '12345678901234567890',
      price: '1.10',
      tiny: '-1e-7',
      on: 'true',
      off: 'false',
      list: '[1.0,"a",{"b":2.50}]',
      text: 'say "1.10" \\',
      none: '{}',
    });
  });

  test('nested names are joined, and unusual names are kept', () => {
    const json =
      '{"database":{"user":"u","tls":{"on":true}},"__proto__":"p","10":"ten","":"empty"}';
    expect([...(membersOf(json, '.') ?? [])].map(([name, { text }]) => [name, text])).toEqual([
      ['database.user', 'u'],
      ['database.tls.on', 'true'],
      ['__proto__', 'p'],
      ['10', 'ten'],
      ['', 'empty'],
    ]);
    expect(membersOf('{"a":{"b":"1"}}', '/')?.get('a/b')).toEqual({ text: '1' });
  });

  test('a name that is null or appears twice has no text, and the others have theirs', () => {
    const members = membersOf('{"a.b":"1","a":{"b":"2"},"n":null,"x":"y"}', '.');
    expect(members?.get('a.b')).toEqual({ problem: 'appears twice' });
    expect(members?.get('n')).toEqual({ problem: 'is null' });
    expect(members?.get('x')).toEqual({ text: 'y' });
  });

  test.each(['', 'plain', '[]', '"text"', '1', 'null', '{', '{"a":01}', "{'a':1}", '{"a":1}x'])(
    '%j is no JSON object',
    (text) => expect(membersOf(text, '.')).toBe(undefined),
  );

  test('a text that nests too deep is refused', () => {
    const depth = 60_000;
    expect(membersOf(`{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`, '.')).toBe(undefined);
  });
});

describe('an edit of a JSON secret', () => {
  const edit = (json: string, changes: Record<string, string | null>) =>
    editMembers(json, new Map(Object.entries(changes)), '.');

  test('leaves other members as they are, digit for digit', () => {
    const json = '{"price":1.10,"big":12345678901234567890,"database":{"port":5432,"pass":"old"}}';
    expect(edit(json, { 'database.pass': 'new', NEW: 'n' })).toBe(
      '{"price":1.10,"big":12345678901234567890,"database":{"port":5432,"pass":"new"},"NEW":"n"}',
    );
  });

  test('keeps a number a number where the new text is one', () => {
    expect(edit('{"port":5432,"on":true}', { port: '5433', on: 'false' })).toBe(
      '{"port":5433,"on":false}',
    );
    expect(edit('{"port":5432,"on":true}', { port: '007', on: 'yes' })).toBe(
      '{"port":"007","on":"yes"}',
    );
  });

  test('removes a group with its last name', () => {
    expect(edit('{"a":{"b":{"c":"1"}},"d":"2"}', { 'a.b.c': null })).toBe('{"d":"2"}');
    expect(edit('{"a":"1"}', { b: null })).toBe('{"a":"1"}');
  });

  test('an ambiguous name is refused, without a value in the message', () => {
    const refused = expect.objectContaining({
      constructor: JsonSecretError,
      message: expect.not.stringContaining('canary'),
    });
    expect(() => edit('{"a":{"b":"canary-7"}}', { a: 'canary-8' })).toThrow(refused);
    expect(() => edit('{"a.b":"1","a":{"b":"2"}}', { 'a.b': '3' })).toThrow(refused);
    expect(() => edit('canary-9', { a: '1' })).toThrow(refused);
  });
});

test('property: after an edit the names read as written, and every other as before', () => {
  const name = fc.oneof(
    fc.constantFrom('a', 'b', 'a.b', '__proto__', 'constructor', '1', ''),
    fc.string({ unit: anyCharacter, maxLength: 6 }),
  );
  const document = fc
    .dictionary(name, fc.jsonValue({ maxDepth: 3 }), { maxKeys: 6 })
    .map((value) => JSON.stringify(value));
  fc.assert(
    fc.property(
      document,
      fc.dictionary(name, fc.option(fc.string({ unit: anyCharacter }))),
      (json, changed) => {
        const changes = new Map(Object.entries(changed));
        const before = membersOf(json, '.');
        let after: ReturnType<typeof membersOf>;
        try {
          after = membersOf(editMembers(json, changes, '.'), '.');
        } catch (error) {
          expect(error).toBeInstanceOf(JsonSecretError);
          return;
        }
        for (const [changedName, value] of changes)
          expect(after?.get(changedName)?.text).toBe(value ?? undefined);
        for (const [other, member] of before ?? [])
          if (!changes.has(other)) expect(after?.get(other)).toEqual(member);
      },
    ),
    { numRuns: 2_000 },
  );
});
