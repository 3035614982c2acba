/**
 * Where the keys come from that open a file: the options of the provider, else every place where
 * sops looks (age/keysource.go, `loadIdentities`). As with sops, a place that cannot be read or
 * holds nonsense does no harm while another one has the key; if none has, it is the reason.
 */
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { SecretError, type SecretErrorCode } from '@keyfall/core';
import { errnoOf } from '@keyfall/core/provider/files';
import type { Identity } from 'age-encryption';
import { lockedSshKey, sshIdentity } from './ssh-keys.ts';

/** What the options of a provider say about keys. */
export interface AgeKeyOptions {
  readonly ageKey?: string | undefined;
  readonly ageKeyFile?: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly provider: string;
}

/** The keys that were found. */
export interface AgeKeys {
  /** age's own keys as text, SSH keys as age-encryption wants them. */
  readonly identities: readonly (string | Identity)[];
  /** The public keys of age's own. */
  readonly recipients: readonly string[];
  /** Whether there are keys of age plugins, which only the real sops can use. */
  readonly plugins: boolean;
  /** What is wrong with the places that were looked at. */
  readonly problems: readonly SecretError[];
  /** SSH keys with a passphrase that nobody named: no problem, unless a file is for one of them. */
  readonly locked: readonly LockedKey[];
}

interface LockedKey {
  readonly file: string;
  /** As in `authorized_keys`, in base64. */
  readonly publicKey: string;
}

/** A place where keys may be. `optional`: that there is no such file is not worth a word. */
interface Place {
  readonly label: string;
  readonly file?: string;
  readonly text?: string;
  readonly command?: string;
  /** Where what is here belongs: it is a key, and not the path of a file. Never shown, then. */
  readonly misplaced?: string;
  readonly optional?: boolean;
  /** A private key of SSH, not lines of age keys. */
  readonly ssh?: boolean;
}

/** Looks for keys. Never throws. */
export async function findAgeKeys(options: AgeKeyOptions, signal: AbortSignal): Promise<AgeKeys> {
  const identities: (string | Identity)[] = [];
  const recipients: string[] = [];
  const problems: SecretError[] = [];
  const locked: LockedKey[] = [];
  let plugins = false;
  for (const place of placesOf(options)) {
    if (place.misplaced !== undefined) {
      problems.push(
        problem(
          options,
          'ERR_SECRET_CONFIG',
          `${place.label} must name a file, and holds a key`,
          `Set ${place.misplaced} instead.`,
        ),
      );
      continue;
    }
    const text = await contentOf(place, options, signal).catch((error: unknown) => {
      if (!isGuess(place)) problems.push(problemOf(error, place, options));
    });
    if (text === undefined) continue;
    const isSsh = place.ssh || text.includes('PRIVATE KEY-----');
    const found = isSsh ? sshKey(text) : await ageKeys(text);
    if (found === undefined && isGuess(place)) {
      const publicKey = lockedSshKey(text);
      if (publicKey) locked.push({ file: place.label, publicKey });
    } else if (found === undefined)
      problems.push(problem(options, 'ERR_SECRET_CONFIG', ...unusable(place, text, isSsh)));
    else {
      identities.push(...found.identities);
      recipients.push(...found.recipients);
      plugins ||= found.plugins;
    }
  }
  return { identities, recipients, plugins, problems, locked };
}

/** Why what is in a place is no key that can be used, and what to do. */
function unusable({ label }: Place, text: string, isSsh: boolean): [reason: string, hint: string] {
  // sops asks for a passphrase on the terminal; a program that runs by itself has none.
  if (isSsh && lockedSshKey(text) !== undefined)
    return [`${label} holds an SSH key with a passphrase, which is not read`, lockedHint];
  if (/^(age-encryption\.org|-----BEGIN AGE)/.test(text))
    return [
      `${label} is encrypted with a passphrase, and is not read`,
      'Let SOPS_AGE_KEY_CMD print the key: `age --decrypt FILE`.',
    ];
  return isSsh
    ? [`${label} holds no SSH key that can be used`, 'It must be an ed25519 or RSA key.']
    : [
        `${label} holds something that is no age key`,
        'Each line must be a comment or a key as age-keygen prints it, without a typing error.',
      ];
}

/** What to do about an SSH key with a passphrase. */
export const lockedHint =
  'Name a copy without one, made by `ssh-keygen -p`, or add an age key to the file with `sops rotate -i --add-age`.';

/** Many who use no SSH key here have one in `~/.ssh`, with a passphrase: that is not what is wrong. */
function isGuess({ ssh = false, optional = false }: Place): boolean {
  return ssh && optional;
}

function placesOf({ ageKey, ageKeyFile, environment }: AgeKeyOptions): Place[] {
  if (ageKey !== undefined || ageKeyFile !== undefined) {
    const places: Place[] = [];
    if (ageKey !== undefined) places.push({ label: 'the option ageKey', text: ageKey });
    if (ageKeyFile !== undefined)
      places.push(
        isKeyItself(ageKeyFile)
          ? { label: 'the option ageKeyFile', misplaced: 'ageKey' }
          : { label: `the age key file ${ageKeyFile}`, file: ageKeyFile },
      );
    return places;
  }
  const places: Place[] = [];
  const set = (name: string, place: (value: string) => Partial<Place>) => {
    const value = environment[name];
    if (value !== undefined) places.push({ label: name, ...place(value) });
  };
  set('SOPS_AGE_KEY', (text) => ({ text }));
  const setFile = (name: string, instead: string, ssh: boolean) =>
    set(name, (file) =>
      isKeyItself(file) ? { misplaced: instead } : { label: `${name} (${file})`, file, ssh },
    );
  setFile('SOPS_AGE_KEY_FILE', 'SOPS_AGE_KEY', false);
  set('SOPS_AGE_KEY_CMD', (command) => ({ command }));
  setFile('SOPS_AGE_SSH_PRIVATE_KEY_FILE', 'the option ageKey', true);
  const home = environment['HOME'] ?? environment['USERPROFILE'] ?? homedir();
  const keys = defaultKeyFile(environment, home);
  if (keys !== undefined) places.push({ label: keys, file: keys, optional: true });
  for (const name of ['id_ed25519', 'id_rsa']) {
    const file = join(home, '.ssh', name);
    places.push({ label: file, file, ssh: true, optional: true });
  }
  return places;
}

/**
 * The file in which sops keeps age keys unless told otherwise: `sops/age/keys.txt` in the user's
 * configuration folder (Go's `os.UserConfigDir`), which is `$XDG_CONFIG_HOME` or `~/.config`, on
 * macOS `~/Library/Application Support`, on Windows `%AppData%`.
 */
export function defaultKeyFile(
  environment: Readonly<Record<string, string | undefined>>,
  home: string,
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
  return inFolder(join(home, config));
}

/** The files that {@link findAgeKeys} would read. */
export function keyFilesOf(options: AgeKeyOptions): string[] {
  return placesOf(options).flatMap(({ file }) => (file === undefined ? [] : [file]));
}

/** Whether it is no path but a key, or looks like one. */
function isKeyItself(path: string): boolean {
  return /AGE-(SECRET-KEY|PLUGIN)-|PRIVATE KEY/i.test(path);
}

async function contentOf(
  { file, text, command, optional = false }: Place,
  { environment }: AgeKeyOptions,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (text !== undefined) return text;
  if (command !== undefined) return outputOf(command, environment, signal);
  if (file === undefined) return undefined;
  try {
    return await keyText(file, signal);
  } catch (error) {
    if (optional && ['ENOENT', 'ENOTDIR'].includes(errnoOf(error))) return undefined;
    throw error;
  }
}

/** More than any file of keys has. Bytes. */
const keyLimit = 1024 * 1024;
class TooLarge extends Error {}

/**
 * What is in a file of keys, which may be a pipe (`<(pass show age)`): one that nobody writes to must
 * not hold a thread for ever.
 */
async function keyText(file: string, signal: AbortSignal): Promise<string> {
  const handle = await open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const chunks: Buffer[] = [];
    for (let length = 0; length <= keyLimit; ) {
      signal.throwIfAborted();
      try {
        const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(64 * 1024));
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
  throw new TooLarge();
}

class CommandFailed extends Error {
  /** Whether it ran: another time it may not fail. */
  readonly hasRun: boolean;

  constructor(what: string, hasRun = false) {
    super(what);
    this.hasRun = hasRun;
  }
}

/** What the command prints, run without a shell, as sops runs it. Its stderr is thrown away. */
function outputOf(
  command: string,
  environment: AgeKeyOptions['environment'],
  signal: AbortSignal,
): Promise<string> {
  const [program, ...args] = wordsOf(command);
  return new Promise((resolve, reject) => {
    if (program === undefined) return reject(new CommandFailed('is empty'));
    execFile(
      program,
      args,
      { env: environment, signal, maxBuffer: 1024 * 1024 },
      (error, stdout) => {
        if (error === null) return resolve(stdout);
        // The error quotes the command line, which may hold a credential.
        const code = error.code;
        if (code === 'ENOENT') reject(new CommandFailed('names a program that does not exist'));
        else
          reject(
            new CommandFailed(typeof code === 'number' ? `failed (exit ${code})` : 'failed', true),
          );
      },
    );
  });
}

/** Splits a command line as google/shlex does: quotes, backslashes, and `#` for a comment. */
export function wordsOf(command: string): string[] {
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
  if (quote !== '') throw new CommandFailed('has a quote that is not closed');
  if (word !== undefined) words.push(word);
  return words;
}

/** What one place holds. */
type FoundKeys = Pick<AgeKeys, 'identities' | 'recipients' | 'plugins'>;

/** Lines of age keys; `undefined` if one is something else, or is mistyped. */
async function ageKeys(text: string): Promise<FoundKeys | undefined> {
  const lines = text.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('#'));
  const identities = lines.filter((line) => !isPlugin(line));
  if (!identities.every(isAgeKey)) return undefined;
  const { identityToRecipient } = await import('age-encryption');
  try {
    const recipients = await Promise.all(identities.map((key) => identityToRecipient(key)));
    return { identities, recipients, plugins: identities.length < lines.length };
  } catch {
    return undefined; // its words hold the key whose checksum does not fit
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

function problem(
  { provider }: AgeKeyOptions,
  code: SecretErrorCode,
  reason: string,
  hint?: string,
): SecretError {
  return new SecretError(code, reason, { provider, hint });
}

function problemOf(error: unknown, { label }: Place, options: AgeKeyOptions): SecretError {
  if (error instanceof CommandFailed) {
    const code = error.hasRun ? 'ERR_SECRET_UNAVAILABLE' : 'ERR_SECRET_CONFIG';
    return problem(options, code, `the command in ${label} ${error.message}`);
  }
  if (error instanceof TooLarge)
    return problem(options, 'ERR_SECRET_CONFIG', `${label} is larger than 1 MiB`);
  const errno = errnoOf(error);
  if (errno === 'ENOENT' || errno === 'ENOTDIR')
    return problem(options, 'ERR_SECRET_CONFIG', `${label} does not exist`);
  if (errno === 'EISDIR') return problem(options, 'ERR_SECRET_CONFIG', `${label} is a folder`);
  if (errno === 'EACCES' || errno === 'EPERM')
    return problem(options, 'ERR_SECRET_DENIED', `${label} may not be read`);
  const shown = /^E[A-Z0-9]+$/.test(errno) ? ` (${errno})` : '';
  return problem(options, 'ERR_SECRET_UNAVAILABLE', `${label} could not be read${shown}`);
}
