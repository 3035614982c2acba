/**
 * Names that may have been meant, for one that no store holds: a command, or a provider's `check`, can suggest
 * them.
 */
/** `nearNames` of the package (`for-strangers.ts`) without a look at its arguments. */
export function nearNames(name: string, candidates: readonly string[]): readonly string[] {
  const wanted = folded(name);
  const others = candidates.filter((candidate) => candidate !== name);
  const near = (wanted.length < 5 ? [0, 1] : [0, 1, 2]).flatMap((edits) =>
    others.filter((other) => isWithin(wanted, folded(other), edits)),
  );
  return [...new Set(near)].slice(0, 3);
}

function folded(name: string): string {
  return name.toLowerCase().replaceAll('-', '_');
}

/** Whether at most so many added, removed or replaced characters turn one into the other (Levenshtein). */
function isWithin(one: string, other: string, edits: number): boolean {
  if (edits < 0 || !one || !other) return one.length + other.length <= edits;
  const [rest, otherRest] = [one.slice(1), other.slice(1)];
  if (one[0] === other[0]) return isWithin(rest, otherRest, edits);
  return (
    isWithin(rest, otherRest, edits - 1) ||
    isWithin(rest, other, edits - 1) ||
    isWithin(one, otherRest, edits - 1)
  );
}
