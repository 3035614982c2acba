/**
 * The options that the three exports share, checked.
 */
import { resolve } from 'node:path';
import { type OptionKinds, SecretError } from '@keyfall/core/provider';
import type { SopsFormat } from '../formats/sops-format.ts';
import type { SopsSource } from './open-sops.ts';

/** Larger files are refused: no file of secrets is so large, but a log named by mistake is. Bytes. */
export const sizeLimit: number = 4 * 1024 * 1024;

/** How a file is read. */
export interface SopsFileOptions {
  /**
   * `yaml`, `json`, `dotenv` or `ini`. Default: by the file's ending, as sops has it: `.yaml` or `.yml`,
   * `.json`, `.env`, `.ini`. Every other file is binary to sops: it is read as one value, `data`.
   */
  readonly format?: 'yaml' | 'json' | 'dotenv' | 'ini' | undefined;
  /** Between the names of a path: `database.password`. Default `.` */
  readonly separator?: string | undefined;
}

/** Where keys come from. */
export interface SopsKeyOptions {
  /** Secret keys of age (`AGE-SECRET-KEY-1…`, one a line), or the text of an SSH private key. */
  readonly ageKey?: string | undefined;
  /**
   * A file of the same, relative as `path` is. With neither, sops's own places: `SOPS_AGE_KEY`,
   * `SOPS_AGE_KEY_FILE`, `SOPS_AGE_KEY_CMD`, `SOPS_AGE_SSH_PRIVATE_KEY_FILE`, `sops/age/keys.txt` in the user's
   * configuration folder, `~/.ssh/id_ed25519` and `~/.ssh/id_rsa`.
   */
  readonly ageKeyFile?: string | undefined;
  /**
   * Addresses of key services, such as `https://vault.example:8200`, to which the `sops` program may send the user's
   * credentials. Default for Vault: that of `VAULT_ADDR`; for Azure: all addresses of Azure. A file that names another
   * address is not opened.
   */
  readonly keyServers?: readonly string[] | undefined;
  /** The variables, also for sops and the programs that it starts. Default `process.env`. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
}

export const fileOptions: OptionKinds<SopsFileOptions> = {
  format: ['yaml', 'json', 'dotenv', 'ini'],
  separator: 'text',
};

export const keyOptions: OptionKinds<SopsKeyOptions> = {
  ageKey: 'text',
  ageKeyFile: 'text',
  keyServers: 'a list of texts',
  environment: 'an object',
};

/** A source whose format is not loaded yet. */
export interface UnloadedSource extends Omit<SopsSource, 'format'> {
  readonly formatName: SopsFormat['name'] | undefined;
}

/** @throws `ERR_SECRET_CONFIG` with the option that is wrong */
export function unloadedSource(
  path: unknown,
  provider: string,
  options: SopsFileOptions & SopsKeyOptions,
): UnloadedSource {
  const { format, separator = '.', ageKey, ageKeyFile, environment = process.env } = options;
  const { keyServers = [] } = options;
  const configError = (option: string, must: string) =>
    new SecretError('ERR_SECRET_CONFIG', `the option ${option} must ${must}`, {
      provider,
      setting: { option },
    });
  if (typeof path !== 'string' || path === '' || path.includes('\0'))
    throw configError('path', 'be text that can name a file');
  if (separator === '') throw configError('separator', 'not be empty');
  if (ageKey !== undefined && ageKey.trim() === '') throw configError('ageKey', 'not be empty');
  if (ageKeyFile !== undefined && ageKeyFile === '') throw configError('ageKeyFile', 'name a file');
  if (!keyServers.every((each) => URL.canParse(each)))
    throw configError('keyServers', 'be a list of addresses, such as https://vault.example:8200');
  const file = { path: resolve(path), shown: path, provider };
  const keys = { ageKey, ageKeyFile: ageKeyFile && resolve(ageKeyFile), keyServers, environment };
  const credentialVariables = new Set<string>();
  return { ...file, formatName: format, separator, ...keys, credentialVariables };
}

/** Loads the code of the format. */
export async function loadedSource(source: UnloadedSource): Promise<SopsSource> {
  const { formatOf } = await import('../formats/format-of.ts');
  return { ...source, format: await formatOf(source.path, source.formatName) };
}
