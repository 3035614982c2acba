/**
 * The format of a file.
 */
import { dotenvFormat } from './dotenv-format.ts';
import { iniFormat } from './ini-format.ts';
import { binaryFormat, jsonFormat } from './json-format.ts';
import type { SopsFormat } from './sops-format.ts';

/** The format by its name; by default that which sops chooses by the file's ending (cmd/sops/formats). */
export async function formatOf(file: string, format?: SopsFormat['name']): Promise<SopsFormat> {
  const name = format ?? formatByName(file);
  if (name === 'json') return jsonFormat;
  if (name === 'dotenv') return dotenvFormat;
  if (name === 'ini') return iniFormat;
  return name === 'yaml' ? (await import('./yaml-format.ts')).yamlFormat : binaryFormat;
}

function formatByName(file: string): SopsFormat['name'] {
  if (/\.ya?ml$/.test(file)) return 'yaml';
  if (file.endsWith('.json')) return 'json';
  if (file.endsWith('.ini')) return 'ini';
  return file.endsWith('.env') ? 'dotenv' : 'binary';
}
