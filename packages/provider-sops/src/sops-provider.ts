/**
 * Files encrypted by SOPS as a store: read as sops reads them, with the MAC checked, and changed in place. The code for
 * YAML, age and regular expressions is loaded by the first call that needs it.
 */
import {
  assertOptions,
  deadlineIn,
  isSecretError,
  type OptionKinds,
  type SecretBatch,
  SecretError,
  type SecretProvider,
  type SecretRecord,
  unconfiguredProvider,
  type WriteReceipt,
  withApplied,
} from '@keyfall/core/provider';
import {
  fileOptions,
  keyOptions,
  loadedSource,
  type SopsFileOptions,
  type SopsKeyOptions,
  unloadedSource,
} from './reading/sops-source.ts';
import type { SopsRecipients, SopsShared, SopsSharing } from './writing/share-sops.ts';

/** Options of {@link sopsProvider}. */
export interface SopsProviderOptions extends SopsFileOptions, SopsKeyOptions {
  /** The file, relative to the working directory of the moment when the provider is made. */
  readonly path: string | undefined;
  /**
   * Public keys (`age1…`, `ssh-ed25519 …`) for a file that the first write creates. Default: those of the age keys that
   * are found. An existing file keeps its own.
   */
  readonly ageRecipients?: readonly string[] | undefined;
  /** Unique in the chain. Default `sops`. */
  readonly name?: string | undefined;
}

/** A provider over a file of sops. */
export interface SopsProvider extends SecretProvider {
  /**
   * Everyone who can open the file. It needs no key, and finds out with those that are there which recipients are the user's
   * own.
   *
   * @throws `ERR_SECRET_CONFIG` if there is no such file; `ERR_SECRET_UNSUPPORTED` for a file with several key groups; as
   *   `read` for one that sops does not read
   */
  recipients(options?: SopsCallOptions): Promise<SopsRecipients>;
  /**
   * Changes who can open the file, in one step and under the lock of its writers. For an added recipient the data key is
   * encrypted as well; values and MAC stay as they are. If one is removed, the file gets a new data key, by which every value is
   * encrypted again: see `exposed` in the result.
   *
   * @throws `ERR_SECRET_CONFIG` if there is no such file, for what is neither a public key nor a recipient of the file, and
   *   for a removal after which no key at all, or without `force` none of the keys that are found here, could open it;
   *   `ERR_SECRET_UNSUPPORTED` for a file with several key groups, for one that only the `sops` program can open, and for a
   *   removal from one that other services can open too; as `read`, and as `write`
   * @example
   * ```ts
   * import { sopsProvider } from '@keyfall/provider-sops';
   *
   * const file = sopsProvider({ path: 'secrets.enc.env' });
   * await file.share({ add: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI… ada@laptop'] });
   * const { exposed } = await file.share({ remove: ['ada@laptop'] });
   * ```
   */
  share(change: SopsSharing, options?: SopsCallOptions): Promise<SopsShared>;
}

/** Options of a call. */
export interface SopsCallOptions {
  /** Ends the call. */
  readonly signal?: AbortSignal | undefined;
}

const sharingKinds: OptionKinds<SopsSharing> = {
  add: 'a list of texts',
  remove: 'a list of texts',
  force: 'true or false',
};

const optionKinds: OptionKinds<SopsProviderOptions> = {
  ...fileOptions,
  ...keyOptions,
  path: 'anything',
  ageRecipients: 'a list of texts',
  name: 'text',
};

/**
 * A provider over one file that SOPS has encrypted: YAML, JSON, dotenv, ini or binary. It opens files for age and SSH
 * keys by itself, and files for KMS, PGP and other keys with the `sops` program on PATH.
 *
 * The names of a nested document are its paths, joined by `.`; a list is one value, its JSON text. No value is returned
 * before the file's MAC has been checked.
 *
 * @throws `ERR_SECRET_CONFIG` with the option that is wrong; a missing path is that at the first call
 * @example
 * ```ts
 * import { createSecrets } from '@keyfall/core';
 * import { sopsProvider } from '@keyfall/provider-sops';
 *
 * const secrets = createSecrets({
 *   providers: [sopsProvider({ path: 'secrets.enc.yaml', ageKeyFile: 'keys.txt' })],
 * });
 * const password = await secrets.get('database.password');
 * ```
 */
export function sopsProvider(options: SopsProviderOptions): SopsProvider {
  assertOptions(options, 'sopsProvider', optionKinds);
  const { name = 'sops', path } = options;
  if (path === undefined) {
    const error = new SecretError('ERR_SECRET_CONFIG', 'the option path is missing', {
      provider: name,
      setting: { option: 'path', isMissing: true },
      hint: 'Name the encrypted file.',
    });
    const fails = () => Promise.reject(error);
    return {
      ...unconfiguredProvider('sops', error, { write: true }),
      recipients: fails,
      share: fails,
    };
  }
  const unloaded = unloadedSource(path, name, options);

  return {
    name,
    store: path,
    place: { kind: 'sops', files: [unloaded.path] },
    atomicity: 'store',
    conditionalWrites: 'always',
    credentialVariables: unloaded.credentialVariables,

    async read(_names, { signal }): Promise<SecretBatch> {
      const { openTree } = await import('./reading/open-tree.ts');
      const { namesOf, namedValue } = await import('./formats/names.ts');
      const source = await loadedSource(unloaded);
      const opened = await openTree(source, signal);
      if (opened === undefined) {
        const missingDocument = { description: `has no file ${path}`, optional: false };
        return { entries: new Map(), complete: true, missingDocument, revision: '' };
      }
      const entries = new Map<string, SecretRecord | SecretError>();
      for (const [key, places] of namesOf(opened.tree, source)) {
        const value = namedValue(key, places, source);
        entries.set(key, isSecretError(value) ? value : { value });
      }
      return { entries, complete: true, revision: opened.revision };
    },

    async write(changes, context): Promise<WriteReceipt> {
      const { writeSops } = await import('./writing/write-sops.ts');
      const source = await loadedSource(unloaded).catch((error) => {
        throw withApplied(error, 'no');
      });
      const revision = await writeSops(source, changes, options.ageRecipients, context);
      return { revision, conditional: changes.ifRevision !== undefined };
    },

    async check(context) {
      const { checkSops } = await import('./check-sops.ts');
      return checkSops(await loadedSource(unloaded), context);
    },

    async watch(onChange, signal) {
      const { watchFiles } = await import('@keyfall/core/provider/files');
      await watchFiles([unloaded.path], onChange, signal);
    },

    async recipients({ signal = new AbortController().signal } = {}) {
      const { recipientsOf } = await import('./writing/share-sops.ts');
      return recipientsOf(await loadedSource(unloaded), signal);
    },

    async share(change, { signal = new AbortController().signal } = {}) {
      assertOptions(change, 'share', sharingKinds);
      const { shareSops } = await import('./writing/share-sops.ts');
      const context = { signal, remainingTimeout: deadlineIn(10_000) };
      return shareSops(await loadedSource(unloaded), change, context);
    },
  };
}
