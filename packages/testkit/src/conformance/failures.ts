/**
 * "Not here" is an answer, and everything else is an error of the right kind: the rule that the
 * whole fallback chain rests on.
 */
import assert from 'node:assert/strict';
import { isSecretError, type SecretError, type SecretErrorCode } from '@keyfall/core';
import type { SecretRecord } from '@keyfall/core/provider';
import { canariesFor, canary, type Exam, examine } from './exam.ts';
import type {
  ConformanceFault,
  ConformanceFaults,
  ConformanceHarness,
  ConformanceSubject,
  ConformanceTest,
  HttpAnswer,
  Induce,
} from './harness.ts';

const two = () => canariesFor('ALPHA', 'BETA');

/** What a proxy or a sign-in page answers, whatever was asked. */
const page = '<!doctype html><title>Sign in</title><p>Sign in to the network.';
const html = (status: number): HttpAnswer => ({
  status,
  headers: { 'content-type': 'text/html' },
  body: page,
});

/** The rules for a store that does not simply answer. */
export function failureTests<Subject extends ConformanceSubject>(
  harness: ConformanceHarness<Subject>,
): ConformanceTest[] {
  const { faults } = harness;
  if (faults === 'impossible') return [];
  return [
    ...kindsOf(faults).flatMap((kind) => kindTests(harness, kind)),
    ...recoveryTests(harness, faults),
    ...missingDocumentTests(harness, faults),
    ...oneNameTests(harness, faults),
  ];
}

/** A way for a store to fail as a whole, and the code that says so. */
interface Kind<Subject> {
  /** `unavailable`, or `unavailable (status 503)`: the beginning of the tests' names. */
  readonly state: string;
  readonly code: SecretErrorCode;
  readonly induce: Induce<Subject>;
}

function kindsOf<Subject>(faults: ConformanceFaults<Subject>): Kind<Subject>[] {
  const { http } = faults;
  const answered = (answer: HttpAnswer): ConformanceFault<Subject> =>
    http === 'impossible' ? http : (subject) => http(subject, answer);
  const kinds: readonly (readonly [
    string,
    ConformanceFault<Subject> | undefined,
    SecretErrorCode,
  ])[] = [
    ['unavailable', faults.unavailable, 'ERR_SECRET_UNAVAILABLE'],
    ...[429, 500, 502, 503].map(
      (status) =>
        [
          `unavailable (status ${status})`,
          answered(html(status)),
          'ERR_SECRET_UNAVAILABLE',
        ] as const,
    ),
    ['denied', faults.denied, 'ERR_SECRET_DENIED'],
    ['unauthenticated', faults.unauthenticated, 'ERR_SECRET_UNAUTHENTICATED'],
    ['invalid', faults.invalid, 'ERR_SECRET_INVALID'],
    ['invalid (a web page)', answered(html(200)), 'ERR_SECRET_INVALID'],
    ['untrusted', faults.untrusted, 'ERR_SECRET_TLS'],
  ];
  return kinds.flatMap(([state, fault = 'impossible', code]) => {
    if (fault === 'impossible') return [];
    if (typeof fault === 'function') return [{ state, code, induce: fault }];
    return Object.entries(fault).map(([way, induce]) => ({
      state: `${state} (${way})`,
      code,
      induce,
    }));
  });
}

function kindTests<Subject extends ConformanceSubject>(
  harness: ConformanceHarness<Subject>,
  { state, code, induce }: Kind<Subject>,
): ConformanceTest[] {
  const { capabilities } = harness;
  const broken = code === 'ERR_SECRET_INVALID';
  const add = (rule: string, check: (exam: Exam<Subject>) => Promise<void>): ConformanceTest =>
    examine(harness, `${state}: ${rule}`, two, check);

  const tests = [
    add(`a read fails with ${code}, of one name and of 'all'`, async (exam) => {
      await exam.values('all'); // what was read before must not be answered from memory
      await induce(exam.subject);
      assert.deepEqual(await exam.outcome('ALPHA'), { code }, 'a name that is held');
      // a broken record of a store that answers name by name says nothing about other names
      if (!broken || capabilities.bag)
        assert.deepEqual(await exam.outcome('NOBODY'), { code }, 'a name that is not held');
      const batch = await allOf(exam, code);
      const values = [...(batch?.values() ?? [])].filter((entry) => 'value' in entry);
      assert.equal(values.length, 0, "a read of 'all' answers with values");
      assert.ok(batch?.size !== 0, "a read of 'all' answers that nothing is held");
    }),

    add(`the first read of a new provider fails with ${code}`, async (exam) => {
      await induce(exam.subject);
      const read = async () => exam.provider.read(['ALPHA'], exam.context());
      if (capabilities.bag) assert.equal((await exam.rejection(read, 'read')).code, code);
      else assert.deepEqual(await exam.outcome('ALPHA'), { code });
    }),
  ];

  if (capabilities.check)
    tests.push(
      add('check reports it, with a code for programs', async (exam) => {
        const { provider } = exam;
        await induce(exam.subject);
        const findings =
          (await exam.settled(async () => provider.check?.(exam.context()), 'check')) ?? [];
        exam.saw(findings);
        assert.ok(
          findings.some((finding) => finding.state !== 'ready'),
          'check finds everything ready',
        );
        for (const { code = 'none' } of findings)
          assert.match(
            code,
            /^[a-z0-9]+(-[a-z0-9]+)*$/,
            'the code of a finding is not in kebab-case',
          );
      }),
    );
  // what is broken may be written over
  if (!broken && capabilities.writes !== 'none')
    tests.push(
      add(`a write fails with ${code}`, async (exam) => {
        await induce(exam.subject);
        const write = () => exam.write([['ALPHA', canary()]]);
        assert.equal((await exam.rejection(write, 'write')).code, code);
      }),
    );
  if (!broken && capabilities.list)
    tests.push(
      add(`list fails with ${code}`, async (exam) => {
        await induce(exam.subject);
        const list = async () => exam.provider.list?.(exam.context());
        assert.equal((await exam.rejection(list, 'list')).code, code);
      }),
    );
  return tests;
}

/** What a read of `'all'` answers; `undefined` if it rejects with `code`, and nothing else is allowed. */
async function allOf<Subject extends ConformanceSubject>(
  exam: Exam<Subject>,
  code: SecretErrorCode,
) {
  try {
    return (await exam.read('all')).entries;
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    assert.ok(isSecretError(error, code), `a read of 'all' must reject with ${code}`);
    return undefined;
  }
}

function recoveryTests<Subject extends ConformanceSubject>(
  harness: ConformanceHarness<Subject>,
  { unavailable }: ConformanceFaults<Subject>,
): ConformanceTest[] {
  const { recover } = harness;
  if (!recover || typeof unavailable !== 'function') return [];
  return [
    examine(
      harness,
      'unavailable: the provider answers again as soon as the store does',
      two,
      async (exam) => {
        const before = await exam.values('all');
        await unavailable(exam.subject);
        await exam.outcome('ALPHA');
        await recover(exam.subject);
        assert.deepEqual(await exam.values('all'), before);
      },
    ),
  ];
}

function missingDocumentTests<Subject extends ConformanceSubject>(
  harness: ConformanceHarness<Subject>,
  { missingDocument }: ConformanceFaults<Subject>,
): ConformanceTest[] {
  if (missingDocument === 'impossible') return [];
  const { capabilities } = harness;
  const tests = [
    examine(
      harness,
      'missing document: every name is absent, and the batch says which document is missing',
      two,
      async (exam) => {
        await exam.values('all');
        await missingDocument(exam.subject);
        for (const names of [['ALPHA'], 'all'] as const) {
          const batch = await exam.read(names);
          assert.equal(batch.entries.size, 0, 'a missing document holds nothing');
          assert.equal(batch.complete, true, 'a missing document is known completely');
          assert.ok(batch.missingDocument, 'the batch does not say that the document is missing');
          assert.match(batch.missingDocument.description, /\S/);
          assert.equal(typeof batch.missingDocument.optional, 'boolean');
        }
      },
    ),
  ];
  if (capabilities.writes !== 'none')
    tests.push(
      examine(
        harness,
        'missing document: a write creates it, or is refused with ERR_SECRET_NOT_FOUND',
        two,
        async (exam) => {
          await missingDocument(exam.subject);
          const value = canary();
          if (capabilities.writesMakeDocument === false) {
            const error = await exam.rejection(() => exam.write([['FIRST', value]]), 'the write');
            assert.equal(error.code, 'ERR_SECRET_NOT_FOUND');
            return;
          }
          await exam.write([['FIRST', value]]);
          assert.deepEqual(await exam.values('all'), new Map([['FIRST', value]]));
        },
      ),
    );
  return tests;
}

function oneNameTests<Subject extends ConformanceSubject>(
  harness: ConformanceHarness<Subject>,
  { oneName }: ConformanceFaults<Subject>,
): ConformanceTest[] {
  if (oneName === 'impossible') return [];
  const kinds = [
    ['denied', 'ERR_SECRET_DENIED'],
    ['unavailable', 'ERR_SECRET_UNAVAILABLE'],
    ['invalid', 'ERR_SECRET_INVALID'],
  ] as const;
  return kinds.flatMap(([kind, code]) => {
    const induce = oneName[kind];
    if (induce === 'impossible') return [];
    return [
      examine(
        harness,
        `one name ${kind}: a read of it and another name reports it alone`,
        two,
        async (exam, held) => {
          await induce(exam.subject, 'ALPHA');
          const read = () => exam.read(['ALPHA', 'BETA']);
          // a name that is denied must not take the others with it; what else is wrong may
          const { entries } = await (kind === 'denied'
            ? read()
            : read().catch((error: unknown) => {
                assert.ok(isSecretError(error, code), `read must reject with ${code}`);
                return { entries: undefined };
              }));
          if (entries) {
            isAnError(entries.get('ALPHA'), code);
            isValue(entries.get('BETA'), held.get('BETA'));
          }
          assert.deepEqual(await exam.outcome('BETA'), { value: held.get('BETA') });
        },
      ),

      examine(
        harness,
        `one name ${kind}: a read of 'all' does not leave it out`,
        two,
        async (exam, held) => {
          await induce(exam.subject, 'ALPHA');
          const entries = await allOf(exam, code);
          if (!entries) return;
          isAnError(entries.get('ALPHA'), code);
          isValue(entries.get('BETA'), held.get('BETA'));
        },
      ),
    ];
  });
}

function isValue(entry: SecretRecord | SecretError | undefined, value: string | undefined): void {
  assert.ok(entry && 'value' in entry, 'the other name has no value');
  assert.ok(entry.value === value, 'the other name has another value');
}

function isAnError(entry: object | undefined, code: SecretErrorCode): void {
  assert.ok(entry !== undefined, 'the failing name is absent, as if the store did not hold it');
  assert.ok(isSecretError(entry), 'the failing name has no error');
  assert.equal(entry.code, code);
}
