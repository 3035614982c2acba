// Providers with one defect each that is easily made: the suite must fail, in the tests that name the
// rule, and in no other of what the defects are about.
import { describe, expect, test } from 'vitest';
import { conformanceTests } from '../src/index.ts';
import { type Defect, pagedHarness } from './paged-store.ts';

const aboutDefects = /^(read|list|unavailable|one name|conditional write|redirect)/;

/** The names of the tests that fail. */
async function failures(defect: Defect): Promise<string[]> {
  const failed: string[] = [];
  for (const { name, run } of conformanceTests(pagedHarness(defect)))
    if (aboutDefects.test(name)) await run().catch(() => failed.push(name));
  return failed;
}

const redirects = [301, 302, 303, 307, 308].map(
  (status) =>
    `redirect (status ${status}): neither credentials nor values follow it, and its answer is not taken`,
);
const serverErrors = [429, 500, 502, 503].flatMap((status) =>
  [
    "a read fails with ERR_SECRET_UNAVAILABLE, of one name and of 'all'",
    'the first read of a new provider fails with ERR_SECRET_UNAVAILABLE',
    'a write fails with ERR_SECRET_UNAVAILABLE',
    'list fails with ERR_SECRET_UNAVAILABLE',
  ].map((rule) => `unavailable (status ${status}): ${rule}`),
);

describe('a provider without a defect passes', () => {
  for (const { name, run } of conformanceTests(pagedHarness())) test(name, run);
});

test.for<[Defect, readonly string[]]>([
  [
    'leaves a denied name out of a read of all',
    ["one name denied: a read of 'all' does not leave it out"],
  ],
  [
    'takes a failure in a read of all for an empty store',
    [
      "one name unavailable: a read of 'all' does not leave it out",
      "one name invalid: a read of 'all' does not leave it out",
    ],
  ],
  [
    'ignores ifRevision',
    [
      'conditional write: after another write it is a conflict, and nothing changes',
      'conditional write: after a change by another program it is a conflict, and nothing changes',
      'conditional write: of several at once at one revision, a single one succeeds',
    ],
  ],
  [
    'reads the first page of the list',
    [
      "read: 'all' answers every name of a store that holds many",
      'list: it has every name of a store that holds many',
    ],
  ],
  ['follows a redirect with its token', redirects],
  [
    'calls a server error broken content',
    [
      ...serverErrors,
      'one name unavailable: a read of it and another name reports it alone',
      "one name unavailable: a read of 'all' does not leave it out",
    ],
  ],
])('a provider that %s fails exactly the tests of that rule', async ([defect, rules]) => {
  expect((await failures(defect)).sort()).toEqual([...rules].sort());
});
