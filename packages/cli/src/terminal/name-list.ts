/**
 * A list of names, as it is typed.
 */

/** The names in a list of them, separated by commas. What is empty between two commas is none. */
export function namesIn(list: string): readonly string[] {
  return list
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}
