/**
 * A document of HashiCorp Vault or OpenBao as a bag of secrets.
 */
import {
  type ReadContext,
  type SecretBatch,
  SecretError,
  type SecretProvider,
  type SecretRecord,
} from '@keyfall/core';
import { type KvDocument, kvDocument } from './kv-document.ts';
import { nodeVaultWire } from './node-vault-wire.ts';
import { createTransport } from './transport.ts';
import { checkVault } from './vault-check.ts';
import { createVaultClient } from './vault-client.ts';
import { resolveSettings, type VaultProviderOptions } from './vault-settings.ts';

/**
 * The secrets of one KV document (engine version 1 or 2), `secret/<path>` unless told otherwise. A
 * read is one request for the whole document, so that all names come from one version of it. Values
 * that are not text have their JSON text as the server sends it (`5432`, `true`, `{"a":1}`); a name
 * whose value is `null` is `ERR_SECRET_INVALID`, since it can be neither used nor called missing.
 *
 * A write merges into what the server holds then. On version 2 it is conditional on the version
 * that it merged into; version 1 offers no such thing, and the receipt says so.
 *
 * Making the provider does no I/O: files are read, and node-vault is loaded, at the first call.
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
  const settings = resolveSettings(options);
  const wire = nodeVaultWire(createTransport(settings));
  const client = createVaultClient(settings, wire);
  const document = kvDocument(settings, client);
  const { name, namespace, timeout } = settings;
  const { origin, place } = client.subject;

  /** What every call starts with. */
  function begin({ warn }: ReadContext): void {
    if (settings.tls.skipVerify && settings.address.secure)
      warn(
        `the certificate of ${origin} is not checked: skipVerify (variable VAULT_SKIP_VERIFY) is on`,
      );
  }

  return {
    name,
    store: `vault ${origin} ${namespace === '' ? '' : `${namespace}/`}${place}`,
    atomicity: 'store',
    conditionalWrites:
      settings.kvVersion === undefined ? 'depends' : settings.kvVersion === 2 ? 'always' : 'never',
    ...(timeout === undefined ? {} : { timeout }),
    async read(_names, context) {
      begin(context);
      return batchOf(await document.read(context), name, place);
    },
    async write({ entries, ifRevision }, context) {
      begin(context);
      return document.write(entries, ifRevision, context);
    },
    // version 1 keeps no versions: said before the call where it is known
    ...(settings.kvVersion === 1
      ? {}
      : {
          async history(secretName: string, context: ReadContext) {
            begin(context);
            return document.history(secretName, context);
          },
        }),
    async check(context) {
      return checkVault(settings, client, document, context);
    },
    async close() {
      client.close();
    },
  };
}

function batchOf(document: KvDocument, provider: string, place: string): SecretBatch {
  const { members, version, createdAt, exists } = document;
  const facts = {
    ...(version === undefined ? {} : { version: String(version) }),
    ...(createdAt === undefined ? {} : { createdAt }),
  };
  const entries = new Map<string, SecretRecord | SecretError>();
  for (const [name, text] of members)
    entries.set(
      name,
      text === 'null'
        ? new SecretError('ERR_SECRET_INVALID', `${name} is null at ${place}`, {
            provider,
            secretName: name,
            hint: 'Store a text under the name, or delete it.',
          })
        : { value: text.startsWith('"') ? JSON.parse(text) : text, ...facts },
    );
  return {
    entries,
    complete: true,
    ...(version === undefined ? {} : { revision: String(version) }),
    ...(exists
      ? {}
      : { missingDocument: { description: `has nothing at ${place}`, optional: false } }),
  };
}
