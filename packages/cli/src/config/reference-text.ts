/**
 * Which texts are references, by their schemes alone: what a configuration may hold as a value, and what a migration
 * leaves where it is. What one leads to is for `withReferences` of core.
 */

/** Whether a text is a reference of one of these schemes, be it one that can be followed or not. */
export function isReference(text: string, schemes: ReadonlySet<string>): boolean {
  const [, vals, scheme = ''] = /^(ref\+)?([a-z][a-z0-9.-]*):\/\//.exec(text) ?? [];
  return schemes.has(scheme) || (vals !== undefined && schemes.size > 0);
}
