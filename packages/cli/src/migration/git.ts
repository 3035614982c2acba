/**
 * What git does with a file. A value that was committed once stays in the history, so git is asked before the file is
 * copied. Without git, or outside a repository, both answers are no.
 */
import { execFile } from 'node:child_process';
import { basename, dirname } from 'node:path';
import { programFile } from '@keyfall/core/provider/files';

/** Whether git tracks the file. */
export async function isTrackedByGit(file: string): Promise<boolean> {
  return (await git(file, '--literal-pathspecs', 'ls-files', '--error-unmatch')) === 0;
}

/** Whether `git add --all` would add the file, if it existed. */
export async function wouldGitAdd(file: string): Promise<boolean> {
  return (await git(file, 'check-ignore', '--quiet')) === 1;
}

/** The exit code; none if git could not be started, or was killed. */
function git(file: string, ...command: readonly string[]): Promise<unknown> {
  // No program that the repository's configuration names may be started. That also makes it safe to ask in a
  // repository of another user, as root does in a container; git would refuse to answer there.
  const options = ['-c', 'core.fsmonitor=false', '-c', 'safe.directory=*'];
  // without our tokens, and without GIT_DIR, so that git looks for the repository around the file
  const { PATH, HOME, USERPROFILE, SystemRoot } = process.env;
  // a partial clone must not fetch what it lacks: its configuration names the program for that, too
  const env = { PATH, HOME, USERPROFILE, SystemRoot, GIT_ALLOW_PROTOCOL: '' };
  const program = programFile('git');
  return new Promise((resolve) => {
    if (program === undefined) return resolve(undefined);
    execFile(
      program,
      [...options, ...command, '--', `./${basename(file)}`],
      { cwd: dirname(file), env, timeout: 5_000 },
      (error) => resolve(error === null ? 0 : error.code),
    );
  });
}
