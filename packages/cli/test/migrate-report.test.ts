/**
 * What is said of a migration before and after it: each name with what becomes of it, and what is left to do with
 * the files, settings and commands that it takes.
 */
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { PlannedAction } from '../src/migration/plan.ts';
import {
  type MigrationOutcome,
  nothingLeft,
  nothingToDo,
  planTable,
  summary,
} from '../src/migration/report.ts';

let isTerminal = false;
vi.mock('../src/terminal/terminal.ts', async (original) => ({
  ...(await original<typeof import('../src/terminal/terminal.ts')>()),
  isTerminal: (descriptor: number) => isTerminal && descriptor === 2,
  columnsOf: () => 40,
}));
beforeEach(() => {
  isTerminal = false;
});

const plan = (...names: readonly (readonly [string, PlannedAction])[]) => ({
  names: names.map(([name, action]) => ({ name, action })),
  changes: new Map(),
});

test('the plan has a line for each name, in columns, as wide as the terminal', () => {
  const actions = 'create overwrite conflict keep same bootstrap reference unselected'.split(' ');
  const all = plan(...actions.map((action) => [action, action as PlannedAction] as const));
  const [heading, ...lines] = planTable(all, '.env', 'vault').split('\n');
  expect(heading).toBe('.env (8 names) -> vault');
  expect(lines.map((line) => /^ {2}(\S+) +\S/.exec(line)?.[1])).toEqual(actions);
  expect(lines.map((line) => line.slice(14)).join('\n')).toMatchSnapshot();
  isTerminal = true;
  const narrow = planTable(plan(['A\n', 'conflict']), '.env', 'vau\nlt').split('\n');
  expect(narrow[0]).toBe('.env (1 name) -> vau\\u{a}lt');
  expect(narrow.length).toBeGreaterThan(2);
  for (const line of narrow) expect(line.length).toBeLessThanOrEqual(40);
});

test('the report of a migration with nothing to do says what the store holds and keeps', () => {
  expect(
    [
      nothingToDo(plan(['A', 'same'], ['B', 'bootstrap']), 'vault'),
      nothingToDo(plan(['A', 'same'], ['B', 'keep']), 'vault'),
      nothingToDo(plan(['A', 'same'], ['B', 'keep'], ['C', 'keep']), 'vault'),
      nothingLeft(['A'], '.env', 'vault'),
      nothingLeft(['A', 'B'], '.env', 'vault'),
    ].join('\n'),
  ).toMatchSnapshot();
});

describe('what is left to do', () => {
  const undo = 'keyfall migrate --restore x';
  const bare: MigrationOutcome = {
    written: 2,
    label: 'vault',
    isAtomic: true,
    undo,
    lost: [],
    unsaid: [],
    start: undefined,
    isElsewhere: false,
  };
  const file = { label: '.env', backup: '.env.backup.1', purged: false };
  const settings = {
    label: '.env',
    isElsewhere: false,
    needsUseVault: false,
    isOverruled: false,
  };
  test.each<[string, Partial<MigrationOutcome>]>([
    ['names written at once', {}],
    ['a name written by itself', { written: 1, isAtomic: false, label: 'x\n' }],
    ['names that the store held already', { written: 0 }],
    ['values that are lost', { lost: ['A', 'B'] }],
    ['the command that starts the program', { start: 'keyfall run -- CMD' }],
    ['a store that the chain has to ask', { isElsewhere: true }],
    ['a setting of this shell alone', { unsaid: ['VAULT_ADDR'] }],
    ['two settings of this shell alone', { unsaid: ['VAULT_ADDR', 'BAO_TOKEN'] }],
    ['a backup, and a file that still answers', { file }],
    ['a backup, and a file that was purged', { file: { ...file, purged: true } }],
    [
      'USE_VAULT, which is missing in the file itself',
      { file: { ...file, settings: { ...settings, needsUseVault: true } } },
    ],
    [
      'USE_VAULT, which is missing in another file',
      {
        file: {
          ...file,
          settings: { ...settings, label: 'own.env', isElsewhere: true, needsUseVault: true },
        },
      },
    ],
    [
      'a purged file whose program reads another one',
      {
        file: {
          ...file,
          purged: true,
          settings: { ...settings, label: 'own.env', isElsewhere: true },
        },
      },
    ],
    [
      'USE_VAULT in the environment, which turns Vault off',
      { file: { ...file, settings: { ...settings, isOverruled: true } } },
    ],
  ])('the summary mentions %s', (_, more) => {
    const text = summary({ ...bare, ...more });
    expect(text).toContain(undo);
    expect(text).toMatchSnapshot();
  });
});
