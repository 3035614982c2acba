/**
 * One document of a KV engine, version 1 or 2: what is at `mount/path`, its names with the source
 * text of their values, and how it is written back without losing another writer's change.
 */
import {
  type ReadContext,
  SecretError,
  type SecretVersion,
  type WriteReceipt,
} from '@keyfall/core';
import { jsonMembers, jsonObject } from './json-members.ts';
import { countStrings, mergeMembers, sameMembers } from './kv-members.ts';
import { abortError, type VaultClient } from './vault-client.ts';
import { encodePath } from './vault-path.ts';
import type { VaultSettings } from './vault-settings.ts';
import type { WireAnswer } from './vault-wire.ts';

/** The document as it was read. */
export interface KvDocument {
  /** The JSON text of each name's value. */
  readonly members: ReadonlyMap<string, string>;
  /** `0`: never written. `undefined`: the engine keeps no versions. */
  readonly version: number | undefined;
  /** Milliseconds since the epoch. */
  readonly createdAt: number | undefined;
  /** Whether there is one: else it was never written, or is deleted or destroyed. */
  readonly exists: boolean;
}

export interface KvDocumentStore {
  read(context: ReadContext): Promise<KvDocument>;
  write(
    entries: ReadonlyMap<string, string | null>,
    ifRevision: string | undefined,
    context: ReadContext,
  ): Promise<WriteReceipt>;
  history(name: string, context: ReadContext): Promise<readonly SecretVersion[]>;
  /** The engine's version, asked once. */
  version(context: ReadContext): Promise<1 | 2>;
  /** The API path that the document is read at. */
  readPath(context: ReadContext): Promise<string>;
}

/** How often a merge is repeated when another writer was faster. */
const mergeAttempts = 5;

/** How far back a history looks into versions: each costs a request. */
const deepestHistory = 20;

export function kvDocument(settings: VaultSettings, client: VaultClient): KvDocumentStore {
  const { name: provider, mount, path, writeLimits } = settings;
  const { place } = client.subject;
  const mountPath = encodePath(mount);
  const documentPath = encodePath(path);
  let detected: 1 | 2 | undefined;
  const broken = (what: string): SecretError =>
    new SecretError('ERR_SECRET_INVALID', what, { provider });

  /** Asks the server, as its own command line does; works with any capability under the mount. */
  async function detect(context: ReadContext): Promise<1 | 2> {
    const outcome = await client.ask(
      {
        verb: 'read',
        path: `sys/internal/ui/mounts/${mountPath}`,
        ifDenied: `Either its policy allows nothing under the mount ${mount}, or there is no such mount: check the option mount (variable VAULT_MOUNT_POINT). If the server hides its mounts, set the option kvVersion.`,
      },
      context,
    );
    if (outcome.kind !== 'ok') throw broken(`the server did not describe the mount ${mount}`);
    const data = outcome.answer.body?.['data'] as
      | { path?: unknown; type?: unknown; options?: { version?: unknown } | null }
      | null
      | undefined;
    const found = String(data?.path ?? '').replace(/\/$/, '');
    if (found === '') throw broken(`the server did not describe the mount ${mount}`);
    const wrongMount = (reason: string, hint: string) =>
      new SecretError('ERR_SECRET_CONFIG', reason, { provider, hint });
    if (found !== mount)
      throw wrongMount(
        `${mount} is not a mount but a path under one`,
        'Give the mount as the option mount (VAULT_MOUNT_POINT) and the rest as path (VAULT_SECRET_PATH).',
      );
    if (data?.type !== 'kv' && data?.type !== 'generic')
      throw wrongMount(
        `the mount ${mount} is no KV engine`,
        'Give the mount of one as the option mount (variable VAULT_MOUNT_POINT).',
      );
    return data.options?.version === '2' ? 2 : 1;
  }

  async function version(context: ReadContext): Promise<1 | 2> {
    if (settings.kvVersion !== undefined) return settings.kvVersion;
    detected ??= await detect(context);
    return detected;
  }

  /**
   * A `kvVersion` that is wrong makes every document look missing, and a write land in the wrong
   * place: where nothing was found, the server is asked if it tells.
   */
  async function checkGivenVersion(context: ReadContext): Promise<void> {
    if (settings.kvVersion === undefined || detected !== undefined) return;
    try {
      detected = await detect(context);
    } catch {
      if (context.signal.aborted) throw abortError(context.signal, provider);
      return; // a policy may well hide it
    }
    if (detected === settings.kvVersion) return;
    detected = undefined;
    throw new SecretError(
      'ERR_SECRET_CONFIG',
      `the mount ${mount} is not of KV version ${settings.kvVersion}`,
      { provider, hint: 'Leave the option kvVersion out to have the server asked.' },
    );
  }

  const pathOf = (kv: 1 | 2, part = 'data'): string =>
    kv === 2 ? `${mountPath}/${part}/${documentPath}` : `${mountPath}/${documentPath}`;

  async function read(context: ReadContext, older?: number): Promise<KvDocument> {
    const kv = await version(context);
    const query = older === undefined ? '' : `?version=${older}`;
    const outcome = await client.ask(
      {
        verb: 'read',
        path: pathOf(kv) + query,
        ifDenied: `Its policy needs the capability "read" on ${shown(kv)}.`,
      },
      context,
    );
    if (outcome.kind === 'ok') return documentOf(kv, outcome.answer);
    if (outcome.kind !== 'missing') throw broken(`${place} was not answered like a document`);
    if (outcome.gone === undefined && older === undefined) await checkGivenVersion(context);
    return {
      members: new Map(),
      version: kv === 2 ? (outcome.gone?.version ?? 0) : undefined,
      createdAt: undefined,
      exists: false,
    };
  }

  function shown(kv: 1 | 2, part = 'data'): string {
    return kv === 2 ? `${mount}/${part}/${path}` : `${mount}/${path}`;
  }

  function documentOf(kv: 1 | 2, answer: WireAnswer): KvDocument {
    const data = jsonMembers(answer.text)?.get('data') ?? 'null';
    if (kv === 1) {
      const members = jsonMembers(data);
      if (members === undefined) throw broken(`the answer for ${place} has no data`);
      return { members, version: undefined, createdAt: undefined, exists: true };
    }
    const parts = jsonMembers(data);
    const content = parts?.get('data');
    // a live version may hold null instead of an object: it has no names
    const members = content === 'null' ? new Map<string, string>() : jsonMembers(content ?? '');
    const metadata = JSON.parse(parts?.get('metadata') ?? 'null') as {
      version?: unknown;
      created_time?: unknown;
    } | null;
    const found = metadata?.version;
    if (
      members === undefined ||
      typeof found !== 'number' ||
      !Number.isSafeInteger(found) ||
      found < 1
    )
      throw broken(`the answer for ${place} is not one of KV version 2`);
    return { members, version: found, createdAt: momentOf(metadata?.created_time), exists: true };
  }

  /** One write of the whole document. `undefined`: another writer was faster. */
  async function put(
    kv: 1 | 2,
    members: ReadonlyMap<string, string>,
    base: KvDocument,
    context: ReadContext,
  ): Promise<WriteReceipt | undefined> {
    const emptied = kv === 1 && members.size === 0; // version 1 refuses a document without names
    const data = jsonObject(members);
    const outcome = await client.ask(
      {
        verb: emptied ? 'delete' : 'write',
        path: pathOf(kv),
        body: kv === 2 ? `{"options":{"cas":${base.version}},"data":${data}}` : data,
        ifDenied: emptied
          ? `Its policy needs the capability "delete" on ${shown(kv)}.`
          : `Its policy needs the capabilities "create" and "update" on ${shown(kv)}.`,
      },
      context,
    );
    if (outcome.kind === 'conflict') return undefined;
    if (outcome.kind === 'missing') throw broken(`${place} was not answered like a write`);
    if (outcome.kind === 'unknown') return readBack(kv, members, base, outcome.error, context);
    if (kv === 1) return { conditional: false };
    const written = (outcome.answer.body?.['data'] as { version?: unknown } | null | undefined)
      ?.version;
    if (typeof written !== 'number')
      return readBack(kv, members, base, broken("the answer to the write is not Vault's"), context);
    return { revision: String(written), version: String(written), conditional: true };
  }

  /** Tells whether a write whose answer was lost took place. It is never sent again. */
  async function readBack(
    kv: 1 | 2,
    members: ReadonlyMap<string, string>,
    base: KvDocument,
    error: SecretError,
    context: ReadContext,
  ): Promise<WriteReceipt> {
    const ours = base.version === undefined ? undefined : base.version + 1;
    const unsure = (what: string, retryable: boolean) =>
      new SecretError('ERR_SECRET_UNAVAILABLE', `${error.reason}, and ${what}`, {
        provider,
        retryable,
        status: error.status,
        hint: retryable ? 'Repeat it.' : 'Read it before you repeat the change.',
      });
    const notKnown = unsure(`it is not known whether ${place} was written`, false);
    let written: KvDocument;
    let now: KvDocument;
    try {
      written = await read(context, ours);
      now = ours === undefined || written.exists ? written : await read(context);
    } catch {
      if (context.signal.aborted) throw abortError(context.signal, provider);
      throw notKnown;
    }
    const shouldExist = kv === 2 || members.size > 0;
    if (sameMembers(written.members, members) && written.exists === shouldExist) {
      if (ours === undefined) return { conditional: false };
      return { revision: String(ours), version: String(ours), conditional: true };
    }
    if (ours !== undefined && written.exists)
      throw new SecretError('ERR_SECRET_CONFLICT', `${place} was changed by another writer`, {
        provider,
        hint: 'Read it again and repeat the change.',
      });
    const untouched =
      now.version === base.version &&
      now.exists === base.exists &&
      sameMembers(now.members, base.members);
    throw untouched ? unsure(`${place} was not written`, true) : notKnown;
  }

  function checkLimits(members: ReadonlyMap<string, string>): void {
    const refused = (what: string) =>
      new SecretError('ERR_SECRET_UNSUPPORTED', `${place} would ${what}, and was not written`, {
        provider,
        hint: 'Spread the names over several paths; the option writeLimits tells what the server takes.',
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
    read: (context) => read(context),
    version,
    readPath: async (context) => shown(await version(context)),
    async write(entries, ifRevision, context) {
      const kv = await version(context);
      if (kv === 1 && ifRevision !== undefined)
        throw new SecretError(
          'ERR_SECRET_UNSUPPORTED',
          `the mount ${mount} is of KV version 1, which has no conditional writes`,
          {
            provider,
            hint: 'Mount a KV engine of version 2.',
          },
        );
      for (let attempt = 1; ; attempt += 1) {
        const base = await read(context);
        const conflict = new SecretError(
          'ERR_SECRET_CONFLICT',
          ifRevision === undefined
            ? `${place} was changed by other writers ${mergeAttempts} times while it was being written`
            : `${place} is not at the version that was read`,
          { provider, hint: 'Read it again and repeat the change.' },
        );
        if (ifRevision !== undefined && ifRevision !== String(base.version)) throw conflict;
        const members = mergeMembers(base.members, entries, provider);
        if (members === undefined) return unchanged(base);
        checkLimits(members);
        const receipt = await put(kv, members, base, context);
        if (receipt !== undefined) return receipt;
        if (ifRevision !== undefined || attempt === mergeAttempts) throw conflict;
      }
    },
    async history(name, context) {
      const kv = await version(context);
      if (kv === 1)
        throw new SecretError(
          'ERR_SECRET_UNSUPPORTED',
          `the mount ${mount} is of KV version 1, which keeps no versions`,
          {
            provider,
            hint: 'Mount a KV engine of version 2.',
          },
        );
      const outcome = await client.ask(
        {
          verb: 'read',
          path: pathOf(kv, 'metadata'),
          ifDenied: `Its policy needs the capability "read" on ${shown(kv, 'metadata')}.`,
        },
        context,
      );
      if (outcome.kind !== 'ok') return [];
      const data = outcome.answer.body?.['data'] as Metadata | null | undefined;
      const versions = Object.entries(data?.versions ?? {})
        .map(([number, facts]) => ({ number: Number(number), facts }))
        .sort((one, other) => other.number - one.number)
        .slice(0, deepestHistory);
      const history: SecretVersion[] = [];
      for (const { number, facts } of versions) {
        const state = stateOf(facts, number === data?.current_version);
        const live = state === 'current' || state === 'previous';
        const held = live && (await read(context, number)).members.has(name);
        const createdAt = momentOf(facts.created_time);
        history.push({
          version: String(number),
          state,
          held,
          ...(createdAt === undefined ? {} : { createdAt }),
        });
      }
      return history;
    },
  };
}

interface VersionFacts {
  readonly created_time?: unknown;
  readonly deletion_time?: unknown;
  readonly destroyed?: unknown;
}

interface Metadata {
  readonly current_version?: unknown;
  readonly versions?: Readonly<Record<string, VersionFacts>>;
}

function stateOf(facts: VersionFacts, current: boolean): SecretVersion['state'] {
  if (facts.destroyed === true) return 'destroyed';
  // a time to come is the engine's delete_version_after: until then the version is live
  const deletion = momentOf(facts.deletion_time);
  if (deletion !== undefined && deletion <= Date.now()) return 'deleted';
  return current ? 'current' : 'previous';
}

/** RFC 3339, as Go writes it, in milliseconds since the epoch. */
function momentOf(time: unknown): number | undefined {
  const moment = typeof time === 'string' ? Date.parse(time) : Number.NaN;
  return Number.isNaN(moment) ? undefined : moment;
}

/** What a write without a change tells: there was nothing to do. */
function unchanged({ version }: KvDocument): WriteReceipt {
  if (version === undefined) return { conditional: false };
  return { revision: String(version), version: String(version), conditional: true };
}
