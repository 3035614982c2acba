// How a tree is decrypted, and what enters its MAC: part by part, since a whole file of sops would not show which part was wrong.
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { decryptTree } from '../src/tree/decrypt-tree.ts';
import { encryptValue } from '../src/tree/sops-cipher.ts';
import { rulesOf, type SopsRules } from '../src/tree/sops-rules.ts';
import {
  type Branch,
  type Comment,
  InvalidSops,
  type Leaf,
  type List,
  type Node,
  type Scalar,
} from '../src/tree/sops-tree.ts';

const key = new Uint8Array(32).fill(7);
const at = { start: 0, end: 0 };
const leaf = (stored: Scalar): Leaf => ({ kind: 'leaf', stored, ...at });
const list = (...items: (Node | Comment)[]): List => ({ kind: 'list', items, ...at });
const comment = (text: string): Comment => ({ kind: 'comment', text });
const branch = (...items: (readonly [Scalar, Node] | Comment)[]): Branch => ({
  kind: 'branch',
  items: items.map((item) =>
    'kind' in item ? item : { kind: 'pair', key: item[0], value: item[1], ...at },
  ),
  ...at,
});
const sealed = (value: Exclude<Scalar, null>, ...path: string[]) =>
  encryptValue(value, key, `${path.join(':')}:`);
const sealedComment = (text: string, ...path: string[]) =>
  sealed(text, ...path).replace(/type:str]$/, 'type:comment]');
const rules = (
  rule: readonly [name: string, value: string] = ['unencrypted_suffix', '_plain'],
  macOnlyEncrypted = false,
): Promise<SopsRules> =>
  rulesOf({ rules: new Map([rule]), macOnlyEncrypted } as unknown as Parameters<typeof rulesOf>[0]);
const macOf = (text: string, start = '') =>
  createHash('sha512').update(Buffer.from(start, 'hex')).update(text).digest('hex').toUpperCase();
const opened = (tree: ReturnType<typeof decryptTree>) =>
  [...tree.leaves.values()].map(({ value, path, encrypted }) => [path.join('.'), value, encrypted]);

test('values are decrypted in their order, across roots and levels, each with the path that it is bound to', async () => {
  const roots = [
    branch(
      ['a', leaf(sealed('one', 'a'))],
      ['b', branch(['c', leaf(sealed(2n, 'b', 'c'))], ['d_plain', leaf('open')])],
    ),
    branch(['list', list(leaf(sealed(true, 'list')), list(leaf(sealed(1.5, 'list'))))]),
  ];
  const tree = decryptTree(roots, await rules(), key);
  expect(opened(tree)).toEqual([
    ['a', 'one', true],
    ['b.c', 2n, true],
    ['b.d_plain', 'open', false],
    ['list', true, true],
    ['list', 1.5, true],
  ]);
  expect(tree.mac).toBe(macOf('one2openTrue1.5'));
  expect(tree.roots).toBe(roots);
});

test('a MAC of encrypted values alone begins with the SHA-256 of "sops"', async () => {
  const root = branch(['a', leaf(sealed('one', 'a'))], ['b_plain', leaf('open')]);
  const start = createHash('sha256').update('sops').digest('hex');
  const tree = decryptTree([root], await rules(undefined, true), key);
  expect(tree.mac).toBe(macOf('one', start));
  expect(decryptTree([root], await rules(), key).mac).toBe(macOf('oneopen'));
});

test('null is never encrypted, enters no MAC, and is replaced by a value that the rules encrypt', async () => {
  const root = branch(['a', leaf(null)], ['b_plain', leaf(null)]);
  const tree = decryptTree([root], await rules(), key);
  expect(opened(tree)).toEqual([
    ['a', null, true],
    ['b_plain', null, false],
  ]);
  expect(tree.mac).toBe(macOf(''));
});

describe('a value that must be encrypted, and is not opened, is refused with its path', () => {
  const a = leaf(sealed('one', 'a'));
  test.each<[string, Node, string]>([
    ['plain text', leaf('open-canary'), '"a"'],
    ['a number', leaf(5n), '"a"'],
    ['a value of another place', leaf(sealed('one', 'b')), '"a"'],
    ['an encrypted comment', leaf(sealedComment('one', 'a')), '"a"'],
    ['plain text in a list', branch(['b', list(leaf('open-canary'))]), '"a.b"'],
    ['another key', leaf(encryptValue('one', new Uint8Array(32), 'a:')), '"a"'],
  ])('such as %s', async (_, node, shown) => {
    const given = await rules();
    expect(() => decryptTree([branch(['a', node])], given, key)).toThrow(
      expect.objectContaining({
        constructor: InvalidSops,
        reason: expect.stringContaining(` ${shown} `),
      }),
    );
  });

  test('a long path is cut, and a ciphertext in it as well', async () => {
    const given = await rules();
    const reasonFor = (name: string): string => {
      try {
        decryptTree([branch([name, leaf('open')])], given, key);
      } catch (error) {
        return String(Object(error).reason);
      }
      return '';
    };
    const pathOf = (name: string) => / at (.*) that /.exec(reasonFor(name))?.[1];
    expect(pathOf('x'.repeat(78))).toBe(`"${'x'.repeat(78)}"`);
    expect(pathOf('x'.repeat(79))).toBe(`"${'x'.repeat(79)}…`);
    expect(pathOf(`y\n${a.stored}\nz`)).toBe('"y\\nENC[…"');
  });

  test('and so is a name that is not text', async () => {
    const given = await rules();
    expect(() => decryptTree([branch([5n, leaf('open')])], given, key)).toThrow(InvalidSops);
  });
});

describe('comments', () => {
  test('enter no MAC, whether they are encrypted or not', async () => {
    const root = branch(comment('plain'), comment(sealedComment('hidden')), [
      'a',
      list(comment('plain'), leaf(sealed('one', 'a')), comment(sealedComment('hidden', 'a'))),
    ]);
    const tree = decryptTree([root], await rules(), key);
    expect(opened(tree)).toEqual([['a', 'one', true]]);
    expect(tree.mac).toBe(macOf('one'));
  });

  test('that hold encrypted text enter the MAC of a map, and any other type is refused', async () => {
    const given = await rules();
    const tree = decryptTree([branch(comment(sealed('text')))], given, key);
    expect([opened(tree), tree.mac]).toEqual([[], macOf('text')]);
    for (const value of [5n, true, 1.5])
      expect(() => decryptTree([branch(comment(sealed(value)))], given, key)).toThrow(InvalidSops);
  });

  test('in a list that hold a value become one, and enter the MAC in their place', async () => {
    const items = list(comment(sealed(5n, 'a')), leaf(sealed('one', 'a')));
    const tree = decryptTree([branch(['a', items])], await rules(), key);
    expect(opened(tree)).toEqual([
      ['a', 5n, true],
      ['a', 'one', true],
    ]);
    expect(tree.mac).toBe(macOf('5one'));
    expect(items.items[0]).toEqual({ kind: 'leaf', stored: 5n, start: -1, end: -1 });
  });

  test('that sops has written as an item of a list are comments again', async () => {
    const text = sealedComment('hidden', 'a');
    const items = list(leaf(text), leaf(sealed('one', 'a')));
    const tree = decryptTree([branch(['a', items])], await rules(), key);
    expect(items.items[0]).toEqual({ kind: 'comment', text: 'hidden' });
    expect([opened(tree), tree.mac]).toEqual([[['a', 'one', true]], macOf('one')]);
    // further down it is bound to every name on the way
    const deep = list(leaf(sealedComment('hidden', 'b', 'c')));
    decryptTree([branch(['b', branch(['c', deep])])], await rules(), key);
    expect(deep.items[0]).toEqual({ kind: 'comment', text: 'hidden' });
    // not where the rules leave it alone, and not with the key of another place
    const untouched = leaf(sealedComment('hidden', 'a_plain'));
    const plain = list(untouched);
    decryptTree([branch(['a_plain', plain])], await rules(), key);
    expect(plain.items[0]).toBe(untouched);
    const given = await rules();
    const elsewhere = branch(['b', list(leaf(text))]);
    expect(() => decryptTree([elsewhere], given, key)).toThrow(InvalidSops);
  });

  test('with text in them are bound to every name on the way, and count as encrypted', async () => {
    const root = branch(['b', branch(['c', branch(comment(sealed('text', 'b', 'c')))])]);
    for (const macOnly of [false, true]) {
      const start = macOnly ? createHash('sha256').update('sops').digest('hex') : '';
      const given = await rules(undefined, macOnly);
      expect(decryptTree([root], given, key).mac).toBe(macOf('text', start));
    }
  });

  test('under a name that the rules leave alone are not opened', async () => {
    const root = branch(['a_plain', branch(comment(sealed(5n, 'a_plain')))]);
    expect(decryptTree([root], await rules(), key).mac).toBe(macOf(''));
  });
});

describe('rules that go by comments', () => {
  const secret = ['encrypted_comment_regex', 'secret'] as const;
  const plain = ['unencrypted_comment_regex', 'plain'] as const;

  test('apply to the next name and all below it, and to no name after that', async () => {
    const root = branch(
      comment('secret'),
      ['a', branch(['b', leaf(sealed('one', 'a', 'b'))])],
      ['c', leaf('open')],
    );
    expect(opened(decryptTree([root], await rules(secret), key))).toEqual([
      ['a.b', 'one', true],
      ['c', 'open', false],
    ]);
    const left = branch(
      comment('plain'),
      ['a', branch(['b', leaf('open')])],
      ['c', leaf(sealed('one', 'c'))],
    );
    expect(opened(decryptTree([left], await rules(plain), key))).toEqual([
      ['a.b', 'open', false],
      ['c', 'one', true],
    ]);
  });

  test('apply if any of several comments before a name matches, and not one before its neighbour', async () => {
    const root = branch(comment('secret'), comment('and why'), ['a', leaf(sealed('one', 'a'))]);
    expect(opened(decryptTree([root], await rules(secret), key))).toEqual([['a', 'one', true]]);
  });

  test('apply to the items of a list, too', async () => {
    const items = list(
      comment('secret'),
      leaf(sealed('one', 'a')),
      leaf('open'),
      comment('secret'),
      list(leaf(sealed('two', 'a'))),
    );
    expect(opened(decryptTree([branch(['a', items])], await rules(secret), key))).toEqual([
      ['a', 'one', true],
      ['a', 'open', false],
      ['a', 'two', true],
    ]);
  });

  test('apply to a comment in a list, and end with it', async () => {
    const items = list(comment('secret'), leaf(sealedComment('hidden', 'a')), leaf('open'));
    expect(opened(decryptTree([branch(['a', items])], await rules(secret), key))).toEqual([
      ['a', 'open', false],
    ]);
  });

  test('leave alone a value without a comment if any comment is enough, also after others', async () => {
    const any = await rules(['encrypted_comment_regex', '.']);
    const root = branch(
      ['a', leaf('open')],
      ['list', list(leaf('open'), list(leaf('open')))],
      ['map', branch(['b', leaf('open')])],
      comment('this one'),
      ['c', leaf(sealed('one', 'c'))],
      ['d', leaf('open')],
      ['more', list(comment('this one'), leaf(sealed('two', 'more')), leaf('open'))],
    );
    expect(opened(decryptTree([root], any, key)).map(([, value]) => value)).toEqual([
      ...['open', 'open', 'open', 'open', 'one', 'open', 'two', 'open'],
    ]);
  });

  test('count null as encrypted after a comment that matches', async () => {
    const root = branch(comment('secret'), ['a', leaf(null)], ['b', leaf(null)]);
    expect(opened(decryptTree([root], await rules(secret), key))).toEqual([
      ['a', null, true],
      ['b', null, false],
    ]);
  });

  test('open a comment of a list that another comment has encrypted', async () => {
    const items = list(comment('secret'), comment(sealed(5n, 'a')));
    expect(opened(decryptTree([branch(['a', items])], await rules(secret), key))).toEqual([
      ['a', 5n, true],
    ]);
  });

  test('do not match the ciphertext of a comment', async () => {
    const root = branch(comment(sealed('text')));
    const given = await rules(['encrypted_comment_regex', '^ENC']);
    expect(decryptTree([root], given, key).mac).toBe(macOf(''));
  });

  test('leave the comment that matches unencrypted, and encrypt the next one', async () => {
    const root = branch(comment('secret'), comment(sealed('text')), [
      'a',
      leaf(sealed('one', 'a')),
    ]);
    expect(decryptTree([root], await rules(secret), key).mac).toBe(macOf('textone'));
  });
});
