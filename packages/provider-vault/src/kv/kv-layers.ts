/**
 * Several documents as one bag: a name comes from the first that holds it, and what is written goes
 * to the first. With one document there is nothing to this but how a document becomes a batch.
 */
import {
  type ReadContext,
  type SecretBatch,
  SecretError,
  type SecretRecord,
  type WriteReceipt,
} from '@keyfall/core/provider';
import type { KvDocument, KvDocumentStore } from './kv-document.ts';
import type { KvMount } from './kv-mount.ts';
import { compareRevisions } from './kv-revision.ts';

export interface KvLayers {
  read(context: ReadContext): Promise<SecretBatch>;
  /**
   * @throws `ERR_SECRET_CONFLICT` before anything is written for a deletion that would not make the
   *   name absent, since a later document holds it
   */
  write(
    entries: ReadonlyMap<string, string | null>,
    ifRevision: string | undefined,
    context: ReadContext,
  ): Promise<WriteReceipt>;
  names(context: ReadContext): Promise<readonly string[]>;
  /** The document that a name comes from now; the first if it comes from none. */
  holderOf(name: string, context: ReadContext): Promise<KvDocumentStore>;
  readVersion(
    name: string,
    version: number,
    context: ReadContext,
  ): Promise<SecretRecord | undefined>;
}

export function kvLayers(
  provider: string,
  mount: KvMount,
  documents: readonly KvDocumentStore[],
): KvLayers {
  const [first, ...later] = documents;
  if (first === undefined) throw new Error('a provider of no document');
  const conflict = (reason: string, hint: string): SecretError =>
    new SecretError('ERR_SECRET_CONFLICT', reason, { provider, hint });

  const holderOf = async (name: string, context: ReadContext): Promise<KvDocumentStore> => {
    if (later.length === 0) return first;
    const contents = await inOrder(documents, (document) => document.read(context));
    const position = contents.findIndex(({ entries }) => entries.has(name));
    return documents[position] ?? first;
  };

  return {
    async read(context) {
      const contents = await inOrder(documents, (document) => document.read(context));
      const missing: string[] = [];
      for (const [position, content] of contents.entries())
        if (!content.exists) missing.push(nothingAt(documents[position]?.place ?? '', content));
      const revision = combined(contents.map((content) => content.revision));
      const stamps = contents.map((content) => content.stamp ?? Number.NaN);
      const stamp = Math.min(...stamps);
      const description = `has nothing at ${missing.join(' and ')}`;
      const batch = {
        entries: firstOf(contents),
        complete: true,
        ...(revision === undefined ? {} : { revision }),
        ...(Number.isNaN(stamp) ? {} : { stamp }),
      };
      if (missing.length === 0) return batch;
      if (missing.length === contents.length)
        return { ...batch, missingDocument: { description, optional: false } };
      // a mistyped path must not start production on what all share, unseen
      context.warn(`${description}: its names come from the other paths, or are not found`);
      return { ...batch, degraded: description };
    },
    async write(entries, ifRevision, context) {
      const others = await inOrder(later, (document) => document.read(context));
      for (const [position, { entries: held }] of others.entries())
        for (const [name, value] of entries)
          if (value === null && held.has(name))
            throw conflict(
              `${name} is held at ${later[position]?.place} too, and only ${first.place} is written to`,
              'Delete it there, with a provider of that path.',
            );
      const states = others.map(({ revision }) => revision);
      const [wanted, ...wantedOfOthers] =
        later.length === 0 ? [ifRevision] : (ifRevision?.split(',') ?? []);
      if (ifRevision !== undefined && later.length > 0 && wantedOfOthers.join() !== states.join())
        throw conflict(
          `${later.map(({ place }) => place).join(' or ')} is not at the version that was read`,
          'Read it again and repeat the change.',
        );
      const receipt = await first.write(entries, wanted, context);
      const revision = combined([receipt.revision, ...states]);
      return revision === undefined ? receipt : { ...receipt, revision };
    },
    async names(context) {
      const names = await inOrder(documents, (document) => document.names(context));
      return [...new Set(names.flat())];
    },
    holderOf,
    async readVersion(name, version, context) {
      const document = await holderOf(name, context);
      const content = await document.read(context, version);
      (await mount.engine(context)).needsVersions('keeps no versions');
      const entry = content.entries.get(name);
      if (entry instanceof SecretError) throw entry;
      return entry;
    },
  };
}

/** Each name as the first document has it that holds it. */
function firstOf(contents: readonly KvDocument[]): KvDocument['entries'] {
  const [only] = contents;
  if (only && contents.length === 1) return only.entries;
  const entries = new Map<string, SecretRecord | SecretError>();
  for (const content of contents)
    for (const [name, entry] of content.entries) if (!entries.has(name)) entries.set(name, entry);
  return entries;
}

/** Asks all at once. Of several failures the earliest document's is thrown, so that it is always the same. */
async function inOrder<Result>(
  documents: readonly KvDocumentStore[],
  ask: (document: KvDocumentStore) => Promise<Result>,
): Promise<readonly Result[]> {
  const results = await Promise.allSettled(documents.map(ask));
  return results.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}

/** Which of two states of all documents is the newer one: of no document may the newer state be the older one. */
export function compareLayers(one: string, other: string): 'older' | 'newer' | undefined {
  const [ones, others] = [one.split(','), other.split(',')];
  if (ones.length !== others.length) return undefined;
  const pairs = ones.map((revision, at) => [revision, others[at] ?? ''] as const);
  const verdicts = new Set(
    pairs
      .filter(([revision, another]) => revision !== another)
      .map(([revision, another]) => compareRevisions(revision, another)),
  );
  return verdicts.size === 1 ? [...verdicts][0] : undefined;
}

/** `undefined` where one of them is not known. A revision has no comma. */
function combined(revisions: readonly (string | undefined)[]): string | undefined {
  return revisions.includes(undefined) ? undefined : revisions.join(',');
}

function nothingAt(place: string, { gone }: KvDocument): string {
  return gone === undefined ? place : `${place} (version ${gone.version} is ${gone.state})`;
}
