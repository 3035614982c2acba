/**
 * What a config of Doppler holds, as the API and the fallback file have it: one JSON object.
 */
import { SecretError, type SecretRecord } from '@keyfall/core/provider';
import { wrongAddress } from './doppler-api.ts';

/** The secrets of a config by name. */
export type ConfigEntries = ReadonlyMap<string, SecretRecord | SecretError>;

/** Names that Doppler adds to every config: they say where it is, and are no secrets. */
export const managedNames: ReadonlySet<string> = new Set([
  'DOPPLER_PROJECT',
  'DOPPLER_ENVIRONMENT',
  'DOPPLER_CONFIG',
]);

/** The names that a secret may have (API reference, "Update secrets"). */
export const possibleName: RegExp = /^[A-Z_][A-Z0-9_]{0,199}$/;

/**
 * The secrets in a JSON object of texts, without the names that Doppler adds.
 *
 * @throws `ERR_SECRET_INVALID` for anything but an object
 */
export function entriesOf(
  json: unknown,
  provider: string,
): Map<string, SecretRecord | SecretError> {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new SecretError('ERR_SECRET_INVALID', 'the config is not a JSON object', {
      provider,
    });
  const entries = new Map<string, SecretRecord | SecretError>();
  for (const [secretName, value] of Object.entries(json)) {
    if (managedNames.has(secretName)) continue;
    if (typeof value === 'string') entries.set(secretName, { value });
    else if (value === null)
      entries.set(
        secretName,
        new SecretError('ERR_SECRET_DENIED', `${secretName} is a restricted secret`, {
          provider,
          secretName,
          hint: 'Use a service token: no other token may read a restricted secret.',
        }),
      );
    else
      entries.set(
        secretName,
        new SecretError('ERR_SECRET_INVALID', `${secretName} is not text`, {
          provider,
          secretName,
        }),
      );
  }
  return entries;
}

/**
 * Accepts an answer that holds Doppler's own names, or else nothing but possible names of secrets. The JSON of
 * another server would otherwise pass for a config in which every name is missing.
 *
 * @throws `ERR_SECRET_INVALID`
 */
export function assertConfig(json: object, provider: string): void {
  const names = Object.keys(json);
  if (names.some((name) => managedNames.has(name))) return;
  if (names.length > 0 && names.every((name) => possibleName.test(name))) return;
  throw new SecretError('ERR_SECRET_INVALID', 'the answer is not a config of Doppler', {
    provider,
    hint: wrongAddress,
  });
}

/** Whether two configs hold the same. */
export function isSameConfig(one: ConfigEntries, other: ConfigEntries): boolean {
  const textOf = (entry: SecretRecord | SecretError | undefined) =>
    entry && ('value' in entry ? `=${entry.value}` : entry.code);
  return (
    one.size === other.size &&
    [...one].every(([name, entry]) => textOf(entry) === textOf(other.get(name)))
  );
}
