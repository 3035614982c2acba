/**
 * A write happens whole, touches only what it names, and never undoes another writer's change
 * unseen.
 */
import assert from 'node:assert/strict';
import { isSecretError } from '@keyfall/core';
import { canariesFor, canary, type Exam, examine, holdable } from './exam.ts';
import type { ConformanceHarness, ConformanceSubject, ConformanceTest } from './harness.ts';
import { oddValues } from './samples.ts';

const three = () => canariesFor('ALPHA', 'BETA', 'GAMMA');

/** The rules of `write` and `history`, for providers that have them. */
export function writingTests<Subject extends ConformanceSubject>(
  harness: ConformanceHarness<Subject>,
): ConformanceTest[] {
  const { capabilities, change } = harness;
  if (capabilities.writes === 'none') return [];
  const tests = [
    examine(
      harness,
      'write: one call sets, changes and deletes names, and leaves all others alone',
      three,
      async (exam, held) => {
        await exam.values('all'); // what was read before must not be answered from memory
        const [changed, added] = [canary(), canary()];
        await exam.write([
          ['ALPHA', changed],
          ['BETA', null],
          ['DELTA', added],
        ]);
        assert.deepEqual(Object.fromEntries(await exam.values('all')), {
          ALPHA: changed,
          DELTA: added,
          GAMMA: held.get('GAMMA'),
        });
        assert.equal(await exam.outcome('BETA'), 'absent');
      },
    ),

    examine(harness, 'write: the receipt agrees with the next read', three, async (exam) => {
      const receipt = await exam.write([['ALPHA', canary()]]);
      assert.equal(typeof receipt.conditional, 'boolean', 'conditional must be a boolean');
      const { revision, entries } = await exam.read('all');
      if (receipt.revision !== undefined) assert.equal(receipt.revision, revision);
      const alpha = entries.get('ALPHA');
      assert.ok(alpha && !isSecretError(alpha), 'the written name has no value');
      if (receipt.version !== undefined) assert.equal(receipt.version, alpha.version);
      const again = await exam.write([['ALPHA', canary()]]);
      if (receipt.revision !== undefined) assert.notEqual(again.revision, receipt.revision);
      const { compareRevisions } = exam.provider;
      if (!compareRevisions || receipt.revision === undefined || again.revision === undefined)
        return;
      const compare = compareRevisions.bind(exam.provider);
      const [earlier, later] = [receipt.revision, again.revision];
      assert.notEqual(compare(earlier, later), 'newer', 'what was written first is no newer state');
      assert.notEqual(compare(later, earlier), 'older', 'what was written last is no older state');
      assert.equal(compare(later, later), undefined, 'one state is neither older nor newer');
    }),

    examine(
      harness,
      'write: deleting a name that the store does not hold changes nothing',
      three,
      async (exam, held) => {
        await exam.write([['NOBODY', null]]);
        assert.deepEqual(await exam.values('all'), held);
      },
    ),

    examine(
      harness,
      'write: unusual values are read back character for character',
      three,
      async (exam, held) => {
        const odd = holdable(harness, oddValues);
        await exam.write(odd);
        const values = await exam.values('all');
        for (const [name, value] of [...held, ...odd])
          assert.ok(values.get(name) === value, `${name} comes back changed`);
      },
    ),

    examine(
      harness,
      'write: a batch that was read before it stays as it was',
      three,
      async (exam, held) => {
        const { entries } = await exam.read('all');
        await exam.write([
          ['ALPHA', canary()],
          ['BETA', null],
        ]);
        const before = [...entries].map(([name, entry]) => [
          name,
          isSecretError(entry) || entry.value,
        ]);
        assert.deepEqual(new Map(before as [string, string][]), held);
      },
    ),
  ];

  const impossible = [...oddValues].filter(
    ([name, value]) => !(harness.canHold?.(name, value) ?? true),
  );
  if (impossible.length > 0)
    tests.push(
      examine(
        harness,
        'write: a value that the store cannot hold is refused, and nothing changes',
        three,
        async (exam, held) => {
          for (const [name, value] of impossible) {
            const entries = [
              ['ALPHA', canary()],
              [name, value],
            ] as const;
            await exam.rejection(() => exam.write(entries), `a write of ${name}`);
            if (capabilities.writes === 'store')
              assert.deepEqual(
                await exam.values('all'),
                held,
                `a write of ${name} changes something`,
              );
          }
        },
      ),
    );

  // a provider that compares with what it read and wrote itself, and not with the store, passes the
  // first alone
  type SetAlpha = (exam: Exam<Subject>, value: string) => Promise<unknown>;
  const otherWrites: (readonly [when: string, setAlpha: SetAlpha])[] = [
    ['after another write', (exam, value) => exam.write([['ALPHA', value]])],
  ];
  if (change)
    otherWrites.push([
      'after a change by another program',
      (exam, value) => change(exam.subject, new Map([['ALPHA', value]])),
    ]);
  if (capabilities.conditionalWrites)
    tests.push(
      ...otherWrites.map(([when, setAlpha]) =>
        examine(
          harness,
          `conditional write: ${when} it is a conflict, and nothing changes`,
          three,
          async (exam, held) => {
            const { revision } = await exam.read('all');
            assert.ok(revision !== undefined, 'a store with conditional writes has a revision');
            const value = canary();
            await setAlpha(exam, value);
            const late = () =>
              exam.write(
                [
                  ['ALPHA', canary()],
                  ['BETA', null],
                  ['NEW', canary()],
                ],
                revision,
              );
            const error = await exam.rejection(late, 'a conditional write at an old revision');
            assert.equal(error.code, 'ERR_SECRET_CONFLICT');
            assert.equal(
              error.applied,
              'no',
              "a conflict must say that nothing was changed: applied: 'no'",
            );
            assert.deepEqual(
              await exam.values('all'),
              new Map([...held, ['ALPHA', value]]),
              'the refused write changes something',
            );
          },
        ),
      ),

      examine(
        harness,
        'conditional write: of several at once at one revision, a single one succeeds',
        three,
        async (exam) => {
          const { revision } = await exam.read('all');
          const attempts = canariesFor('P1', 'P2', 'P3', 'P4', 'P5');
          const written = await Promise.all(
            [...attempts].map(async (entry) => {
              try {
                await exam.write([entry], revision);
                return [entry];
              } catch (error) {
                if (!isSecretError(error)) throw error;
                return [];
              }
            }),
          );
          const [winner, ...more] = written.flat();
          assert.ok(winner, 'no conditional write succeeds');
          assert.equal(more.length, 0, 'more than one conditional write succeeds at one revision');
          const values = await exam.values('all');
          for (const [name, value] of attempts)
            assert.equal(values.get(name), name === winner[0] ? value : undefined, name);
        },
      ),

      examine(
        harness,
        'conditional write: at the revision that was read it succeeds, and the receipt says that it was conditional',
        three,
        async (exam) => {
          const { revision } = await exam.read('all');
          const value = canary();
          const receipt = await exam.write([['ALPHA', value]], revision);
          assert.equal(receipt.conditional, true, 'conditional must be true');
          assert.deepEqual(await exam.outcome('ALPHA'), { value });
          const next = canary();
          await exam.write([['ALPHA', next]], receipt.revision);
          assert.deepEqual(await exam.outcome('ALPHA'), { value: next });
        },
      ),

      examine(
        harness,
        'write: of several at once, none that was confirmed is lost',
        three,
        async (exam) => {
          const wanted = canariesFor('P1', 'P2', 'P3', 'P4', 'P5');
          const confirmed: [string, string][] = [];
          await Promise.all(
            [...wanted].map(async ([name, value]) => {
              try {
                await exam.write([[name, value]]);
                confirmed.push([name, value]);
              } catch (error) {
                // to give up is allowed, to say so wrongly is not
                if (!isSecretError(error)) throw error;
              }
            }),
          );
          assert.ok(confirmed.length > 0, 'no write in parallel succeeds');
          const values = await exam.values('all');
          for (const [name, value] of confirmed) assert.equal(values.get(name), value, name);
        },
      ),
    );
  else
    tests.push(
      examine(
        harness,
        'conditional write: a store without them gives no revision and claims no check',
        three,
        async (exam) => {
          const { revision } = await exam.read('all');
          assert.equal(revision, undefined, 'a revision that no write honours');
          try {
            const receipt = await exam.write([['ALPHA', canary()]], 'no such revision');
            assert.equal(receipt.conditional, false, 'conditional must be false');
          } catch (error) {
            if (error instanceof assert.AssertionError) throw error;
            assert.ok(isSecretError(error), 'write rejects with no SecretError');
          }
        },
      ),
    );

  if (capabilities.history)
    tests.push(
      examine(
        harness,
        'history: it has the versions of a name, newest first, and exactly one of them is current',
        three,
        async (exam) => {
          const { provider } = exam;
          const old = canary();
          await exam.write([['DELTA', old]]);
          await exam.write([['DELTA', canary()]]);
          const versions = await exam.settled(
            async () => provider.history?.('DELTA', exam.context()) ?? [],
            'history',
          );
          exam.saw(versions);
          const [newest, previous] = versions;
          assert.ok(newest && previous, 'two writes make two versions');
          assert.deepEqual([newest.state, newest.held], ['current', true]);
          assert.deepEqual([previous.state, previous.held], ['previous', true]);
          const current = versions.filter(({ state }) => state === 'current');
          assert.equal(current.length, 1, 'one version is current');
          const record = (await exam.read(['DELTA'])).entries.get('DELTA');
          assert.ok(record && !isSecretError(record), 'the written name has no value');
          assert.equal(record.version, newest.version, 'a read answers the current version');
          const earlier = await exam.settled(
            async () => provider.readVersion?.('DELTA', previous.version, exam.context()),
            'readVersion',
          );
          assert.ok(earlier?.value === old, 'readVersion answers what was held then');
        },
      ),
    );
  return tests;
}
