/**
 * Names that somebody may have meant, for one that nobody holds.
 */
import { isSecretError, nearNames, SecretError, type Secrets } from '@keyfall/core';
import { printable } from './terminal.ts';

/** `Did you mean A or B?` for what is not among `held`; nothing where nothing is near. */
export function didYouMean(names: readonly string[], held: readonly string[]): string | undefined {
  const missing = names.filter((name) => !held.includes(name));
  const near = new Set(missing.flatMap((name) => nearNames(name, held)));
  return near.size === 0 ? undefined : `Did you mean ${[...near].map(printable).join(' or ')}?`;
}

/** The error; where it says that nobody holds the names, with those that were perhaps meant. */
export async function suggesting(
  secrets: Secrets,
  names: readonly string[],
  error: unknown,
): Promise<unknown> {
  if (!isSecretError(error, 'ERR_SECRET_NOT_FOUND')) return error;
  // what cannot be listed suggests nothing
  const suggestion = didYouMean(names, await secrets.list().catch(() => []));
  if (suggestion === undefined) return error;
  const { code, reason, hint, attempts, secretName } = error;
  return new SecretError(code, reason, {
    hint: hint === undefined ? suggestion : `${suggestion} ${hint}`,
    attempts,
    secretName,
  });
}

/**
 * Does `work` about the name.
 * @throws what `work` throws, as {@link suggesting} has it
 */
export async function withSuggestion<Result>(
  secrets: Secrets,
  name: string,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw await suggesting(secrets, [name], error);
  }
}
