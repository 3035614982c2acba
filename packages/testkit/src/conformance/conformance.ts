/**
 * The rules of the provider contract as tests. A provider's author describes the store once (a
 * {@link ConformanceHarness}) and runs what comes out under any test runner. Every rule that a store
 * cannot show is declared in the harness; nothing is skipped at run time.
 */
import { abortTests } from './aborting.ts';
import { closingTests } from './closing.ts';
import { failureTests } from './failures.ts';
import type {
  ConformanceFaults,
  ConformanceHarness,
  ConformanceSubject,
  ConformanceTest,
} from './harness.ts';
import { hostileNameTests } from './hostile-names.ts';
import { readingTests } from './reading.ts';
import { redirectTests } from './redirects.ts';
import { writingTests } from './writing.ts';

/**
 * The tests for a provider. Which ones depends on the harness alone.
 *
 * @throws `TypeError` if the harness neither gives a fault nor declares it `'impossible'`
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
 *   faults: 'impossible', // a real store's are described one by one
 * });
 * for (const { name, run } of tests) test(name, run);
 * ```
 */
export function conformanceTests<Subject extends ConformanceSubject>(
  harness: ConformanceHarness<Subject>,
): readonly ConformanceTest[] {
  assertDeclared(harness.faults);
  return [
    ...readingTests(harness),
    ...failureTests(harness),
    ...redirectTests(harness),
    ...hostileNameTests(harness),
    ...writingTests(harness),
    ...abortTests(harness),
    ...closingTests(harness),
  ];
}

/** Without types a fault may be left out, and its tests would be missing unseen. */
function assertDeclared(faults: object | 'impossible'): void {
  if (faults === 'impossible') return;
  const missing = requiredFaults.filter((fault) => !(fault in faults));
  if (missing.length > 0)
    throw new TypeError(
      `faults has no ${missing.join(', ')}: say how to bring the store into that state, or 'impossible'`,
    );
}

const requiredFaults = [
  'unavailable',
  'stalled',
  'denied',
  'unauthenticated',
  'invalid',
  'missingDocument',
  'http',
  'oneName',
] as const satisfies readonly (keyof ConformanceFaults<never>)[];
