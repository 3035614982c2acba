/**
 * What npm dotenv reads in a text: these are its values, whatever else is found in it. Loaded at its first use: a chain that
 * never reaches a file does not need the parser.
 */
import { parse } from 'dotenv';

/** Values by their names. */
export type Values = ReadonlyMap<string, string>;

/** Reads a text as npm dotenv does. */
export function parseDotenv(text: string): Values {
  return new Map(Object.entries(parse(text, { fast: true })));
}
