/**
 * Where npm dotenv finds what it reads. Its parser returns names and values only; an editor must also know their places in
 * the text. This scanner walks a text as dotenv 18's `{ fast: true }` parser does, oddities included. Its values are never
 * trusted: an edit that is based on it is read back with dotenv itself.
 */

/** A pair in the text. Offsets are in UTF-16 code units, ends exclusive. */
interface DotenvPair {
  readonly name: string;
  /** Where the line of the pair begins, after a byte order mark. */
  readonly lineStart: number;
  /** Where the name begins, after blanks and `export`. */
  readonly nameStart: number;
  /** After `=`, or `:` and its blank. */
  readonly signEnd: number;
  /** The value with its quotes, perhaps on a later line; empty where there is none. */
  readonly valueStart: number;
  readonly valueEnd: number;
  /** The end of its last line: after the comment, before the line break. */
  readonly end: number;
}

/** What a text holds. */
export interface DotenvScan {
  readonly pairs: readonly DotenvPair[];
  /** Where lines begin that hold neither a pair nor a comment: dotenv drops them silently. */
  readonly dropped: readonly number[];
}

// JavaScript's `\s`, which dotenv skips between tokens, line breaks and the byte order mark included.
const blank = /\s/;
// What ends a comment and a line. dotenv turns CR and CRLF into LF before it reads.
const lineBreak = /[\n\r\u2028\u2029]/;
const nameCharacter = /[\w.-]/;
const quote = /['"`]/;

/** Finds every pair of `text` and every line that dotenv drops. */
export function scanDotenv(text: string): DotenvScan {
  const pairs: DotenvPair[] = [];
  const dropped: number[] = [];
  const is = (kind: RegExp, at: number) => at < text.length && kind.test(text.charAt(at));
  const skip = (kind: RegExp, from: number) => {
    let at = from;
    while (is(kind, at)) at++;
    return at;
  };
  const endOfLine = (from: number) => {
    let at = from;
    while (at < text.length && !is(lineBreak, at)) at++;
    return at;
  };
  const first = text.startsWith('\uFEFF') ? 1 : 0;
  const startOfLine = (from: number) => {
    let at = from;
    while (at > first && !is(lineBreak, at - 1)) at--;
    return at;
  };

  /** The end of the quoted value that begins at `open`, or -1 if dotenv takes it as an unquoted one. */
  const endOfQuoted = (open: number) => {
    let end = -1;
    for (let at = open; ; ) {
      at = text.indexOf(text.charAt(open), at + 1);
      if (at === -1) return end;
      let after = at + 1;
      while (is(blank, after) && !is(lineBreak, after)) after++;
      if (after === text.length || is(lineBreak, after) || text.charAt(after) === '#') end = at + 1;
      // An escaped quote may be the closing one, but only if no later one is.
      if (text.charAt(at - 1) !== '\\') return end;
    }
  };

  for (let at = skip(blank, 0); at < text.length; at = skip(blank, at)) {
    if (text.charAt(at) === '#') {
      at = endOfLine(at);
      continue;
    }
    const begin = at;
    const afterExport = at + 'export'.length;
    let exported = false;
    if (text.startsWith('export', at) && is(blank, afterExport)) {
      const next = skip(blank, afterExport);
      if (is(nameCharacter, next)) {
        at = next;
        exported = true;
      }
    }
    const nameStart = at;
    const nameEnd = skip(nameCharacter, at);
    const sign = skip(blank, nameEnd);
    let afterSign = -1;
    if (nameEnd > nameStart && text.charAt(sign) === '=') afterSign = sign + 1;
    else if (nameEnd > nameStart && text.charAt(nameEnd) === ':' && is(blank, nameEnd + 1))
      // The blank belongs to the sign, even where it is a line break.
      afterSign = nameEnd + (text.startsWith('\r\n', nameEnd + 1) ? 3 : 2);
    if (afterSign === -1) {
      dropped.push(begin);
      // The text after `export` and a line break is scanned again by itself.
      at = endOfLine(exported ? afterExport : nameEnd);
      continue;
    }
    const name = text.slice(nameStart, nameEnd);
    const lineStart = startOfLine(begin);
    const open = skip(blank, afterSign);
    const close = is(quote, open) ? endOfQuoted(open) : -1;
    let valueStart = open;
    let valueEnd = close;
    if (close === -1) {
      // A bare value ends with its line or at `#`; U+2028 and U+2029 are part of it.
      valueEnd = afterSign;
      while (valueEnd < text.length && !/[\n\r#]/.test(text.charAt(valueEnd))) valueEnd++;
      const bareEnd = valueEnd;
      while (valueEnd > afterSign && is(blank, valueEnd - 1)) valueEnd--;
      valueStart = Math.min(open, valueEnd);
      at = endOfLine(bareEnd);
    } else at = endOfLine(close);
    pairs.push({ name, lineStart, nameStart, signEnd: afterSign, valueStart, valueEnd, end: at });
  }
  return { pairs, dropped };
}
