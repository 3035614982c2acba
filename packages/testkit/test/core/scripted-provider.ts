/**
 * A provider whose next answer a test decides: the chain's rules are about kinds of answers, and
 * here each kind is one word.
 */
import { SecretError, type SecretErrorCode } from '@keyfall/core';
import type {
  ReadContext,
  SecretBatch,
  SecretChanges,
  SecretProvider,
  SecretRecord,
  WriteReceipt,
} from '@keyfall/core/provider';

export type Mood =
  | 'answers'
  | 'unavailable'
  | 'denied'
  | 'unauthenticated'
  | 'tls'
  | 'invalid'
  | 'config'
  | 'missing-document'
  | 'no-file'
  | 'silent'
  | (() => Promise<SecretBatch>);

const codes: Readonly<Record<string, SecretErrorCode>> = {
  unavailable: 'ERR_SECRET_UNAVAILABLE',
  denied: 'ERR_SECRET_DENIED',
  unauthenticated: 'ERR_SECRET_UNAUTHENTICATED',
  tls: 'ERR_SECRET_TLS',
  invalid: 'ERR_SECRET_INVALID',
  config: 'ERR_SECRET_CONFIG',
};

export interface ScriptedProvider extends SecretProvider {
  mood: Mood;
  /** What the store holds, changed by tests behind the chain's back. */
  readonly held: Map<string, SecretRecord | SecretError>;
  /** Every read so far. */
  readonly reads: (readonly string[] | 'all')[];
  /** The mood that the last read met. */
  lastMet: Mood | undefined;
  /** The contexts of the reads. */
  readonly contexts: ReadContext[];
  closed: number;
}

export interface ScriptedOptions {
  readonly mood?: Mood;
  /** One secret a name instead of a bag. */
  readonly byName?: boolean;
  readonly writable?: boolean;
}

export function scripted(
  name: string,
  values: Readonly<Record<string, string>> = {},
  { mood = 'answers', byName = false, writable = false }: ScriptedOptions = {},
): ScriptedProvider {
  let revision = 1;
  const held = new Map<string, SecretRecord | SecretError>(
    Object.entries(values).map(([key, value]) => [key, { value, version: '1' }]),
  );
  const provider: ScriptedProvider = {
    name,
    store: 'somewhere/shop',
    mood,
    held,
    reads: [],
    lastMet: undefined,
    contexts: [],
    closed: 0,
    async read(names, context) {
      provider.reads.push(names);
      provider.contexts.push(context);
      provider.lastMet = provider.mood;
      const { mood } = provider;
      if (typeof mood === 'function') return mood();
      if (mood === 'silent')
        return new Promise((_, reject) => {
          context.signal.addEventListener('abort', () => reject(context.signal.reason));
        });
      const code = codes[mood];
      if (code) throw new SecretError(code, `it is ${mood}`);
      if (mood !== 'answers')
        return {
          entries: new Map(),
          complete: true,
          missingDocument: {
            description: mood === 'no-file' ? 'has no such file' : 'has nothing at somewhere/shop',
            optional: mood === 'no-file',
          },
        };
      const asked = byName && names !== 'all' ? new Set(names) : undefined;
      const entries = new Map([...held].filter(([key]) => asked?.has(key) ?? true));
      return { entries, complete: asked === undefined, revision: String(revision) };
    },
    async close() {
      provider.closed += 1;
    },
  };
  if (!writable) return provider;
  return Object.assign(provider, {
    atomicity: 'store' as const,
    conditionalWrites: 'always' as const,
    async write({ entries, ifRevision }: SecretChanges): Promise<WriteReceipt> {
      const code = codes[String(provider.mood)];
      const applied = 'no';
      if (code) throw new SecretError(code, `it is ${String(provider.mood)}`, { applied });
      if (ifRevision !== undefined && ifRevision !== String(revision))
        throw new SecretError('ERR_SECRET_CONFLICT', 'another revision', { applied });
      revision += 1;
      for (const [key, value] of entries)
        if (value === null) held.delete(key);
        else held.set(key, { value, version: String(revision) });
      return { revision: String(revision), version: String(revision), conditional: true };
    },
  });
}

/** The code of what `promise` rejects with, or its value. */
export async function outcome<Value>(promise: Promise<Value>): Promise<Value | SecretErrorCode> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof SecretError) return error.code;
    throw error;
  }
}
