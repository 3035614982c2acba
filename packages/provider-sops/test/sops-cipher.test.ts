// A value in sops's form: what is encrypted can be decrypted again, and what was changed cannot.
import { createCipheriv } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyCharacter } from '../../../test/any-character.ts';
import { decryptValue, encryptValue, valueText } from '../src/tree/sops-cipher.ts';
import { InvalidSops, type Scalar } from '../src/tree/sops-tree.ts';

const key = Buffer.alloc(32, 7);
const path = 'database:password:';

/** Any bytes in sops's form, of any type, with an IV of any length. */
function sealed(bytes: Uint8Array, type: string, given = key, iv = Buffer.alloc(32, 1)): string {
  const cipher = createCipheriv(`aes-${given.length * 8}-gcm` as 'aes-256-gcm', given, iv);
  cipher.setAAD(Buffer.from(path));
  const data = Buffer.concat([cipher.update(bytes), cipher.final()]);
  const [inside, nonce, tag] = [data, iv, cipher.getAuthTag()].map((part) =>
    part.toString('base64'),
  );
  return `ENC[AES256_GCM,data:${inside},iv:${nonce},tag:${tag},type:${type}]`;
}
const opened = (text: string, type: string) =>
  decryptValue(sealed(Buffer.from(text), type), key, path);

test.each<[string, Exclude<Scalar, null>, string, string]>([
  ['text', 'canary é\n', 'str', 'canary é\n'],
  ['bytes that are not text', Buffer.from([0xff, 0xfe]), 'str', '//4='],
  ['a whole number', 9_007_199_254_740_993n, 'int', '9007199254740993'],
  ['a number', 1e21, 'float', '1000000000000000000000'],
  ['true', true, 'bool', 'true'],
  ['false', false, 'bool', 'false'],
  ['a time', { time: '2026-01-02T03:04:05Z' }, 'time', '2026-01-02T03:04:05Z'],
])('%s is encrypted and decrypted, under keys of each length', (_, value, type, text) => {
  for (const length of [16, 24, 32]) {
    const given = Buffer.alloc(length, length);
    const stored = encryptValue(value, given, path);
    expect(stored).toMatch(
      new RegExp(
        `^ENC\\[AES256_GCM,data:[\\w+/=]+,iv:[\\w+/]{43}=,tag:[\\w+/]{22}==,type:${type}\\]$`,
      ),
    );
    expect(decryptValue(stored, given, path)).toEqual({ value });
    expect(encryptValue(value, given, path)).not.toBe(stored); // a fresh IV
    expect(decryptValue(stored, Buffer.alloc(length, 1), path)).toBeUndefined();
    expect(decryptValue(stored, given, 'database:user:')).toBeUndefined();
  }
  expect(valueText(value)).toBe(text);
});

test('null has a text form, and the empty text is not encrypted, whatever the key and the path', () => {
  expect(valueText(null)).toBe('null');
  expect(encryptValue('', key, path)).toBe('');
  expect(decryptValue('', Buffer.alloc(3), 'elsewhere:')).toEqual({ value: '' });
});

test('any text can be encrypted and decrypted, and not with one bit changed', () => {
  const part = fc.constantFrom('data', 'iv', 'tag');
  fc.assert(
    fc.property(
      fc.string({ unit: anyCharacter, minLength: 1 }),
      part,
      fc.nat(),
      (given, name, at) => {
        const text = given.toWellFormed();
        const stored = encryptValue(text, key, path);
        expect(decryptValue(stored, key, path)).toEqual({ value: text });
        const changed = stored.replace(new RegExp(`(?<=${name}:)[^,]*`), (old) => {
          const bytes = Buffer.from(old, 'base64');
          const bit = at % (bytes.length * 8);
          bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
          return bytes.toString('base64');
        });
        expect(changed).not.toBe(stored);
        expect(decryptValue(changed, key, path)).toBeUndefined();
      },
    ),
  );
});

describe('the type of a value', () => {
  test.each<[string, string, ReturnType<typeof decryptValue>]>([
    ['text', 'str', { value: 'text' }],
    ['12', 'int', { value: 12n }],
    ['12.5', 'int', undefined],
    ['12.5', 'float', { value: 12.5 }],
    ['much', 'float', undefined],
    ['True', 'bool', { value: true }],
    ['yes', 'bool', undefined],
    ['2026-01-02T03:04:05.50Z', 'time', { value: { time: '2026-01-02T03:04:05.5Z' } }],
    ['today', 'time', undefined],
    [' a comment', 'comment', { comment: ' a comment' }],
    ['text', 'another', undefined],
    ['text', 'STR', undefined],
  ])('reads the text %s as %s, or refuses it', (text, type, expected) => {
    expect(opened(text, type)).toEqual(expected);
  });

  test('keeps bytes that are not text, has an empty comment for them, and refuses them elsewhere', () => {
    const bytes = Buffer.from([0xc3, 0x28]);
    expect(decryptValue(sealed(bytes, 'str'), key, path)).toEqual({ value: bytes });
    expect(decryptValue(sealed(bytes, 'comment'), key, path)).toEqual({ comment: '' });
    for (const type of ['int', 'float', 'bool', 'time'])
      expect(decryptValue(sealed(bytes, type), key, path)).toBeUndefined();
  });

  test('keeps a byte order mark as a part of the text', () => {
    expect(opened('\uFEFFtext', 'str')).toEqual({ value: '\uFEFFtext' });
  });

  test('is refused if sops would crash on it, and the key opens the value', () => {
    expect(() => opened('text', 'bytes')).toThrow(InvalidSops);
    expect(decryptValue(sealed(Buffer.from('x'), 'bytes'), Buffer.alloc(32), path)).toBeUndefined();
  });
});

describe('a ciphertext', () => {
  const good = sealed(Buffer.from('canary'), 'str');
  const [data = '', iv = '', tag = ''] = [/data:([^,]*)/, /iv:([^,]*)/, /tag:([^,]*)/].map(
    (part) => part.exec(good)?.[1],
  );
  const form = (parts: { data?: string; iv?: string; tag?: string; type?: string } = {}) => {
    const all = { data, iv, tag, type: 'str', ...parts };
    return `ENC[AES256_GCM,data:${all.data},iv:${all.iv},tag:${all.tag},type:${all.type}]`;
  };
  const value = { value: 'canary' };

  test.each([
    ['as it is', form()],
    ['with anything after it', `${form()} and more`],
    ['with more lines after it', `${form()}\nENC[`],
    [
      'with line breaks of Windows in the base64',
      form({ data: `${data.slice(0, 3)}\r${data.slice(3)}` }),
    ],
    [
      'with an IV of the usual length',
      sealed(Buffer.from('canary'), 'str', key, Buffer.alloc(12, 3)),
    ],
    // Go is handed data and tag in one piece
    [
      'cut elsewhere between data and tag',
      form({
        data: Buffer.concat([
          Buffer.from(data, 'base64'),
          Buffer.from(tag, 'base64').subarray(0, 3),
        ]).toString('base64'),
        tag: Buffer.from(tag, 'base64').subarray(3).toString('base64'),
      }),
    ],
  ])('%s is opened', (_, stored) => {
    expect(decryptValue(stored, key, path)).toEqual(value);
  });

  const both = Buffer.concat([Buffer.from(data, 'base64'), Buffer.from(tag, 'base64')]);

  test('with nothing but a tag is an empty text, and neither part may be empty', () => {
    const whole = /tag:([^,]*)/.exec(sealed(Buffer.from(''), 'str'))?.[1] ?? '';
    const bytes = Buffer.from(whole, 'base64');
    const parts = [bytes.subarray(0, 3), bytes.subarray(3)].map((part) => part.toString('base64'));
    const nothing = form({ data: parts[0] ?? '', tag: parts[1] ?? '' });
    expect(decryptValue(nothing, key, path)).toEqual({ value: '' });
    for (const [inside, outside] of [
      [both.toString('base64'), ''],
      ['', both.toString('base64')],
    ] as const)
      expect(decryptValue(form({ data: inside, tag: outside }), key, path)).toBeUndefined();
  });

  test.each([
    ['that is plain text', 'canary'],
    ['with another beginning', ` ${form()}`],
    ['of another cipher', form().replace('AES256', 'AES128')],
    ['without an end', form().slice(0, -1)],
    ['with an end in another line', form().replace(']', '\n]')],
    ['with empty data', form({ data: '' })],
    ['with an empty IV', form({ iv: '' })],
    ['with an IV that is not base64', form({ iv: '\r' })],
    ['with an empty tag', form({ tag: '' })],
    ['with an empty type', form({ type: '' })],
    ['without its data', form().replace(/data:[^,]*,/, '')],
    ['without its IV', form().replace(/,iv:[^,]*/, '')],
    ['without its tag', form().replace(/,tag:[^,]*/, '')],
    ['without its type', form().replace(/,type:[^,\]]*/, '')],
    [
      'with its parts in another order',
      `ENC[AES256_GCM,data:${data},tag:${tag},iv:${iv},type:str]`,
    ],
    ['of base64 without its padding', form({ tag: tag.replace(/=+$/, '') })],
    ['of base64 with a foreign character', form({ data: `*${data.slice(1)}` })],
    [
      'of base64 with padding in the middle',
      form({ data: `${data.slice(0, 2)}==${data.slice(4)}` }),
    ],
    ['that is too short for a tag', form({ data: 'AAAA', tag: 'AAAA' })],
  ])('%s is not opened', (_, stored) => {
    expect(decryptValue(stored, key, path)).toBeUndefined();
  });

  test('is not opened by a key of a length that AES does not have', () => {
    for (const length of [0, 15, 33])
      expect(decryptValue(good, Buffer.alloc(length), path)).toBeUndefined();
  });
});
