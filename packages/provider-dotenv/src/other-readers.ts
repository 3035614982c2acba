/**
 * What others than npm dotenv make of a value in a `.env`. Where it can be written in several ways that
 * npm dotenv reads alike, these decide: `'don't'` is `don't` to npm dotenv, and nothing like it to Node.
 */

/** How a value stands in a file. */
interface Form {
  readonly value: string;
  /** The quote around it. */
  readonly quote: string;
  /** What stands between the quotes. */
  readonly inside: string;
}

/**
 * How widely a form is read as this value: more is better, and a reader counts for more than all after
 * it. They are `node --env-file`, python-dotenv, and a shell that sources the file. The shell does not
 * count for a value of several lines: it would need them as they are, and what reads a file line by line
 * then shows parts of the secret in its complaints.
 */
export function readability(form: string, value: string): number {
  const quote = quoteAround(form);
  if (quote === '' && !isPlain(form)) return 0;
  const inside = form.slice(quote.length, form.length - quote.length);
  const readers = [shellReads, pythonReads, nodeReads];
  return readers.reduce(
    (sum, reads, at) => (quote === '' || reads({ value, quote, inside }) ? sum + 2 ** at : sum),
    0,
  );
}

/** The quote that a form begins and ends with, if it does. */
function quoteAround(form: string): string {
  const first = form.charAt(0);
  return form.length > 1 && form.endsWith(first) && '\'"`'.includes(first) ? first : '';
}

/** Whether a value means itself without quotes, to every reader. */
export function isPlain(value: string): boolean {
  return /^[\w@%+:,./=-]*$/.test(value);
}

/** Node's parser (src/node_dotenv.cc): up to the next such quote; `\n` within double ones; no CR. */
function nodeReads({ value, quote, inside }: Form): boolean {
  if (inside.includes(quote)) return false;
  const text = inside.replaceAll('\r', '');
  return (quote === '"' ? text.replaceAll('\\n', '\n') : text) === value;
}

/** python-dotenv's parser.py: a backslash guards the quote, and with some characters means others. */
function pythonReads({ value, quote, inside }: Form): boolean {
  if (quote === '`' || inside.includes(quote) || inside.endsWith('\\')) return false;
  const escapes = quote === '"' ? /\\([\\'"abfnrtv])/g : /\\([\\'])/g;
  // Python reads every line end of a text as a line feed
  const text = inside.replace(/\r\n?/g, '\n');
  return text.replace(escapes, (_, letter: string) => meanings[letter] ?? letter) === value;
}

/** The characters that a letter means after a backslash. */
const meanings: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** A shell (POSIX, Shell Command Language, 2.2): nothing is special in single quotes. */
function shellReads({ value, quote, inside }: Form): boolean {
  if (/[\n\r]/.test(value) || inside.includes(quote)) return false;
  return quote === "'" || (quote === '"' && !/[$`\\]/.test(inside));
}
