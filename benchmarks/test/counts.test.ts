import { expect, test } from 'vitest';
import { differences } from '../counts/compare.mjs';

const committed = {
  requests: { 'a get': ['GET /mount', 'GET /secret'], 'a second get': [] },
  files: { 'import of core': ['core/index.js', 'core/main.js'] },
  allocations: { 'a cached get': 245, 'a property of a view': 0, 'a read': 50_000 },
};

test('the same counts differ in nothing, and a few bytes more or less are no difference', () => {
  const allocations = { 'a cached get': 250, 'a property of a view': 1, 'a read': 47_000 };
  expect(differences(committed, { ...committed, allocations })).toEqual([]);
});

test.each([
  [
    'a request more',
    { requests: { ...committed.requests, 'a second get': ['GET /secret'] } },
    'a second get: 1 requests, not 0. New: GET /secret.',
  ],
  [
    'the same request once more',
    { requests: { ...committed.requests, 'a get': ['GET /mount', 'GET /secret', 'GET /secret'] } },
    'a get: 3 requests, not 2. New: GET /secret.',
  ],
  [
    'a request fewer',
    { requests: { ...committed.requests, 'a get': ['GET /secret'] } },
    'a get: 1 requests, not 2. Gone: GET /mount.',
  ],
  [
    'a file in the place of another',
    { files: { 'import of core': ['core/index.js', 'core/other.js'] } },
    'import of core: 2 files, not 2. New: core/other.js. Gone: core/main.js.',
  ],
  [
    'what is counted no longer',
    { files: {} },
    'import of core: 0 files, not 2. Gone: core/index.js, core/main.js.',
  ],
  [
    'more bytes',
    { allocations: { ...committed.allocations, 'a cached get': 290 } },
    'a cached get: allocates 290 bytes, not 245.',
  ],
  [
    'fewer bytes',
    { allocations: { ...committed.allocations, 'a read': 18_000 } },
    'a read: allocates 18000 bytes, not 50000.',
  ],
])('%s is a difference', (_, changed, sentence) => {
  expect(differences(committed, { ...committed, ...changed })).toEqual([sentence]);
});
