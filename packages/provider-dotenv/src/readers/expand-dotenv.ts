/**
 * `$NAME` and `${NAME}` in values, as dotenv-expand 13 replaces them, for those who ask for it.
 *
 * The rules are those of the package, oddities included, and a test compares the two. The package itself is not used: it
 * never ends for some files of one line (`A=$constructor`, or a value that comes to hold its own name), and it writes into
 * the environment. Here only names of the files count, and a value that grows without end is an error.
 */
import { SecretError } from '@keyfall/core/provider';

/** How many replacements one value may need, and how many characters those of all values may produce. */
const maxSteps = 1_000;
const maxCharacters = 32 * 1024 * 1024;

/**
 * The values, in order, with their references replaced. A name that is missing, or comes later, becomes an empty text,
 * unless a default is given (`${NAME:-default}`). `\$` is a plain `$`.
 *
 * @throws `ERR_SECRET_INVALID` if a value grows without end; the error names the name
 */
export function expandValues(
  values: ReadonlyMap<string, string>,
  provider: string,
): Map<string, string> {
  const expanded = new Map<string, string>();
  let characters = 0;
  for (const [name, value] of values) {
    let last = value;
    let count = 0;
    for (const step of steps(value, expanded)) {
      characters += step?.length ?? Infinity;
      if (step === undefined || ++count > maxSteps || characters > maxCharacters)
        throw new SecretError('ERR_SECRET_INVALID', `${name} grows without end when expanded`, {
          provider,
          secretName: name,
          hint: 'Write \\$ for a dollar sign that does not begin a name.',
        });
      last = step;
    }
    expanded.set(name, last.replace(/\\\$/g, '$'));
  }
  return expanded;
}

/** The text that {@link expandValues} turns into `value`, whatever else the file holds. */
export function escapeReferences(value: string): string {
  return reference().test(value) || value.includes('\\$') ? value.replaceAll('$', '\\$') : value;
}

/** Whether `value` refers, without a default, to a name that is not among `names`. */
export function refersElsewhere(value: string, names: ReadonlyMap<string, string>): boolean {
  return [...value.matchAll(reference())].some(([, braced, bare = '']) => {
    const expression = braced ?? bare;
    return !operators.test(expression) && !names.has(expression);
  });
}

const operators = /:\+|\+|:-|-/;

function reference(): RegExp {
  return /(?<!\\)\$\{([^{}]+)\}|(?<!\\)\$([A-Za-z_][A-Za-z0-9_]*)/g;
}

/** The value after each replacement; `undefined` as the last one if it could be far too long. */
function* steps(
  value: string,
  known: ReadonlyMap<string, string>,
): Generator<string | undefined, void> {
  const seen = new Set<string>();
  let result = value;
  for (;;) {
    const match = reference().exec(result);
    if (match === null) return;
    seen.add(result);
    const [template, braced, bare] = match;
    const expression = braced ?? bare ?? '';
    // Without an operator dotenv-expand calls `split(null)`, which splits at the text "null".
    const operator = operators.exec(expression)?.[0];
    const [key = '', ...rest] = expression.split(operator ?? 'null');
    const fallback = rest.join(operator ?? 'null');
    const held = known.get(key);
    let replacement = held && !seen.has(held) ? held : fallback;
    if (operator === ':+' || operator === '+') replacement = held ? fallback : '';
    // As in dotenv-expand, `$&` and the like in the replacement stand for parts of the text, or for all of it.
    if (replacement.split('$').length * result.length + replacement.length > maxCharacters)
      return yield undefined;
    result = result.replace(template, replacement);
    yield result;
    if (result === held) return;
  }
}
