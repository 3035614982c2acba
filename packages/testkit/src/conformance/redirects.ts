/**
 * A server, or a machine in front of it, may redirect a provider to another server. The credentials and a value
 * to write are meant for the configured address alone, and only its answers are trusted.
 */
import assert from 'node:assert/strict';
import { faultyServer } from '../servers/faulty-server.ts';
import { canariesFor, canary, examine } from './exam.ts';
import type { ConformanceHarness, ConformanceSubject, ConformanceTest } from './harness.ts';
import { leaksOf } from './leaks.ts';

/** The rules for redirects, for a store that is asked over HTTP. */
export function redirectTests<Subject extends ConformanceSubject>(
  harness: ConformanceHarness<Subject>,
): ConformanceTest[] {
  const { faults, capabilities } = harness;
  if (faults === 'impossible' || faults.http === 'impossible') return [];
  const { http } = faults;
  return [301, 302, 303, 307, 308].map((status) =>
    examine(
      harness,
      `redirect (status ${status}): neither credentials nor values follow it, and its answer is not taken`,
      () => canariesFor('ALPHA'),
      async (exam) => {
        const planted = { ALPHA: canary() };
        const elsewhere = await faultyServer({ kind: 'status', status: 200, body: planted });
        try {
          const location = `${elsewhere.address}/`;
          await http(exam.subject, { status, headers: { location }, body: '' });
          const outcome = await exam.outcome('ALPHA');
          assert.ok(
            typeof outcome === 'object' && 'code' in outcome,
            'a redirect must be an error',
          );
          const all = async () => exam.provider.read('all', exam.context());
          await exam.rejection(all, "a read of 'all'");
          const value = canary();
          if (capabilities.writes !== 'none')
            await exam.rejection(() => exam.write([['ALPHA', value]]), 'a write');
          const own = [value, ...(exam.subject.credentials ?? [])].filter(
            ({ length }) => length >= 6,
          );
          assert.deepEqual(
            leaksOf(own, elsewhere.received()),
            [],
            'the other server received a credential or a value',
          );
        } finally {
          await elsewhere.close();
        }
      },
    ),
  );
}
