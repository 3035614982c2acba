/**
 * Names that somebody may have meant, for one that nobody holds.
 */
import { isSecretError, SecretError, type Secrets } from '@keyfall/core';
import { printable } from './terminal.ts';

/**
 * Up to three of `candidates` that are `name` but for case, `-` for `_`, or a typing error or two (one
 * in a short name), nearest first.
 */
export function nearNames(name: string, candidates: readonly string[]): readonly string[] {
  const wanted = folded(name);
  const allowed = wanted.length < 5 ? 1 : 2;
  return candidates
    .map((candidate) => ({ candidate, distance: distanceOf(wanted, folded(candidate)) }))
    .filter(({ candidate, distance }) => candidate !== name && distance <= allowed)
    .sort((one, other) => one.distance - other.distance)
    .slice(0, 3)
    .map(({ candidate }) => candidate);
}

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

function folded(name: string): string {
  return name.toLowerCase().replaceAll('-', '_');
}

/** Levenshtein's: how many characters have to be added, left out or replaced. */
function distanceOf(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [index, character] of [...one].entries()) {
    const next = [index + 1];
    for (const [position, counterpart] of [...other].entries())
      next.push(
        Math.min(
          (row[position + 1] ?? 0) + 1,
          (next[position] ?? 0) + 1,
          (row[position] ?? 0) + (character === counterpart ? 0 : 1),
        ),
      );
    row = next;
  }
  return row.at(-1) ?? 0;
}
