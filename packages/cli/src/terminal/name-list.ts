/**
 * Lists of names on the command line.
 */

/** The names in a list that is separated by commas. Empty ones are left out. */
export function namesIn(list: string): readonly string[] {
  return list
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}
