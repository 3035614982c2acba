/**
 * The age key of a user, which opens files that are encrypted for it. It is made once, where sops looks for it.
 */
import { assertOptions, type OptionKinds, SecretError } from '@keyfall/core/provider';
import type { AgeKeyPlace, OwnAgeKey } from './make-age-key.ts';

/** Options of {@link ownAgeKey}. */
export interface OwnAgeKeyOptions {
  /** Where keys are looked for, and the user's folder. Default `process.env`. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  /**
   * Where a new key is kept. Default: in the keychain of macOS, of Windows, or of a session of Linux that has the program
   * `secret-tool`; in a file where there is none, or none that takes the key within 10 s.
   */
  readonly place?: AgeKeyPlace | undefined;
  /** Ends the search for a key. */
  readonly signal?: AbortSignal | undefined;
}

const secretOptionKinds: OptionKinds<OwnSecretAgeKeyOptions> = {
  environment: 'an object',
  signal: 'an AbortSignal',
};
const optionKinds: OptionKinds<OwnAgeKeyOptions> = {
  ...secretOptionKinds,
  place: ['keychain', 'file'],
};

/**
 * The user's age key: the first one that is found where sops looks. If there is none, one is made: in the keychain of
 * the user, else in a new file of the user's alone (mode 0600), `sops/age/keys.txt` in `$XDG_CONFIG_HOME` or `~/.config`, on macOS in
 * `~/Library/Application Support`, on Windows in `%AppData%`. That file refers to a key in the keychain.
 *
 * @throws `ERR_SECRET_CONFIG`, `_DENIED` or `_UNAVAILABLE` if a place that may have a key cannot be used;
 *   `ERR_SECRET_CONFLICT` if the file exists and has no key that can be used; as `writeProblem` of core if it cannot be
 *   made; `ERR_SECRET_UNAVAILABLE` if it must be in a keychain, and there is none; `ERR_SECRET_ABORTED`
 * @example
 * ```ts
 * import { encryptSopsFile, ownAgeKey } from '@keyfall/provider-sops';
 *
 * const { recipient } = await ownAgeKey();
 * await encryptSopsFile('secrets.enc.env', new Map([['PORT', '8080']]), {
 *   ageRecipients: [recipient],
 * });
 * ```
 */
export async function ownAgeKey(options: OwnAgeKeyOptions = {}): Promise<OwnAgeKey> {
  assertOptions(options, 'ownAgeKey', optionKinds);
  const { environment = process.env, signal = new AbortController().signal } = options;
  const { findOrMakeAgeKey } = await import('./make-age-key.ts');
  return findOrMakeAgeKey(environment, signal, options.place);
}

/** Options of {@link ownSecretAgeKey}. */
export type OwnSecretAgeKeyOptions = Omit<OwnAgeKeyOptions, 'place'>;

/**
 * The secret key (`AGE-SECRET-KEY-1…`) of the one that `ownAgeKey` finds, for a copy of it, and for the real sops where no program of the
 * system prints it. `SOPS_AGE_KEY_CMD` is not run, since its command may be the one that asks.
 *
 * @throws `ERR_SECRET_CONFIG` if there is none; `ERR_SECRET_CONFIG`, `_DENIED` or `_UNAVAILABLE` if there is none and a place that may
 *   have one cannot be used
 * @example
 * ```ts
 * import { ownAgeKey, ownSecretAgeKey } from '@keyfall/provider-sops';
 *
 * await ownAgeKey();
 * process.stdout.write(`${await ownSecretAgeKey()}\n`);
 * ```
 */
export async function ownSecretAgeKey(options: OwnSecretAgeKeyOptions = {}): Promise<string> {
  assertOptions(options, 'ownSecretAgeKey', secretOptionKinds);
  const { environment = process.env, signal = new AbortController().signal } = options;
  const { SOPS_AGE_KEY_CMD: _, ...others } = environment;
  const { findAgeKeys } = await import('./age-keys.ts');
  const provider = 'sops';
  const { identities, problems } = await findAgeKeys({ environment: others, provider }, signal);
  const found = identities.find((identity) => typeof identity === 'string');
  if (found !== undefined) return found;
  throw (
    problems[0] ??
    new SecretError('ERR_SECRET_CONFIG', 'you have no age key', {
      provider,
      hint: 'Make one with `keyfall share key`. What SOPS_AGE_KEY_CMD prints is not looked at here.',
    })
  );
}
