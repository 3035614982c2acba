/**
 * Where the configuration is. Imports nothing but `node:`: every start asks.
 */
import { statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { SecretError } from '@keyfall/core';
import { listNames, printable } from '../terminal.ts';

/** The names a configuration may have. */
export const configFileNames: readonly string[] = ['ts', 'mjs', 'js', 'json'].map(
  (end) => `keyfall.config.${end}`,
);

/**
 * The configuration's path: in `folder`, else in the parents up to the root of the repository that it
 * is in. Outside of a repository no parent is looked into: `/tmp` belongs to everybody, and a
 * configuration is code.
 *
 * @throws `ERR_SECRET_CONFIG` if a folder holds several
 */
export function findConfig(folder: string): string | undefined {
  const passed: string[] = [];
  for (let at = resolve(folder); ; at = dirname(at)) {
    passed.push(at);
    if (isThere(join(at, '.git'))) return passed.map(configIn).find((path) => path !== undefined);
    if (dirname(at) === at) return configIn(resolve(folder));
  }
}

/** The nearest file in the parents of `folder` that is called as a configuration, be it used or not. */
export function configAbove(folder: string): string | undefined {
  for (let at = resolve(folder); dirname(at) !== at; ) {
    at = dirname(at);
    const path = configFileNames.map((name) => join(at, name)).find(isThere);
    if (path !== undefined) return path;
  }
  return undefined;
}

// where the user is, whatever a configuration does
const startFolder = folderOfProcess();

function folderOfProcess(): string | undefined {
  try {
    return process.cwd();
  } catch {
    return undefined;
  }
}

/**
 * The folder that the command was started in.
 * @throws `ERR_SECRET_CONFIG` if it is not there any more: nobody knows what would have been in it
 */
export function currentFolder(): string {
  if (startFolder !== undefined) return startFolder;
  throw new SecretError('ERR_SECRET_CONFIG', 'the current folder is not there any more', {
    hint: 'Go to one that is: cd.',
  });
}

/** The file as the user would name it. */
export function shownFile(file: string): string {
  const near = relative(currentFolder(), file);
  return printable(near !== '' && near.length < file.length ? near : file);
}

function configIn(folder: string): string | undefined {
  const [found, ...others] = configFileNames.filter((name) => isThere(join(folder, name)));
  if (found === undefined) return undefined;
  if (others.length === 0) return join(folder, found);
  throw new SecretError(
    'ERR_SECRET_CONFIG',
    `there are several configurations in ${printable(folder)}: ${listNames([found, ...others])}`,
    { hint: 'Keep one of them, or name one with --config.' },
  );
}

function isThere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false; // a parent that may not be looked into
  }
}
