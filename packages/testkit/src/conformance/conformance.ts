/**
 * The rules of the provider contract as tests. A provider's author describes the store once (a
 * {@link ConformanceHarness}) and runs what comes out under any test runner. Every rule that a store
 * cannot show is declared in the harness; nothing is skipped at run time.
 */
import { assertOptions, type OptionKinds } from '@keyfall/core/provider';
import { abortTests } from './aborting.ts';
import { closingTests } from './closing.ts';
import { failureTests } from './failures.ts';
import type {
  ConformanceCapabilities,
  ConformanceFaults,
  ConformanceHarness,
  ConformanceSubject,
  ConformanceTest,
} from './harness.ts';
import { hostileNameTests } from './hostile-names.ts';
import { readingTests } from './reading.ts';
import { redirectTests } from './redirects.ts';
import { writingTests } from './writing.ts';

const optionKinds: OptionKinds<ConformanceHarness> = {
  create: 'a function',
  capabilities: 'an object',
  faults: 'anything',
  change: 'a function',
  recover: 'a function',
  canHold: 'a function',
  timeout: 'anything',
  manyNames: 'anything',
  hostileNames: 'a list of texts',
};

const capabilityKinds: OptionKinds<ConformanceCapabilities> = {
  writes: ['none', 'store', 'name'],
  conditionalWrites: 'true or false',
  writesMakeDocument: 'true or false',
  bag: 'true or false',
  list: 'true or false',
  history: 'true or false',
  check: 'true or false',
};

const faultKinds: OptionKinds<ConformanceFaults<unknown>> = {
  unavailable: 'anything',
  stalled: 'anything',
  denied: 'anything',
  unauthenticated: 'anything',
  invalid: 'anything',
  missingDocument: 'anything',
  untrusted: 'anything',
  http: 'anything',
  oneName: 'anything',
};

/**
 * The tests for a provider. Which ones depends on the harness alone.
 *
 * @throws `TypeError` if the harness neither gives a fault nor declares it `'impossible'`;
 *   `ERR_SECRET_CONFIG` for a member that there is not: a mistyped one would be tests that are missing unseen
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
  assertOptions(harness, 'conformanceTests', optionKinds);
  const { capabilities, faults } = harness;
  assertOptions(capabilities, 'conformanceTests: capabilities', capabilityKinds);
  if (faults !== 'impossible') assertOptions(faults, 'conformanceTests: faults', faultKinds);
  assertDeclared(faults);
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
