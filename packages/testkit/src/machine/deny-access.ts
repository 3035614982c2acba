/**
 * Files that may not be read, for tests that may run as root, which ignores permissions.
 */
import { chmod, stat } from 'node:fs/promises';

/**
 * Makes this process an ordinary user until what it returns is called: root becomes
 * `nobody` meanwhile, and anybody else stays who they are. The whole process changes, so nothing else may
 * run in it meanwhile, and a worker thread cannot do it.
 */
export function withoutPrivileges(): () => void {
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(65534);
  return () => {
    if (isRoot) process.seteuid?.(0);
  };
}

/**
 * Takes every right to a file or folder from everybody, and from this process what {@link withoutPrivileges}
 * takes, until what it returns is called.
 */
export async function denyAccess(path: string): Promise<() => Promise<void>> {
  const { mode } = await stat(path);
  await chmod(path, 0);
  const regain = withoutPrivileges();
  return async () => {
    regain();
    await chmod(path, mode);
  };
}
