// Every rule of the suite, shown to be able to fail: for each test there is a provider that is right
// but for one thing, and the test must notice it.
import { inspect } from 'node:util';
import { isSecretError, SecretError, type SecretErrorCode } from '@keyfall/core';
import { type SecretRecord, withApplied } from '@keyfall/core/provider';
import { describe, expect, test } from 'vitest';
import { conformanceTests } from '../src/index.ts';
import {
  type ModelOptions,
  type ModelState,
  type Mutation,
  modelHarness,
  put,
  recordsOf,
} from './model-store.ts';

const bag: ModelOptions = { bag: true, conditionalWrites: true };
const byName: ModelOptions = { bag: false, conditionalWrites: true };
const unconditional: ModelOptions = { bag: true, conditionalWrites: false };

describe.each([
  ['a bag', bag],
  ['a store of one secret a name', byName],
  ['a store without conditional writes', unconditional],
])('a right provider passes: %s', (_, options) => {
  for (const { name, run } of conformanceTests(modelHarness(options))) test(name, run);
});

/** Changes every batch of the provider. */
const batches =
  (
    change: (
      entries: Map<string, SecretRecord | SecretError>,
      asked: readonly string[] | 'all',
    ) => unknown,
  ): Mutation =>
  (right) => ({
    async read(names, context) {
      const batch = await right.read(names, context);
      const entries = new Map(batch.entries);
      change(entries, names);
      return { ...batch, entries };
    },
  });
const values = (change: (value: string) => string): Mutation =>
  batches((entries) => {
    for (const [name, entry] of entries)
      if (!isSecretError(entry)) entries.set(name, { ...entry, value: change(entry.value) });
  });

/** Answers from what was read once. */
const cached: Mutation = (right) => {
  let batch: ReturnType<typeof right.read> | undefined;
  return {
    read: (_names, context) => {
      batch ??= right.read('all', context);
      return batch;
    },
  };
};

/** Takes a failure for an answer. */
const takesForEmpty =
  (code: SecretErrorCode): Mutation =>
  (right) => ({
    read: (names, context) =>
      right.read(names, context).catch((error) => {
        if (isSecretError(error, code)) return { entries: new Map(), complete: true };
        throw error;
      }),
  });

/** Tells one kind of failure for another. */
const tells =
  (wrong: SecretErrorCode, method: 'read' | 'write' | 'list'): Mutation =>
  (right) => ({
    [method]: (...given: never[]) =>
      (right[method] as (...given: never[]) => Promise<unknown>)(...given).catch(() => {
        throw new SecretError(wrong, 'wrong');
      }),
  });

/** Leaves out a name that has an error, of a read of these alone. */
const leavesOut = (of: 'names' | 'all'): Mutation =>
  batches((entries, asked) => {
    for (const [name, entry] of entries)
      if (isSecretError(entry) && (asked === 'all') === (of === 'all')) entries.delete(name);
  });

const rejectingCheck: Mutation = () => ({
  check: async () => {
    throw new SecretError('ERR_SECRET_UNAVAILABLE', 'wrong');
  },
});
const blindCheck: Mutation = () => ({
  check: async () => [{ subject: 'store', state: 'ready', message: 'fine' }],
});
const wordyCheck: Mutation = () => ({
  check: async () => [{ subject: 'store', state: 'failing', message: 'bad', code: 'It is bad' }],
});
const waitsForEver: Mutation = (right, state) => ({
  read: (names, context) =>
    state.fault === 'stalled' ? new Promise(() => {}) : right.read(names, context),
  write: (changes, context) =>
    state.fault === 'stalled' ? new Promise(() => {}) : right.write(changes, context),
});

type Mutant = readonly [what: string, mutation: Mutation, options?: ModelOptions];
const mutants: Readonly<Record<string, readonly Mutant[]>> = {
  'read: a name that the store holds is answered with its value': [
    ['another value', values((value) => `${value}.`)],
    ['a value that is no text', batches((entries) => entries.set('BETA', { value: 5 as never }))],
    ['times in seconds', batches((entries) => entries.set('X', { value: 'x', createdAt: 1.7e9 }))],
    [
      'an object for a map',
      (right) => ({
        read: async (names, context) => {
          const batch = await right.read(names, context);
          return { ...batch, entries: Object.fromEntries(batch.entries) as never };
        },
      }),
    ],
  ],
  'read: several names are answered by one call': [
    [
      'the first name alone',
      batches((entries, asked) => asked !== 'all' && asked[1] && entries.delete(asked[1])),
      byName,
    ],
  ],
  "read: 'all' answers every name that the store holds, and no other": [
    ['one too few', batches((entries) => entries.delete('GAMMA'))],
    ['one too many', batches((entries) => entries.set('MORE', { value: 'x' }))],
    [
      'not complete',
      (right) => ({
        read: async (names, context) => ({
          ...(await right.read(names, context)),
          complete: false,
        }),
      }),
      byName,
    ],
  ],
  'read: an empty store gives a batch that is empty and complete': [
    [
      'an error for an empty store',
      (right, state) => ({
        read: async (names, context) => {
          if (recordsOf(state).size === 0) throw new SecretError('ERR_SECRET_NOT_FOUND', 'empty');
          return right.read(names, context);
        },
      }),
    ],
  ],
  'read: a name that the store does not hold is left out, and the others are answered': [
    [
      'an empty text for an absent name',
      batches((entries) => entries.set('NOBODY', { value: '' })),
    ],
    [
      'an error for an absent name',
      batches((entries) => entries.set('NOBODY', new SecretError('ERR_SECRET_NOT_FOUND', 'wrong'))),
    ],
    [
      'names without regard to case',
      (right) => ({
        read: async (names, context) => {
          const batch = await right.read(names, context);
          const entries = new Map(batch.entries);
          for (const [name, entry] of batch.entries) entries.set(name.toLowerCase(), entry);
          entries.set('nobody', { value: 'x' });
          return { ...batch, entries };
        },
      }),
    ],
  ],
  'read: a call with no names is answered without an error': [
    [
      'an error',
      (right) => ({
        read: async (names, context) => {
          if (names.length === 0) throw new TypeError('no names');
          return right.read(names, context);
        },
      }),
    ],
  ],
  'read: a batch that says it is complete has every name of the store': [
    [
      'complete, but only what was asked',
      (right) => ({
        read: async (names, context) => ({ ...(await right.read(names, context)), complete: true }),
      }),
      byName,
    ],
    [
      'a bag that does not say so',
      (right) => ({
        read: async (names, context) => ({
          ...(await right.read(names, context)),
          complete: names === 'all',
        }),
      }),
    ],
  ],
  'read: unusual values are answered character for character': [
    ['trimmed', values((value) => value.trim())],
    ['one kind of line end', values((value) => value.replaceAll('\r\n', '\n'))],
    ['without the byte order mark', values((value) => value.replace(/^\ufeff/, ''))],
    ['Latin-1', values((value) => Buffer.from(value, 'latin1').toString('latin1'))],
    ['64 KiB at most', values((value) => value.slice(0, 65_536))],
    [
      'numbers read as numbers',
      values((value) => (/^\d+$/.test(value) ? String(Number(value)) : value)),
    ],
    ['variables expanded', values((value) => value.replace('$HOME', '/home/x'))],
  ],
  'read: the empty string is a value, and not a missing name': [
    [
      'falsy is absent',
      batches((entries) => {
        for (const [name, entry] of entries)
          if (!isSecretError(entry) && !entry.value) entries.delete(name);
      }),
    ],
  ],
  'read: a change by another program shows in the next read': [['a cache', cached]],
  "read: 'all' answers every name of a store that holds many": [
    [
      'the first page',
      batches((entries) => {
        for (const name of [...entries.keys()].slice(100)) entries.delete(name);
      }),
    ],
  ],
  'list: it has every name of a store that holds many': [
    [
      'the first page',
      (right) => ({ list: async (context) => (await right.list(context)).slice(0, 100) }),
    ],
  ],
  'list: it has exactly the names that a read answers': [
    ['names of what was deleted or never there', () => ({ list: async () => ['ALPHA', 'OTHER'] })],
    ['no list', () => ({ list: undefined as never })],
  ],
  ...failureMutants('unavailable', 'ERR_SECRET_UNAVAILABLE', 'ERR_SECRET_DENIED'),
  ...failureMutants('unavailable (status 429)', 'ERR_SECRET_UNAVAILABLE', 'ERR_SECRET_INVALID'),
  ...failureMutants('unavailable (status 500)', 'ERR_SECRET_UNAVAILABLE', 'ERR_SECRET_INVALID'),
  ...failureMutants('unavailable (status 502)', 'ERR_SECRET_UNAVAILABLE', 'ERR_SECRET_INVALID'),
  ...failureMutants('unavailable (status 503)', 'ERR_SECRET_UNAVAILABLE', 'ERR_SECRET_INVALID'),
  ...failureMutants('denied', 'ERR_SECRET_DENIED', 'ERR_SECRET_UNAUTHENTICATED'),
  ...failureMutants('unauthenticated', 'ERR_SECRET_UNAUTHENTICATED', 'ERR_SECRET_DENIED'),
  ...failureMutants('invalid', 'ERR_SECRET_INVALID', 'ERR_SECRET_UNAVAILABLE'),
  ...failureMutants('invalid (a web page)', 'ERR_SECRET_INVALID', 'ERR_SECRET_UNAVAILABLE'),
  ...failureMutants('untrusted', 'ERR_SECRET_TLS', 'ERR_SECRET_UNAVAILABLE'),
  'unavailable: the provider answers again as soon as the store does': [
    [
      'down for ever',
      (right) => {
        let down: unknown;
        return {
          read: async (names, context) => {
            if (down) throw down;
            return right.read(names, context).catch((error: unknown) => {
              down = error;
              throw error;
            });
          },
        };
      },
    ],
  ],
  'missing document: every name is absent, and the batch says which document is missing': [
    [
      'not said',
      (right) => ({
        read: async (names, context) => {
          const { missingDocument: _, ...batch } = await right.read(names, context);
          return batch;
        },
      }),
    ],
    [
      'an error',
      (right, state) => ({
        read: async (names, context) => {
          if (state.missing) throw new SecretError('ERR_SECRET_NOT_FOUND', 'wrong');
          return right.read(names, context);
        },
      }),
    ],
  ],
  'missing document: a write creates it, or is refused with ERR_SECRET_NOT_FOUND': [
    [
      'only an existing one',
      (right, state) => ({
        write: async (changes, context) => {
          if (state.missing) throw new SecretError('ERR_SECRET_UNSUPPORTED', 'wrong');
          return right.write(changes, context);
        },
      }),
    ],
  ],
  ...oneNameMutants('denied'),
  ...oneNameMutants('unavailable'),
  ...oneNameMutants('invalid'),
  ...redirectMutants(),
  'hostile names: a secret under any of them is answered with its value': [
    [
      'through an object',
      (right) => ({
        read: async (names, context) => {
          const batch = await right.read(names, context);
          const object: Record<string, SecretRecord | SecretError> = {};
          for (const [name, entry] of batch.entries) object[name] = entry;
          return { ...batch, entries: new Map(Object.entries(object)) };
        },
      }),
    ],
    [
      'decoded as URLs',
      batches((entries) => {
        for (const [name, entry] of [...entries]) {
          entries.delete(name);
          entries.set(name.replace('%2e', '.'), entry);
        }
      }),
    ],
    [
      'Unicode normalized',
      batches((entries) => {
        for (const [name, entry] of [...entries]) {
          entries.delete(name);
          entries.set(name.normalize(), entry);
        }
      }),
    ],
  ],
  'hostile names: one that the store does not hold is absent, and no other secret is answered for it':
    [
      [
        'members of Object.prototype',
        batches((entries, asked) => {
          for (const name of asked === 'all' ? [] : asked)
            if (name in {} && !entries.has(name)) entries.set(name, { value: 'function' });
        }),
      ],
      [
        'another path',
        batches((entries, asked) => {
          for (const name of asked === 'all' ? [] : asked)
            if (name.includes('../')) entries.set(name, { value: 'other' });
        }),
      ],
      [
        'unavailable for an odd name',
        (right) => ({
          read: async (names, context) => {
            if (names.includes('..%2fup')) throw new SecretError('ERR_SECRET_UNAVAILABLE', 'wrong');
            return right.read(names, context);
          },
        }),
      ],
    ],
  'hostile names: what is written under them is read back, and can be deleted': [
    [
      '__proto__ gets lost',
      (right) => ({
        write: ({ entries }, context) =>
          right.write(
            { entries: new Map([...entries].filter(([name]) => name !== '__proto__')) },
            context,
          ),
      }),
    ],
  ],
  'hostile names: a write of one that the store cannot hold is refused, and nothing changes': [
    [
      'left out silently',
      (right) => ({
        write: ({ entries }, context) =>
          right.write(
            { entries: new Map([...entries].filter(([name]) => !name.includes('\0'))) },
            context,
          ),
      }),
    ],
    [
      'refused after half of it',
      (right, state) => ({
        write: (changes, context) => {
          for (const [name, value] of changes.entries)
            if (name === 'ALPHA') put(state, new Map([[name, value]]));
          return right.write(changes, context);
        },
      }),
    ],
  ],
  'write: one call sets, changes and deletes names, and leaves all others alone': [
    [
      'replaces the whole document',
      (right, state) => ({
        write: (changes, context) => {
          state.held.clear();
          return right.write(changes, context);
        },
      }),
    ],
    [
      'deletes by an empty text',
      (right) => ({
        write: ({ entries }, context) =>
          right.write(
            { entries: new Map([...entries].map(([name, value]) => [name, value ?? ''])) },
            context,
          ),
      }),
    ],
    ['a cache that a write does not renew', cached],
    ['no write', () => ({ write: undefined as never })],
  ],
  'write: the receipt agrees with the next read': [
    [
      'revisions the wrong way round',
      (right) => ({ compareRevisions: (one, other) => right.compareRevisions(other, one) }),
    ],
    ['a state that is newer than itself', () => ({ compareRevisions: () => 'newer' })],
    [
      'the version before',
      (right) => ({
        write: async (changes, context) => ({
          ...(await right.write(changes, context)),
          version: '1',
        }),
      }),
    ],
    [
      'the same revision for ever',
      (right) => ({
        read: async (names, context) => ({ ...(await right.read(names, context)), revision: '7' }),
        write: async (changes, context) => ({
          ...(await right.write(changes, context)),
          revision: '7',
        }),
      }),
    ],
    [
      'nothing about the condition',
      (right) => ({
        write: async (changes, context) => {
          const { conditional: _, ...receipt } = await right.write(changes, context);
          return receipt as never;
        },
      }),
    ],
  ],
  'write: deleting a name that the store does not hold changes nothing': [
    [
      'an error',
      (right, state) => ({
        write: async (changes, context) => {
          for (const [name, value] of changes.entries)
            if (value === null && !recordsOf(state).has(name))
              throw new SecretError('ERR_SECRET_NOT_FOUND', 'wrong');
          return right.write(changes, context);
        },
      }),
    ],
  ],
  'write: unusual values are read back character for character': [
    [
      'quotes get lost',
      (right) => ({
        write: ({ entries }, context) =>
          right.write(
            {
              entries: new Map(
                [...entries].map(([name, value]) => [name, value?.replaceAll('"', '') ?? null]),
              ),
            },
            context,
          ),
      }),
    ],
  ],
  'write: a batch that was read before it stays as it was': [
    [
      'the live map',
      (right, state) => {
        const live = recordsOf(state);
        return {
          read: async (names, context) => ({
            ...(await right.read(names, context)),
            entries: live,
          }),
          write: async (changes, context) => {
            const receipt = await right.write(changes, context);
            live.clear();
            for (const [name, record] of recordsOf(state)) live.set(name, record);
            return receipt;
          },
        };
      },
    ],
  ],
  'write: a value that the store cannot hold is refused, and nothing changes': [
    [
      'cut off silently',
      (right) => ({
        write: ({ entries }, context) =>
          right.write(
            {
              entries: new Map(
                [...entries].map(([name, value]) => [name, value?.split('\0')[0] ?? null]),
              ),
            },
            context,
          ),
      }),
    ],
  ],
  'conditional write: after another write it is a conflict, and nothing changes': [
    [
      'the last one wins',
      (right) => ({
        write: async ({ entries }, context) => ({
          ...(await right.write({ entries }, context)),
          conditional: true,
        }),
      }),
    ],
    [
      'refused after it was done',
      (right, state) => ({
        write: async (changes, context) => {
          if (changes.ifRevision !== undefined) put(state, changes.entries);
          return right.write(changes, context);
        },
      }),
    ],
    ['another code', tells('ERR_SECRET_UNAVAILABLE', 'write')],
    [
      'leaves it open whether something was changed',
      (right) => ({
        write: (changes, context) =>
          right.write(changes, context).catch(({ code, reason }) => {
            throw new SecretError(code, reason);
          }),
      }),
    ],
  ],
  'conditional write: after a change by another program it is a conflict, and nothing changes': [
    [
      'compares with what it read and wrote itself',
      (right) => {
        let seen: string | undefined;
        return {
          read: async (names, context) => {
            const batch = await right.read(names, context);
            seen = batch.revision;
            return batch;
          },
          write: async ({ entries, ifRevision }, context) => {
            if (ifRevision !== undefined && ifRevision !== seen)
              throw withApplied(new SecretError('ERR_SECRET_CONFLICT', 'changed'), 'no');
            const receipt = await right.write({ entries }, context);
            seen = receipt.revision;
            return { ...receipt, conditional: ifRevision !== undefined };
          },
        };
      },
    ],
  ],
  'conditional write: of several at once at one revision, a single one succeeds': [
    [
      'compares first, and writes later',
      (right) => ({
        write: async ({ entries, ifRevision }, context) => {
          const { revision } = await right.read([], context);
          if (ifRevision !== undefined && ifRevision !== revision)
            throw withApplied(new SecretError('ERR_SECRET_CONFLICT', 'changed'), 'no');
          return { ...(await right.write({ entries }, context)), conditional: true };
        },
      }),
    ],
    [
      'always a conflict',
      (right) => ({
        write: async (changes, context) => {
          if (changes.ifRevision === undefined) return right.write(changes, context);
          throw withApplied(new SecretError('ERR_SECRET_CONFLICT', 'wrong'), 'no');
        },
      }),
    ],
  ],
  'conditional write: at the revision that was read it succeeds, and the receipt says that it was conditional':
    [
      [
        'always a conflict',
        (right) => ({
          write: async (changes, context) => {
            if (changes.ifRevision !== undefined)
              throw new SecretError('ERR_SECRET_CONFLICT', 'wrong');
            return right.write(changes, context);
          },
        }),
      ],
      [
        'not said',
        (right) => ({
          write: async (changes, context) => ({
            ...(await right.write(changes, context)),
            conditional: false,
          }),
        }),
      ],
    ],
  'write: of several at once, none that was confirmed is lost': [
    [
      'read, then write the whole',
      (right, state) => ({
        write: async ({ entries }, context) => {
          const before = recordsOf(state);
          const receipt = await right.write({ entries: new Map() }, context);
          const whole = new Map<string, string | null>(
            [...before].map(([name, { value }]) => [name, value]),
          );
          for (const [name, value] of entries) whole.set(name, value);
          state.held.clear();
          put(state, whole);
          return receipt;
        },
      }),
    ],
  ],
  'conditional write: a store without them gives no revision and claims no check': [
    [
      'a revision that nothing honours',
      (right) => ({
        read: async (names, context) => ({ ...(await right.read(names, context)), revision: '1' }),
      }),
      unconditional,
    ],
    [
      'claims one',
      (right) => ({
        write: async (changes, context) => ({
          ...(await right.write(changes, context)),
          conditional: true,
        }),
      }),
      unconditional,
    ],
  ],
  'history: it has the versions of a name, newest first, and exactly one of them is current': [
    [
      'oldest first',
      (right) => ({
        history: async (name, context) => [...(await right.history(name, context))].reverse(),
      }),
    ],
    [
      'the last one alone',
      (right) => ({
        history: async (name, context) => (await right.history(name, context)).slice(0, 1),
      }),
    ],
    [
      'an earlier version answered with the current value',
      (right) => ({
        readVersion: async (name, _version, context) => {
          const [current] = await right.history(name, context);
          return right.readVersion(name, current?.version ?? '', context);
        },
      }),
    ],
  ],
  'abort: a read that is aborted before it starts rejects as aborted, or answers correctly': [
    [
      'answered as empty',
      (right) => ({
        read: async (names, context) =>
          context.signal.aborted
            ? { entries: new Map(), complete: true }
            : right.read(names, context),
      }),
    ],
    [
      'unavailable',
      (right) => ({
        read: async (names, context) => {
          if (context.signal.aborted) throw new SecretError('ERR_SECRET_UNAVAILABLE', 'wrong');
          return right.read(names, context);
        },
      }),
    ],
    [
      "the signal's own reason",
      (right) => ({
        read: async (names, context) => {
          context.signal.throwIfAborted();
          return right.read(names, context);
        },
      }),
    ],
  ],
  'abort: a write that is aborted before it starts happens whole and resolves, or does not happen':
    [
      [
        'done, and reported as aborted',
        (right, state) => ({
          write: async (changes, context) => {
            if (context.signal.aborted) put(state, changes.entries);
            return right.write(changes, context);
          },
        }),
      ],
    ],
  'abort: a read that waits for the store ends when it is aborted, at any moment': [
    ['waits for ever', waitsForEver],
    ['ends as unavailable', tells('ERR_SECRET_UNAVAILABLE', 'read')],
  ],
  'abort: the read of one caller does not end when another caller aborts its own': [
    [
      "one read with the first caller's signal",
      (right) => {
        let flight: ReturnType<typeof right.read> | undefined;
        return { read: (names, context) => (flight ??= right.read(names, context)) };
      },
    ],
  ],
  'abort: a write that waits for the store ends when it is aborted': [
    ['waits for ever', waitsForEver],
    ['ends as unavailable', tells('ERR_SECRET_UNAVAILABLE', 'write')],
  ],
  'description: name and store are one line each, without a value or a credential': [
    ['no name', () => ({ name: '' })],
    ['two lines', () => ({ store: 'a\nb' })],
    ['a credential', (_, state) => ({ store: `https://user:${state.token}@host` })],
  ],
  'description: the provider has exactly the methods that the harness declares': [
    ['less than it could', () => ({ write: undefined as never })],
    ['conditional writes not declared', () => ({ conditionalWrites: 'never' })],
    ['conditional writes made up', () => ({ conditionalWrites: 'always' }), unconditional],
    ['atomicity not declared', () => ({ atomicity: undefined as never })],
    ['no list', () => ({ list: undefined as never })],
    ['no check', () => ({ check: undefined as never })],
    ['no history', () => ({ history: undefined as never })],
  ],
  'concurrency: each of twenty reads at once gets its own answer': [
    [
      'one answer for all',
      (right) => {
        let asked: readonly string[] | 'all' = [];
        return {
          read: async (names, context) => {
            asked = names;
            await null;
            return right.read(asked, context);
          },
        };
      },
      byName,
    ],
  ],
  'close: it may be called twice, and while a read is under way': [
    [
      'an error',
      () => {
        let closed = false;
        return {
          close: async () => {
            if (closed) throw new SecretError('ERR_SECRET_ABORTED', 'closed already');
            closed = true;
          },
        };
      },
    ],
    [
      'a read under way hangs',
      (right) => {
        let closed = false;
        return {
          close: async () => {
            closed = true;
          },
          read: async (names, context) => {
            const batch = await right.read(names, context);
            return closed ? new Promise(() => {}) : batch;
          },
        };
      },
    ],
  ],
};

/** The tests of one name that fails, each with the providers that do not tell it. */
function oneNameMutants(kind: 'denied' | 'unavailable' | 'invalid'): Record<string, Mutant[]> {
  const takesOthersAlong: Mutation = (right, state) => ({
    read: async (names, context) => {
      if (state.faultOf.size > 0) throw new SecretError('ERR_SECRET_DENIED', 'wrong');
      return right.read(names, context);
    },
  });
  const tellsAnother = batches((entries) => {
    for (const [name, entry] of entries)
      if (isSecretError(entry)) entries.set(name, new SecretError('ERR_SECRET_CONFIG', 'wrong'));
  });
  return {
    [`one name ${kind}: a read of it and another name reports it alone`]: [
      ['the others go with it', takesOthersAlong],
      ['it is left out', leavesOut('names')],
      ['it has another error', tellsAnother],
    ],
    [`one name ${kind}: a read of 'all' does not leave it out`]: [
      ['it is left out', leavesOut('all')],
      ['it has another error', tellsAnother],
      [
        'the others are left out',
        batches((entries) => {
          if ([...entries.values()].some((entry) => isSecretError(entry))) entries.delete('BETA');
        }),
      ],
    ],
  };
}

function redirectMutants(): Record<string, readonly Mutant[]> {
  const ask = async ({ redirect, token }: ModelState, withToken: boolean) =>
    fetch(redirect ?? '', { headers: withToken ? { 'x-token': token } : {} });
  const wrong = new SecretError('ERR_SECRET_INVALID', 'wrong');
  const mutants: readonly Mutant[] = [
    [
      'asks there with the token',
      (right, state) => ({
        read: async (names, context) => {
          if (!state.redirect) return right.read(names, context);
          await ask(state, true);
          throw wrong;
        },
      }),
    ],
    [
      'takes what is answered there',
      (right, state) => ({
        read: async (names, context) => {
          if (!state.redirect) return right.read(names, context);
          const body: unknown = await (await ask(state, false)).json();
          const values = Object.entries(body as Record<string, string>);
          return {
            entries: new Map(values.map(([name, value]) => [name, { value }])),
            complete: true,
          };
        },
      }),
    ],
    [
      'sends there what is to be written',
      (right, state) => ({
        write: async (changes, context) => {
          if (!state.redirect) return right.write(changes, context);
          const body = JSON.stringify([...changes.entries]);
          await fetch(state.redirect, { method: 'POST', body });
          throw wrong;
        },
      }),
    ],
  ];
  return Object.fromEntries(
    [301, 302, 303, 307, 308].map((status) => [
      `redirect (status ${status}): neither credentials nor values follow it, and its answer is not taken`,
      mutants,
    ]),
  );
}

/** The tests of one failing state, each with the providers that confuse it. */
function failureMutants(
  state: string,
  code: SecretErrorCode,
  other: SecretErrorCode,
): Record<string, readonly Mutant[]> {
  const reading: readonly Mutant[] = [
    ['taken for an empty store', takesForEmpty(code)],
    ['taken for an empty store of one secret a name', takesForEmpty(code), byName],
    ['another code', tells(other, 'read')],
    [
      'an error that is not a SecretError',
      (right) => ({
        read: (names, context) =>
          right.read(names, context).catch(() => Promise.reject(new Error('x'))),
      }),
    ],
  ];
  return {
    [`${state}: check reports it, with a code for programs`]: [
      ['a check that rejects', rejectingCheck],
      ['a check that sees nothing', blindCheck],
      ['a check whose codes are sentences', wordyCheck],
    ],
    [`${state}: a read fails with ${code}, of one name and of 'all'`]: [
      ...reading,
      [
        "another code for 'all'",
        (right) => ({
          read: (names, context) =>
            right.read(names, context).catch((error: unknown) => {
              throw names === 'all' ? new SecretError(other, 'wrong') : error;
            }),
        }),
      ],
      [
        'the last answer instead',
        (right) => {
          let last: Awaited<ReturnType<typeof right.read>> | undefined;
          return {
            read: async (names, context) => {
              last = await right
                .read(names, context)
                .catch((error: unknown) => last ?? Promise.reject(error));
              return last as NonNullable<typeof last>;
            },
          };
        },
      ],
      [
        "everything is right but 'all'",
        (right) => ({
          read: (names, context) =>
            right.read(names, context).catch((error: unknown) => {
              if (names !== 'all') throw error;
              return { entries: new Map(), complete: true };
            }),
        }),
      ],
    ],
    [`${state}: the first read of a new provider fails with ${code}`]: reading,
    ...(code === 'ERR_SECRET_INVALID'
      ? {}
      : {
          [`${state}: a write fails with ${code}`]: [
            ['another code', tells(other, 'write')],
            [
              'done elsewhere',
              (right) => ({
                write: (changes, context) =>
                  right.write(changes, context).catch(() => ({ conditional: false })),
              }),
            ],
          ] satisfies readonly Mutant[],
          [`${state}: list fails with ${code}`]: [
            ['another code', tells(other, 'list')],
            ['no names', (right) => ({ list: (context) => right.list(context).catch(() => []) })],
          ] satisfies readonly Mutant[],
        }),
  };
}

const testOf = (rule: string, options: ModelOptions, mutation: Mutation) => {
  const found = conformanceTests(modelHarness(options, mutation)).find(({ name }) => name === rule);
  if (!found) throw new Error(`the suite has no test "${rule}"`);
  return found;
};

test('a fault that is neither given nor declared impossible is refused by name', () => {
  const harness = modelHarness(bag);
  const { http: _, oneName: __, ...faults } = harness.faults;
  expect(() => conformanceTests({ ...harness, faults: faults as typeof harness.faults })).toThrow(
    /^faults has no http, oneName:/,
  );
});

test('every test of the suite has a mutant', () => {
  const rules = [bag, byName, unconditional].flatMap((options) =>
    conformanceTests(modelHarness(options)).map(({ name }) => name),
  );
  expect(Object.keys(mutants).sort()).toEqual([...new Set(rules)].sort());
});

for (const [rule, broken] of Object.entries(mutants))
  describe(rule, () => {
    for (const [what, mutation, options = bag] of broken)
      test.concurrent(`notices: ${what}`, async ({ expect }) => {
        await expect(testOf(rule, options, mutation).run()).rejects.toThrow();
      });
  });

// A leak is looked for at the end of every test: here through one that has no other fault.
describe('leaks', () => {
  const someValue = (entries: ReadonlyMap<string, SecretRecord | SecretError>) => {
    const [first] = entries.values();
    return first && !isSecretError(first) ? first.value : '';
  };
  /** Fails when denied, as it should, with an error that tells too much. */
  const denied =
    (make: (value: string) => Error): Mutation =>
    (right, state) => ({
      read: (names, context) =>
        right.read(names, context).catch(() => {
          throw make(someValue(recordsOf(state)));
        }),
    });
  const refusal = (reason: string, more: object = {}) =>
    Object.assign(new SecretError('ERR_SECRET_DENIED', reason), more);
  const saying =
    (say: (value: string, context: { warn(text: string): void }) => unknown): Mutation =>
    (right) => ({
      async read(names, context) {
        const batch = await right.read(names, context);
        say(someValue(batch.entries), context);
        return batch;
      },
    });

  const whenDenied = 'denied: the first read of a new provider fails with ERR_SECRET_DENIED';
  const whenRead = 'read: a name that the store holds is answered with its value';
  test.each<[string, string, Mutation]>([
    ['a value in a message', whenDenied, denied((value) => refusal(`got ${value}`))],
    ['a value in a cause', whenDenied, denied((value) => refusal('no', { cause: refusal(value) }))],
    [
      'a request in a property',
      whenDenied,
      denied((value) => refusal('no', { request: { value } })),
    ],
    [
      'a value that inspect alone shows',
      whenDenied,
      denied((value) => refusal('no', { [inspect.custom]: () => value })),
    ],
    [
      'a credential in a hint',
      whenDenied,
      (right, state) => ({
        read: (names, context) =>
          right.read(names, context).catch(() => {
            throw new SecretError('ERR_SECRET_DENIED', 'no', { hint: `Renew ${state.token}.` });
          }),
      }),
    ],
    ['base64 in a message', whenDenied, denied((value) => refusal(btoa(`x${value}y`)))],
    [
      'a foreign error as cause',
      whenDenied,
      denied(() => refusal('no', { cause: new Error('theirs') })),
    ],
    ['a warning', whenRead, saying((value, { warn }) => warn(`read ${value}`))],
    ['the console', whenRead, saying((value) => console.debug('read', value))],
    ['stderr', whenRead, saying((value) => process.stderr.write(`${value}\n`))],
    ['a process warning', whenRead, saying((value) => process.emitWarning(value))],
    [
      'the revision',
      whenRead,
      (right) => ({
        read: async (names, context) => {
          const batch = await right.read(names, context);
          return { ...batch, revision: someValue(batch.entries) };
        },
      }),
    ],
    [
      'what check finds',
      'denied: check reports it, with a code for programs',
      (_, state) => ({
        check: async () => [{ subject: 'token', state: 'failing', message: state.token }],
      }),
    ],
    [
      'an error of close',
      whenRead,
      (_, state) => ({
        close: async () => {
          throw new Error(state.token);
        },
      }),
    ],
  ])('notices: %s', async (what, rule, mutation) => {
    const leak = what === 'a foreign error as cause' ? /cause/ : /a value or a credential was seen/;
    await expect(testOf(rule, bag, mutation).run()).rejects.toThrow(leak);
  });
});
