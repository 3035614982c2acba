// A store that can do and suffer everything the suite asks for. It keeps every rule, so that a test
// of the suite can break one of them and see which tests notice.
import { setImmediate as turn } from 'node:timers/promises';
import { SecretError, type SecretErrorCode } from '@keyfall/core';
import {
  type ReadContext,
  type SecretChanges,
  type SecretProvider,
  type SecretRecord,
  withApplied,
} from '@keyfall/core/provider';
import type { ConformanceFaults, ConformanceHarness, ConformanceSubject } from '../src/index.ts';

interface Version {
  readonly version: string;
  readonly value: string | null;
}

export interface ModelState {
  readonly held: Map<string, Version[]>;
  revision: number;
  fault: SecretErrorCode | 'stalled' | undefined;
  missing: boolean;
  /** What each of these names answers instead of its value. */
  readonly faultOf: Map<string, SecretErrorCode>;
  /** Where a redirect leads that the store answers. */
  redirect: string | undefined;
  readonly token: string;
}

export interface ModelSubject extends ConformanceSubject {
  readonly state: ModelState;
}

export interface ModelOptions {
  readonly bag: boolean;
  readonly conditionalWrites: boolean;
}

export interface ModelHarness extends ConformanceHarness<ModelSubject> {
  readonly faults: ConformanceFaults<ModelSubject>;
}

/** What a test breaks: members of the provider, made over the ones that are right. */
export type Mutation = (
  right: Required<SecretProvider>,
  state: ModelState,
) => Partial<SecretProvider>;

const refuse = (code: SecretErrorCode, reason = 'the model says so') =>
  new SecretError(code, reason, { provider: 'model' });

export function modelHarness(
  { bag, conditionalWrites }: ModelOptions,
  mutate?: Mutation,
): ModelHarness {
  const fail = (fault: ModelState['fault']) => async (subject: ModelSubject) => {
    subject.state.fault = fault;
  };
  const failName = (fault: SecretErrorCode) => async (subject: ModelSubject, name: string) =>
    void subject.state.faultOf.set(name, fault);
  return {
    async create(values) {
      const state: ModelState = {
        held: new Map([...values].map(([name, value]) => [name, [{ version: '1', value }]])),
        revision: 1,
        fault: undefined,
        missing: false,
        faultOf: new Map(),
        redirect: undefined,
        token: `token-${Math.random()}`,
      };
      const right = modelProvider(state, { bag, conditionalWrites });
      return {
        state,
        provider: { ...right, ...mutate?.(right, state) },
        credentials: [state.token],
        close: async () => {},
      };
    },
    change: async ({ state }, changes) => put(state, changes),
    capabilities: {
      writes: 'store',
      conditionalWrites,
      bag,
      list: true,
      history: true,
      check: true,
    },
    faults: {
      unavailable: fail('ERR_SECRET_UNAVAILABLE'),
      stalled: fail('stalled'),
      denied: fail('ERR_SECRET_DENIED'),
      unauthenticated: fail('ERR_SECRET_UNAUTHENTICATED'),
      invalid: fail('ERR_SECRET_INVALID'),
      untrusted: fail('ERR_SECRET_TLS'),
      missingDocument: async ({ state }) => {
        state.held.clear();
        state.missing = true;
      },
      async http({ state }, { status, headers }) {
        const down = status === 429 || status >= 500;
        state.fault = down ? 'ERR_SECRET_UNAVAILABLE' : 'ERR_SECRET_INVALID';
        state.redirect = headers['location'];
      },
      oneName: {
        denied: failName('ERR_SECRET_DENIED'),
        unavailable: failName('ERR_SECRET_UNAVAILABLE'),
        invalid: failName('ERR_SECRET_INVALID'),
      },
    },
    recover: fail(undefined),
    // a broken one may hang, and that should not take long; a right one may run on a busy machine
    ...(mutate && { timeout: 1_000 }),
    canHold: (name, value) => !`${name}${value}`.includes('\u0000'),
  };
}

/** Applies changes to the store. */
export function put(state: ModelState, changes: ReadonlyMap<string, string | null>): void {
  state.revision += 1;
  state.missing = false;
  for (const [name, value] of changes) {
    const versions = state.held.get(name) ?? [];
    if (value !== null || versions.length > 0)
      state.held.set(name, [{ version: String(state.revision), value }, ...versions]);
  }
}

/** What the store holds now. */
export function recordsOf(state: ModelState): Map<string, SecretRecord> {
  const records = new Map<string, SecretRecord>();
  for (const [name, [current]] of state.held)
    if (current && current.value !== null)
      records.set(name, { value: current.value, version: current.version, createdAt: Date.now() });
  return records;
}

function modelProvider(
  state: ModelState,
  { bag, conditionalWrites }: ModelOptions,
): Required<SecretProvider> {
  /** One round trip. */
  async function ask({ signal }: ReadContext): Promise<void> {
    if (signal.aborted) throw refuse('ERR_SECRET_ABORTED');
    await turn();
    if (state.fault === 'stalled')
      await new Promise((_, reject) => {
        const abort = () => reject(refuse('ERR_SECRET_ABORTED'));
        if (signal.aborted) abort();
        else signal.addEventListener('abort', abort);
      });
    else if (state.fault) throw refuse(state.fault);
  }

  return {
    name: 'model',
    store: 'a store in memory',
    place: { kind: 'model' },
    timeout: 1_000,
    credentialVariables: new Set(['MODEL_TOKEN']),
    plainText: true,
    atomicity: 'store',
    conditionalWrites: conditionalWrites ? 'always' : 'never',
    compareRevisions: (one, other) =>
      one === other ? undefined : Number(one) < Number(other) ? 'older' : 'newer',
    readings: async () => [],
    async read(names, context) {
      await ask(context);
      const missing = state.missing && {
        missingDocument: { description: 'has nothing there', optional: false },
      };
      const entries = new Map<string, SecretRecord | SecretError>();
      for (const [name, record] of recordsOf(state)) {
        const fault = state.faultOf.get(name);
        if (bag || names === 'all' || names.includes(name))
          entries.set(name, fault ? refuse(fault) : record);
      }
      return {
        entries,
        complete: bag || names === 'all' || state.missing,
        ...missing,
        ...(conditionalWrites && { revision: String(state.revision) }),
      };
    },
    async write({ entries, ifRevision }: SecretChanges, context) {
      await ask(context);
      for (const pair of entries)
        if (pair.join('').includes('\u0000')) throw refuse('ERR_SECRET_CONFIG');
      const conditional = conditionalWrites && ifRevision !== undefined;
      if (conditional && ifRevision !== String(state.revision))
        throw withApplied(refuse('ERR_SECRET_CONFLICT'), 'no');
      put(state, entries);
      const version = String(state.revision);
      return { conditional, version, ...(conditionalWrites && { revision: version }) };
    },
    async list(context) {
      await ask(context);
      return [...recordsOf(state).keys()];
    },
    async history(name, context) {
      await ask(context);
      return (state.held.get(name) ?? []).map(({ version, value }, index) => ({
        version,
        state: index === 0 ? 'current' : 'previous',
        held: value !== null,
      }));
    },
    async readVersion(name, version, context) {
      await ask(context);
      const value = state.held.get(name)?.find((held) => held.version === version)?.value;
      return value == null ? undefined : { value, version };
    },
    async check() {
      const failing = state.fault !== undefined || state.missing;
      return [
        { subject: 'store', state: failing ? 'failing' : 'ready', message: failing ? 'bad' : 'ok' },
      ];
    },
    async watch() {},
    async close() {},
  };
}
