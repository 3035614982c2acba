// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the readers' own notation
/**
 * The ways to write a value into a `.env`, and which of them the readers read alike.
 */
import { type JudgedReader, judgedReaders } from './edit-verdict.ts';

const quotes = ["'", '"', '`'];

/** The ways to write a value. */
export interface Forms {
  /** Those that the reader that counts reads as this value and no shell runs a part of, the best first. */
  readonly forms: readonly string[];
  /** Whether there would be others, parts of which a shell would run that sources the file. */
  readonly isRunOtherwise: boolean;
}

/**
 * The ways to write a value, the best first: as more readers read it, then as it was quoted before, then
 * bare, then on one line.
 *
 * @param used - the quote that stood there
 */
export async function formsOf(value: string, own: JudgedReader, used: string): Promise<Forms> {
  if (isPlain(value)) {
    const kept = quotes.slice(0, 2).filter((quote) => quote === used);
    return { forms: [...kept.map((quote) => quote + value + quote), value], isRunOtherwise: false };
  }
  if (/^[^'"`$\\\p{Cc}\u2028\u2029]+$/u.test(value)) {
    const [first = "'", second = '"'] = used === '"' ? ['"', "'"] : [];
    return { forms: [first + value + first, second + value + second], isRunOtherwise: false };
  }
  const all = [...new Set(candidates(value, used))];
  const readers = await judgedReaders();
  const shell = readers.find(({ reader }) => reader === 'shell');
  const judged = all.flatMap((form) => {
    const text = `N=${form}\nZ=1\n`;
    const isRead = ({ read }: JudgedReader) => {
      const { values, refusal } = read(text, {});
      return refusal === undefined && values.get('N') === value && values.get('Z') === '1';
    };
    if (own.read(`N=${form}\n`, {}).values.get('N') !== value) return [];
    const { refusal, unknown } = shell?.read(text, {}) ?? { unknown: new Map() };
    const isRun = refusal !== undefined || (unknown.has('N') && /`|\$\(/.test(form));
    return [{ form, isRun, count: readers.filter(isRead).length }];
  });
  const safe = judged.filter(({ isRun }) => !isRun).sort((a, b) => b.count - a.count);
  return { forms: safe.map(({ form }) => form), isRunOtherwise: safe.length < judged.length };
}

function candidates(value: string, used: string): string[] {
  const quoted = quotes.map((quote) => quote + value + quote);
  const oneLine = value.replaceAll('\n', '\\n').replaceAll('\r', '\\r');
  // of readers that know escapes, and of none that does not
  const escaped = value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r');
  const forms = [
    ...quoted,
    `"${oneLine}"`,
    // dotenv resolves escapes after a double quote that is never closed, too
    oneLine,
    `"${escaped.replaceAll('"', '\\"')}"`,
    `"${escaped.replaceAll('"', '\\"').replaceAll('$', '\\$')}"`,
    `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`,
    `'${value.replaceAll("'", "\\'")}'`,
    // a shell has single quotes that hold all but themselves
    `'${value.replaceAll("'", "'\\''")}'`,
  ];
  // python-dotenv has no other way to say `${`
  if (value.includes('${'))
    forms.push(...forms.slice(0, 8).map((form) => form.replaceAll('${', '${:-$}{')));
  // A quote that the value opens for a shell alone is closed again in a comment, where dotenv cannot take it
  // for the end of the value.
  if (!/[\n\r]/.test(value)) forms.push(value, `${value} # '`, `${value} # "`);
  forms.push(`${oneLine} # '.`, `${oneLine} # ".`);
  // what a backslash at the end joins to the value is an empty line
  if (value.endsWith('\\')) forms.unshift(`${value}\n`);
  const kept = quotes.includes(used) ? forms.filter((form) => form.startsWith(used)) : [];
  return [...kept, ...forms];
}

/** Whether a value means itself without quotes, to every reader. */
function isPlain(value: string): boolean {
  return /^[\w@%+:,./=-]*$/.test(value);
}
