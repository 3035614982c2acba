/**
 * "Not here" is an answer, and everything else is an error of the right kind: the rule that the
 * whole fallback chain rests on.
 */
import assert from 'node:assert/strict';
import { isSecretError, type SecretErrorCode } from '@keyfall/core';
import { canariesFor, canary, type Exam, examine } from './exam.ts';
import type { ConformanceHarness, ConformanceSubject, ConformanceTest, Induce } from './harness.ts';

const two = () => canariesFor('ALPHA', 'BETA');

/** The rules for a store that does not simply answer. */
export function failureTests<Subject extends ConformanceSubject>(
  harness: ConformanceHarness<Subject>,
): ConformanceTest[] {
  const { faults, recover, capabilities } = harness;
  const tests: ConformanceTest[] = [];
  const add = (
    rule: string,
    fault: Induce<Subject> | 'impossible' | undefined,
    check: (exam: Exam<Subject>, induce: Induce<Subject>) => Promise<void>,
  ): void => {
    if (fault !== undefined && fault !== 'impossible')
      tests.push(examine(harness, rule, two, (exam) => check(exam, fault)));
  };

  const kinds: readonly (readonly [
    state: string,
    fault: Induce<Subject> | 'impossible' | undefined,
    code: SecretErrorCode,
  ])[] = [
    ['unavailable', faults.unavailable, 'ERR_SECRET_UNAVAILABLE'],
    ['denied', faults.denied, 'ERR_SECRET_DENIED'],
    ['unauthenticated', faults.unauthenticated, 'ERR_SECRET_UNAUTHENTICATED'],
    ['invalid', faults.invalid, 'ERR_SECRET_INVALID'],
    ['untrusted', faults.untrusted, 'ERR_SECRET_TLS'],
  ];
  for (const [state, fault, code] of kinds) {
    add(`${state}: every read fails with ${code}`, fault, async (exam, induce) => {
      await exam.values('all'); // what was read before must not be answered from memory
      await induce(exam.subject);
      assert.deepEqual(await exam.outcome('ALPHA'), { code }, 'a name that is held');
      // a broken record of a store that answers name by name says nothing about other names
      if (state !== 'invalid' || capabilities.bag)
        assert.deepEqual(await exam.outcome('NOBODY'), { code }, 'a name that is not held');
      const batch = await exam.read('all').catch((error: unknown) => {
        if (error instanceof assert.AssertionError) throw error;
        assert.ok(isSecretError(error, code), `a read of 'all' must reject with ${code}`);
      });
      const values = [...(batch?.entries.values() ?? [])].filter((entry) => 'value' in entry);
      assert.equal(values.length, 0, "a read of 'all' answers with values");
      assert.ok(batch?.entries.size !== 0, "a read of 'all' answers that nothing is held");
      const { provider } = exam;
      if (!provider.check) return;
      const findings = await exam.settled(async () => provider.check?.(exam.context()), 'check');
      exam.saw(findings);
      assert.ok(
        findings?.some((finding) => finding.state !== 'ready'),
        'check finds everything ready',
      );
      for (const { code = 'none' } of findings ?? [])
        assert.match(
          code,
          /^[a-z0-9]+(-[a-z0-9]+)*$/,
          'the code of a finding is not in kebab-case',
        );
    });

    add(`${state}: so does the very first read`, fault, async (exam, induce) => {
      await induce(exam.subject);
      const read = async () => exam.provider.read(['ALPHA'], exam.context());
      if (capabilities.bag) assert.equal((await exam.rejection(read, 'read')).code, code);
      else assert.deepEqual(await exam.outcome('ALPHA'), { code });
    });

    if (state !== 'invalid' && capabilities.writes !== 'none')
      add(`${state}: a write fails with ${code}`, fault, async (exam, induce) => {
        await induce(exam.subject);
        const write = () => exam.write([['ALPHA', canary()]]);
        assert.equal((await exam.rejection(write, 'write')).code, code);
      });

    if (state !== 'invalid' && capabilities.list)
      add(`${state}: list fails with ${code}`, fault, async (exam, induce) => {
        await induce(exam.subject);
        const list = async () => exam.provider.list?.(exam.context());
        assert.equal((await exam.rejection(list, 'list')).code, code);
      });
  }

  if (recover)
    add(
      'unavailable: the provider answers again when the store does',
      faults.unavailable,
      async (exam, induce) => {
        const before = await exam.values('all');
        await induce(exam.subject);
        await exam.outcome('ALPHA');
        await recover(exam.subject);
        assert.deepEqual(await exam.values('all'), before);
      },
    );

  add(
    'missing document: every name is absent, and the batch says why',
    faults.missingDocument,
    async (exam, induce) => {
      await exam.values('all');
      await induce(exam.subject);
      for (const names of [['ALPHA'], 'all'] as const) {
        const { entries, complete, missingDocument } = await exam.read(names);
        assert.equal(entries.size, 0, 'a missing document holds nothing');
        assert.equal(complete, true, 'a missing document is known completely');
        assert.ok(missingDocument, 'the batch does not say that the document is missing');
        assert.match(missingDocument.description, /\S/);
        assert.equal(typeof missingDocument.optional, 'boolean');
      }
    },
  );

  if (capabilities.writes !== 'none')
    add(
      'missing document: a write makes it, or is refused',
      faults.missingDocument,
      async (exam, induce) => {
        await induce(exam.subject);
        const value = canary();
        if (capabilities.writesMakeDocument === false) {
          const error = await exam.rejection(() => exam.write([['FIRST', value]]), 'the write');
          assert.equal(error.code, 'ERR_SECRET_NOT_FOUND');
          return;
        }
        await exam.write([['FIRST', value]]);
        assert.deepEqual(await exam.values('all'), new Map([['FIRST', value]]));
      },
    );

  const { deniedName } = faults;
  if (deniedName)
    tests.push(
      examine(
        harness,
        'denied name: it has an error, and the others have their values',
        two,
        async (exam, held) => {
          await deniedName(exam.subject, 'ALPHA');
          const { entries } = await exam.read(['ALPHA', 'BETA']);
          const [alpha, beta] = [entries.get('ALPHA'), entries.get('BETA')];
          assert.ok(alpha && 'code' in alpha, 'the denied name has no error');
          assert.equal(alpha.code, 'ERR_SECRET_DENIED');
          assert.ok(beta && 'value' in beta, 'the other name has no value');
          assert.equal(beta.value, held.get('BETA'));
        },
      ),
    );
  return tests;
}
