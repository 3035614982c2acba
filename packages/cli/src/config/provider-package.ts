/**
 * Where the package of a provider may come from. To import a package is to run it, with the user's rights and
 * the token in its environment. So one that a repository brings along is imported only for a configuration that is
 * a program of that repository already, or after `keyfall trust`; else what counts is what is installed
 * beside Keyfall.
 */
import { realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { SecretError } from '@keyfall/core';
import { isInside } from '@keyfall/core/provider/files';
import { printable } from '../terminal/terminal.ts';
import { currentFolder, isProgram } from './find-config.ts';
import { isOwn } from './ownership.ts';
import { isTrusted } from './trust.ts';

/**
 * The module of a provider's package.
 *
 * @param id - the provider, for an error
 * @param name - the package
 * @param config - the configuration that names the provider; `undefined`: the command line does
 * @throws `ERR_SECRET_CONFIG` if it is not installed where it may come from: with how to install it, or how to trust
 *   the one that is there
 */
export async function importPackage(
  id: string,
  name: string,
  config: string | undefined,
): Promise<Record<string, unknown>> {
  const path = (isCode(config) ? resolveFrom(config, name) : undefined) ?? besideKeyfall(name);
  if (path !== undefined) return import(pathToFileURL(path).href);
  if (isCode(config)) throw notInstalled('which is not installed');
  // where it really is: a link to what is trusted must not bring along what is installed beside the link
  const anchor = realpathSync(config ?? currentFolder());
  const folder = config === undefined ? anchor : dirname(anchor);
  const theirs = installed(folder, name, anchor);
  if (theirs !== undefined && (await isTrusted(anchor))) return import(pathToFileURL(theirs).href);
  const untrusted = `; the one below ${printable(folder)} is code of that folder, and runs only after \`keyfall trust\``;
  throw notInstalled(
    `which is not installed beside keyfall${theirs === undefined ? '' : untrusted}`,
  );

  function notInstalled(which: string): SecretError {
    return new SecretError('ERR_SECRET_CONFIG', `the provider ${id} comes from ${name}, ${which}`, {
      hint: installing(name, config),
      setting: { option: 'provider', package: name },
    });
  }
}

/** A sentence on how a package is installed where {@link importPackage} finds it. */
export function installing(name: string, config: string | undefined): string {
  const where = isCode(config) ? '' : ' beside keyfall';
  return `Install it${where}: ${installCommand(name, config)}`;
}

/** The command that does it. */
export function installCommand(name: string, config: string | undefined): string {
  return `npm install ${isCode(config) || isInProject() ? '' : '--global '}${name}`;
}

/** Whether the configuration that names a provider is a program, which imports it as its own. */
function isCode(config: string | undefined): config is string {
  return config !== undefined && isProgram(config);
}

/** As a program in this file would import it. */
function resolveFrom(file: string, name: string): string | undefined {
  try {
    return createRequire(file).resolve(name);
  } catch {
    return undefined;
  }
}

function besideKeyfall(name: string): string | undefined {
  // where packages are in no folders, Yarn knows what may be imported from here
  if (process.versions['pnp'] !== undefined) return resolveFrom(import.meta.url, name);
  const here = fileURLToPath(import.meta.url);
  return installed(dirname(here), name, here);
}

/**
 * The file of a package in the nearest `node_modules` at or above a folder. Node's own way, but for `NODE_PATH`, which may lead
 * into any working folder, and for a `node_modules` that another user put into a folder above.
 *
 * @param alike - what is of this path's owner counts as the user's own
 */
function installed(folder: string, name: string, alike: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    const modules = join(at, 'node_modules');
    if (basename(at) !== 'node_modules' && isOwn(modules, alike)) {
      const root = join(modules, name);
      const path = resolveFrom(join(root, 'package.json'), name);
      if (path !== undefined && isWithin(path, root)) return path;
    }
    if (dirname(at) === at) return undefined;
  }
}

function isWithin(path: string, folder: string): boolean {
  try {
    return isInside(realpathSync(folder), realpathSync(path));
  } catch {
    return false;
  }
}

/** Whether we are installed in a project, and not for the whole machine or account. */
function isInProject(): boolean {
  const [project] = fileURLToPath(import.meta.url).split(`${sep}node_modules${sep}`);
  if (project === undefined) return false;
  return project === currentFolder() || isInside(project, currentFolder());
}
