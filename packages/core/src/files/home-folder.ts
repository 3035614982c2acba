import { homedir } from 'node:os';
import { isAbsolute } from 'node:path';

/**
 * The user's home folder: `HOME`, on Windows `USERPROFILE`, else the one that the system has for the user. `undefined`
 * where there is none, as for a user of a container whom passwd(5) does not know, or it is no absolute path: a credential
 * would then be looked for in the working folder.
 *
 * @param environment - the variables
 */
export function homeFolder(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string | undefined {
  const home = environment[process.platform === 'win32' ? 'USERPROFILE' : 'HOME'] ?? ofSystem();
  return home !== undefined && isAbsolute(home) ? home : undefined;
}

function ofSystem(): string | undefined {
  try {
    return homedir();
  } catch {
    return undefined;
  }
}
