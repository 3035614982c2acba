/**
 * What the soak's judge finds, and what it lets pass: each rule with a breach of it and with what comes close to one.
 */
import { beforeEach, describe, expect, test } from 'vitest';
import { createOracle, type Observation, type Oracle, type Way } from '../src/oracle.ts';

let oracle: Oracle;
beforeEach(() => {
  oracle = createOracle();
  for (const store of ['vault', 'dotenv']) oracle.name(store, 'A');
  for (const name of ['B', 'BOUND'])
    for (const store of ['vault', 'dotenv']) oracle.name(store, name);
  oracle.name('vault', 'GUEST', { comesAndGoes: true });
  const only = { BOUND: 'vault' };
  oracle.reader({ id: 'r', stores: ['vault', 'dotenv'], only, maxAge: 2_000 });
  oracle.reader({
    id: 'refused',
    stores: ['vault', 'dotenv'],
    maxAge: 2_000,
    refusedBy: ['vault'],
  });
  written('vault', 'A', 'a1', 0);
  written('dotenv', 'A', 'plain', 0);
});

function written(store: string, name: string, digest: string | null, at: number): void {
  oracle.write(store, name, digest, at)('written', at + 10);
}

/** Something is read, for 5 ms from `at`. */
function read(
  answer: Pick<Observation, 'digest' | 'code'>,
  at: number,
  way: Way = 'get',
  name = 'A',
  by = 'r',
) {
  oracle.observed(by, { way, name, began: at, ended: at + 5, ...answer });
}

function outage(from: number, to: number, by = 'r'): void {
  const facts = { provider: 'vault', reason: 'unavailable' };
  oracle.announced(by, { ...facts, at: from, type: 'fallback' });
  oracle.announced(by, { ...facts, at: to, type: 'recovered' });
}

const broken = () => oracle.violations.map(({ rule }) => rule);

describe('values', () => {
  test('one that was written passes, and one that never was does not', () => {
    read({ digest: 'a1' }, 100);
    expect(broken()).toEqual([]);
    read({ digest: 'b1' }, 200);
    expect(broken()).toEqual(['wrong-value']);
  });

  test('that of another name does not pass', () => {
    written('vault', 'B', 'b1', 0);
    read({ digest: 'b1' }, 100);
    expect(broken()).toEqual(['wrong-value']);
  });

  test('one whose write was said not to be made does not pass, and one of an unknown write does', () => {
    oracle.write('vault', 'A', 'a2', 50)('unknown', 60);
    read({ digest: 'a2' }, 100);
    expect(broken()).toEqual([]);
    oracle.write('vault', 'A', 'a3', 150)('not written', 160);
    read({ digest: 'a3' }, 200);
    expect(broken()).toEqual(['wrong-value']);
  });

  test('one of a write that goes on passes, and one from before it does not', () => {
    oracle.write('vault', 'A', 'a2', 104);
    read({ digest: 'a2' }, 100);
    expect(broken()).toEqual([]);
    oracle.write('vault', 'A', 'a3', 300);
    read({ digest: 'a3' }, 200);
    expect(broken()).toEqual(['wrong-value']);
  });
});

describe('another store', () => {
  test('answers in an outage that was announced', () => {
    outage(90, 300);
    read({ digest: 'plain' }, 100);
    read({ digest: 'plain' }, 298);
    expect(broken()).toEqual([]);
  });

  test.each([
    ['before', 80],
    ['after', 301],
  ])('does not answer %s it', (_, at) => {
    outage(90, 300);
    read({ digest: 'plain' }, at);
    expect(broken()).toEqual(['silent-fallback']);
  });

  test('does not answer in an outage that another chain has announced', () => {
    oracle.reader({ id: 'other', stores: ['vault', 'dotenv'], maxAge: 2_000 });
    outage(90, 300, 'other');
    read({ digest: 'plain' }, 100);
    expect(broken()).toEqual(['silent-fallback']);
  });

  test('answers at any time for what the first one does not hold', () => {
    oracle.name('dotenv', 'LOCAL');
    written('dotenv', 'LOCAL', 'l1', 0);
    read({ digest: 'l1' }, 100, 'get', 'LOCAL');
    expect(broken()).toEqual([]);
  });

  test('never answers for a name that is bound', () => {
    written('vault', 'BOUND', 'bound', 0);
    written('dotenv', 'BOUND', 'loose', 0);
    outage(90, 300);
    read({ digest: 'bound' }, 100, 'get', 'BOUND');
    expect(broken()).toEqual([]);
    read({ digest: 'loose' }, 200, 'get', 'BOUND');
    expect(broken()).toEqual(['bound-elsewhere']);
  });
});

describe('order', () => {
  test('an older value does not pass after a newer one, by whatever call', () => {
    written('vault', 'A', 'a2', 100);
    read({ digest: 'a2' }, 120, 'all');
    read({ digest: 'a1' }, 130, 'get');
    expect(broken()).toEqual(['wrong-order']);
  });

  test('it passes for a call that began before the newer one had ended, and for another chain', () => {
    oracle.reader({ id: 'other', stores: ['vault'], maxAge: 2_000 });
    written('vault', 'A', 'a2', 100);
    read({ digest: 'a2' }, 120);
    oracle.observed('r', { way: 'get', name: 'A', began: 121, ended: 140, digest: 'a1' });
    read({ digest: 'a1' }, 150, 'get', 'A', 'other');
    expect(broken()).toEqual([]);
  });

  test('an outage between them makes no difference', () => {
    written('vault', 'A', 'a2', 100);
    read({ digest: 'a2' }, 120);
    outage(130, 400);
    read({ digest: 'plain' }, 200);
    read({ digest: 'a1' }, 300);
    expect(broken()).toEqual(['wrong-order']);
  });

  test('a value from before a deletion does not pass after "not here"', () => {
    written('vault', 'GUEST', 'g1', 0);
    read({ digest: 'g1' }, 50, 'get', 'GUEST');
    written('vault', 'GUEST', null, 100);
    read({ digest: null }, 150, 'get', 'GUEST');
    expect(broken()).toEqual([]);
    read({ digest: 'g1' }, 160, 'get', 'GUEST');
    expect(broken()).toEqual(['wrong-order']);
  });
});

describe('a rotation', () => {
  beforeEach(() => written('vault', 'A', 'a2', 1_000));

  test('need not be seen before an answer may end, and must be after', () => {
    read({ digest: 'a1' }, 3_900);
    expect(broken()).toEqual([]);
    read({ digest: 'a1' }, 4_100);
    expect(broken()).toEqual(['missed-rotation']);
  });

  test('is seen at once by a get that takes nothing kept', () => {
    read({ digest: 'a1' }, 1_005, 'fresh');
    expect(broken()).toEqual([]);
    read({ digest: 'a1' }, 1_020, 'fresh');
    expect(broken()).toEqual(['missed-rotation']);
  });

  test('need not be seen while an outage is announced, and must be after', () => {
    outage(3_000, 9_000);
    read({ digest: 'a1' }, 8_000);
    expect(broken()).toEqual([]);
    read({ digest: 'a1' }, 9_100);
    expect(broken()).toEqual(['missed-rotation']);
  });

  test('is no excuse to serve on while the store refuses', () => {
    oracle.refuse('vault', 900);
    read({ digest: 'a1' }, 4_100);
    expect(broken()).toEqual(['missed-rotation']);
  });

  test('of a write that was not made for sure is not waited for', () => {
    read({ digest: 'a2' }, 1_100);
    oracle.write('vault', 'A', 'a3', 2_000)('unknown', 2_010);
    read({ digest: 'a2' }, 60_000);
    expect(broken()).toEqual([]);
  });

  test('is caught up with by everybody, by each way of reading', () => {
    read({ digest: 'a2' }, 1_100);
    read({ digest: 'a1' }, 1_100, 'view');
    expect(oracle.behind(['get', 'view'], 1_050)).toEqual(['r: view of A']);
    read({ digest: 'a2' }, 1_200, 'view');
    expect(oracle.behind(['get', 'view'], 1_050)).toEqual([]);
    // what was seen before shows nothing of now, but for a watch, which shows changes alone
    expect(oracle.behind(['get', 'view'], 1_150)).toEqual(['r: get of A']);
    read({ digest: 'a2' }, 1_100, 'watch');
    expect(oracle.behind(['watch'], 2_000)).toEqual([]);
    outage(2_000, 3_000);
    read({ digest: 'plain' }, 2_500, 'watch');
    expect(oracle.behind(['watch'], 2_000)).toEqual(['r: watch of A']);
    oracle.forget('r');
    expect(oracle.behind(['watch'], 2_000)).toEqual([]);
  });
});

describe('"not here"', () => {
  test('passes for what is nowhere, and not for what was never deleted', () => {
    read({ digest: null }, 100, 'get', 'NOWHERE');
    expect(broken()).toEqual([]);
    read({ digest: null }, 100);
    expect(broken()).toEqual(['missing-as-outage']);
  });

  test('does not pass while a store has not been asked for longer than it may be kept', () => {
    outage(1_000, 9_000);
    read({ digest: null }, 2_000, 'get', 'NOWHERE');
    expect(broken()).toEqual([]);
    read({ digest: null }, 5_000, 'get', 'NOWHERE');
    expect(broken()).toEqual(['missing-as-outage']);
  });

  test('does not pass for what a store refuses', () => {
    oracle.name('vault', 'SECRET');
    read({ digest: null }, 100, 'get', 'SECRET', 'refused');
    expect(broken()).toEqual(['missing-as-outage']);
  });
});

describe('a refusal', () => {
  const denied = { code: 'ERR_SECRET_DENIED' };

  test('passes where a store refuses, for a while after that, and nowhere else', () => {
    oracle.refuse('vault', 100)(200);
    read(denied, 300);
    read(denied, 300, 'get', 'A', 'refused');
    expect(broken()).toEqual([]);
    oracle.reader({ id: 'once', stores: ['vault'], maxAge: 2_000, logsInOnce: true });
    read(denied, 999_000, 'get', 'A', 'once');
    expect(broken()).toEqual([]);
    read(denied, 999_000);
    expect(broken()).toEqual(['denied-as-outage']);
  });

  test('leads to no other store, but for an outage that is announced', () => {
    read({ digest: 'plain' }, 100, 'get', 'A', 'refused');
    expect(broken()).toEqual(['silent-fallback']);
    outage(200, 300, 'refused');
    read({ digest: 'plain' }, 250, 'get', 'A', 'refused');
    expect(broken()).toEqual(['silent-fallback']);
    read({ digest: 'a1' }, 260, 'get', 'A', 'refused');
    expect(broken()).toEqual(['silent-fallback', 'denied-as-outage']);
  });

  test.each(['denied', 'missing-document', 'unconfigured'])('is not passed as %s', (reason) => {
    oracle.announced('r', { at: 1, type: 'fallback', provider: 'vault', reason });
    expect(broken()).toEqual(['denied-as-outage']);
  });
});

test('an error that an outage leads to passes, and one that says of a defect does not', () => {
  read({ code: 'ERR_SECRET_UNAVAILABLE' }, 100);
  expect(broken()).toEqual([]);
  for (const code of ['ERR_SECRET_INVALID', 'ERR_SECRET_CONFLICT', 'ERR_SECRET_PROVIDER'])
    read({ code }, 200);
  expect(broken()).toEqual(['wrong-error', 'wrong-error', 'wrong-error']);
});

test('a violation says who, what and when, and is passed on at once', () => {
  const heard: unknown[] = [];
  oracle = createOracle((violation) => heard.push(violation));
  oracle.violated('heap', 'r', 'it grew', 7);
  expect(heard).toEqual([{ at: 7, rule: 'heap', reader: 'r', detail: 'it grew' }]);
});
