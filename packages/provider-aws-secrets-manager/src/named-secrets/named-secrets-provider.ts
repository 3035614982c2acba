/**
 * One secret a name: `TOKEN` is the secret `<prefix>TOKEN`.
 */
import { stampedContext } from '@keyfall/aws';
import {
  checked,
  isSecretError,
  nameWriter,
  pollForChanges,
  type ReadContext,
  type SecretBatch,
  type SecretProvider,
} from '@keyfall/core/provider';
import { listVersions } from '../api/list-versions.ts';
import type { SecretsManagerCalls } from '../api/secrets-manager-service.ts';
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

  const write = nameWriter({
    provider,
    assertWritable: (name, value) => assertWritable(secrets, name, value),
    async one(name, value, context) {
      const version = await writeName(secrets, name, value, context);
      writtenAt.set(name, performance.now());
      return version;
    },
  });

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
