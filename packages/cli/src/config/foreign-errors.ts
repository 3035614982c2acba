/**
 * What Node, its JSON parser and jiti say of a configuration that they cannot read. They say in words what they
 * give no field for, and this file alone reads these: what of a word is not found here is left out of ours.
 */
import { pathToFileURL } from 'node:url';

/** Whether a program could not be parsed: by Node, or by the parser that jiti uses. */
export function isSyntaxError(error: unknown): boolean {
  return (
    error instanceof SyntaxError || (error instanceof Error && /^ParseError/.test(error.message))
  );
}

/** The package or file that an import did not find. */
export function missingModule(error: unknown): string | undefined {
  const isMissing =
    error instanceof Error &&
    'code' in error &&
    (error.code === 'ERR_MODULE_NOT_FOUND' || error.code === 'MODULE_NOT_FOUND');
  return isMissing
    ? /^Cannot find (?:package|module) '([^'\n]+)'/.exec(error.message)?.[1]
    : undefined;
}

/** Where the file stands in a stack, or in the message of a parser: `…/keyfall.config.ts:7:12`. */
export function lineInStack(error: unknown, file: string): number | undefined {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  // a module that was imported stands there as a URL
  for (const written of [file, pathToFileURL(file).href]) {
    const at = stack.indexOf(`${written}:`);
    const line = at < 0 ? undefined : /^:(\d+)/.exec(stack.slice(at + written.length))?.[1];
    if (line !== undefined) return Number(line);
  }
  return undefined;
}

/** Where in a text `JSON.parse` found what is wrong; V8 says so of some mistakes. */
export function jsonErrorAt(error: unknown): number | undefined {
  const at = error instanceof SyntaxError && /at position (\d+)/.exec(error.message)?.[1];
  return at ? Number(at) : undefined;
}
