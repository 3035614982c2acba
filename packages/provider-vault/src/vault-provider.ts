/**
 * Documents of HashiCorp Vault or OpenBao as a bag of secrets.
 */
import {
  lazySettings,
  type ReadContext,
  type SecretProvider,
  withApplied,
} from '@keyfall/core/provider';
import { credentialVariablesOf } from './auth/vault-auth.ts';
import { openWire } from './http/open-wire.ts';
import { kvDocument } from './kv/kv-document.ts';
import { compareLayers, kvLayers } from './kv/kv-layers.ts';
import { checkVersion, kvMount } from './kv/kv-mount.ts';
import { createVaultClient } from './session/vault-client.ts';
import { checkOptions } from './settings/check-options.ts';
import { vaultOptionsSchema } from './settings/options-schema.ts';
import type { VaultProviderOptions } from './settings/vault-options.ts';
import {
  placeOf,
  resolveSettings,
  shownPlace,
  uncheckedCertificate,
} from './settings/vault-settings.ts';
import { lazily } from './wire/lazily.ts';

/**
 * The secrets of one KV document (engine version 1 or 2), `secret/<path>` unless the mount is another. A
 * read is one request for the whole document, so that all names come from one version of it. Values
 * that are not text have their JSON text as the server sends it (`5432`, `true`, `{"a":1}`); a name
 * whose value is `null` is `ERR_SECRET_INVALID`, since it can be neither used nor called missing.
 *
 * A write merges into what the server holds then. On version 2 it is conditional on the version
 * that it merged into; version 1 offers no such thing, and the receipt says so.
 *
 * With several paths a name comes from the first document that holds it, and each is read with one
 * request. Writes go to the first. If one of them is not there while another is, the answer is marked
 * as degraded and a warning names the path, since it may be mistyped.
 *
 * Making the provider reads neither the environment nor a file: that waits for the first call, which is
 * `ERR_SECRET_CONFIG` naming the option and variable where a setting is missing or wrong.
 *
 * @throws `ERR_SECRET_CONFIG` for an option that there is not, or of another type
 * @example
 * ```ts
 * import { createSecrets } from '@keyfall/core';
 * import { vaultProvider } from '@keyfall/provider-vault';
 *
 * const secrets = createSecrets({ providers: [vaultProvider({ path: 'aiogram-shop' })] });
 * const token = await secrets.get('TOKEN');
 * ```
 */
export function vaultProvider(options: VaultProviderOptions = {}): SecretProvider {
  checkOptions(options, 'vaultProvider', vaultOptionsSchema);
  const { name = 'vault', kvVersion, auth, env } = options;
  const credentialVariables = new Set<string>();
  const resolved = lazySettings(() => {
    const settings = resolveSettings(options, credentialVariables);
    const { mount, paths } = settings;
    return {
      settings,
      place: placeOf(
        settings,
        paths.map((path) => `${mount}/${path}`),
      ),
    };
  });

  const opened = lazily(() => {
    const { settings } = resolved();
    const { mount, paths } = settings;
    const place = `${mount}/${paths[0]}`;
    const client = createVaultClient(settings, openWire(settings), { mount, place });
    const engine = kvMount(settings, client);
    const documents = paths.map((path) => kvDocument(client, engine, path, settings.writeLimits));
    const layers = kvLayers(name, engine, documents);
    return { settings, client, mount: engine, documents, layers };
  }, name);

  /** What every call starts with. The version is asked for once, before several documents need it. */
  async function begin(context: ReadContext): Promise<ReturnType<typeof opened>> {
    const vault = opened();
    const unchecked = uncheckedCertificate(vault.settings);
    if (unchecked !== undefined) context.warn(unchecked);
    await vault.mount.engine(context);
    return vault;
  }

  return {
    name,
    get store() {
      return shownPlace(resolved.known?.place);
    },
    get place() {
      return resolved.known?.place ?? { kind: 'vault' };
    },
    get timeout() {
      return resolved.known?.settings.timeout;
    },
    ...(auth && {
      get credentialVariables() {
        return credentialVariablesOf(auth, env ?? process.env, credentialVariables);
      },
    }),
    atomicity: 'store',
    conditionalWrites: kvVersion === undefined ? 'depends' : kvVersion === 2 ? 'always' : 'never',
    compareRevisions: compareLayers,
    async read(_names, context) {
      return (await begin(context)).layers.read(context);
    },
    async write({ entries, ifRevision }, context) {
      try {
        return await (await begin(context)).layers.write(entries, ifRevision, context);
      } catch (error) {
        // whatever left says so itself
        throw withApplied(error, 'no');
      }
    },
    async list(context) {
      return (await begin(context)).layers.names(context);
    },
    // version 1 keeps no versions: said before the call where it is known
    ...(kvVersion !== 1 && {
      async history(secretName: string, context: ReadContext) {
        const { layers } = await begin(context);
        return (await layers.holderOf(secretName, context)).history(secretName, context);
      },
      async readVersion(secretName: string, version: string, context: ReadContext) {
        const number = /^\d+$/.test(version) ? Number(version) : Number.NaN;
        checkVersion(number, name);
        return (await begin(context)).layers.readVersion(secretName, number, context);
      },
    }),
    async check(context) {
      // imported here: what only reads has no use for it
      const { checkVault } = await import('./check/vault-check.ts');
      return checkVault(opened(), context);
    },
    async close() {
      await opened.end()?.client.close();
    },
  };
}
