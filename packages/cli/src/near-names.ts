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

/** `Did you mean A or B?`, or nothing where the name is there or none is near. */
export function didYouMean(name: string, candidates: readonly string[]): string | undefined {
  if (candidates.includes(name)) return undefined;
  const near = nearNames(name, candidates).map(printable);
  return near.length === 0 ? undefined : `Did you mean ${near.join(' or ')}?`;
}

/**
 * Does `work` about the name; where nobody holds it, the error asks whether a name was meant that
 * somebody does hold.
 *
 * @throws what `work` throws
 */
export async function withSuggestion<Result>(
  secrets: Secrets,
  name: string,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!isSecretError(error, 'ERR_SECRET_NOT_FOUND')) throw error;
    // what cannot be listed suggests nothing
    const names = await secrets.list().catch(() => []);
    const suggestion = didYouMean(name, names);
    if (suggestion === undefined) throw error;
    const { code, reason, hint, attempts, secretName } = error;
    throw new SecretError(code, reason, {
      hint: hint === undefined ? suggestion : `${suggestion} ${hint}`,
      attempts,
      secretName,
    });
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
