/**
 * What a provider is besides its answers: what it says about itself, many callers at once, its end.
 */
import assert from 'node:assert/strict';
import { canariesFor, examine } from './exam.ts';
import type { ConformanceHarness, ConformanceSubject, ConformanceTest } from './harness.ts';

const names = Array.from({ length: 20 }, (_, index) => `NAME_${index}`);
const twenty = () => canariesFor(...names);

/** The rules of description, concurrency and `close`. */
export function closingTests<Subject extends ConformanceSubject>(
  harness: ConformanceHarness<Subject>,
): ConformanceTest[] {
  const { capabilities } = harness;
  return [
    examine(
      harness,
      'description: name and store are one line each, without a value or a credential',
      twenty,
      async ({ provider }) => {
        // that they show nothing secret is checked at the end of every test
        for (const text of [provider.name, provider.store])
          assert.match(text, /^[^\r\n]*\S[^\r\n]*$/, 'name and store are one line of text each');
      },
    ),

    examine(
      harness,
      'description: the provider has exactly the methods that the harness declares',
      twenty,
      async ({ provider }) => {
        const writes = provider.write ? (provider.atomicity ?? 'undeclared') : 'none';
        assert.equal(writes, capabilities.writes, 'write and atomicity');
        assert.equal(provider.list !== undefined, capabilities.list ?? false, 'list');
        assert.equal(provider.check !== undefined, capabilities.check ?? false, 'check');
        for (const ability of ['history', 'readVersion'] as const)
          assert.equal(provider[ability] !== undefined, capabilities.history ?? false, ability);
        const declared = provider.conditionalWrites ?? 'never';
        const allowed = capabilities.conditionalWrites
          ? ['always', 'depends']
          : ['never', 'depends'];
        assert.ok(allowed.includes(declared), `conditionalWrites is '${declared}'`);
      },
    ),

    examine(
      harness,
      'concurrency: each of twenty reads at once gets its own answer',
      twenty,
      async (exam, held) => {
        const answers = await Promise.all(
          names.map(async (name, index) =>
            index % 4 === 0 ? exam.values('all') : exam.values([name]),
          ),
        );
        for (const [index, name] of names.entries())
          assert.equal(answers[index]?.get(name), held.get(name), name);
      },
    ),

    examine(
      harness,
      'close: it may be called twice, and while a read is under way',
      twenty,
      async (exam) => {
        await exam.values('all');
        const { provider } = exam;
        const underWay = exam.settled(
          async () => provider.read(['NAME_1'], exam.context()),
          'read',
        );
        // answered or refused are both right, to hang is not
        const ended = underWay.catch((error: unknown) => {
          if (error instanceof assert.AssertionError) throw error;
        });
        ended.catch(() => {}); // it is awaited below, unless close fails first
        await exam.settled(async () => provider.close?.(), 'close');
        await exam.settled(async () => provider.close?.(), 'the second close');
        await ended;
      },
    ),
  ];
}
