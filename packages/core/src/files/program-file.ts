import { statSync } from 'node:fs';
import { win32 } from 'node:path';

/**
 * What to start for a program such as `git` or `sops`. On Windows its file in a folder of PATH: by its name alone the
 * system would look in the working folder first, which may be that of a hostile repository. Elsewhere, where PATH
 * alone counts, the name.
 *
 * @param name - with a folder it is returned as it is
 * @param environment - the variables
 * @returns what to start without a shell; `undefined` if PATH is known to have no such program
 */
export function programFile(
  name: string,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string | undefined {
  if (process.platform !== 'win32' || /[\\/:]/.test(name)) return name;
  const ending = /\.(?:exe|com)$/i.test(name) ? '' : '.exe';
  for (const folder of foldersOfWindowsPath(environment)) {
    const file = win32.join(folder, `${name}${ending}`);
    if (win32.isAbsolute(file) && isFile(file)) return file;
  }
  return undefined;
}

/** The folders of PATH on Windows, where the variable is mostly called `Path`, and a folder may stand in quotes. */
export function foldersOfWindowsPath(
  environment: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  const name = Object.keys(environment).find((each) => /^path$/i.test(each)) ?? 'PATH';
  const folders = environment[name]?.match(/"[^"]*"|[^;]+/g) ?? [];
  return folders.map((folder) => folder.replace(/^"(.*)"$/, '$1'));
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
