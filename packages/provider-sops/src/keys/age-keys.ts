/**
 * The keys that open a file: from the options of the provider, or else from every place where sops looks
 * (age/keysource.go, `loadIdentities`). As with sops, a place that cannot be read, or holds something else, does no harm
 * while another place has the key. If none has it, the error is about that place.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { isSecretError, SecretError, type SecretErrorCode } from '@keyfall/core/provider';
import { errnoOf, homeFolder } from '@keyfall/core/provider/files';
import { runKeyProgram } from './key-program.ts';
import { keychainKeysIn, ownKeyCommand, systemKeychain } from './keychain-key.ts';
import { lockedSshKey, sshIdentity } from './ssh-keys.ts';

/** The options of a provider that are about keys. */
export interface AgeKeyOptions {
  readonly ageKey?: string | undefined;
  readonly ageKeyFile?: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly provider: string;
}

/** What opens the key of a file, as age-encryption has it: its own type needs those of a browser, which ours must not. */
interface AgeIdentity {
  unwrapFileKey(
    stanzas: readonly { readonly args: string[]; readonly body: Uint8Array }[],
  ): Uint8Array | null | Promise<Uint8Array | null>;
}

/** The keys that were found. */
export interface AgeKeys {
  /** age's own keys as text, SSH keys in the form of age-encryption. */
  readonly identities: readonly (string | AgeIdentity)[];
  /** The public keys of age's own. */
  readonly recipients: readonly string[];
  /** Whether there are keys of age plugins. Only the real sops can use those. */
  readonly plugins: boolean;
  /** The errors of places that could not be used. */
  readonly problems: readonly SecretError[];
  /** SSH keys with a passphrase in the default places: no problem, unless a file is encrypted for one of them. */
  readonly locked: readonly LockedKey[];
}

interface LockedKey {
  readonly file: string;
  /** As in `authorized_keys`, in base64. */
  readonly publicKey: string;
}

/** A place where keys may be: a file, a text, a command that prints them, or an item of the keychain. */
interface Place {
  readonly label: string;
  readonly file?: string;
  readonly text?: string;
  readonly command?: string;
  /** The public key of an item. */
  readonly keychain?: string;
  /** Set if the path of the file is a key itself, which is never shown: where the key should stand. */
  readonly belongsIn?: string;
  /** Whether the file need not exist. */
  readonly optional?: boolean;
  /** Whether it has a private key of SSH, and not lines of age keys. */
  readonly ssh?: boolean;
}

/** Makes the error about a place, whose label comes before `reason`. */
type Problem = (code: SecretErrorCode, reason: string, hint?: string) => SecretError;

/** Looks for keys. Never throws. */
export async function findAgeKeys(options: AgeKeyOptions, signal: AbortSignal): Promise<AgeKeys> {
  const identities: (string | AgeIdentity)[] = [];
  const recipients: string[] = [];
  const problems: SecretError[] = [];
  const locked: LockedKey[] = [];
  let plugins = false;
  const places = placesOf(options);
  for (const place of places) {
    const { label, belongsIn, ssh } = place;
    const problem: Problem = (code, reason, hint) =>
      new SecretError(code, `${label} ${reason}`, { provider: options.provider, hint });
    try {
      if (belongsIn !== undefined)
        throw problem(
          'ERR_SECRET_CONFIG',
          'must name a file, and holds a key',
          `Set ${belongsIn} instead.`,
        );
      const text = await contentOf(place, options.environment, problem, signal);
      if (text === undefined) continue;
      if (place.file !== undefined)
        for (const keychain of keychainKeysIn(text))
          places.push({ label: `the keychain, to which ${label} refers,`, keychain });
      const isSsh = ssh || text.includes('PRIVATE KEY-----');
      const found = isSsh ? sshKey(text) : await ageKeys(text);
      if (place.keychain !== undefined && !found?.recipients.includes(place.keychain))
        throw problem('ERR_SECRET_CONFIG', `has another value for ${place.keychain}`, otherPlaces);
      if (found !== undefined) {
        identities.push(...found.identities);
        recipients.push(...found.recipients);
        plugins ||= found.plugins;
      } else if (isDefaultSshKey(place)) {
        const publicKey = lockedSshKey(text);
        if (publicKey) locked.push({ file: label, publicKey });
      } else throw unusable(text, isSsh, problem);
    } catch (error) {
      if (!isSecretError(error)) throw error;
      if (!isDefaultSshKey(place)) problems.push(error);
    }
  }
  return { identities, recipients, plugins, problems, locked };
}

/** The error for a text that is not a key, or not one that can be used. */
function unusable(text: string, isSsh: boolean, problem: Problem): SecretError {
  // sops asks for a passphrase on the terminal; a program has no terminal to ask on
  if (isSsh && lockedSshKey(text) !== undefined)
    return problem(
      'ERR_SECRET_CONFIG',
      'holds an SSH key with a passphrase, which is not read',
      lockedHint,
    );
  if (/^(age-encryption\.org|-----BEGIN AGE)/.test(text))
    return problem(
      'ERR_SECRET_CONFIG',
      'is encrypted with a passphrase, and is not read',
      'Let SOPS_AGE_KEY_CMD print the key: `age --decrypt FILE`.',
    );
  return isSsh
    ? problem(
        'ERR_SECRET_CONFIG',
        'does not hold an SSH key that can be used',
        'It must be an ed25519 or RSA key.',
      )
    : problem(
        'ERR_SECRET_CONFIG',
        'holds something that is not an age key',
        'Each line must be a comment or a key as age-keygen prints it, without a typing error.',
      );
}

/** What to do about an SSH key with a passphrase. */
export const lockedHint =
  'Name a copy without a passphrase, made by `ssh-keygen -p`, or let an age key be added to the file with `keyfall share add`.';

/** Most users have a key in `~/.ssh`, often with a passphrase: that alone is not what is wrong. */
function isDefaultSshKey({ ssh = false, optional = false }: Place): boolean {
  return ssh && optional;
}

function placesOf({ ageKey, ageKeyFile, environment }: AgeKeyOptions): Place[] {
  const ofFile = (name: string, file: string, belongsIn: string, place: Place): Place =>
    isKeyItself(file) ? { label: name, belongsIn } : { ...place, file };
  const places: Place[] = [];
  if (ageKey !== undefined) places.push({ label: 'the option ageKey', text: ageKey });
  if (ageKeyFile !== undefined)
    places.push(
      ofFile('the option ageKeyFile', ageKeyFile, 'ageKey', {
        label: `the age key file ${ageKeyFile}`,
      }),
    );
  if (places.length > 0) return places;
  const fromVariable = (name: string, place: (value: string) => Place): void => {
    const value = environment[name];
    if (value !== undefined) places.push(place(value));
  };
  const fromFileVariable = (name: string, belongsIn: string, ssh: boolean): void =>
    fromVariable(name, (file) =>
      ofFile(name, file, belongsIn, { label: `${name} (${file})`, ssh }),
    );
  fromVariable('SOPS_AGE_KEY', (text) => ({ label: 'SOPS_AGE_KEY', text }));
  fromFileVariable('SOPS_AGE_KEY_FILE', 'SOPS_AGE_KEY', false);
  // our own command is there for sops: what it prints is found here, too
  if (environment['SOPS_AGE_KEY_CMD'] !== ownKeyCommand)
    fromVariable('SOPS_AGE_KEY_CMD', (command) => ({ label: 'SOPS_AGE_KEY_CMD', command }));
  fromFileVariable('SOPS_AGE_SSH_PRIVATE_KEY_FILE', 'the option ageKey', true);
  const home = homeFolder(environment);
  const keys = defaultKeyFile(environment, home);
  if (keys !== undefined) places.push({ label: keys, file: keys, optional: true });
  if (home === undefined) return places;
  for (const name of ['id_ed25519', 'id_rsa']) {
    const file = join(home, '.ssh', name);
    places.push({ label: file, file, ssh: true, optional: true });
  }
  return places;
}

/**
 * The default file of age keys: `sops/age/keys.txt` in the user's
 * configuration folder (Go's `os.UserConfigDir`), which is `$XDG_CONFIG_HOME` or `~/.config`, on
 * macOS `~/Library/Application Support`, on Windows `%AppData%`.
 */
export function defaultKeyFile(
  environment: Readonly<Record<string, string | undefined>>,
  home: string | undefined,
  platform: NodeJS.Platform = process.platform,
): string | undefined {
  const inFolder = (folder: string) => join(folder, 'sops', 'age', 'keys.txt');
  if (platform === 'win32') {
    const folder = environment['AppData'] ?? environment['APPDATA'];
    return folder ? inFolder(folder) : undefined;
  }
  const own = environment['XDG_CONFIG_HOME'];
  if (own) return inFolder(own);
  const config = platform === 'darwin' ? join('Library', 'Application Support') : '.config';
  return home === undefined ? undefined : inFolder(join(home, config));
}

/** The files that {@link findAgeKeys} would read. */
export function keyFilesOf(options: AgeKeyOptions): string[] {
  return placesOf(options).flatMap(({ file }) => (file === undefined ? [] : [file]));
}

/** Whether a path is a key, or looks like one. */
function isKeyItself(path: string): boolean {
  return /AGE-(SECRET-KEY|PLUGIN)-|PRIVATE KEY/i.test(path);
}

/** The text in a place; `undefined` if an optional file does not exist. */
async function contentOf(
  { file, text, command, keychain, optional }: Place,
  environment: AgeKeyOptions['environment'],
  problem: Problem,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (text !== undefined) return text;
  if (command !== undefined) return outputOf(command, environment, problem, signal);
  if (keychain !== undefined) return keyInKeychain(keychain, environment, problem, signal);
  if (file === undefined) return undefined;
  try {
    return await keyText(file, problem, signal);
  } catch (error) {
    if (isSecretError(error)) throw error;
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ENOTDIR') {
      if (optional) return undefined;
      throw problem('ERR_SECRET_CONFIG', 'does not exist');
    }
    if (errno === 'EISDIR') throw problem('ERR_SECRET_CONFIG', 'is a folder');
    if (errno === 'EACCES' || errno === 'EPERM')
      throw problem('ERR_SECRET_DENIED', 'may not be read');
    const shown = /^E[A-Z0-9]+$/.test(errno) ? ` (${errno})` : '';
    throw problem('ERR_SECRET_UNAVAILABLE', `could not be read${shown}`);
  }
}

/** More than any file of keys has. Bytes. */
const keyLimit = 1024 * 1024;

/** The text of a file, which may be a pipe (`<(pass show age)`): one without a writer must not block a thread. */
async function keyText(file: string, problem: Problem, signal: AbortSignal): Promise<string> {
  const handle = await open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const chunks: Buffer[] = [];
    for (let length = 0; length <= keyLimit; ) {
      signal.throwIfAborted();
      try {
        const buffer = Buffer.allocUnsafe(64 * 1024);
        // under Yarn's Plug'n'Play a read without a length reads nothing
        const { bytesRead } = await handle.read(buffer, 0, buffer.length, null);
        if (bytesRead === 0) return Buffer.concat(chunks).toString();
        chunks.push(buffer.subarray(0, bytesRead));
        length += bytesRead;
      } catch (error) {
        if (errnoOf(error) !== 'EAGAIN') throw error;
        await wait(10, undefined, { signal });
      }
    }
  } finally {
    await handle.close();
  }
  throw problem('ERR_SECRET_CONFIG', 'is larger than 1 MiB');
}

/** The output of the command, which runs without a shell, as with sops. */
async function outputOf(
  command: string,
  environment: AgeKeyOptions['environment'],
  problem: Problem,
  signal: AbortSignal,
): Promise<string> {
  const words = wordsOf(command);
  if (words === undefined) throw problem('ERR_SECRET_CONFIG', 'has a quote that is not closed');
  const [name, ...args] = words;
  if (name === undefined) throw problem('ERR_SECRET_CONFIG', 'is empty');
  const end = await runKeyProgram({ name, args, environment }, signal);
  if (end.output !== undefined) return end.output;
  if (end.isMissing) throw problem('ERR_SECRET_CONFIG', 'names a program that does not exist');
  const exit = end.exitCode === undefined ? '' : ` (exit ${end.exitCode})`;
  throw problem('ERR_SECRET_UNAVAILABLE', `failed${exit}`);
}

/** The key of an item of the keychain. Whatever it says in its place, it was there: a file refers to it. */
async function keyInKeychain(
  recipient: string,
  environment: AgeKeyOptions['environment'],
  problem: Problem,
  signal: AbortSignal,
): Promise<string> {
  const system = systemKeychain();
  if (system === undefined)
    throw problem('ERR_SECRET_CONFIG', 'is that of another system', otherPlaces);
  const end = await system.read(recipient, environment, signal);
  if (end.output !== undefined) return end.output;
  if (end.isMissing)
    throw problem('ERR_SECRET_CONFIG', system.missing, `Install it. ${otherPlaces}`);
  throw problem(
    'ERR_SECRET_UNAVAILABLE',
    'does not give the key: it is locked, or not of this session',
    `Unlock it, until \`${system.command(recipient)}\` prints the key. ${otherPlaces}`,
  );
}

/** Where a key may be that is not in the keychain. */
const otherPlaces = 'A copy of the key can be given by SOPS_AGE_KEY_FILE or SOPS_AGE_KEY.';

/**
 * The words of a command line as google/shlex splits it, with quotes, backslashes and `#` for a comment; `undefined` if
 * a quote is not closed.
 */
export function wordsOf(command: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let at = 0; at < command.length; at++) {
    const char = command.charAt(at);
    if (quote === "'") {
      if (char === quote) quote = '';
      else word += char;
    } else if (char === '\\' && at + 1 < command.length) word = (word ?? '') + command.charAt(++at);
    else if (quote === '"') {
      if (char === quote) quote = '';
      else word += char;
    } else if (char === '"' || char === "'") {
      quote = char;
      word ??= '';
    } else if (/[ \t\r\n]/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (char === '#' && word === undefined) {
      const end = command.indexOf('\n', at);
      at = end === -1 ? command.length : end;
    } else word = (word ?? '') + char;
  }
  if (quote !== '') return undefined;
  if (word !== undefined) words.push(word);
  return words;
}

/** What one place holds. */
type FoundKeys = Pick<AgeKeys, 'identities' | 'recipients' | 'plugins'>;

/** Lines of age keys; `undefined` if a line is something else, or is mistyped. */
async function ageKeys(text: string): Promise<FoundKeys | undefined> {
  const lines = text.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('#'));
  const identities = lines.filter((line) => !isPlugin(line));
  if (!identities.every(isAgeKey)) return undefined;
  const { identityToRecipient } = await import('age-encryption');
  try {
    const recipients = await Promise.all(identities.map((key) => identityToRecipient(key)));
    return { identities, recipients, plugins: identities.length < lines.length };
  } catch {
    return undefined; // the message of the error holds the key whose checksum does not fit
  }
}

function isAgeKey(line: string): boolean {
  return /^AGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}$/.test(line);
}

function isPlugin(line: string): boolean {
  return /^AGE-PLUGIN-[A-Z0-9-]+$/.test(line);
}

function sshKey(text: string): FoundKeys | undefined {
  const identity = sshIdentity(text);
  return identity && { identities: [identity], recipients: [], plugins: false };
}
