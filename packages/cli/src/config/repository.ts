/**
 * Whether a folder is the root of a repository of the user's, by git's own rules. An empty `.git`, which any user can
 * make in a shared folder, does not count, and neither does another user's repository.
 */
import { lstatSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { hasOwners, isOwn } from './ownership.ts';

/**
 * What stands in a folder under the name `.git`: a repository of the user's, one of another user, or nothing that
 * git would take for one.
 */
export function repositoryAt(folder: string): 'own' | 'foreign' | undefined {
  const dotGit = join(folder, '.git');
  const gitFolder = gitFolderOf(dotGit);
  if (gitFolder === undefined || !isGitFolder(gitFolder)) return undefined;
  // without owners a .git in the root of a drive may be of any user (CVE-2022-24765)
  if (!hasOwners && dirname(folder) === folder) return 'foreign';
  // the three that git looks at: the work tree, `.git` in it, and where that leads
  return [folder, dotGit, gitFolder].every((path) => isOwn(path)) ? 'own' : 'foreign';
}

/** `.git` itself; where it is a file, as of a submodule or another work tree, the folder that it names. */
function gitFolderOf(dotGit: string): string | undefined {
  const stats = statOf(dotGit);
  if (stats?.isDirectory()) return dotGit;
  if (!stats?.isFile() || stats.size > 4_096) return undefined;
  const [, path] = /^gitdir: ([^\0\n]+?)\s*$/.exec(textOf(dotGit) ?? '') ?? [];
  return path === undefined ? undefined : resolve(dotGit, '..', path);
}

/** git's `is_git_directory`: a HEAD, and beside it or in the common folder the objects and the references. */
function isGitFolder(folder: string): boolean {
  if (!isHead(join(folder, 'HEAD'))) return false;
  const path = textOf(join(folder, 'commondir'))?.trimEnd();
  const common = path === undefined ? folder : resolve(folder, path);
  return ['objects', 'refs'].every((name) => statOf(join(common, name))?.isDirectory() === true);
}

function isHead(path: string): boolean {
  try {
    if (lstatSync(path).isSymbolicLink()) return true;
  } catch {
    return false;
  }
  return /^(?:ref:\s*refs\/|[0-9a-f]{40})/.test(textOf(path) ?? '');
}

function statOf(path: string) {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined; // a folder that may not be looked into
  }
}

/** The text of a short file; of a pipe or a device, which would be waited for, none. */
function textOf(path: string): string | undefined {
  const stats = statOf(path);
  if (!stats?.isFile() || stats.size > 4_096) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
