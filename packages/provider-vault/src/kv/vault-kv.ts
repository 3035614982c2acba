/**
 * What a KV engine can do and no other store: versions, their deletion and return, notes, folders.
 * For scripts and tools beside a chain; an application reads its secrets through `vaultProvider`.
 */
import {
  deadlineIn,
  isSecretError,
  limitedCall,
  type ReadContext,
  SecretError,
  systemClock,
  withApplied,
} from '@keyfall/core/provider';
import { openWire } from '../http/open-wire.ts';
import { createVaultClient, type VaultClient } from '../session/vault-client.ts';
import { checkOptions } from '../settings/check-options.ts';
import { vaultOptionsSchema } from '../settings/options-schema.ts';
import type { VaultMountOptions } from '../settings/vault-options.ts';
import {
  readerOf,
  resolveClient,
  resolveMount,
  uncheckedCertificate,
} from '../settings/vault-settings.ts';
import { lazily } from '../wire/lazily.ts';
import { encodePath } from '../wire/vault-path.ts';
import { kvDocument } from './kv-document.ts';
import { listFolder } from './kv-listing.ts';
import { mergePatch } from './kv-members.ts';
import { readMetadata, type VaultMetadata } from './kv-metadata.ts';
import { checkVersion, type KvEngine, type KvPart, kvMount } from './kv-mount.ts';

/** Options of {@link vaultKv}: where the server is, who asks, and which mount, as in `vaultProvider`. */
export interface VaultKvOptions extends VaultMountOptions {
  /**
   * Is called once with each thing that the user should know: that the certificate is not checked, that the
   * token ends and no other can be had. Never a value. Default: a warning of the process.
   */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** What bounds one call. Each is bounded by the option `timeout` as well, 10 s if it is not given. */
export interface VaultCallOptions {
  /** Ends the call with `ERR_SECRET_ABORTED`. */
  readonly signal?: AbortSignal | undefined;
}

/** The content of one version of a document. */
export interface VaultContent {
  /** By name; what is no text has its JSON text, and `null` is `null`. */
  readonly values: ReadonlyMap<string, string | null>;
  /** `undefined` on an engine of version 1. */
  readonly version: number | undefined;
  /** Milliseconds since the epoch. */
  readonly createdAt: number | undefined;
}

/** Settings of a document. What is left out stays as it is. */
export interface VaultDocumentSettings {
  /** Notes about the document, in the place of those that are there. Not secret: lists show them. */
  readonly custom?: Readonly<Record<string, string>>;
  /** How many versions are kept; `0`: as many as the mount says. */
  readonly maxVersions?: number;
  /** Whether every write must name the version that it is made from. Keyfall's always do. */
  readonly casRequired?: boolean;
  /** When a new version deletes itself, as Vault writes it: `'720h'`, `'0s'` for never. */
  readonly deleteVersionAfter?: string;
}

/**
 * One document of a KV engine. On version 1 there are `read` and `removeAll`; everything else is
 * `ERR_SECRET_UNSUPPORTED` there.
 */
export interface VaultDocument {
  /** `secret/aiogram-shop` */
  readonly place: string;
  /**
   * The newest version, or the one that `version` names. `undefined`: there is none, or it is
   * deleted, destroyed or no longer kept; `metadata` says which.
   */
  read(
    options?: VaultCallOptions & { readonly version?: number },
  ): Promise<VaultContent | undefined>;
  /**
   * Changes these names (`null` deletes one) in one new version and leaves the others alone. The
   * server merges: it takes the capability `patch`, and none to read.
   *
   * @returns the version that it made
   * @throws `ERR_SECRET_NOT_FOUND` if there is no document, `ERR_SECRET_CONFLICT` if it is not at
   *   `ifVersion`
   */
  patch(
    changes: Readonly<Record<string, string | null>>,
    options?: VaultCallOptions & { readonly ifVersion?: number },
  ): Promise<number>;
  /** Versions, settings and notes. `undefined`: the engine knows nothing of such a document. */
  metadata(options?: VaultCallOptions): Promise<VaultMetadata | undefined>;
  /** Changes settings or notes; of a document that is not there yet, too. */
  configure(settings: VaultDocumentSettings, options?: VaultCallOptions): Promise<void>;
  /** Deletes the newest version, or these. {@link VaultDocument.undelete} brings them back. */
  softDelete(versions?: readonly number[], options?: VaultCallOptions): Promise<void>;
  /** Brings deleted versions back. */
  undelete(versions: readonly number[], options?: VaultCallOptions): Promise<void>;
  /** Removes the content of these versions for good. */
  destroy(versions: readonly number[], options?: VaultCallOptions): Promise<void>;
  /** Removes the document, all its versions and its metadata for good. */
  removeAll(options?: VaultCallOptions): Promise<void>;
}

/** A mounted KV engine. */
export interface VaultKv {
  /** @throws `ERR_SECRET_CONFIG` for what is not a path of a document */
  document(path: string): VaultDocument;
  /**
   * The documents of a folder, and its folders with a `/` at the end; of the mount itself without
   * `folder`. Asks for a page at a time (500, or `pageSize`) as they are consumed.
   */
  list(
    folder?: string,
    options?: VaultCallOptions & { readonly pageSize?: number },
  ): AsyncIterable<string>;
  /** Ends its connections. */
  close(): Promise<void>;
}

/**
 * A KV engine by its own verbs. Reads neither the environment nor a file until something is asked.
 *
 * @throws `ERR_SECRET_CONFIG` for an option that there is not, or of another type
 * @example
 * ```ts
 * import { vaultKv } from '@keyfall/provider-vault/kv';
 *
 * const kv = vaultKv({ mount: 'secret' });
 * const shop = kv.document('aiogram-shop');
 * await shop.softDelete([3]);
 * await shop.undelete([3]);
 * await shop.configure({ custom: { owner: 'payments team' }, maxVersions: 20 });
 * for await (const name of kv.list()) console.log(name);
 * await kv.close();
 * ```
 */
export function vaultKv(options: VaultKvOptions = {}): VaultKv {
  const {
    path: _path,
    profile: _profile,
    writeLimits: _limits,
    ...properties
  } = vaultOptionsSchema.properties;
  checkOptions(options, 'vaultKv', { properties }, { onWarning: 'a function' });
  const { name: provider = 'vault', kvVersion } = options;
  const { onWarning = (text) => process.emitWarning(text, { type: 'KeyfallWarning' }) } = options;

  const opened = lazily(() => {
    const reader = readerOf(options);
    const settings = resolveClient(options, reader, new Set());
    const mount = resolveMount(options, reader);
    const client = createVaultClient(settings, openWire(settings), { mount, place: mount });
    return { settings, client, mount: kvMount({ mount, kvVersion }, client) };
  }, provider);
  const said = new Set<string>();
  const warn = (message: string): void => {
    if (said.has(message)) return;
    said.add(message);
    onWarning(`${provider}: ${message}`);
  };

  /** Does the work of one call within its time. */
  async function bounded<Result>(
    { signal }: VaultCallOptions,
    work: (context: ReadContext) => Promise<Result>,
  ): Promise<Result> {
    const { settings } = opened();
    const unchecked = uncheckedCertificate(settings);
    if (unchecked !== undefined) warn(unchecked);
    const { timeout = 10_000 } = settings;
    const remainingTimeout = deadlineIn(timeout);
    return limitedCall((context) => work({ ...context, remainingTimeout }), {
      clock: systemClock,
      // a request that gets no answer says more of it, and so ends first; a file may never be read
      timeout: timeout + 250,
      signal,
      provider,
      warn,
    });
  }

  /** The same for a call that changes something: an error says what became of it. */
  async function changing<Result>(
    call: VaultCallOptions,
    work: (context: ReadContext) => Promise<Result>,
  ): Promise<Result> {
    let begun = false;
    try {
      return await bounded(call, (context) => {
        begun = true;
        // whatever left says so itself
        return work(context).catch((error: unknown) => {
          throw withApplied(error, 'no');
        });
      });
    } catch (error) {
      throw withApplied(error, begun ? 'unknown' : 'no');
    }
  }

  function document(path: string): VaultDocument {
    checkPath(path, provider);
    const engineOf = (context: ReadContext) => opened().mount.engine(context);
    const placeNow = (): string => `${resolveMount(options, readerOf(options))}/${path}`;
    const store = lazily(() => {
      const { client, mount } = opened();
      return kvDocument(client, mount, path);
    }, provider);

    /** A change that is the same when it is made twice, so that an answer which was lost is no doubt. */
    const change = (
      verb: 'write' | 'delete',
      part: KvPart,
      capability: string,
      body: object | undefined,
      call: VaultCallOptions,
    ): Promise<void> =>
      changing(call, async (context) => {
        const { client, mount } = opened();
        const engine = await mount.engine(context);
        const isWhole = verb === 'delete' && part === 'metadata';
        if (!isWhole) engine.needsVersions('keeps no versions');
        // to version 1 this would be a document's content, and be written
        await mount.confirm(context);
        const shown = engine.shown(path, part);
        const { place } = store();
        const outcome = await client.ask(
          {
            verb,
            path: engine.encoded(path, part),
            place,
            ...(body === undefined ? {} : { body: JSON.stringify(body) }),
            ifDenied: `Its policy needs the capability "${capability}" on ${shown}.`,
          },
          context,
        );
        if (outcome.kind === 'unknown') throw outcome.error;
        if (outcome.kind !== 'ok')
          throw new SecretError('ERR_SECRET_INVALID', `${place} was not answered like a change`, {
            provider,
            applied: 'unknown',
          });
      });

    const versionsOf = (versions: readonly number[]): { readonly versions: readonly number[] } => {
      if (versions.length === 0)
        throw new SecretError('ERR_SECRET_CONFIG', 'no version was named', { provider });
      for (const version of versions) checkVersion(version, provider);
      return { versions };
    };

    return {
      get place() {
        return placeNow();
      },
      async read({ version, ...call } = {}) {
        if (version !== undefined) checkVersion(version, provider);
        return bounded(call, async (context) => {
          if (version !== undefined) (await engineOf(context)).needsVersions('keeps no versions');
          const content = await store().read(context, version);
          if (!content.exists) return undefined;
          const { version: number, createdAt } = content;
          const values = new Map<string, string | null>();
          // a null is an error to a provider
          for (const [name, entry] of content.entries)
            values.set(name, isSecretError(entry) ? null : entry.value);
          return { values, version: number, createdAt };
        });
      },
      async patch(changes, { ifVersion, ...call } = {}) {
        if (ifVersion !== undefined) checkVersion(ifVersion, provider);
        const data = mergePatch(changes, provider);
        return changing(call, async (context) => {
          const engine = await engineOf(context);
          engine.needsVersions('has no patch');
          return sendPatch(opened().client, engine, path, data, ifVersion, context);
        });
      },
      metadata: async (call = {}) =>
        bounded(call, async (context) => {
          const engine = await engineOf(context);
          engine.needsVersions('keeps no metadata');
          return readMetadata(opened().client, engine, path, store().place, context);
        }),
      configure: async ({ custom, maxVersions, casRequired, deleteVersionAfter }, call = {}) =>
        change(
          'write',
          'metadata',
          'update',
          {
            custom_metadata: custom,
            max_versions: maxVersions,
            cas_required: casRequired,
            delete_version_after: deleteVersionAfter,
          },
          call,
        ),
      softDelete: async (versions, call = {}) =>
        versions === undefined
          ? change('delete', 'data', 'delete', undefined, call)
          : change('write', 'delete', 'update', versionsOf(versions), call),
      undelete: async (versions, call = {}) =>
        change('write', 'undelete', 'update', versionsOf(versions), call),
      destroy: async (versions, call = {}) =>
        change('write', 'destroy', 'update', versionsOf(versions), call),
      removeAll: async (call = {}) => change('delete', 'metadata', 'delete', undefined, call),
    };
  }

  return {
    document,
    list(folder = '', { pageSize = 500, ...call } = {}) {
      const clean = folder.replace(/\/$/, '');
      if (clean !== '') checkPath(clean, provider);
      if (!Number.isSafeInteger(pageSize) || pageSize < 1)
        throw new SecretError(
          'ERR_SECRET_CONFIG',
          'the option pageSize is not a whole number of 1 or more',
          { provider },
        );
      return listFolder(opened, clean, pageSize, (work) => bounded(call, work));
    },
    async close() {
      await opened.end()?.client.close();
    },
  };
}

function checkPath(path: string, provider: string): void {
  try {
    encodePath(path);
  } catch {
    throw new SecretError('ERR_SECRET_CONFIG', 'this is not the path of a document', {
      provider,
      hint: 'Write names separated by single slashes, without "." or "..".',
    });
  }
}

async function sendPatch(
  client: VaultClient,
  engine: KvEngine,
  path: string,
  data: string,
  ifVersion: number | undefined,
  context: ReadContext,
): Promise<number> {
  const { provider, mount } = client.subject;
  const place = `${mount}/${path}`;
  const options = ifVersion === undefined ? '' : `"options":{"cas":${ifVersion}},`;
  const outcome = await client.ask(
    {
      verb: 'update',
      path: engine.encoded(path),
      place,
      body: `{${options}"data":${data}}`,
      ifDenied: `Its policy needs the capability "patch" on ${engine.shown(path)}.`,
    },
    context,
  );
  if (outcome.kind === 'missing')
    throw new SecretError('ERR_SECRET_NOT_FOUND', `there is nothing at ${place} to change`, {
      provider,
      hint: 'A write makes the document.',
    });
  if (outcome.kind === 'conflict')
    throw new SecretError('ERR_SECRET_CONFLICT', `${place} is not at version ${ifVersion}`, {
      provider,
      hint: 'Read it again and repeat the change.',
    });
  if (outcome.kind === 'unknown')
    throw new SecretError(
      'ERR_SECRET_UNAVAILABLE',
      `${outcome.error.reason}, and it is not known whether ${place} was changed`,
      {
        provider,
        retryable: false,
        applied: 'unknown',
        hint: 'Look at its versions before you repeat the change.',
      },
    );
  const written = outcome.answer.body?.['data'] as { version?: unknown } | null | undefined;
  if (typeof written?.version === 'number') return written.version;
  throw new SecretError('ERR_SECRET_INVALID', "the answer to the change is not Vault's", {
    provider,
    applied: 'unknown',
  });
}
