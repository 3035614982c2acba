/**
 * Looks for values that must not be seen: in text, and in every form in which an error or an object
 * reaches a log.
 */
import { inspect } from 'node:util';

/**
 * Where one of `canaries` shows in `subjects`: an empty list if nowhere. Searched are a string
 * itself, and of anything else `message`, `stack`, `String()`, `JSON.stringify`, what a worker would
 * get of it (`structuredClone`), and `util.inspect` with hidden properties to depth 10, with and
 * without its own inspect method. A canary is found raw, JSON-escaped, URL-encoded, as
 * base64 (also inside a longer text), as hex and as bytes.
 *
 * @param canaries - each at least 6 characters, or it would be found by chance
 * @returns one line a finding, which names the canary by its position and never quotes it
 * @throws `TypeError` for a canary that is too short
 */
export function leaksOf(canaries: Iterable<string>, ...subjects: readonly unknown[]): string[] {
  const wanted = [...canaries].map((canary) => {
    if (canary.length < 6) throw new TypeError('a canary needs at least 6 characters');
    return formsOf(canary);
  });
  const found = new Set<string>();
  for (const subject of subjects)
    for (const [place, text] of viewsOf(subject))
      for (const [position, forms] of wanted.entries())
        for (const [form, searched] of forms)
          if (text.includes(searched)) found.add(`${place} shows canary ${position} (${form})`);
  return [...found];
}

/**
 * Asserts that {@link leaksOf} finds nothing.
 *
 * @throws `Error` that lists the findings, without the canaries
 */
export function assertNoLeak(canaries: Iterable<string>, ...subjects: readonly unknown[]): void {
  const leaks = leaksOf(canaries, ...subjects);
  if (leaks.length > 0) throw new Error(`a secret leaked: ${leaks.join('; ')}`);
}

function formsOf(canary: string): Map<string, string> {
  const bytes = Buffer.from(canary);
  const hex = bytes.toString('hex');
  const url = encodeURIComponent(canary);
  const forms = new Map([
    ['raw', canary],
    ['escaped', JSON.stringify(canary).slice(1, -1)],
    [
      'inspected',
      inspect(canary, { breakLength: Infinity, maxStringLength: Infinity }).slice(1, -1),
    ],
    ['URL-encoded', url],
    ['form-encoded', url.replaceAll('%20', '+')],
    ['hex', hex],
    // inspect shows the first 50 bytes of a buffer
    ['buffer', hex.slice(0, 100).replace(/..(?!$)/g, '$& ')],
    ['byte list', [...bytes].join(',')],
    ['typed array', [...bytes].join(', ')],
  ]);
  // in the base64 of a longer text the canary starts at any of three alignments; the characters
  // that mix its bits with a neighbour's are cut off
  for (const before of [0, 1, 2]) {
    const all = Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    const whole = all.slice(
      before === 0 ? 0 : before + 1,
      (before + bytes.length) % 3 ? -1 : undefined,
    );
    forms.set(`base64 at ${before}`, whole);
    forms.set(`base64url at ${before}`, whole.replaceAll('+', '-').replaceAll('/', '_'));
  }
  return forms;
}

function viewsOf(subject: unknown): Map<string, string> {
  if (typeof subject === 'string') return new Map([['text', subject]]);
  const kind = subject instanceof Error ? subject.name : typeof subject;
  const views = new Map<string, string>();
  const view = (place: string, make: () => unknown): void => {
    try {
      const text = make();
      if (typeof text === 'string') views.set(`${place} of ${kind}`, text);
    } catch {
      // a subject that cannot be shown in this way cannot leak in this way
    }
  };
  const all = {
    showHidden: true,
    depth: 10,
    maxArrayLength: Infinity,
    maxStringLength: Infinity,
    breakLength: Infinity,
    compact: true, // else lists of numbers are set in columns
  };
  view('inspect', () => inspect(subject, all));
  view('raw inspect', () => inspect(subject, { ...all, customInspect: false }));
  view('JSON', () => JSON.stringify(subject));
  view('clone', () => inspect(structuredClone(subject), all));
  view('String()', () => String(subject));
  if (subject instanceof Error) {
    view('message', () => subject.message);
    view('stack', () => subject.stack);
  }
  return views;
}
