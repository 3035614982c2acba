/**
 * The first age key that is found, or a new one: what the first call of `ownAgeKey` loads.
 */
import { lstat, mkdir, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SecretError, systemClock } from '@keyfall/core/provider';
import { errnoOf, homeFolder } from '@keyfall/core/provider/files';
import { syncFolder, writeProblem } from '@keyfall/core/provider/files/write';
import { defaultKeyFile, findAgeKeys } from './age-keys.ts';
import { keychainLine, storeInKeychain, systemKeychain } from './keychain-key.ts';

/** What a user's age key is known by. It is not the key. */
export interface OwnAgeKey {
  /** The public key (`age1…`): what files are encrypted for. */
  readonly recipient: string;
  /** The file that was made for the key; `undefined` if there was a key already. */
  readonly madeFile: string | undefined;
  /**
   * Set if the key was made in the keychain, and that file only refers to it: the command that prints the key, for a copy of it and for
   * `SOPS_AGE_KEY_CMD` of the real sops.
   */
  readonly madeCommand: string | undefined;
  /**
   * Set if the key was made in a file because a keychain could not be asked: a clause for people that says what is missing, and whose
   * subject is the keychain.
   */
  readonly missing?: string | undefined;
}

/** Where a new key is kept. */
export type AgeKeyPlace = 'keychain' | 'file';

/** Milliseconds for a keychain to take the key, and for its user to unlock it. */
const keychainTime = 10_000;

/** As `ownAgeKey`. */
export async function findOrMakeAgeKey(
  environment: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
  place: AgeKeyPlace | undefined,
): Promise<OwnAgeKey> {
  const { recipients, problems } = await findAgeKeys({ environment, provider: 'sops' }, signal);
  const [found] = recipients;
  if (found !== undefined) return { recipient: found, madeFile: undefined, madeCommand: undefined };
  if (problems[0] !== undefined) throw problems[0];
  if (signal.aborted) throw new SecretError('ERR_SECRET_ABORTED', 'no age key was made: aborted');
  const path = defaultKeyFile(environment, homeFolder(environment));
  if (path === undefined) {
    const variable = process.platform === 'win32' ? 'APPDATA' : 'HOME';
    throw new SecretError('ERR_SECRET_CONFIG', 'there is no folder for an age key', {
      provider: 'sops',
      hint: `Set ${variable}, or name a file with a key by SOPS_AGE_KEY_FILE.`,
      setting: { variable, isMissing: true },
    });
  }
  const { generateIdentity, identityToRecipient } = await import('age-encryption');
  const key = await generateIdentity();
  const recipient = await identityToRecipient(key);
  // before a keychain has a key that no file refers to
  if (await isThere(path)) throw withoutKey(path);
  // not `AbortSignal.timeout`: on Node 20 one to which `any` alone refers may be collected, and never fires
  const late = new AbortController();
  const cancel = systemClock.schedule(() => late.abort(), keychainTime, true);
  const limited = AbortSignal.any([signal, late.signal]);
  const { isStored, missing } =
    place === 'file'
      ? { isStored: false }
      : await storeInKeychain(recipient, key, environment, limited);
  cancel();
  if (signal.aborted) throw new SecretError('ERR_SECRET_ABORTED', 'no age key was made: aborted');
  if (place === 'keychain' && !isStored)
    throw new SecretError(
      'ERR_SECRET_UNAVAILABLE',
      missing === undefined
        ? 'there is no keychain that takes an age key'
        : `the keychain ${missing}`,
      {
        provider: 'sops',
        hint: 'It must be that of macOS, of Windows, or of a session of Linux with `secret-tool`, and unlocked. A file takes one everywhere.',
      },
    );
  // as age-keygen writes it
  const head = `# created: ${new Date().toISOString()}\n# public key: ${recipient}\n`;
  await createKeyFile(path, `${head}${isStored ? keychainLine(recipient) : key}\n`);
  const madeCommand = isStored ? systemKeychain()?.command(recipient) : undefined;
  return { recipient, madeFile: path, madeCommand, missing };
}

async function createKeyFile(path: string, text: string): Promise<void> {
  const file = { path, shown: path, provider: 'sops' };
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const handle = await open(path, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    } finally {
      await handle.close();
    }
    await syncFolder(dirname(path));
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw writeProblem(file, error);
    throw withoutKey(path);
  }
}

function withoutKey(path: string): SecretError {
  return new SecretError('ERR_SECRET_CONFLICT', `${path} has no age key that can be used`, {
    provider: 'sops',
    hint: 'Add a line of age-keygen to it, or name a file with a key by SOPS_AGE_KEY_FILE.',
  });
}

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
