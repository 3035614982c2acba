/**
 * What git does with a file. A value that was committed once is in the history for good, so this is
 * asked before a copy of it is made. Where there is no git, or no repository, there is nothing to say.
 */
import { execFile } from 'node:child_process';
import { basename, dirname } from 'node:path';

/** Whether git has the file under version control. */
export async function isTrackedByGit(file: string): Promise<boolean> {
  return (await git(file, '--literal-pathspecs', 'ls-files', '--error-unmatch')) === 0;
}

/** Whether the next `git add --all` would take the file in, be it there yet or not. */
export async function wouldGitAdd(file: string): Promise<boolean> {
  return (await git(file, 'check-ignore', '--quiet')) === 1;
}

/** The exit code; none where git could not be started or was ended. */
function git(file: string, ...command: readonly string[]): Promise<unknown> {
  // Asking must run no program that a repository's configuration names. So one of another user, as
  // root meets it in a container, can be asked as well: git would answer nothing for it.
  const options = ['-c', 'core.fsmonitor=false', '-c', 'safe.directory=*'];
  // git need see no token of ours, and must look for the repository around the file (no GIT_DIR)
  const { PATH, HOME, SystemRoot } = process.env;
  // what a partial clone lacks is not fetched: its configuration names the program for that, too
  const env = { PATH, HOME, SystemRoot, GIT_ALLOW_PROTOCOL: '' };
  return new Promise((resolve) => {
    execFile(
      'git',
      [...options, ...command, '--', `./${basename(file)}`],
      { cwd: dirname(file), env, timeout: 5_000 },
      (error) => resolve(error === null ? 0 : error.code),
    );
  });
}
