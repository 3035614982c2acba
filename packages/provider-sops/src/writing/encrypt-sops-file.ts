/**
 * A new encrypted file out of names and values, as a fallback that is not plain text.
 */
import { assertOptions, deadlineIn, type OptionKinds, SecretError } from '@keyfall/core/provider';
import {
  fileOptions,
  loadedSource,
  type SopsFileOptions,
  unloadedSource,
} from '../reading/sops-source.ts';
import type { FoundFile } from './snapshot-mark.ts';

/** Options of {@link encryptSopsFile}. */
export interface EncryptSopsFileOptions extends SopsFileOptions {
  /** The public keys that can open it, of age (`age1…`) or of SSH (`ssh-ed25519 …`, `ssh-rsa …`). */
  readonly ageRecipients: readonly string[];
  /**
   * Mark the file as a snapshot: until it is changed, it holds only copies of values in other stores. sops reads it like
   * any other file.
   */
  readonly asSnapshot?: boolean | undefined;
  /**
   * Called with the existing file at `path`, while no other writer of Keyfall can change it. If it throws, the file stays,
   * and the error is passed on. Default: any file is replaced.
   */
  readonly replacing?: ((found: FoundFile) => void) | undefined;
  /** Ends the call. */
  readonly signal?: AbortSignal | undefined;
}

const optionKinds: OptionKinds<EncryptSopsFileOptions> = {
  ...fileOptions,
  ageRecipients: 'a list of texts',
  asSnapshot: 'true or false',
  replacing: 'a function',
  signal: 'an AbortSignal',
};

/**
 * Writes a file in sops's format that holds exactly these values, all encrypted. A file at `path` is replaced in one step;
 * a new file gets mode 0600. Names stand for paths, as `sopsProvider` reads them.
 *
 * @throws `ERR_SECRET_CONFIG` for a wrong option; `ERR_SECRET_UNSUPPORTED` for what the format cannot
 *   hold; `ERR_SECRET_DENIED` or `ERR_SECRET_UNAVAILABLE` if the file cannot be written;
 *   what `replacing` throws
 * @example
 * ```ts
 * import { encryptSopsFile } from '@keyfall/provider-sops';
 *
 * export const snapshot = (values: ReadonlyMap<string, string>, recipient: string) =>
 *   encryptSopsFile('secrets.enc.yaml', values, { ageRecipients: [recipient] });
 * ```
 */
export async function encryptSopsFile(
  path: string,
  values: ReadonlyMap<string, string>,
  given: EncryptSopsFileOptions,
): Promise<void> {
  assertOptions(given, 'encryptSopsFile', optionKinds);
  const {
    ageRecipients = [],
    asSnapshot = false,
    replacing = () => {},
    signal = new AbortController().signal,
    ...options
  } = given;
  const unloaded = unloadedSource(path, 'sops', options);
  if (ageRecipients.length === 0)
    throw new SecretError('ERR_SECRET_CONFIG', 'the option ageRecipients names no key', {
      provider: 'sops',
      setting: { option: 'ageRecipients' },
    });
  const { createSops } = await import('./write-sops.ts');
  const source = await loadedSource(unloaded);
  if (source.format.name === 'binary')
    throw new SecretError(
      'ERR_SECRET_CONFIG',
      `the name of ${path} does not say which format it has`,
      { provider: 'sops', hint: 'Set the option format, or let the name end in .yaml.' },
    );
  const remainingTimeout = deadlineIn(10_000);
  const context = { signal, remainingTimeout, warn: () => undefined };
  await createSops(source, values, { recipients: ageRecipients, asSnapshot, replacing }, context);
}
