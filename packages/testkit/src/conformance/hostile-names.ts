/**
 * A name is anybody's text. It must never reach anything but the secret of exactly that name.
 */
import assert from 'node:assert/strict';
import { isSecretError } from '@keyfall/core';
import { canariesFor, canary, examine, holdable } from './exam.ts';
import type { ConformanceHarness, ConformanceSubject, ConformanceTest } from './harness.ts';
import { hostileNames } from './samples.ts';

/** The codes with which a name that a store cannot hold may be refused. */
const refusals = new Set(['ERR_SECRET_CONFIG', 'ERR_SECRET_UNSUPPORTED', 'ERR_SECRET_INVALID']);

/** The rules for names that a path, a URL, a shell or an object may mistake for something else. */
export function hostileNameTests<Subject extends ConformanceSubject>(
  harness: ConformanceHarness<Subject>,
): ConformanceTest[] {
  const names = [...new Set([...hostileNames, ...(harness.hostileNames ?? [])])];
  const held = () => holdable(harness, canariesFor(...names));
  const canHold = (name: string) => harness.canHold?.(name, 'canary') ?? true;
  const impossible = names.filter((name) => !canHold(name));
  const tests = [
    examine(
      harness,
      'hostile names: a secret under any of them is answered with its value',
      held,
      async (exam, values) => {
        assert.deepEqual(await exam.values('all'), values);
        for (const [name, value] of values)
          assert.deepEqual(await exam.outcome(name), { value }, JSON.stringify(name));
      },
    ),

    examine(
      harness,
      'hostile names: one that the store does not hold is absent, and no other secret is answered for it',
      () => canariesFor('ALPHA'),
      async (exam) => {
        for (const name of names) {
          const outcome = await exam.outcome(name);
          const refused = typeof outcome === 'object' && 'code' in outcome;
          if (refused && !canHold(name))
            assert.ok(refusals.has(outcome.code), `${JSON.stringify(name)}: ${outcome.code}`);
          else assert.deepEqual(outcome, 'absent', JSON.stringify(name));
        }
      },
    ),
  ];
  if (harness.capabilities.writes === 'none') return tests;

  tests.push(
    examine(
      harness,
      'hostile names: what is written under them is read back, and can be deleted',
      () => canariesFor('ALPHA'),
      async (exam, before) => {
        const values = held();
        await exam.write(values);
        assert.deepEqual(await exam.values('all'), new Map([...before, ...values]));
        await exam.write([...values.keys()].map((name) => [name, null] as const));
        assert.deepEqual(await exam.values('all'), before);
      },
    ),
  );
  if (impossible.length > 0)
    tests.push(
      examine(
        harness,
        'hostile names: a write of one that the store cannot hold is refused, and nothing changes',
        () => canariesFor('ALPHA'),
        async (exam, before) => {
          for (const name of impossible) {
            const what = `a write of ${JSON.stringify(name)}`;
            const entries = [
              ['ALPHA', canary()],
              [name, canary()],
            ] as const;
            const error = await exam.rejection(() => exam.write(entries), what);
            assert.ok(isSecretError(error) && refusals.has(error.code), `${what}: ${error.code}`);
            if (harness.capabilities.writes === 'store')
              assert.deepEqual(await exam.values('all'), before, `${what} changes something`);
          }
        },
      ),
    );
  return tests;
}
