/**
 * The texts in which a value shows up in logs: itself, and as the encoders around it write it. Forms
 * that come out the same are one, so a value of letters and digits has only itself and its base64.
 */
import { codeWritings, markupWritings, type Writing } from './writings.ts';

/** Longer values are masked in text, but not in markup, URLs or base64: each form needs memory. */
const longestEncoded = 8_192;

/**
 * Returns every text that must be masked so that `value` cannot be read: the value, without the white space around
 * it if enough characters remain, and each of its lines that has twice `minLength` characters or more. Both are
 * also returned as JSON, source code, HTML and shells write them, and the value as URLs and base64 write it. Base64
 * may be standard or URL-safe, broken into lines, or inside a longer text. A form that is too long for a string of
 * this engine is left out.
 *
 * @param value - of `minLength` characters or more
 * @param minLength - in characters; 4 or more
 */
export function formsOf(value: string, minLength: number): Set<string> {
  const core = value.trim();
  const text = core.length < minLength ? value : core;
  const isShort = text.length <= longestEncoded;
  const forms = new Set([text]);
  const writings = isShort ? [...codeWritings, ...markupWritings] : codeWritings;
  for (const write of writings) attempt(() => forms.add(write(text)));
  if (isShort)
    for (const form of encoded(text.toWellFormed())) {
      forms.add(form);
      for (const line of linesOf(form, minLength)) forms.add(line);
    }

  if (!/[\r\n]/.test(text)) return forms;
  // a writing escapes character by character, so all lines can be written at once
  const all = linesOf(text, minLength).join('\n');
  if (all === '') return forms;
  const keepBreaks = (write: Writing) => write(all, '\n').split('\n');
  for (const write of [asItIs, ...writings])
    attempt(() => {
      for (const line of keepBreaks(write)) forms.add(line);
    });
  return forms;
}

const asItIs: Writing = (text) => text;

function linesOf(text: string, minLength: number): string[] {
  const lines = text.split(/[\r\n]+/).map((line) => line.trim());
  // the frame of a PEM document is not secret: every certificate has it
  return lines.filter((line) => line.length >= 2 * minLength && !line.startsWith('-----'));
}

function attempt(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
}

function* encoded(text: string): Generator<string> {
  const component = encodeURIComponent(text);
  const strict = component.replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16)}`);
  const url = new URL('http://host');
  url.password = text;
  for (const form of [
    component,
    strict,
    strict.replaceAll('%20', '+'), // Go, PHP and Python in queries
    strict.replaceAll('%2F', '/'), // Python in paths
    `${new URLSearchParams([['', text]])}`.slice(1),
    encodeURI(text),
    url.password,
  ]) {
    yield form.replace(/%../g, (code) => code.toUpperCase());
    yield form.replace(/%../g, (code) => code.toLowerCase());
  }

  const bytes = new TextEncoder().encode(text);
  for (const before of [0, 1, 2]) {
    const whole = btoa('\0'.repeat(before) + String.fromCharCode(...bytes));
    // a character of base64 has six bits: one that holds bits of a neighbouring byte cannot be predicted
    yield* bothAlphabets(
      whole.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6)),
    );
    if (before > 0) continue;
    yield* bothAlphabets(whole);
    yield* bothAlphabets(whole.replaceAll('=', ''));
    // base64(1) and openssl(1) break lines, and each line becomes a form
    for (const width of [64, 76])
      if (whole.length > width) yield whole.replace(new RegExp(`.{${width}}`, 'g'), '$&\n');
  }
}

function* bothAlphabets(base64: string): Generator<string> {
  yield base64;
  yield base64.replaceAll('+', '-').replaceAll('/', '_');
}
