/**
 * One secret a name: `TOKEN` is the secret `<prefix>TOKEN`.
 */
import {
  isSecretError,
  pollForChanges,
  type ReadContext,
  type SecretBatch,
  SecretError,
  type SecretProvider,
} from '@keyfall/core/provider';
import { checked } from '../api/checked.ts';
import { listVersions } from '../api/list-versions.ts';
import { type SecretsManagerCalls, stampedContext } from '../api/secrets-manager-calls.ts';
import { currentStage, type StoreSettings } from '../api/store-settings.ts';
import { listNames } from './list-names.ts';
import type { NamedSecretSettings } from './named-secret-settings.ts';
import { createNameReader } from './read-names.ts';
import { assertWritable, writeName } from './write-name.ts';

/** How old a list may be, in milliseconds (API reference, ListSecrets). */
const listLag = 5 * 60_000;

export function namedSecretsProvider(
  calls: SecretsManagerCalls,
  prefix: string,
  settings: StoreSettings,
): SecretProvider {
  const { name: provider, store, place, versionStage } = settings;
  const secrets: NamedSecretSettings = { calls, provider, prefix, versionStage };
  const { readNames, readOne } = createNameReader(secrets);

  /** When each name was written here: a list may not show it yet. */
  const writtenAt = new Map<string, number>();
  function recentlyWritten(): string[] {
    for (const [name, at] of writtenAt)
      if (performance.now() - at > listLag) writtenAt.delete(name);
    return [...writtenAt.keys()];
  }

  async function read(
    names: readonly string[] | 'all',
    readContext: ReadContext,
  ): Promise<SecretBatch> {
    const { context, stamped } = stampedContext(readContext);
    const listed = names === 'all' ? await listNames(secrets, context) : [];
    const wanted =
      names === 'all' ? new Set([...listed.map(({ name }) => name), ...recentlyWritten()]) : names;
    const entries = await readNames([...wanted], context);
    return { entries, complete: names === 'all', ...stamped() };
  }

  async function write(
    { entries, ifRevision }: Parameters<NonNullable<SecretProvider['write']>>[0],
    context: ReadContext,
  ) {
    if (ifRevision !== undefined)
      throw new SecretError(
        'ERR_SECRET_UNSUPPORTED',
        'a write of several secrets cannot depend on a revision',
        { provider, applied: 'no', hint: 'Use one JSON secret, with the option secretId.' },
      );
    for (const [name, value] of entries) assertWritable(secrets, name, value);
    const written: string[] = [];
    let version: string | undefined;
    for (const [name, value] of entries)
      try {
        version = await writeName(secrets, name, value, context);
        writtenAt.set(name, performance.now());
        written.push(name);
      } catch (error) {
        if (!isSecretError(error)) throw error;
        const others = written.length === 0 ? 'nothing else was' : `${written.join(', ')} was`;
        const { applied = 'no' } = error;
        const what = applied === 'no' ? 'was not written' : 'may have been written or not';
        throw error.with({
          reason: `${name} ${what}, ${others}: ${error.reason}`,
          secretName: name,
          applied: written.length > 0 ? 'unknown' : applied,
        });
      }
    return {
      conditional: false,
      ...(version !== undefined && entries.size === 1 && { version }),
    };
  }

  return {
    name: provider,
    store,
    place,
    atomicity: 'name',
    conditionalWrites: 'never',
    read,
    list: async (context) => (await listNames(secrets, context)).map(({ name }) => name),
    ...(versionStage === currentStage && { write }),
    async history(name, context) {
      const versions = await listVersions(calls, prefix + name, provider, context);
      return versions.map(({ id, createdAt, isCurrent }) => ({
        version: id,
        ...(createdAt !== undefined && { createdAt }),
        state: isCurrent ? 'current' : 'previous',
        held: true,
      }));
    },
    async readVersion(name, version, context) {
      const entry = await readOne(name, context, { VersionId: version });
      if (isSecretError(entry)) throw entry;
      return entry;
    },
    check: (context) =>
      checked('secrets', async () => {
        const { length } = await listNames(secrets, context);
        const message = `${length} secrets begin with ${prefix || 'anything'}`;
        if (length > 0) return { state: 'ready', message };
        const hint = 'Check the option prefix and the region.';
        return { state: 'failing', message, hint, code: 'no-secrets' };
      }),
    watch: (onChange, signal) =>
      pollForChanges(
        async (context) => JSON.stringify(await listNames(secrets, context)),
        onChange,
        signal,
        { provider, interval: settings.pollInterval },
      ),
    async close() {
      calls.close();
    },
  };
}
