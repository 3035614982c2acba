import { expect, test } from 'vitest';
import { declareNames } from '../src/commands/name-types.ts';

/** The names in the union, as a program reads them. */
function namesIn(declarations: string): unknown[] {
  const [, union = ''] = /export type SecretName =([^;]*);/.exec(declarations) ?? [];
  return union
    .split('\n  | ')
    .slice(1)
    .map((literal) => new Function(`return ${literal}`)());
}

test('every name, sorted, as it is', () => {
  const names = ['B', 'A', "it's", 'a"b', 'a\\b', 'line\nend', 'sep\u2028\u2029', '__proto__'];
  expect(namesIn(declareNames(names))).toEqual([...names].sort());
});

test('no name at all is a type that nothing has', () => {
  expect(declareNames([])).toContain('export type SecretName = never;');
});
