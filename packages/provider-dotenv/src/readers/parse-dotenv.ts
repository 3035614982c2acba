/**
 * What npm dotenv reads in a text: whatever else we find in one, its values are these.
 */

/** Values by their names. */
export type Values = ReadonlyMap<string, string>;

/** Reads a text as npm dotenv does. */
export type Parse = (text: string) => Values;

/** npm dotenv's parser. Loaded at first use: a chain that never reaches a file needs none. */
export async function loadParse(): Promise<Parse> {
  const { parse } = await import('dotenv');
  return (text) => new Map(Object.entries(parse(text, { fast: true })));
}
