// Core's own providers against the suite. They are tested here, because a dev dependency from core
// back to the testkit would be a cycle.
import { createSecrets, envProvider, memoryProvider } from '@keyfall/core';
import { describe, test } from 'vitest';
import { conformanceTests } from '../src/index.ts';
import { modelHarness } from './model-store.ts';

describe('memoryProvider', () => {
  const tests = conformanceTests({
    create: async (values) => ({ provider: memoryProvider(values), close: async () => {} }),
    capabilities: { writes: 'store', conditionalWrites: true, bag: true },
    faults: 'impossible',
  });
  for (const { name, run } of tests) test(name, run);
});

describe('envProvider', () => {
  const tests = conformanceTests({
    create: async (values) => {
      // as process.env: any name but one with "=" or NUL (POSIX, XBD 8.1)
      const env: Record<string, string | undefined> = Object.create(null);
      for (const [name, value] of values) env[`SHOP_${name}`] = value;
      return { provider: envProvider({ prefix: 'SHOP_', env }), env, close: async () => {} };
    },
    change: async ({ env }, changes) => {
      for (const [name, value] of changes) env[`SHOP_${name}`] = value ?? undefined;
    },
    capabilities: { writes: 'none', bag: true },
    faults: 'impossible',
    canHold: (name, value) => !/[=\0]/.test(name) && !value.includes('\0'),
  });
  for (const { name, run } of tests) test(name, run);
});

describe.each([
  ['a bag', true],
  ['a store of one secret a name', false],
])('a chain as a provider over %s', (_over, bag) => {
  // whether a chain asks again is its circuit breaker's business
  const { recover: _, ...model } = modelHarness({ bag, conditionalWrites: true });
  const tests = conformanceTests({
    ...model,
    create: async (values) => {
      const subject = await model.create(values);
      const providers = [subject.provider]; // a second one would be fallen back to
      const secrets = createSecrets({ providers, ttl: 0, staleIfError: 0 });
      return { ...subject, provider: secrets.asProvider() };
    },
    // a chain answers what it was asked for; it has no history and no document of its own
    capabilities: { ...model.capabilities, bag: false, history: false, check: false },
    faults: { ...model.faults, missingDocument: 'impossible' },
  });
  for (const { name, run } of tests) test(name, run);
});
