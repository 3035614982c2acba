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
  const actions = 'create overwrite conflict keep same bootstrap unselected'.split(' ');
  const all = plan(...actions.map((action) => [action, action as PlannedAction] as const));
  const [heading, ...lines] = planTable(all, '.env', 'vault').split('\n');
  expect(heading).toBe('.env (7 names) -> vault');
  expect(lines.map((line) => /^ {2}(\S+) +\S/.exec(line)?.[1])).toEqual(actions);
  expect(new Set(lines.map((line) => line.slice(14))).size).toBe(7);
  isTerminal = true;
  const narrow = planTable(plan(['A\n', 'conflict']), '.env', 'vau\nlt').split('\n');
  expect(narrow[0]).toBe('.env (1 name) -> vau\\u{a}lt');
  expect(narrow.length).toBeGreaterThan(2);
  for (const line of narrow) expect(line.length).toBeLessThanOrEqual(40);
});

test('why there is nothing to do, with what the store keeps', () => {
  expect(nothingToDo(plan(['A', 'same'], ['B', 'bootstrap']), 'vault')).toBe(
    'vault holds all there is to migrate (1 name): nothing changed.',
  );
  const kept = nothingToDo(plan(['A', 'same'], ['B', 'keep'], ['C', 'keep']), 'vault');
  expect(kept).toMatch(
    /^vault holds 1 name of it already, and keeps .* B and C: nothing changed\.$/,
  );
  expect(nothingLeft(['A'], '.env', 'vault')).toMatch(/^A is not in \.env, and vault holds it:/);
  expect(nothingLeft(['A', 'B'], '.env', 'vault')).toMatch(/^A and B are .* vault holds them:/);
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
  /** The first line, and the steps after it. */
  const said = (more: Partial<MigrationOutcome>) => {
    const [done, next, ...steps] = summary({ ...bare, ...more }).split('\n');
    expect(next).toBe('Next:');
    return [done, ...steps.map((step) => step.replace(/^ {2}- /, ''))];
  };

  test('is at least how to undo it, after what was done', () => {
    const last = `to undo all of it: ${undo}`;
    expect(said({})).toEqual([
      '2 names written to vault in one write, read back and compared.',
      last,
    ]);
    expect(said({ written: 1, isAtomic: false, label: 'x\n' })).toEqual([
      '1 name written to x\\u{a} name by name, read back and compared.',
      last,
    ]);
    expect(said({ written: 0 })).toEqual([
      'vault held every name already, and was read back and compared.',
      last,
    ]);
    // and what that does not bring back
    expect(said({ lost: ['A', 'B'] })).toEqual([
      expect.anything(),
      last,
      expect.stringContaining('what A and B held'),
    ]);
  });

  test.each<[string, Partial<MigrationOutcome>, readonly (string | RegExp)[]]>([
    ['what starts the program', { start: 'keyfall run -- CMD' }, ['with keyfall run -- CMD']],
    [
      'the chain that has to ask it',
      { isElsewhere: true },
      ['vault is in the chain of your keyfall.config'],
    ],
    ['a setting of this shell alone', { unsaid: ['VAULT_ADDR'] }, [/VAULT_ADDR .* has it$/]],
    [
      'more of them',
      { unsaid: ['VAULT_ADDR', 'BAO_TOKEN'] },
      [/VAULT_ADDR and BAO_TOKEN .* has them$/],
    ],
    [
      'a backup, and a file that still answers',
      { file },
      ['keep .env.backup.1 out of git', /^\.env still answers .*--purge/],
    ],
    [
      'a backup, and a file that was purged',
      { file: { ...file, purged: true } },
      ['keep .env.backup.1', /^while vault cannot be asked, .* left in \.env: .*--only NAMES/],
    ],
    [
      'USE_VAULT, in the file itself',
      { file: { ...file, settings: { ...settings, needsUseVault: true } } },
      [/^set USE_VAULT=true in \.env \(.*--activate\)$/, 'keep', /^\.env still answers/],
    ],
    [
      'USE_VAULT, in another file',
      {
        file: {
          ...file,
          settings: { ...settings, label: 'own.env', isElsewhere: true, needsUseVault: true },
        },
      },
      [/^set USE_VAULT=true in own\.env$/, 'keep', /^\.env still has every value; --purge/],
    ],
    [
      'a purged file whose program goes by another one',
      {
        file: {
          ...file,
          purged: true,
          settings: { ...settings, label: 'own.env', isElsewhere: true },
        },
      },
      ['keep', 'left in own.env'],
    ],
    [
      'a USE_VAULT of the environment that wins',
      { file: { ...file, settings: { ...settings, isOverruled: true } } },
      ['unset USE_VAULT in the environment', 'keep', /^\.env still/],
    ],
  ])('%s', (_, more, expected) => {
    const steps = said(more).slice(1, -1);
    expect(steps).toEqual(
      expected.map((each) =>
        typeof each === 'string' ? expect.stringContaining(each) : expect.stringMatching(each),
      ),
    );
  });
});
