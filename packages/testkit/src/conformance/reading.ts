/**
 * What a store holds is answered as it is; what it does not hold is absent.
 */
import assert from 'node:assert/strict';
import { canariesFor, canary, examine, holdable } from './exam.ts';
import type { ConformanceHarness, ConformanceSubject, ConformanceTest } from './harness.ts';
import { oddValues } from './samples.ts';

const three = () => canariesFor('ALPHA', 'BETA', 'GAMMA');

/** The rules of `read` and `list` for a store that answers. */
export function readingTests<Subject extends ConformanceSubject>(
  harness: ConformanceHarness<Subject>,
): ConformanceTest[] {
  const { capabilities, change, manyNames = 250 } = harness;
  const many = () =>
    holdable(
      harness,
      canariesFor(...Array.from({ length: manyNames }, (_, index) => `NAME_${index}`)),
    );
  const tests = [
    examine(
      harness,
      'read: a name that the store holds is answered with its value',
      three,
      async (exam, held) => {
        assert.equal((await exam.values(['BETA'])).get('BETA'), held.get('BETA'));
      },
    ),

    examine(harness, 'read: several names are answered by one call', three, async (exam, held) => {
      const values = await exam.values(['GAMMA', 'ALPHA']);
      assert.equal(values.get('ALPHA'), held.get('ALPHA'));
      assert.equal(values.get('GAMMA'), held.get('GAMMA'));
    }),

    examine(
      harness,
      "read: 'all' answers every name that the store holds, and no other",
      three,
      async (exam, held) => {
        assert.deepEqual(await exam.values('all'), held);
      },
    ),

    // a store that answers in pages has more than one of them here
    examine(
      harness,
      "read: 'all' answers every name of a store that holds many",
      many,
      async (exam, held) => {
        assert.deepEqual(await exam.values('all'), held);
      },
    ),

    examine(
      harness,
      'read: an empty store gives a batch that is empty and complete',
      () => new Map(),
      async (exam) => {
        assert.equal((await exam.read('all')).entries.size, 0);
        assert.equal(await exam.outcome('ALPHA'), 'absent');
      },
    ),

    examine(
      harness,
      'read: a name that the store does not hold is left out, and the others are answered',
      three,
      async (exam, held) => {
        const values = await exam.values(['NOBODY', 'ALPHA', 'nobody']);
        assert.equal(values.get('ALPHA'), held.get('ALPHA'));
        assert.ok(!values.has('NOBODY') && !values.has('nobody'));
        assert.equal(await exam.outcome('NOBODY'), 'absent');
      },
    ),

    examine(
      harness,
      'read: a call with no names is answered without an error',
      three,
      async (exam) => {
        await exam.read([]);
      },
    ),

    examine(
      harness,
      'read: a batch that says it is complete has every name of the store',
      three,
      async (exam, held) => {
        for (const names of [['ALPHA'], ['ALPHA', 'NOBODY'], 'all'] as const) {
          const { complete, entries } = await exam.read(names);
          if (complete) assert.deepEqual([...entries.keys()].sort(), [...held.keys()].sort());
          if (capabilities.bag)
            assert.ok(complete, 'a store that is one document answers every name with one request');
        }
      },
    ),

    examine(
      harness,
      'read: unusual values are answered character for character',
      () => holdable(harness, oddValues),
      async (exam, held) => {
        const all = await exam.values('all');
        for (const [name, value] of held) {
          assert.ok(all.get(name) === value, `${name} comes back changed from a read of 'all'`);
          const one = (await exam.values([name])).get(name);
          assert.ok(one === value, `${name} comes back changed when read by itself`);
        }
      },
    ),
  ];

  if (harness.canHold?.('EMPTY', '') ?? true)
    tests.push(
      examine(
        harness,
        'read: the empty string is a value, and not a missing name',
        () => new Map([...three(), ['EMPTY', '']]),
        async (exam) => {
          assert.deepEqual(await exam.outcome('EMPTY'), { value: '' });
          assert.equal((await exam.values('all')).get('EMPTY'), '');
        },
      ),
    );

  if (change)
    tests.push(
      examine(
        harness,
        'read: a change by another program shows in the next read',
        three,
        async (exam, held) => {
          await exam.values('all');
          const [changed, added] = [canary(), canary()];
          await change(
            exam.subject,
            new Map([
              ['ALPHA', changed],
              ['BETA', null],
              ['DELTA', added],
            ]),
          );
          const now = { ALPHA: changed, DELTA: added, GAMMA: held.get('GAMMA') };
          assert.deepEqual(Object.fromEntries(await exam.values('all')), now);
          assert.deepEqual(await exam.outcome('ALPHA'), { value: changed });
          assert.equal(await exam.outcome('BETA'), 'absent');
        },
      ),
    );

  if (capabilities.list)
    for (const [rule, values] of [
      ['it has exactly the names that a read answers', three],
      ['it has every name of a store that holds many', many],
    ] as const)
      tests.push(
        examine(harness, `list: ${rule}`, values, async (exam, held) => {
          const { list } = exam.provider;
          assert.ok(list, 'the harness declares list, but the provider has no list()');
          const names = await exam.settled(
            async () => list.call(exam.provider, exam.context()),
            'list',
          );
          assert.deepEqual([...names].sort(), [...held.keys()].sort());
          exam.saw(names);
        }),
      );
  return tests;
}
