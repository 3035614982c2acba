/**
 * A new configuration in a folder.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { SecretError } from '@keyfall/core';
import { createFile } from '../files/create-file.ts';
import { isThere } from '../files/is-there.ts';
import { readNamedFile } from '../files/read-input.ts';
import { configError } from './config-place.ts';
import { type ConfigAnswers, type ConfigForm, configOf, configText } from './config-text.ts';
import { configFileNames } from './find-config.ts';

/**
 * That there is no configuration in the folder yet.
 *
 * @throws `ERR_SECRET_CONFLICT` if there is one
 */
export async function assertNoConfig(folder: string): Promise<void> {
  for (const name of configFileNames)
    if (await isThere(join(folder, name)))
      throw new SecretError('ERR_SECRET_CONFLICT', `there is a ${name} already`, {
        hint: 'Change it, or remove it first.',
      });
}

/** TypeScript where the folder has it, a program where it has packages, else data. */
export async function usualForm(folder: string): Promise<ConfigForm> {
  if (await isThere(join(folder, 'tsconfig.json'))) return 'ts';
  return (await isThere(join(folder, 'package.json'))) ? 'mjs' : 'json';
}

/**
 * That the answers make a configuration that can be used.
 *
 * @throws `ERR_SECRET_CONFIG` naming the option that is wrong
 */
export async function assertUsable(
  folder: string,
  form: ConfigForm,
  answers: ConfigAnswers,
): Promise<void> {
  const { checkConfig } = await import('./config-schema.ts');
  const complaint = checkConfig(configOf(answers), 'json');
  if (complaint !== undefined)
    throw configError({ file: join(folder, fileOf(form)), ...complaint });
}

/** Writes the configuration that the answers make, and returns the name of its file. */
export async function createConfig(
  folder: string,
  form: ConfigForm,
  answers: ConfigAnswers,
): Promise<string> {
  await createFile(fileOf(form), textOf(folder, form, answers));
  return fileOf(form);
}

/**
 * As {@link createConfig}, but the same one of an earlier run stays.
 *
 * @returns the name of its file, and whether it was written just now
 * @throws `ERR_SECRET_CONFLICT` if there is another configuration
 */
export async function createConfigOnce(
  folder: string,
  form: ConfigForm,
  answers: ConfigAnswers,
): Promise<{ readonly file: string; readonly isNew: boolean }> {
  const file = fileOf(form);
  const there = await readNamedFile(join(folder, file));
  if (there?.toString() === textOf(folder, form, answers)) return { file, isNew: false };
  await assertNoConfig(folder);
  return { file: await createConfig(folder, form, answers), isNew: true };
}

function textOf(folder: string, form: ConfigForm, answers: ConfigAnswers): string {
  return configText(form, configOf(answers), isInstalled(folder));
}

function fileOf(form: ConfigForm): string {
  return `keyfall.config.${form}`;
}

function isInstalled(folder: string): boolean {
  try {
    createRequire(join(folder, 'x.js')).resolve('keyfall/package.json');
    return true;
  } catch {
    return false;
  }
}
