import * as path from 'node:path';

/**
 * Whether `file` is below `folder`. Both absolute.
 *
 * @param system - how paths are written. On Windows a file on another drive is not below
 */
export function isInside(folder: string, file: string, system: path.PlatformPath = path): boolean {
  const way = system.relative(folder, file);
  return (
    way !== '' && way !== '..' && !way.startsWith(`..${system.sep}`) && !system.isAbsolute(way)
  );
}
