/**
 * Names that somebody may have meant, for one that nobody holds.
 */
import { isSecretError, type Secrets } from '@keyfall/core';
import { nearNames } from '@keyfall/core/provider';
import { quoted } from './shown-command.ts';
import { printable } from './terminal.ts';

/** `Did you mean A or B?` for what is not among `held`; nothing where nothing is near. */
export function didYouMean(names: readonly string[], held: readonly string[]): string | undefined {
  const missing = names.filter((name) => !held.includes(name));
  const near = new Set(missing.flatMap((name) => nearNames(name, held)));
  return near.size === 0 ? undefined : `Did you mean ${[...near].map(printable).join(' or ')}?`;
}

/**
 * The error; where it says that nobody holds the names, with those that were perhaps meant, and a command
 * that a shell understands.
 */
export async function suggesting(
  secrets: Secrets,
  names: readonly string[],
  error: unknown,
): Promise<unknown> {
  if (!isSecretError(error, 'ERR_SECRET_NOT_FOUND')) return error;
  // what cannot be listed suggests nothing
  const suggestion = didYouMean(names, await secrets.list().catch(() => []));
  const hint = typeable(error.hint, error.secretName);
  if (suggestion === undefined && hint === error.hint) return error;
  return error.with({ hint: [suggestion, hint].filter((text) => text !== undefined).join(' ') });
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

/** The hint with its command as it has to be typed: core, which is no shell's, leaves quotes out. */
function typeable(hint: string | undefined, name = ''): string | undefined {
  const word = `${name.startsWith('-') ? '-- ' : ''}${quoted(name)}`;
  return hint?.replace(`keyfall set ${name}\``, () => `keyfall set ${word}\``);
}
