/**
 * One writer at a time for one file, across processes.
 *
 * A file is changed by reading it, editing it and renaming the result over it. Two writers that do this at the same time
 * lose one of the changes. A comparison before the rename narrows that window and cannot close it, and Node has no
 * flock(2); so writers take turns with a lock file beside the file, which names its owner. The lock of a dead owner is
 * broken; an owner counts as dead only if it is in our own process table (same host, same pid namespace). Any other lock
 * is waited for, and then reported with the file to remove.
 */
import { readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { SecretError } from '../contract/secret-error.ts';
import type { ReadContext } from '../contract/secret-provider.ts';
import { unlessInUse } from './in-use.ts';
import { writeProblem } from './replace-file.ts';
import { errnoOf, problem, readWhole, type StoreFile } from './store-file.ts';

/** Who holds a lock, as its file says. */
interface Owner {
  readonly pid: number;
  /** Host and pid namespace: where `pid` means something. */
  readonly place: string;
  /** When the process was started, because pids are reused. Empty if the system does not say. */
  readonly born: string;
  readonly id: string;
}

/**
 * Takes the lock of the file at `real`, and returns a function that releases it.
 *
 * @throws `ERR_SECRET_UNAVAILABLE` if another writer holds it until the call's time is over;
 *   `ERR_SECRET_ABORTED` if the signal fires; as {@link writeProblem} if the lock file cannot be created
 */
export async function lockFile(
  file: StoreFile,
  real: string,
  { signal, remainingTimeout }: Pick<ReadContext, 'signal' | 'remainingTimeout'>,
): Promise<() => Promise<void>> {
  const lock = `${real}.keyfall-lock`;
  const place = await ownPlace();
  const owner: Owner = {
    pid: process.pid,
    place,
    born: await born('self'),
    id: crypto.randomUUID(),
  };
  const mine = JSON.stringify(owner);
  for (;;) {
    if (signal.aborted) throw problem(file, 'ERR_SECRET_ABORTED', 'was not written: aborted');
    try {
      if (await create(lock, mine))
        return () =>
          unlessInUse(() => rm(lock, { force: true })).catch((error) => {
            throw writeProblem(file, error);
          });
      const theirs = await unlessInUse(() => contentOf(lock));
      if (theirs === undefined) continue;
      if ((await isDead(theirs, place)) && (await breakLock(lock, theirs, owner))) continue;
    } catch (error) {
      throw error instanceof SecretError ? error : writeProblem(file, error);
    }
    if (remainingTimeout() <= 0)
      throw problem(
        file,
        'ERR_SECRET_UNAVAILABLE',
        'is locked by another writer',
        `If none is running, remove ${lock} and ${lock}.break.`,
      );
    // Random, or waiting writers would collide again each time.
    await wait(5 + Math.random() * 20);
  }
}

/**
 * Whether the lock was created: `false` if there is one. It is a link to nothing whose target is its content: a link is
 * created with its target in one step, while a file exists before its content does. If its writer were killed in
 * between, such a file would name no owner, and look like a lock that is just being taken.
 */
async function create(path: string, content: string): Promise<boolean> {
  // On Windows a link needs a privilege, and its target is rewritten.
  if (process.platform === 'win32') return createInPlace(path, content);
  try {
    await symlink(content, path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    if (!noLinks.has(errnoOf(error))) throw error;
    return await createInPlace(path, content);
  }
}

/** The errors of systems without symbolic links (FAT, some network and FUSE file systems). */
const noLinks: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

async function createInPlace(path: string, content: string): Promise<boolean> {
  try {
    await unlessInUse(() => writeFile(path, content, { flag: 'wx', mode: 0o644 }));
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    await rm(path, { force: true }); // an empty lock would have no owner, and stay
    throw error;
  }
}

/**
 * Removes the lock of a dead owner. Writers that find it dead at the same time must not remove the lock of the first
 * one that then takes it: so only the holder of a second lock removes it, after another look. The second lock of a
 * killed writer is removed without a third one: that would need two more writers to collide.
 *
 * @returns whether to try for the lock again at once
 */
async function breakLock(lock: string, dead: string, owner: Owner): Promise<boolean> {
  const breaking = `${lock}.break`;
  if (!(await create(breaking, JSON.stringify(owner)))) {
    const theirs = await contentOf(breaking);
    if (theirs !== undefined && (await isDead(theirs, owner.place)))
      await rm(breaking, { force: true });
    return false;
  }
  try {
    if ((await contentOf(lock)) === dead) await rm(lock, { force: true });
    return true;
  } finally {
    await rm(breaking, { force: true });
  }
}

/** The content of a lock; `''` if it has no owner. */
async function contentOf(path: string): Promise<string | undefined> {
  try {
    return await readlink(path).catch(() => textOf(path)); // or it is not a link
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    // a lock of another user, hidden by the file mode mask; or not a file, but perhaps a pipe without a writer
    if (errnoOf(error) === 'EACCES' || error instanceof SecretError) return '';
    throw error;
  }
}

async function textOf(path: string): Promise<string> {
  const whole = await readWhole(path, { shown: path, provider: '' }, { limit: 4096 });
  return whole?.bytes.toString() ?? '';
}

async function isDead(content: string, place: string): Promise<boolean> {
  let owner: Partial<Owner> | null;
  try {
    owner = JSON.parse(content);
  } catch {
    return false; // its owner is about to write it
  }
  if (typeof owner?.pid !== 'number' || owner.place !== place) return false;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    return errnoOf(error) === 'ESRCH';
  }
  const now = await born(owner.pid);
  return now !== '' && Boolean(owner.born) && now !== owner.born;
}

async function ownPlace(): Promise<string> {
  const namespace = await readlink('/proc/self/ns/pid').catch(() => '');
  return `${hostname()} ${namespace}`.trim();
}

/** Start time of a process in clock ticks since boot: proc_pid_stat(5), field 22. Linux only. */
async function born(pid: number | 'self'): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  // Field 2 is the command's name in brackets, which may hold blanks and brackets itself.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}
