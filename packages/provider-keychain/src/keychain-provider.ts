/**
 * The keychain of the operating system as a provider: one item a name.
 */
import { isUtf8 } from 'node:buffer';
import {
  assertOptions,
  checked,
  nameReader,
  nameWriter,
  type OptionKinds,
  SecretError,
  type SecretProvider,
  type SecretRecord,
  unconfiguredProvider,
} from '@keyfall/core/provider';
import { type CallContext, keychainOf } from './keychain.ts';

/** Options of {@link keychainProvider}. */
export interface KeychainProviderOptions {
  /** The application: an item has this as its service (on Linux an attribute of that name), and the name as its account. */
  readonly service: string | undefined;
  /** Unique in the chain. Default `keychain`. */
  readonly name?: string | undefined;
}

const kind = 'keychain';

const optionKinds: OptionKinds<KeychainProviderOptions> = { service: 'text', name: 'text' };

/** Bytes in UTF-16 that the Credential Manager of Windows keeps (`CRED_MAX_CREDENTIAL_BLOB_SIZE`). */
const windowsLimit = 2_560;

/**
 * Secrets in the keychain of this user: the Keychain of macOS, the Credential Manager of Windows, the Secret Service of a
 * Linux session (GNOME Keyring, KWallet). An item is found by `service` and by the name as its account.
 *
 * Where there is no keychain, and where it is locked, the store is unavailable: a name is missing only if an open keychain has
 * no such item. Making the provider does no I/O: the first call loads `@napi-rs/keyring`, in a thread of its own.
 *
 * @throws `ERR_SECRET_CONFIG` naming the option that is wrong. A missing `service` is that at the first call
 * @example
 * ```ts
 * import { createSecrets } from '@keyfall/core';
 * import { dotenvProvider } from '@keyfall/provider-dotenv';
 * import { keychainProvider } from '@keyfall/provider-keychain';
 *
 * const secrets = createSecrets({
 *   providers: [keychainProvider({ service: 'shop' }), dotenvProvider()],
 * });
 * const token = await secrets.get('TOKEN');
 * ```
 */
export function keychainProvider(options: KeychainProviderOptions): SecretProvider {
  assertOptions(options, 'keychainProvider', optionKinds);
  const { service, name: provider = kind } = options;
  if (service === undefined)
    return unconfiguredProvider(
      kind,
      new SecretError('ERR_SECRET_CONFIG', 'the option service is missing', {
        provider,
        setting: { option: 'service', isMissing: true },
        hint: "Name the application whose items these are, such as 'shop'.",
      }),
      { write: true },
    );
  // what is behind a NUL would be cut off, and the items of another service found
  if (service === '' || /[\0\r\n]/.test(service))
    throw new SecretError('ERR_SECRET_CONFIG', 'the option service is not the name of a service', {
      provider,
      setting: { option: 'service' },
      hint: "Name the application whose items these are, such as 'shop'.",
    });
  const keychain = keychainOf(service, provider);

  const readNames = nameReader<CallContext>({
    async one(name, context): Promise<SecretRecord | SecretError | undefined> {
      const bytes = await keychain.read(name, context);
      if (bytes === null) return undefined;
      if (isUtf8(bytes)) return { value: Buffer.from(bytes).toString() };
      return new SecretError('ERR_SECRET_INVALID', `${name} holds bytes that are no UTF-8`, {
        provider,
        secretName: name,
        hint: 'Write it again as text.',
      });
    },
  });
  const list = async (context: CallContext) =>
    [...new Set(await keychain.list(context))].filter((name) => isPossible(name));

  return {
    name: provider,
    store: `the keychain, service ${service}`,
    place: { kind, paths: [service] },
    atomicity: 'name',
    conditionalWrites: 'never',
    async read(names, context) {
      const wanted = names === 'all' ? await list(context) : names;
      // a name that no item can have does not exist, and is not asked for
      const entries = await readNames(
        wanted.filter((name) => isPossible(name)),
        context,
      );
      return { entries, complete: names === 'all' };
    },
    list,
    write: nameWriter({
      provider,
      assertWritable: (name, value) => assertWritable(name, value, provider),
      async one(name, value, context) {
        await keychain.write(name, value, context);
        return undefined;
      },
    }),
    check: (context) =>
      checked('items', async () => {
        const { length } = await list(context);
        const message = `${length} items of the keychain have the service ${service}`;
        if (length > 0) return { state: 'ready', message };
        const hint = 'Check the option service, or write the first one with `keyfall set NAME`.';
        return { state: 'failing', message, hint, code: 'no-secrets' };
      }),
    async close() {
      keychain.close();
    },
  };
}

/** Whether an item may have this name as it is: the library cuts it at a NUL, and half a character becomes another one. */
function isPossible(name: string): boolean {
  return name !== '' && !name.includes('\0') && name.isWellFormed();
}

function assertWritable(secretName: string, value: string | null, provider: string): void {
  const unsupported = (what: string, hint: string) => {
    const details = { provider, secretName, hint, applied: 'no' } as const;
    return new SecretError(
      'ERR_SECRET_UNSUPPORTED',
      `${JSON.stringify(secretName)} ${what}`,
      details,
    );
  };
  if (!isPossible(secretName))
    throw unsupported('is not a name that a keychain can hold', 'Use text without NUL.');
  if (value?.isWellFormed() === false)
    throw unsupported('holds half a character', 'Use text that UTF-8 can have.');
  if (process.platform === 'win32' && (value?.length ?? 0) * 2 > windowsLimit)
    throw unsupported(
      `was not written: the Credential Manager of Windows keeps ${windowsLimit / 2} characters`,
      'Keep it in another store.',
    );
}
