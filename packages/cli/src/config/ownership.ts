/**
 * Which user a file belongs to. Code that Keyfall finds by itself runs only if it is the user's own: in a folder that
 * everybody can write to, a file may be from another user.
 */
import { lstatSync, type Stats, statSync } from 'node:fs';

/** Whether Node can say whom a file belongs to: not on Windows. */
export const hasOwners: boolean = process.geteuid !== undefined;

/**
 * Whether a path is the user's or root's, and so is what it leads to where it is a link. For root that came by `sudo`,
 * also what is that user's: git's rule for the repositories that it trusts (`safe.directory`,
 * https://git-scm.com/docs/git-config#Documentation/git-config.txt-safedirectory). A path that is not there
 * is not. Without owners everything is.
 *
 * @param alike - a path that is trusted already: what its owner owns is as good
 */
export function isOwn(path: string, alike?: string): boolean {
  try {
    const trusted = alike === undefined ? undefined : statSync(alike).uid;
    return [lstatSync(path), statSync(path)].every(
      (stats) => isOwnedBySelf(stats) || stats.uid === trusted,
    );
  } catch {
    return false;
  }
}

/** Whether users besides the owner and the group may write there, as into `/tmp`. */
export function isOpenToAll(folder: string): boolean {
  try {
    return hasOwners && (statSync(folder).mode & 0o002) !== 0;
  } catch {
    return false;
  }
}

function isOwnedBySelf({ uid }: Stats): boolean {
  const self = process.geteuid?.();
  return self === undefined || uid === self || uid === 0 || (self === 0 && uid === sudoUser());
}

function sudoUser(): number | undefined {
  const { SUDO_UID = '' } = process.env;
  return /^\d+$/.test(SUDO_UID) ? Number(SUDO_UID) : undefined;
}
