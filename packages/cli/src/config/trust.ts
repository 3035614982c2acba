/**
 * Which configurations that are data the user trusts: the provider packages that are installed beside these may run. As
 * with direnv (https://direnv.net/man/direnv.1.html), trust is for one path with one content, and is kept below the
 * user's home: a change of the configuration takes it back.
 */
import { createHash } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, realpath, rm } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { SecretError } from '@keyfall/core';
import { errnoOf, homeFolder, isInside } from '@keyfall/core/provider/files';
import { replacePrivateFile } from '../files/replace-private-file.ts';
import { printable } from '../terminal/terminal.ts';

/** A configuration, or the folder of one where the command line alone names providers. */
export interface Trusted {
  /** Its real, absolute path. */
  readonly path: string;
  /** Of what a configuration held when it was trusted, SHA-256 in hex; of a folder: `folder`. */
  readonly content: string;
}

/** Whether the user trusts this, as it is now. */
export async function isTrusted(path: string): Promise<boolean> {
  try {
    const now = await asItIs(path);
    if (!isOutside(now)) return false;
    const known = await readRecord(recordOf(now.path));
    return known?.path === now.path && known.content === now.content;
  } catch {
    return false; // what cannot be read is not known to be what was trusted
  }
}

/**
 * Remembers that the user trusts this, as it is now.
 *
 * @returns its real path
 * @throws `ERR_SECRET_CONFIG` if it is not there, or nothing can be remembered
 */
export async function trust(path: string): Promise<string> {
  const now = await asItIs(path).catch((error: unknown) => {
    throw failed(`${printable(path)} cannot be read`, error, 'Name one that is there: --config.');
  });
  if (!isOutside(now))
    throw new SecretError(
      'ERR_SECRET_CONFIG',
      `what you trust is kept in ${printable(stateFolder())}, which lies within ${printable(folderOf(now))} itself`,
      { hint: 'Set XDG_STATE_HOME to a folder outside of it.' },
    );
  const record = recordOf(now.path);
  try {
    await mkdir(stateFolder(), { recursive: true, mode: 0o700 });
    await replacePrivateFile(record, `${JSON.stringify(now)}\n`);
  } catch (error) {
    throw failed(
      `${printable(stateFolder())} cannot be written`,
      error,
      'Make it writable for this user, or set XDG_STATE_HOME.',
    );
  }
  return now.path;
}

/** Takes it back, whatever the content was. Answers whether there was anything to take back. */
export async function revoke(path: string): Promise<boolean> {
  const record = recordOf(await realpath(path).catch(() => path));
  if ((await readRecord(record)) === undefined) return false;
  await rm(record).catch((error: unknown) => {
    throw failed(`${printable(record)} cannot be removed`, error, 'Remove it by hand.');
  });
  return true;
}

/** All that the user trusts, by path. */
export async function allTrusted(): Promise<readonly Trusted[]> {
  const names = await readdir(stateFolder()).catch(() => []);
  const paths = names.filter((name) => /^[0-9a-f]{64}$/.test(name));
  const found = await Promise.all(paths.map((name) => readRecord(join(stateFolder(), name))));
  return found
    .filter((each) => each !== undefined)
    .sort((one, other) => (one.path < other.path ? -1 : 1));
}

async function asItIs(path: string): Promise<Trusted> {
  const real = await realpath(path);
  const isFolder = (await lstat(real)).isDirectory();
  return { path: real, content: isFolder ? 'folder' : digest(await readFile(real)) };
}

function digest(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/**
 * The user's own folder for what programs remember (XDG base directory specification).
 * @throws `ERR_SECRET_CONFIG` if there is none
 */
function stateFolder(): string {
  const { XDG_STATE_HOME: set = '', LOCALAPPDATA: local = '' } = process.env;
  if (isAbsolute(set)) return join(set, 'keyfall', 'trusted');
  if (process.platform === 'win32' && local !== '') return join(local, 'keyfall', 'trusted');
  const home = homeFolder();
  if (home !== undefined) return join(home, '.local', 'state', 'keyfall', 'trusted');
  throw new SecretError(
    'ERR_SECRET_CONFIG',
    'what you trust cannot be kept: the home folder of this user is not known',
    { hint: 'Set HOME, or XDG_STATE_HOME.' },
  );
}

function recordOf(realPath: string): string {
  return join(stateFolder(), digest(realPath));
}

/** A repository in a home folder must not bring its own trust along. */
function isOutside(trusted: Trusted): boolean {
  return !isInside(folderOf(trusted), recordOf(trusted.path));
}

/** The folder in which a file could be put by a person who can change what is trusted. */
function folderOf({ path, content }: Trusted): string {
  return content === 'folder' ? path : dirname(path);
}

/** What a record says; one that another user put there says nothing. */
async function readRecord(record: string): Promise<Trusted | undefined> {
  try {
    const stats = await lstat(record);
    const self = process.geteuid?.();
    if (!stats.isFile() || (self !== undefined && stats.uid !== self)) return undefined;
    const { path, content } = JSON.parse(await readFile(record, 'utf8'));
    return typeof path === 'string' && typeof content === 'string' ? { path, content } : undefined;
  } catch {
    return undefined;
  }
}

function failed(what: string, error: unknown, hint: string): SecretError {
  const code = errnoOf(error);
  return new SecretError('ERR_SECRET_CONFIG', `${what}${code === '' ? '' : ` (${code})`}`, {
    hint,
  });
}
