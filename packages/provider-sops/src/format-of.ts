/**
 * Which of the four formats a file has.
 */
import { dotenvFormat } from './dotenv-format.ts';
import { iniFormat } from './ini-format.ts';
import { jsonFormat } from './json-format.ts';
import type { SopsFormat } from './sops-format.ts';

/** How a file is read, by name; as sops decides it by the ending. */
export async function formatOf(
  file: string,
  format?: SopsFormat['name'],
): Promise<SopsFormat | undefined> {
  const name = format ?? formatByName(file);
  if (name === 'json') return jsonFormat;
  if (name === 'dotenv') return dotenvFormat;
  if (name === 'ini') return iniFormat;
  return name === 'yaml' ? (await import('./yaml-format.ts')).yamlFormat : undefined;
}

function formatByName(file: string): SopsFormat['name'] | undefined {
  if (/\.ya?ml$/.test(file)) return 'yaml';
  if (file.endsWith('.json')) return 'json';
  if (file.endsWith('.ini')) return 'ini';
  return file.endsWith('.env') ? 'dotenv' : undefined;
}
