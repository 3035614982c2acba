/**
 * Names that somebody may have meant, for one that nobody holds: a command, or a provider's `check`, can say
 * them and spare a search.
 */
import { assertText, assertTexts } from '../arguments/arguments.ts';

/**
 * Up to three of `candidates` that are `name` but for case, `-` for `_`, or a typing error or two (one
 * in a short name), nearest first. `name` itself is never among them.
 *
 * @example
 * ```ts
 * import { nearNames } from '@keyfall/core/provider';
 *
 * nearNames('TOKN', ['DB_PASS', 'TOKEN']); // ['TOKEN']
 * ```
 */
export function nearNames(name: string, candidates: readonly string[]): readonly string[] {
  assertText(name, 'nearNames: the name');
  assertTexts(candidates, 'nearNames: the candidates');
  const wanted = folded(name);
  const allowed = wanted.length < 5 ? 1 : 2;
  return candidates
    .map((candidate) => ({ candidate, distance: distanceOf(wanted, folded(candidate)) }))
    .filter(({ candidate, distance }) => candidate !== name && distance <= allowed)
    .sort((one, other) => one.distance - other.distance)
    .slice(0, 3)
    .map(({ candidate }) => candidate);
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
