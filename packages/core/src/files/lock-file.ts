/**
 * One writer at a time for one file, across processes.
 *
 * A file is changed by reading it, editing it and renaming the result over it, and two who do that at
 * once lose one of the changes. Comparing before the rename narrows that window and cannot close it,
 * and Node has no flock(2); so writers take turns by a lock file beside the file, which names its
 * owner. A lock whose owner is dead is broken; that an owner is dead is believed only of a process in
 * our own process table (same host, same pid namespace). Any other lock is waited for, and then
 * reported with the file to remove.
 */
import { randomUUID } from 'node:crypto';
import { readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { SecretError } from '../contract/secret-error.ts';
import type { ReadContext } from '../contract/secret-provider.ts';
import { writeProblem } from './replace-file.ts';
import { errnoOf, problem, readWhole, type StoreFile } from './store-file.ts';

/** Who holds a lock, as its file says. */
interface Owner {
  readonly pid: number;
  /** Host and pid namespace: where `pid` means something. */
  readonly place: string;
  /** When the process was started, since pids are used again. Empty where the system cannot tell. */
  readonly born: string;
  readonly id: string;
}

/**
 * Takes the lock of the file at `real`; what is returned gives it back.
 *
 * @throws `ERR_SECRET_UNAVAILABLE` if another writer has it until the call's time is over;
 *   `ERR_SECRET_ABORTED` if the signal fires; as {@link writeProblem} if no lock file can be made
 */
export async function lockFile(
  file: StoreFile,
  real: string,
  { signal, timeLeft }: Pick<ReadContext, 'signal' | 'timeLeft'>,
): Promise<() => Promise<void>> {
  const lock = `${real}.keyfall-lock`;
  const place = await ownPlace();
  const owner: Owner = { pid: process.pid, place, born: await born('self'), id: randomUUID() };
  const mine = JSON.stringify(owner);
  for (;;) {
    if (signal.aborted) throw problem(file, 'ERR_SECRET_ABORTED', 'was not written: aborted');
    try {
      if (await create(lock, mine))
        return () =>
          rm(lock, { force: true }).catch((error) => {
            throw writeProblem(file, error);
          });
      const theirs = await contentOf(lock);
      if (theirs === undefined) continue;
      if ((await isDead(theirs, place)) && (await breakLock(lock, theirs, owner))) continue;
    } catch (error) {
      throw error instanceof SecretError ? error : writeProblem(file, error);
    }
    if (timeLeft() <= 0)
      throw problem(
        file,
        'ERR_SECRET_UNAVAILABLE',
        'is locked by another writer',
        `If none is running, remove ${lock} and ${lock}.break.`,
      );
    // Not the same for all, or those who wait meet again each time.
    await wait(5 + Math.random() * 20);
  }
}

/**
 * Whether the lock was made: `false` if there is one. It is a link to nowhere, whose target is its
 * content: a link is made with its target in one step, while a file is there before its content is. A
 * lock whose writer was killed in between would name nobody, and never be told from one that is being
 * taken.
 */
async function create(path: string, content: string): Promise<boolean> {
  // There a link needs a privilege, and its target is rewritten.
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

/** What systems without symbolic links answer (FAT, some network and FUSE file systems). */
const noLinks: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

async function createInPlace(path: string, content: string): Promise<boolean> {
  try {
    await writeFile(path, content, { flag: 'wx', mode: 0o644 });
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    await rm(path, { force: true }); // an empty one would be nobody's, and stay
    throw error;
  }
}

/**
 * Removes a dead owner's lock. Those who find it dead at the same time must not remove the lock of
 * the first who then takes it: so only who holds a second lock removes, and looks once more before.
 * That of one who was killed at it is removed without a third: two would have to meet there as well.
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

/** `''` of what is nobody's. */
async function contentOf(path: string): Promise<string | undefined> {
  try {
    return await readlink(path).catch(() => textOf(path)); // or it is no link
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    // another user's, whose file mode mask hides it; or no file, but perhaps a pipe that nobody writes to
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
