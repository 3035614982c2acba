/**
 * The rules of the provider contract as tests. A provider's author describes the store once (a
 * {@link ConformanceHarness}) and runs what comes out under any test runner. Every rule that a store
 * cannot show is declared in the harness; nothing is skipped at run time.
 */
import { abortTests } from './aborting.ts';
import { closingTests } from './closing.ts';
import { failureTests } from './failures.ts';
import type { ConformanceHarness, ConformanceSubject, ConformanceTest } from './harness.ts';
import { hostileNameTests } from './hostile-names.ts';
import { readingTests } from './reading.ts';
import { writingTests } from './writing.ts';

/**
 * The tests for a provider. Which ones depends on the harness alone.
 *
 * @example
 * ```ts
 * import { memoryProvider } from '@keyfall/core';
 * import { conformanceTests } from '@keyfall/testkit';
 * import { test } from 'node:test'; // or vitest, or bun:test
 *
 * const tests = conformanceTests({
 *   create: async (values) => ({ provider: memoryProvider(values), close: async () => {} }),
 *   capabilities: { writes: 'store', conditionalWrites: true, bag: true },
 *   faults: {
 *     unavailable: 'impossible',
 *     stalled: 'impossible',
 *     denied: 'impossible',
 *     unauthenticated: 'impossible',
 *     invalid: 'impossible',
 *     missingDocument: 'impossible',
 *   },
 * });
 * for (const { name, run } of tests) test(name, run);
 * ```
 */
export function conformanceTests<Subject extends ConformanceSubject>(
  harness: ConformanceHarness<Subject>,
): readonly ConformanceTest[] {
  return [
    ...readingTests(harness),
    ...failureTests(harness),
    ...hostileNameTests(harness),
    ...writingTests(harness),
    ...abortTests(harness),
    ...closingTests(harness),
  ];
}
