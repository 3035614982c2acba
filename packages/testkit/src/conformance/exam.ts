/**
 * One test's dealings with a provider. Everything that comes back (errors, warnings, output) is
 * kept and searched for the values and credentials at the end, so that each rule is also a rule
 * about leaks.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { isSecretError, type SecretError, type SecretErrorCode } from '@keyfall/core';
import type {
  ReadContext,
  SecretBatch,
  SecretProvider,
  WriteReceipt,
} from '@keyfall/core/provider';
import type { ConformanceHarness, ConformanceSubject, ConformanceTest } from './harness.ts';
import { leaksOf } from './leaks.ts';
import { recordOutput } from './output.ts';

/** What a provider said about one name. */
type Outcome = { readonly value: string } | { readonly code: SecretErrorCode } | 'absent';

/** A provider under examination. */
export interface Exam<Subject extends ConformanceSubject> {
  readonly subject: Subject;
  readonly provider: SecretProvider;
  /** Reads, and checks the shape of what comes. */
  read(names: readonly string[] | 'all', signal?: AbortSignal): Promise<SecretBatch>;
  /** The values by name; rejects with an assertion if a name has an error. */
  values(names: readonly string[] | 'all'): Promise<Map<string, string>>;
  /** What is said about one name, whether the read or its entry says it. */
  outcome(name: string): Promise<Outcome>;
  write(
    entries: Iterable<readonly [string, string | null]>,
    ifRevision?: string,
    signal?: AbortSignal,
  ): Promise<WriteReceipt>;
  context(signal?: AbortSignal): ReadContext;
  /** The error of a call that must fail. */
  rejection(call: () => Promise<unknown>, what: string): Promise<SecretError>;
  /** Settles as `call` does, but never later than the time limit. */
  settled<Value>(call: () => Promise<Value>, what: string): Promise<Value>;
  /** Adds something that the user would see. */
  saw(...seen: readonly unknown[]): void;
}

/** A value that is found nowhere by chance. */
export function canary(): string {
  return `canary${randomBytes(9).toString('hex')}`;
}

/** Names with a fresh canary each. */
export function canariesFor(...names: readonly string[]): Map<string, string> {
  return new Map(names.map((name) => [name, canary()]));
}

/** A test over a store that holds `values`. The check runs; then everything seen is searched. */
export function examine<Subject extends ConformanceSubject>(
  harness: ConformanceHarness<Subject>,
  name: string,
  values: () => ReadonlyMap<string, string>,
  check: (exam: Exam<Subject>, held: ReadonlyMap<string, string>) => Promise<void>,
): ConformanceTest {
  // far above what any answer takes, and below what most runners allow a test
  const { timeout = 20_000 } = harness;
  return {
    name,
    run: async () => {
      const held = values();
      const output = recordOutput();
      try {
        const subject = await harness.create(held);
        const seen: unknown[] = [];
        const secrets = new Set([...held.values(), ...(subject.credentials ?? [])]);
        try {
          const exam = examOf(subject, seen, secrets, timeout);
          seen.push(subject.provider.name, subject.provider.store);
          await check(exam, held);
        } finally {
          await within(timeout, async () => subject.provider.close?.(), 'close').catch((error) =>
            seen.push(error),
          );
          await subject.close();
        }
        seen.push(...(await output.end()));
        const canaries = [...secrets].filter((secret) => secret.length >= 6);
        assert.deepEqual(leaksOf(canaries, ...seen), [], 'a value or a credential was seen');
      } finally {
        await output.end();
      }
    },
  };
}

function examOf<Subject extends ConformanceSubject>(
  subject: Subject,
  seen: unknown[],
  secrets: Set<string>,
  timeout: number,
): Exam<Subject> {
  const { provider } = subject;
  const context = (signal: AbortSignal = new AbortController().signal): ReadContext => ({
    signal,
    remainingTimeout: () => timeout,
    warn: (message) => seen.push(message),
  });

  const settled = async <Value>(call: () => Promise<Value>, what: string): Promise<Value> => {
    try {
      return await within(timeout, call, what);
    } catch (error) {
      seen.push(error);
      throw error;
    }
  };

  async function read(
    names: readonly string[] | 'all',
    signal?: AbortSignal,
  ): Promise<SecretBatch> {
    const batch = await settled(async () => provider.read(names, context(signal)), 'read');
    checkBatch(batch, names);
    for (const entry of batch.entries.values()) if (isSecretError(entry)) seen.push(entry);
    seen.push(batch.missingDocument, batch.degraded, batch.revision, [...batch.entries.keys()]);
    return batch;
  }

  async function outcome(name: string): Promise<Outcome> {
    try {
      const entry = (await read([name])).entries.get(name);
      if (entry === undefined) return 'absent';
      return isSecretError(entry) ? { code: entry.code } : { value: entry.value };
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      assert.ok(isSecretError(error), `read rejects with no SecretError: ${describe(error)}`);
      return { code: error.code };
    }
  }

  return {
    subject,
    provider,
    context,
    settled,
    read,
    outcome,
    saw: (...more) => void seen.push(...more),
    async values(names) {
      const values = new Map<string, string>();
      for (const [name, entry] of (await read(names)).entries) {
        assert.ok(!isSecretError(entry), `${name} is an error: ${describe(entry)}`);
        values.set(name, entry.value);
      }
      return values;
    },
    async write(entries, ifRevision, signal) {
      const { write } = provider;
      assert.ok(write, 'the harness declares writes, but the provider has no write()');
      const changes = new Map(entries);
      for (const value of changes.values()) if (value !== null) secrets.add(value);
      const receipt = await settled(
        async () =>
          write.call(
            provider,
            { entries: changes, ...(ifRevision === undefined ? {} : { ifRevision }) },
            context(signal),
          ),
        'write',
      );
      seen.push(receipt);
      return receipt;
    },
    async rejection(call, what) {
      const error = await settled(call, what).then(
        () => undefined,
        (reason: unknown) => reason ?? new Error('nothing'),
      );
      assert.ok(error !== undefined, `${what} must reject, but it resolves`);
      if (error instanceof assert.AssertionError) throw error;
      assert.ok(isSecretError(error), `${what} must reject with a SecretError: ${describe(error)}`);
      assert.ok(
        error.cause === undefined || isSecretError(error.cause),
        `${what} rejects with another library's error as its cause`,
      );
      return error;
    },
  };
}

async function within<Value>(
  timeout: number,
  call: () => Promise<Value>,
  what: string,
): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new assert.AssertionError({ message: `${what} does not settle` })),
      timeout,
    );
  });
  try {
    return await Promise.race([call(), late]);
  } finally {
    clearTimeout(timer);
  }
}

function checkBatch(batch: SecretBatch, names: readonly string[] | 'all'): void {
  assert.ok(batch.entries instanceof Map, 'entries must be a Map');
  assert.equal(typeof batch.complete, 'boolean', 'complete must be a boolean');
  if (names === 'all') assert.equal(batch.complete, true, "a read of 'all' must be complete");
  if (batch.revision !== undefined) assert.equal(typeof batch.revision, 'string');
  for (const [name, entry] of batch.entries) {
    assert.equal(typeof name, 'string', 'a name must be text');
    if (isSecretError(entry)) continue;
    assert.ok(typeof entry === 'object' && entry !== null, `the record of ${name} is no object`);
    assert.equal(typeof entry.value, 'string', `the value of ${name} must be text`);
    if (entry.version !== undefined)
      assert.equal(typeof entry.version, 'string', `the version of ${name} must be text`);
    // the lower limit tells seconds from milliseconds
    for (const moment of [entry.createdAt, entry.expiresAt])
      if (moment !== undefined)
        assert.ok(Number.isFinite(moment) && moment > 1e11, `${name}: times are in milliseconds`);
    if (entry.lease !== undefined) {
      assert.equal(typeof entry.lease.id, 'string', `${name}: a lease has an id`);
      assert.equal(typeof entry.lease.renewable, 'boolean', `${name}: a lease is renewable or not`);
      assert.ok(entry.lease.duration >= 0, `${name}: a lease has a duration`);
    }
  }
}

/** What of the standard samples the harness's store can hold. */
export function holdable<Subject extends ConformanceSubject>(
  { canHold = () => true }: ConformanceHarness<Subject>,
  values: ReadonlyMap<string, string>,
): Map<string, string> {
  return new Map([...values].filter(([name, value]) => canHold(name, value)));
}

/** An error without what may be secret in it. */
function describe(error: unknown): string {
  if (isSecretError(error)) return error.code;
  return error instanceof Error ? error.constructor.name : typeof error;
}
