/**
 * One document of a KV engine, version 1 or 2: what is at `mount/path`, its names with the source
 * text of their values, and how it is written back without losing another writer's change.
 */
import { setTimeout as wait } from 'node:timers/promises';
import {
  isSecretError,
  type ReadContext,
  SecretError,
  type SecretRecord,
  type SecretVersion,
  type WriteReceipt,
  withApplied,
} from '@keyfall/core/provider';
import type { GoneVersion } from '../answers/server-words.ts';
import type { VaultClient } from '../session/vault-client.ts';
import { defaultWriteLimits, type VaultSettings } from '../settings/vault-settings.ts';
import { abortError, endingBefore, unlessAborted, whileWaiting } from '../wire/bounds.ts';
import { jsonMembers, jsonObject } from '../wire/json-members.ts';
import type { WireAnswer } from '../wire/vault-wire.ts';
import { countStrings, mergeMembers, patchOf, sameMembers } from './kv-members.ts';
import { momentOf, readMetadata } from './kv-metadata.ts';
import type { KvEngine, KvMount, KvPart } from './kv-mount.ts';
import { revisionOf } from './kv-revision.ts';
import { type Look, settleWrite } from './settle-write.ts';

/** The document as it was read. */
export interface KvDocument {
  /** What each name has: its text, or the JSON text of what is no text. A null is an error: it is no value. */
  readonly entries: ReadonlyMap<string, SecretRecord | SecretError>;
  /** The JSON text of each name's value, as the server sent it. Found at the first look: a read has no use for it. */
  readonly members: ReadonlyMap<string, string>;
  /** `0`: never written. `undefined`: the engine keeps no versions. */
  readonly version: number | undefined;
  /** Milliseconds since the epoch. */
  readonly createdAt: number | undefined;
  /** What a conditional write names: see `kv-revision.ts`. */
  readonly revision: string | undefined;
  /** What `ReadContext.stamp` gave when the request went out that was answered. */
  readonly stamp: number | undefined;
  /** Whether there is one: else it was never written, or is deleted or destroyed. */
  readonly exists: boolean;
  /** Why there is none, where the engine remembers one. */
  readonly gone: GoneVersion | undefined;
}

export interface KvDocumentStore {
  /** `secret/aiogram-shop`, for messages. */
  readonly place: string;
  /** The newest version, or `version`. */
  read(context: ReadContext, version?: number): Promise<KvDocument>;
  /** The names alone; for a token that may read them (`subkeys`) and not the values. */
  names(context: ReadContext): Promise<readonly string[]>;
  /** @param ifRevision - a revision as it was read, or a version alone */
  write(
    entries: ReadonlyMap<string, string | null>,
    ifRevision: string | undefined,
    context: ReadContext,
  ): Promise<WriteReceipt>;
  history(name: string, context: ReadContext): Promise<readonly SecretVersion[]>;
}

/** What comes of a request. */
type Outcome = Awaited<ReturnType<VaultClient['ask']>>;

/** How often a merge is repeated when another writer was faster. */
const mergeAttempts = 5;

/** How far back a history looks into versions: each costs a request. */
const deepestHistory = 20;

export function kvDocument(
  client: VaultClient,
  mount: KvMount,
  path: string,
  writeLimits: VaultSettings['writeLimits'] = defaultWriteLimits,
): KvDocumentStore {
  const { provider } = client.subject;
  const place = `${client.subject.mount}/${path}`;
  const invalidAnswer = (what: string): SecretError =>
    new SecretError('ERR_SECRET_INVALID', what, {
      provider,
      hint: 'Something in between may alter answers: ask the server itself.',
    });

  let writing: Promise<unknown> = Promise.resolve();

  /**
   * One write of ours after the other. Beside each other they would be the other writer to one another:
   * starting over on version 2, and on version 1 lost. Only the turn is waited for here: the write itself
   * ends with the signal, and says how far it had come.
   */
  function inTurn<Result>(signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
    const before = writing;
    const turn = unlessAborted(before, signal, provider).then(work);
    writing = turn.catch(() => {}).then(() => before);
    return whileWaiting(turn);
  }

  const requestFor = (part: KvPart, engine: KvEngine, query: string) =>
    ({
      verb: 'read',
      path: engine.encoded(path, part) + query,
      place,
      ifDenied: `Its policy needs the capability "read" on ${engine.shown(path, part)}.`,
    }) as const;

  /** The request of nearly every read, and the engine that it was made for. */
  let newest:
    | { readonly engine: KvEngine; readonly request: ReturnType<typeof requestFor> }
    | undefined;

  function requestForNewest(engine: KvEngine): ReturnType<typeof requestFor> {
    if (newest?.engine !== engine) newest = { engine, request: requestFor('data', engine, '') };
    return newest.request;
  }

  async function read(context: ReadContext, older?: number): Promise<KvDocument> {
    const engine = await mount.engine(context);
    const kv = engine.version;
    const request =
      older === undefined
        ? requestForNewest(engine)
        : requestFor('data', engine, `?version=${older}`);
    let outcome: Outcome;
    try {
      outcome = await client.ask(request, context);
    } catch (error) {
      // a policy for one version denies what the other is asked for
      const isDenied = isSecretError(error, 'ERR_SECRET_DENIED');
      if (!isDenied && !isSecretError(error, 'ERR_SECRET_CONFIG')) throw error;
      // a wrong address or a proxy that refuses is a wrong setting, too: it is not asked twice
      if (isDenied) await mount.confirm(context);
      if (await mount.hasChanged(kv, context)) return read(context, older);
      throw error;
    }
    if (outcome.kind === 'ok') return documentOf(kv, outcome.answer);
    if (outcome.kind !== 'missing')
      throw invalidAnswer(`${place} was not answered like a document`);
    const { gone } = outcome;
    if (gone === undefined && older === undefined) await mount.confirm(context);
    return {
      entries: new Map(),
      members: new Map(),
      version: kv === 2 ? (gone?.version ?? 0) : undefined,
      createdAt: undefined,
      revision: kv === 2 ? revisionOf(gone?.version ?? 0, gone?.createdTime) : undefined,
      stamp: outcome.stamp,
      exists: false,
      gone,
    };
  }

  function documentOf(kv: 1 | 2, { text, body, stamp }: WireAnswer): KvDocument {
    const data = body?.['data'] as VersionedData | null | undefined;
    const source = () => jsonMembers(jsonMembers(text)?.get('data'));
    const found = { stamp, exists: true, gone: undefined };
    if (kv === 1) {
      const unversioned = { version: undefined, createdAt: undefined, revision: undefined };
      const document = documentWith({ ...unversioned, ...found }, data, source);
      if (document === undefined) throw invalidAnswer(`the answer for ${place} has no data`);
      return document;
    }
    const { version, created_time: createdTime } = data?.metadata ?? {};
    const isVersion = typeof version === 'number' && Number.isSafeInteger(version) && version > 0;
    const document = isVersion
      ? documentWith(
          {
            version,
            createdAt: momentOf(createdTime),
            revision: revisionOf(version, createdTime),
            ...found,
          },
          // a live version may hold null instead of an object: it has no names
          data?.data === null ? {} : data?.data,
          () => jsonMembers(source()?.get('data')),
        )
      : undefined;
    if (document === undefined)
      throw invalidAnswer(`the answer for ${place} is not one of KV version 2`);
    return document;
  }

  /**
   * A document of this content.
   *
   * @param parsed - what `JSON.parse` made of it, which is not exact for numbers
   * @param sourceOf - its members as they stand in the answer
   * @returns `undefined` where it is no object
   */
  function documentWith(
    facts: Omit<KvDocument, 'entries' | 'members'>,
    parsed: unknown,
    sourceOf: () => ReadonlyMap<string, string> | undefined,
  ): KvDocument | undefined {
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined;
    const version = facts.version === undefined ? undefined : String(facts.version);
    let members: ReadonlyMap<string, string> | undefined;
    const source = (): ReadonlyMap<string, string> => {
      members ??= sourceOf() ?? new Map();
      return members;
    };
    const entries = new Map<string, SecretRecord | SecretError>();
    for (const name of Object.keys(parsed)) {
      const value: unknown = (parsed as Readonly<Record<string, unknown>>)[name];
      const text = value === null || typeof value === 'string' ? value : source().get(name);
      entries.set(
        name,
        typeof text === 'string' ? recordOf(text, version, facts.createdAt) : nullError(name),
      );
    }
    return {
      entries,
      get members() {
        return source();
      },
      ...facts,
    };
  }

  const nullError = (name: string): SecretError =>
    new SecretError('ERR_SECRET_INVALID', `${name} is null at ${place}`, {
      provider,
      secretName: name,
      hint: 'Store a text under the name, or delete it.',
    });

  /** One write of the whole document. `undefined`: another writer was faster. */
  async function put(
    engine: KvEngine,
    members: ReadonlyMap<string, string>,
    base: KvDocument,
    context: ReadContext,
  ): Promise<WriteReceipt | undefined> {
    const kv = engine.version;
    const emptied = kv === 1 && members.size === 0; // version 1 refuses a document without names
    const shown = engine.shown(path);
    const bodyOf = (data: string) =>
      kv === 2 ? `{"options":{"cas":${base.version}},"data":${data}}` : data;
    const sendAs = (verb: 'write' | 'update' | 'delete', data: string) => (bounds: ReadContext) =>
      client.ask(
        {
          verb,
          path: engine.encoded(path),
          body: bodyOf(data),
          place,
          ifDenied: emptied
            ? `Its policy needs the capability "delete" on ${shown}.`
            : `Its policy needs the capabilities "create" and "update" on ${shown}.`,
        },
        bounds,
      );
    let send = sendAs(emptied ? 'delete' : 'write', jsonObject(members));
    const sending = endingBefore(context);
    let outcome: Outcome;
    try {
      outcome = await send(sending);
    } catch (error) {
      const mayPatch = kv === 2 && base.exists && isSecretError(error, 'ERR_SECRET_DENIED');
      if (!mayPatch) throw error;
      // a policy may allow to change names and not to replace the document
      send = sendAs('update', jsonObject(patchOf(base.members, members)));
      outcome = await send(sending).catch((second) => {
        // to replace it is what is usually allowed, so the error names that where neither is
        const refused = isSecretError(second, 'ERR_SECRET_DENIED');
        throw refused || isSecretError(second, 'ERR_SECRET_UNSUPPORTED') ? error : second;
      });
      // deleted meanwhile: another writer was faster here, too
      if (outcome.kind === 'missing') return undefined;
    }
    if (outcome.kind === 'conflict') {
      // a standby or a gateway may have sent it on twice: then it is our own that is in the way
      const seen = await lookFor(members, base, sending).catch((error: unknown) => {
        throw withApplied(error, 'unknown');
      });
      return seen.found;
    }
    const receipt = receiptIn(kv, outcome);
    if (receipt !== undefined) return receipt;
    const settled = await settleWrite<WriteReceipt>(
      {
        look: (bounds) => lookFor(members, base, bounds),
        // it names the version that it is made from, so that it takes effect once at the most
        ...(kv === 2 && {
          again: async (bounds) => {
            const repeated = await send(bounds);
            if (repeated.kind === 'conflict') return 'conflict';
            return receiptIn(kv, repeated);
          },
        }),
      },
      endingBefore(context),
    );
    if (settled === 'overtaken') return undefined;
    if (settled !== 'unknown') return settled;
    if (context.signal.aborted) throw withApplied(abortError(context.signal, provider), 'unknown');
    const { error } =
      outcome.kind === 'unknown' ? outcome : { error: invalidAnswer("the answer is not Vault's") };
    const refused = isRefusal(error);
    throw new SecretError(
      refused ? error.code : 'ERR_SECRET_UNAVAILABLE',
      `${error.reason}, and it is not known whether ${place} was written`,
      {
        provider,
        applied: 'unknown',
        retryable: false,
        storeStatus: error.storeStatus,
        hint: 'Read it before you repeat the change: it may have been written, or may be yet.',
      },
    );
  }

  /** What an answer to a write says that it made. */
  function receiptIn(kv: 1 | 2, outcome: Outcome): WriteReceipt | undefined {
    if (outcome.kind !== 'ok') return undefined;
    if (kv === 1) return { conditional: false };
    const written = outcome.answer.body?.['data'] as VersionFacts | null | undefined;
    if (typeof written?.version !== 'number') return undefined;
    return receiptOf(written.version, revisionOf(written.version, written.created_time));
  }

  /** Looks whether the version that a write onto `base` makes is there, and is ours. */
  async function lookFor(
    members: ReadonlyMap<string, string>,
    base: KvDocument,
    context: ReadContext,
  ): Promise<Look<WriteReceipt>> {
    const ours = base.version === undefined ? undefined : base.version + 1;
    const written = await read(context, ours);
    const shouldExist = ours !== undefined || members.size > 0;
    if (written.exists === shouldExist && sameMembers(written.members, members))
      return { kind: 'ours', found: receiptOf(ours, written.revision) };
    // without versions it cannot be known whose it is
    if (ours === undefined) return { kind: 'none' };
    if (written.exists) return { kind: 'theirs' };
    return { kind: written.gone === undefined ? 'none' : 'gone' };
  }

  async function merge(
    entries: ReadonlyMap<string, string | null>,
    ifRevision: string | undefined,
    context: ReadContext,
  ): Promise<WriteReceipt> {
    const engine = await mount.engine(context);
    if (ifRevision !== undefined) engine.needsVersions('has no conditional writes');
    for (let attempt = 1; ; attempt += 1) {
      const base = await read(context);
      const conflict = new SecretError(
        'ERR_SECRET_CONFLICT',
        ifRevision === undefined
          ? `${place} was changed by other writers ${mergeAttempts} times while it was being written`
          : `${place} is not at the version that was read`,
        { provider, hint: 'Read it again and repeat the change.' },
      );
      if (ifRevision !== undefined && !isAt(base, ifRevision)) throw conflict;
      const members = mergeMembers(base.members, entries, provider);
      if (members === undefined) return receiptOf(base.version, base.revision);
      checkLimits(members);
      const receipt = await put(engine, members, base, context);
      if (receipt !== undefined) return receipt;
      if (ifRevision !== undefined || attempt === mergeAttempts) throw conflict;
      // so that several writers who start over at once do not meet again
      await wait(Math.random() * attempt * 30);
    }
  }

  function checkLimits(members: ReadonlyMap<string, string>): void {
    const refused = (what: string) =>
      new SecretError('ERR_SECRET_UNSUPPORTED', `${place} would ${what}, and was not written`, {
        provider,
        hint: 'Spread the names over several paths. If the server takes more, writeLimits of the provider says so, in a program or in a configuration.',
      });
    if (countStrings(members) > writeLimits.strings)
      throw refused(
        `have ${members.size} names, more than the server takes in one request (${writeLimits.strings} names and texts together)`,
      );
    const bytes = Buffer.byteLength(jsonObject(members));
    if (bytes > writeLimits.bytes)
      throw refused(
        `be ${bytes} bytes long, more than the server's storage takes (${writeLimits.bytes})`,
      );
  }

  return {
    place,
    read,
    async names(context) {
      try {
        return [...(await read(context)).entries.keys()];
      } catch (denied) {
        if (!isSecretError(denied, 'ERR_SECRET_DENIED')) throw denied;
        const engine = await mount.engine(context);
        if (engine.version === 1) throw denied;
        const subkeysRequest = requestFor('subkeys', engine, '?depth=1');
        const outcome = await client.ask(subkeysRequest, context).catch((error) => {
          throw isSecretError(error, 'ERR_SECRET_DENIED') ? denied : error;
        });
        if (outcome.kind === 'missing') return [];
        const text = outcome.kind === 'ok' ? outcome.answer.text : undefined;
        const subkeys = jsonMembers(jsonMembers(jsonMembers(text)?.get('data'))?.get('subkeys'));
        if (subkeys === undefined) throw invalidAnswer(`the answer about ${place} is not Vault's`);
        return [...subkeys.keys()];
      }
    },
    write: (entries, ifRevision, context) =>
      inTurn(context.signal, () => merge(entries, ifRevision, context)),
    async history(name, context) {
      const engine = await mount.engine(context);
      engine.needsVersions('keeps no versions');
      const metadata = await readMetadata(client, engine, path, place, context);
      const history: SecretVersion[] = [];
      for (const { version, state, createdAt } of metadata?.versions.slice(0, deepestHistory) ??
        []) {
        const { entries, gone } = await read(context, version);
        history.push({
          version: String(version),
          // the server's clock decides: it may have been deleted in what is yet to come by ours
          state: gone?.state ?? state,
          held: entries.has(name),
          ...(createdAt === undefined ? {} : { createdAt }),
        });
      }
      return history;
    },
  };
}

function recordOf(
  value: string,
  version: string | undefined,
  createdAt: number | undefined,
): SecretRecord {
  if (version === undefined) return { value };
  return createdAt === undefined ? { value, version } : { value, version, createdAt };
}

/** Whether it was refused, which an outage is not. */
function isRefusal({ code }: SecretError): boolean {
  return ['ERR_SECRET_DENIED', 'ERR_SECRET_UNAUTHENTICATED', 'ERR_SECRET_TLS'].includes(code);
}

interface VersionFacts {
  readonly version?: unknown;
  readonly created_time?: unknown;
}

/** The `data` of an answer of version 2. */
interface VersionedData {
  readonly data?: unknown;
  readonly metadata?: VersionFacts | null;
}
/** Whether `document` is at a revision, or at a version that was named without its time. */
function isAt({ version, revision }: KvDocument, wanted: string): boolean {
  return wanted === revision || wanted === String(version);
}

function receiptOf(version: number | undefined, revision: string | undefined): WriteReceipt {
  if (revision === undefined) return { conditional: false };
  return { revision, version: String(version), conditional: true };
}
