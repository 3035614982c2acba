import { inspect } from 'node:util';
import { SecretError } from '@keyfall/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyCharacter } from '../../../test/any-character.ts';
import { assertNoLeak, leaksOf } from '../src/index.ts';

const canary = 's3cr3t/väl ue?"1"\n+end';

describe('leaksOf finds a canary', () => {
  const cause = new Error('outer', { cause: { config: { headers: { 'X-Token': canary } } } });
  const hidden = Object.defineProperty({}, 'token', { value: canary });
  const secretive = { token: canary, [inspect.custom]: () => 'nothing', toJSON: () => 'nothing' };
  const stack = new Error('fine');
  stack.stack = `Error: fine\n    at read (${canary})`;
  test.each<[string, unknown]>([
    ['in text', `token=${canary}.`],
    ['in a message', new Error(`cannot read ${canary}`)],
    ['in a stack', stack],
    ['in a cause', cause],
    ['in an aggregate', new AggregateError([new Error('a'), new Error(canary)])],
    ['in an own property', Object.assign(new Error('x'), { request: { body: canary } })],
    ['in a property that is not enumerable', hidden],
    ['behind an inspect method', secretive],
    ['behind String() alone', Object.assign(() => {}, { toString: () => canary })],
    ['as a key', { [canary]: 1 }],
    ['in a map', new Map([['key', { deep: [canary] }]])],
    ['beyond a hundred entries', Array.from({ length: 200 }, (_, i) => (i === 150 ? canary : ''))],
    ['behind ten thousand characters', { text: `${'.'.repeat(20_000)}${canary}` }],
    ['in JSON', JSON.stringify({ value: canary })],
    [
      'in what a worker would get',
      {
        count: 1n, // no JSON
        get value() {
          return canary;
        },
      },
    ],
    ['in a URL', `https://host/?token=${encodeURIComponent(canary)}`],
    ['in a form', new URLSearchParams({ token: canary.replaceAll('"', '') }).toString()],
    ['in a base64 header', `Basic ${Buffer.from(`user:${canary}`).toString('base64')}`],
    ['in bytes', { body: Buffer.from(canary) }],
    ['in a typed array', { body: new Uint8Array(Buffer.from(canary)) }],
    ['in hex', Buffer.from(canary).toString('hex')],
  ])('%s', (place, subject) => {
    const searched = place === 'in a form' ? canary.replaceAll('"', '') : canary;
    const leaks = leaksOf([searched], subject);
    expect(leaks).not.toEqual([]);
    expect(leaks.join()).not.toContain(searched);
  });
});

test('base64 is found at any alignment and with any neighbours', () => {
  const text = fc.string({ unit: anyCharacter, maxLength: 12 });
  fc.assert(
    fc.property(
      text,
      fc.string({ unit: anyCharacter, minLength: 8 }),
      text,
      (before, value, after) => {
        const bytes = Buffer.from(`${before}${value}${after}`);
        for (const encoding of ['base64', 'base64url'] as const)
          expect(leaksOf([value], bytes.toString(encoding))).not.toEqual([]);
      },
    ),
  );
});

test('leaksOf finds nothing where there is nothing', () => {
  const error = new SecretError('ERR_SECRET_DENIED', 'vault refuses', { provider: 'vault' });
  expect(leaksOf([canary, 'another canary'], error, 'text', undefined, null, 5, [error])).toEqual(
    [],
  );
  expect(() => assertNoLeak([canary], error)).not.toThrow();
});

test('assertNoLeak names the canary by its place and does not repeat it', () => {
  const leak = () => assertNoLeak(['not this', canary], new Error(canary));
  expect(leak).toThrow('message of Error shows canary 1 (raw)');
  expect(leak).not.toThrow(canary);
});

test('a canary that would be found by chance is refused', () => {
  expect(() => leaksOf(['short'], '')).toThrow(TypeError);
});
