/**
 * Where the keys come from that open a file: the options of the provider, else every place where
 * sops looks (age/keysource.go, `loadIdentities`). As with sops, a place that cannot be read or
 * holds nonsense does no harm while another one has the key; if none has, it is the reason.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { SecretError, type SecretErrorCode } from '@keyfall/core';
import { errnoOf } from '@keyfall/core/files';
import type { Identity } from 'age-encryption';
import { sshIdentity } from './ssh-keys.ts';

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
  /** Whether there are keys of age plugins, which only the real sops can use. */
  readonly plugins: boolean;
  /** What is wrong with the places that were looked at. */
  readonly problems: readonly SecretError[];
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
  const problems: SecretError[] = [];
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
    const found = place.ssh || text.includes('PRIVATE KEY-----') ? sshKey(text) : ageKeys(text);
    if (found === undefined && isGuess(place)) continue;
    if (found === undefined)
      problems.push(
        problem(
          options,
          'ERR_SECRET_CONFIG',
          `${place.label} ${place.ssh ? 'holds no SSH key that can be used' : 'holds something that is no age key'}`,
          place.ssh
            ? 'It must be an ed25519 or RSA key without a passphrase.'
            : 'Each line must be a comment or begin with AGE-SECRET-KEY-1.',
        ),
      );
    else {
      identities.push(...found.filter((key) => !isPlugin(key)));
      plugins ||= found.some(isPlugin);
    }
  }
  return { identities, plugins, problems };
}

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
  set('SOPS_AGE_KEY_FILE', (file) =>
    isKeyItself(file)
      ? { misplaced: 'SOPS_AGE_KEY' }
      : { label: `SOPS_AGE_KEY_FILE (${file})`, file },
  );
  set('SOPS_AGE_KEY_CMD', (command) => ({ command }));
  set('SOPS_AGE_SSH_PRIVATE_KEY_FILE', (file) => ({ file, ssh: true }));
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
    return await readFile(file, { encoding: 'utf8', signal });
  } catch (error) {
    if (optional && ['ENOENT', 'ENOTDIR'].includes(errnoOf(error))) return undefined;
    throw error;
  }
}

class CommandFailed extends Error {}

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
          reject(new CommandFailed(typeof code === 'number' ? `failed (exit ${code})` : 'failed'));
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
  if (word !== undefined) words.push(word);
  return words;
}

/** Lines of age keys; `undefined` if one is something else. */
function ageKeys(text: string): string[] | undefined {
  const lines = text.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('#'));
  return lines.every(isAgeKey) ? lines : undefined;
}

function isAgeKey(line: string): boolean {
  return isPlugin(line) || /^AGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}$/.test(line);
}

function isPlugin(key: string | Identity): boolean {
  return typeof key === 'string' && /^AGE-PLUGIN-[A-Z0-9-]+$/.test(key);
}

function sshKey(text: string): Identity[] | undefined {
  const identity = sshIdentity(text);
  return identity && [identity];
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
    const code = error.message.startsWith('failed')
      ? 'ERR_SECRET_UNAVAILABLE'
      : 'ERR_SECRET_CONFIG';
    return problem(options, code, `the command in ${label} ${error.message}`);
  }
  const errno = errnoOf(error);
  if (errno === 'ENOENT' || errno === 'ENOTDIR')
    return problem(options, 'ERR_SECRET_CONFIG', `${label} does not exist`);
  if (errno === 'EISDIR') return problem(options, 'ERR_SECRET_CONFIG', `${label} is a folder`);
  if (errno === 'EACCES' || errno === 'EPERM')
    return problem(options, 'ERR_SECRET_DENIED', `${label} may not be read`);
  const shown = /^E[A-Z0-9]+$/.test(errno) ? ` (${errno})` : '';
  return problem(options, 'ERR_SECRET_UNAVAILABLE', `${label} could not be read${shown}`);
}
