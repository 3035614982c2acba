import { expect, test } from 'vitest';
import { type ConflictPolicy, namesOf, planMigration } from '../src/migration/plan.ts';

const source = new Map([
  ['NEW', 'n'],
  ['SAME', 's'],
  ['OTHER', 'mine'],
  ['USE_VAULT', 'true'],
  ['EMPTY', ''],
]);
const target = new Map([
  ['SAME', 's'],
  ['OTHER', 'theirs'],
  ['UNRELATED', 'u'],
]);
const plan = (onConflict: ConflictPolicy, select?: ReadonlySet<string>) =>
  planMigration({ source, target, onConflict, select, bootstrap: new Set(['USE_VAULT']) });

test.each([
  ['fail', 'conflict', ['NEW', 'EMPTY']],
  ['keep', 'keep', ['NEW', 'EMPTY']],
  ['overwrite', 'overwrite', ['NEW', 'OTHER', 'EMPTY']],
] as const)('on conflict %s', (onConflict, action, written) => {
  const { names, changes } = plan(onConflict);
  expect(names).toEqual([
    { name: 'NEW', action: 'create' },
    { name: 'SAME', action: 'same' },
    { name: 'OTHER', action },
    { name: 'USE_VAULT', action: 'bootstrap' },
    { name: 'EMPTY', action: 'create' },
  ]);
  expect([...changes.keys()]).toEqual(written);
});

test('a selection leaves the others, and cannot select a bootstrap setting', () => {
  const selected = plan('fail', new Set(['NEW', 'USE_VAULT']));
  expect(namesOf(selected, 'unselected')).toEqual(['SAME', 'OTHER', 'EMPTY']);
  expect([...selected.changes]).toEqual([['NEW', 'n']]);
});
