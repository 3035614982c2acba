// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the readers' own notation
/**
 * The forms in which a value can be written into a `.env`, and which of them the readers read alike.
 */
import { allReaders, type NamedReader } from './classify-edit.ts';

const quotes = ["'", '"', '`'];

/** The forms of a value. */
export interface Forms {
  /** Those that the reader which counts reads as this value, and of which no shell runs a part; the best first. */
  readonly forms: readonly string[];
  /** Whether there are others, which a shell that sources the file would partly run. */
  readonly isRunOtherwise: boolean;
}

/**
 * The forms of a value, the best first: those that more readers read, then the quotes used before, then without
 * quotes, then on one line.
 *
 * @param used - the quote that was used before
 */
export async function formsOf(value: string, own: NamedReader, used: string): Promise<Forms> {
  if (isPlain(value)) {
    const kept = quotes.slice(0, 2).filter((quote) => quote === used);
    return { forms: [...kept.map((quote) => quote + value + quote), value], isRunOtherwise: false };
  }
  if (/^[^'"`$\\\p{Cc}\u2028\u2029]+$/u.test(value)) {
    const [first = "'", second = '"'] = used === '"' ? ['"', "'"] : [];
    return { forms: [first + value + first, second + value + second], isRunOtherwise: false };
  }
  const all = [...new Set(candidates(value, used))];
  const readers = await allReaders();
  const shell = readers.find(({ reader }) => reader === 'shell');
  const readable = all.flatMap((form) => {
    const text = `N=${form}\nZ=1\n`;
    const isRead = ({ read }: NamedReader) => {
      const { values, refusal } = read(text, {});
      return refusal === undefined && values.get('N') === value && values.get('Z') === '1';
    };
    if (own.read(`N=${form}\n`, {}).values.get('N') !== value) return [];
    const { refusal, unknown } = shell?.read(text, {}) ?? { unknown: new Map() };
    const isRun = refusal !== undefined || (unknown.has('N') && /`|\$\(/.test(form));
    return [{ form, isRun, count: readers.filter(isRead).length }];
  });
  const safe = readable.filter(({ isRun }) => !isRun).sort((a, b) => b.count - a.count);
  return { forms: safe.map(({ form }) => form), isRunOtherwise: safe.length < readable.length };
}

function candidates(value: string, used: string): string[] {
  const quoted = quotes.map((quote) => quote + value + quote);
  const oneLine = value.replaceAll('\n', '\\n').replaceAll('\r', '\\r');
  // for readers that know escapes
  const escaped = value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r');
  const forms = [
    ...quoted,
    `"${oneLine}"`,
    // dotenv also resolves escapes after a double quote that is never closed
    oneLine,
    `"${escaped.replaceAll('"', '\\"')}"`,
    `"${escaped.replaceAll('"', '\\"').replaceAll('$', '\\$')}"`,
    `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`,
    `'${value.replaceAll("'", "\\'")}'`,
    // in a shell, single quotes hold everything but themselves
    `'${value.replaceAll("'", "'\\''")}'`,
  ];
  // python-dotenv has no other form for `${`
  if (value.includes('${'))
    forms.push(...forms.slice(0, 8).map((form) => form.replaceAll('${', '${:-$}{')));
  // A quote that the value opens for a shell only is closed again in a comment, where dotenv cannot take it for the end
  // of the value.
  if (!/[\n\r]/.test(value)) forms.push(value, `${value} # '`, `${value} # "`);
  forms.push(`${oneLine} # '.`, `${oneLine} # ".`);
  // a backslash at the end joins the next line to the value: let that be an empty one
  if (value.endsWith('\\')) forms.unshift(`${value}\n`);
  const kept = quotes.includes(used) ? forms.filter((form) => form.startsWith(used)) : [];
  return [...kept, ...forms];
}

/** Whether every reader reads the value unchanged without quotes. */
function isPlain(value: string): boolean {
  return /^[\w@%+:,./=-]*$/.test(value);
}
