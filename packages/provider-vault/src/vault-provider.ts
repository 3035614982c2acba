/**
 * Documents of HashiCorp Vault or OpenBao as a bag of secrets.
 */
import {
  assertOptions,
  type ReadContext,
  type SecretProvider,
  withApplied,
} from '@keyfall/core/provider';
import { openWire } from './http/open-wire.ts';
import { kvDocument } from './kv/kv-document.ts';
import { compareLayers, kvLayers } from './kv/kv-layers.ts';
import { checkVersion, kvMount } from './kv/kv-mount.ts';
import { createVaultClient } from './session/vault-client.ts';
import {
  resolveSettings,
  uncheckedCertificate,
  type VaultProviderOptions,
} from './settings/vault-settings.ts';

/**
 * The secrets of one KV document (engine version 1 or 2), `secret/<path>` unless told otherwise. A
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
 * Making the provider does no I/O: files are read at the first call.
 *
 * @throws `ERR_SECRET_CONFIG` naming the option and variable that is missing or wrong
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
  assertOptions(options, 'vaultProvider');
  const settings = resolveSettings(options);
  const wire = openWire(settings);
  const client = createVaultClient(settings, wire);
  const mount = kvMount(settings, client);
  const documents = settings.paths.map((path) => kvDocument(settings, client, mount, path));
  const layers = kvLayers(settings, documents);
  const { name, namespace, timeout, token } = settings;
  const { origin } = client.subject;
  const unchecked = uncheckedCertificate(settings);
  const places = documents.map(({ place }) => (namespace === '' ? place : `${namespace}/${place}`));

  /** What every call starts with. The version is asked for once, before several documents need it. */
  async function begin(context: ReadContext): Promise<void> {
    if (unchecked !== undefined) context.warn(unchecked);
    await mount.version(context);
  }

  return {
    name,
    store: `${origin} ${places.join(', ')}`,
    place: { kind: 'vault', address: origin, paths: places },
    atomicity: 'store',
    conditionalWrites:
      settings.kvVersion === undefined ? 'depends' : settings.kvVersion === 2 ? 'always' : 'never',
    compareRevisions: compareLayers,
    ...(timeout === undefined ? {} : { timeout }),
    ...(token.kind === 'login' && { credentialVariables: token.credentialVariables }),
    async read(_names, context) {
      await begin(context);
      return layers.read(context);
    },
    async write({ entries, ifRevision }, context) {
      try {
        await begin(context);
        return await layers.write(entries, ifRevision, context);
      } catch (error) {
        // whatever left says so itself
        throw withApplied(error, 'no');
      }
    },
    async list(context) {
      await begin(context);
      return layers.names(context);
    },
    // version 1 keeps no versions: said before the call where it is known
    ...(settings.kvVersion === 1
      ? {}
      : {
          async history(secretName: string, context: ReadContext) {
            await begin(context);
            return (await layers.holderOf(secretName, context)).history(secretName, context);
          },
          async readVersion(secretName: string, version: string, context: ReadContext) {
            const number = /^\d+$/.test(version) ? Number(version) : Number.NaN;
            checkVersion(number, name);
            await begin(context);
            return layers.readVersion(secretName, number, context);
          },
        }),
    async check(context) {
      // imported here: what only reads has no use for it
      const { checkVault } = await import('./check/vault-check.ts');
      return checkVault(settings, client, mount, documents, context);
    },
    async close() {
      await client.close();
    },
  };
}
