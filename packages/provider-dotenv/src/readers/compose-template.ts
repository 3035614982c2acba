/**
 * `$NAME`, `${NAME}` and `${NAME:-default}` as docker compose replaces them: compose-go's
 * `template.go`, oddities included. For example, an expression extends to the last `}` of its line, and its operator is looked for in
 * all of that.
 */

/** A value that compose refuses. The message is a clause about its line. */
export class SubstitutionError extends Error {}

type LookUp = (name: string) => string | undefined;

const reference = /\$(?:(\$)|([_a-z][_a-z0-9]*)|\{(?:([_a-z][_a-z0-9]*(?::?[-+?][^\n]*)?)\}|))/giu;

/**
 * The value with its references replaced.
 *
 * @throws {@link SubstitutionError} for a `${` that begins no name, and for `${NAME:?}` without a `NAME`
 */
export function substituted(value: string, lookUp: LookUp): string {
  return value.replace(reference, (match: string) => replacement(match, lookUp));
}

function replacement(match: string, lookUp: LookUp): string {
  const operator = operatorOf(match);
  const close = closingBrace(match);
  const rest = close < 0 ? '' : match.slice(close + 1);
  const expression = close < 0 ? match : match.slice(0, close + 1);
  const [, escaped, bare, braced] = new RegExp(reference.source, 'iu').exec(expression) ?? [];
  if (escaped !== undefined) return escaped;
  if (bare !== undefined) return lookUp(bare) ?? '';
  if (braced === undefined) throw new SubstitutionError('has a ${ that begins no name');
  // without its operator the whole expression counts as a name, and what follows it is lost
  if (!braced.includes(operator)) return lookUp(braced) ?? '';
  return applied(operator, braced, lookUp) + substituted(rest, lookUp);
}

function applied(operator: string, expression: string, lookUp: LookUp): string {
  const at = expression.indexOf(operator);
  const argument = expression.slice(at + operator.length);
  const value = lookUp(expression.slice(0, at));
  const counts = value !== undefined && (!operator.startsWith(':') || value !== '');
  if (operator.endsWith('+')) return counts ? substituted(argument, lookUp) : (value ?? '');
  if (counts) return value;
  if (operator.endsWith('-')) return substituted(argument, lookUp);
  throw new SubstitutionError('requires a variable that has no value');
}

/** Which operator counts: Go's insertion sort of them by where they are found, by its own odd comparison. */
function operatorOf(match: string): string {
  const operators = [':?', '?', ':-', '-', ':+', '+'];
  const isLess = (a: string, b: string) => {
    const [first, second] = [match.indexOf(a), match.indexOf(b)];
    return first >= 0 && (second < 0 || first < second);
  };
  for (let end = 1; end < operators.length; end++)
    for (let at = end; at > 0; at--) {
      const [before = '', here = ''] = operators.slice(at - 1, at + 1);
      if (!isLess(here, before)) break;
      operators.splice(at - 1, 2, here, before);
    }
  return operators[0] ?? '';
}

/** Where the first expression ends: the character after each `{` is skipped. */
function closingBrace(text: string): number {
  let open = 0;
  for (let at = 0; at < text.length; at++)
    if (text.charAt(at) === '}') {
      open--;
      if (open === 0) return at;
    } else if (text.charAt(at) === '{') {
      open++;
      at++;
    }
  return -1;
}
