/**
 * Names that the user may have meant, for one that no provider holds.
 */
import { isSecretError, type Secrets } from '@keyfall/core';
import { nearNames } from '@keyfall/core/provider';
import { quoted } from './shown-command.ts';
import { printable, silently } from './terminal.ts';

/** `Did you mean A or B?` for what is not among `held`; nothing where nothing is near. */
export function didYouMean(names: readonly string[], held: readonly string[]): string | undefined {
  const missing = names.filter((name) => !held.includes(name));
  const near = new Set(missing.flatMap((name) => nearNames(name, held)));
  return near.size === 0 ? undefined : `Did you mean ${[...near].map(printable).join(' or ')}?`;
}

/**
 * The error; where no provider holds the names, with those that the user may have meant. A chain's own hint names a
 * command without a shell's quotes, so that of one name is written here.
 *
 * @param remedyOf - what to do about a name that nothing holds. Default: store it
 */
export async function suggesting(
  secrets: Secrets,
  names: readonly string[],
  error: unknown,
  remedyOf: (name: string) => string = storing,
): Promise<unknown> {
  if (!isSecretError(error, 'ERR_SECRET_NOT_FOUND')) return error;
  // what cannot be listed suggests nothing
  const held = await silently(() => secrets.list().catch(() => []));
  const suggestion = didYouMean(names, held);
  const { attempts, secretName, hint } = error;
  const isOfChain = attempts !== undefined && secretName !== undefined;
  const remedy = isOfChain ? remedyOf(secretName) : hint;
  return error.with({ hint: [suggestion, remedy].filter((text) => text !== undefined).join(' ') });
}

/**
 * Does `work` about the name.
 * @throws what `work` throws, as {@link suggesting} has it
 */
export async function withSuggestion<Result>(
  secrets: Secrets,
  name: string,
  work: () => Promise<Result>,
  remedyOf?: (name: string) => string,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw await suggesting(secrets, [name], error, remedyOf);
  }
}

function storing(name: string): string {
  return `Store it with \`keyfall set ${name.startsWith('-') ? '-- ' : ''}${quoted(name)}\`.`;
}
