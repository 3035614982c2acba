/**
 * Where the configuration is. Imports nothing but `node:`: every start asks.
 */
import { statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { SecretError } from '@keyfall/core';
import { listNames, printable } from '../terminal/terminal.ts';
import { isOpenToAll, isOwn } from './ownership.ts';
import { repositoryAt } from './repository.ts';

/** The names a configuration may have. */
export const configFileNames: readonly string[] = ['ts', 'mjs', 'js', 'json'].map(
  (end) => `keyfall.config.${end}`,
);

/** Whether a configuration is run, and not only read. */
export function isProgram(file: string): boolean {
  return !file.endsWith('.json');
}

/**
 * The configuration's path: in `folder`, else in the parents up to the root of the repository that it
 * is in, if that repository is the user's own. Outside of one no parent is looked into: everybody can write to `/tmp`,
 * and a configuration is code.
 *
 * @throws `ERR_SECRET_CONFIG` if a folder holds several, or one that another user put there
 */
export function findConfig(folder: string): string | undefined {
  const start = resolve(folder);
  const passed: string[] = [];
  for (let at = start; ; at = dirname(at)) {
    passed.push(at);
    const repository = repositoryAt(at);
    if (repository === undefined && dirname(at) !== at) continue;
    for (const each of repository === 'own' ? passed : [start]) {
      const path = configIn(each);
      if (path !== undefined) return assertNotPlanted(path, each === start);
    }
    return undefined;
  }
}

/**
 * The path, unless another user may have put the file there to have it run: in a folder that everybody can write to,
 * or in a parent folder. In a working folder of their own, users know what they find.
 */
function assertNotPlanted(path: string, isHere: boolean): string {
  if ((isHere && !isOpenToAll(dirname(path))) || isOwn(path)) return path;
  throw new SecretError(
    'ERR_SECRET_CONFIG',
    `the configuration ${shownFile(path)} is another user's, and was not read`,
    { hint: 'Name it with --config if you trust it, or leave it out with --no-config.' },
  );
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
 * @throws `ERR_SECRET_CONFIG` if it is not there any more: its content is unknown
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
