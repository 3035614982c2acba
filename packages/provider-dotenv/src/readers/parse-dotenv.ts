/**
 * What npm dotenv reads in a text: these are its values, whatever else is found in it.
 */

/** Values by their names. */
export type Values = ReadonlyMap<string, string>;

/** Reads a text as npm dotenv does. */
export type Parse = (text: string) => Values;

/** npm dotenv's parser. It is loaded at its first use: a chain that never reaches a file does not need it. */
export async function loadParse(): Promise<Parse> {
  const { parse } = await import('dotenv');
  return (text) => new Map(Object.entries(parse(text, { fast: true })));
}
