/**
 * Whether users other than a file's owner can read it.
 *
 * The mode alone is not enough. A folder above may keep other users out, and what a container's runtime mounts is
 * `0644` (Kubernetes) or `0444` (Docker) by default, readable for every process in the container. Such mounts are
 * read-only, unlike a user's own files, and do not count.
 */
import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errnoOf } from '@keyfall/core/provider/files';
import type { FileContent } from './secret-file.ts';

/** Whether the file's group or all users can read it. `path` is a real path. */
export async function isExposed({ path, mode }: FileContent): Promise<boolean> {
  if (process.platform === 'win32') return false; // Windows has no modes
  let group = (mode & 0o040) !== 0;
  let others = (mode & 0o004) !== 0;
  for (let at = path; (group || others) && at !== dirname(at); ) {
    at = dirname(at);
    const folder = (await stat(at).catch(() => undefined))?.mode ?? 0;
    others &&= (folder & 0o001) !== 0;
    // The folder may have another group: then its bit for others counts.
    group &&= (folder & 0o011) !== 0;
  }
  return (group || others) && !(await isReadOnlyMount(path));
}

async function isReadOnlyMount(path: string): Promise<boolean> {
  return access(path, constants.W_OK).then(
    () => false,
    (error: unknown) => errnoOf(error) === 'EROFS',
  );
}
