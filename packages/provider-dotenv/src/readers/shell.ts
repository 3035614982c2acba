/**
 * A `.env` as a POSIX shell that sources it reads it (`set -a; . ./.env`). Only files of assignments are understood. Nothing
 * is ever run here, so a value that a program prints, or that depends on variables of the shell, is unknown, and a file
 * that starts a program is refused. The rules are those of the
 * Shell Command Language (POSIX.1-2017, 2.2, 2.3 and 2.9.1).
 */
import { lineAt, lineCounter, lineStartAt, type Read, type Span } from './reading.ts';

/** Thrown within this file. */
class Refused extends Error {
  readonly at: number;

  constructor(at: number, reason: string) {
    super(reason);
    this.at = at;
  }
}

/** Variables that some shell forbids to set, or changes by itself. */
const shellsOwn: ReadonlySet<string> = new Set(
  'UID EUID PPID SHELLOPTS BASHOPTS OPTIND LINENO RANDOM SECONDS _'.split(' '),
);

/** As `sh` reads it, dash and bash alike. */
export const readAsShell: Read = (text) => {
  const values = new Map<string, string>();
  const unknown = new Map<string, number>();
  const spans: Span[] = [];
  const lineOf = lineCounter(text);
  let at = 0;

  const skipBlanks = (): void => {
    for (;;)
      if (/[ \t]/.test(text.charAt(at))) at++;
      else if (text.startsWith('\\\n', at)) at += 2;
      else return;
  };

  /** Skips `$…` or a backtick expression, whatever it stands for. */
  const passExpansion = (): void => {
    const start = at;
    const unclosed = () => new Refused(start, 'has an expansion that is never closed');
    if (text.charAt(at) === '`') {
      for (at++; text.charAt(at) !== '`'; at++) {
        if (text.charAt(at) === '\\') at++;
        if (at >= text.length) throw unclosed();
      }
      at++;
      return;
    }
    at++;
    const open = text.charAt(at);
    if (open === '[') throw new Refused(start, 'has an expansion that shells read differently');
    if (open !== '(' && open !== '{') {
      const [name = ''] = /^(?:[A-Za-z_]\w*|[0-9@*#?$!-])/.exec(text.slice(at, at + 256)) ?? [];
      at += name.length;
      return;
    }
    const close = open === '(' ? ')' : '}';
    for (let depth = 0; ; at++) {
      if (at >= text.length) throw unclosed();
      const character = text.charAt(at);
      if (character === '\\') at++;
      else if (character === open) depth++;
      else if (character === close && --depth === 0) break;
      // quotes inside of it have rules of their own
      else if (/['"`#]/.test(character))
        throw new Refused(start, 'has an expansion with quotes in it');
    }
    at++;
    const inside = text.slice(start, at);
    if (open === '{' ? !/^\$\{\w+(?:\}|:?[-+]|[#%])/.test(inside) : inside.startsWith('$(('))
      throw new Refused(start, 'has an expansion that may end the shell or change variables');
  };

  /** The value that begins here, up to the end of its word; `undefined` if it is unknown. */
  const word = (isArgument: boolean): string | undefined => {
    let value: string | undefined = '';
    let mayBeTilde = true;
    for (;;) {
      const character = text.charAt(at);
      const start = at;
      if (character === '' || /[ \t\n;]/.test(character)) return value;
      if (character === '&') throw new Refused(at, 'starts a program in the background');
      if (/[|<>()]/.test(character))
        throw new Refused(at, 'has an operator of the shell that is not quoted');
      let part: string | undefined = character;
      at++;
      if (character === "'") {
        at = text.indexOf("'", at) + 1;
        if (at === 0) throw new Refused(start, 'has a quote that is never closed');
        part = text.slice(start + 1, at - 1);
      } else if (character === '"') part = doubleQuoted(start);
      else if (character === '\\') {
        part = text.charAt(at) === '\n' ? '' : text.charAt(at) || '\\';
        at++;
      } else if (isExpansion(start)) {
        at = start;
        passExpansion();
        part = undefined;
      } else if (character === '~' && mayBeTilde) part = undefined;
      else if (isArgument && /[{*?[]/.test(character)) part = undefined;
      mayBeTilde = character === ':';
      value = value === undefined || part === undefined ? undefined : value + part;
    }
  };

  const isExpansion = (start: number): boolean =>
    text.charAt(start) === '`' ||
    (text.charAt(start) === '$' && /[\w@*#?$!({['"-]/.test(text.charAt(start + 1)));

  const doubleQuoted = (start: number): string | undefined => {
    let value: string | undefined = '';
    for (;;) {
      const character = text.charAt(at);
      if (character === '') throw new Refused(start, 'has a quote that is never closed');
      let part: string | undefined = character;
      const begin = at;
      at++;
      if (character === '"') return value;
      if (character === '\\') {
        const next = text.charAt(at);
        if (next === '\n') part = '';
        else part = /[$`"\\]/.test(next) ? next : `\\${next}`;
        at++;
      } else if (
        character === '`' ||
        (character === '$' && /[\w@*#?$!({[-]/.test(text.charAt(at)))
      ) {
        at = begin;
        passExpansion();
        part = undefined;
      }
      value = value === undefined || part === undefined ? undefined : value + part;
    }
  };

  const assignment = (isArgument: boolean): boolean => {
    const [sign] = /^[A-Za-z_]\w*=/.exec(text.slice(at, indexOfSign(text, at) + 1)) ?? [];
    if (sign === undefined) return false;
    const name = sign.slice(0, -1);
    const begin = at;
    at += sign.length;
    const valueStart = at;
    const value = word(isArgument);
    const isUnknown = value === undefined || shellsOwn.has(name);
    unknown.delete(name);
    values.delete(name);
    if (isUnknown) unknown.set(name, lineOf(begin));
    else values.set(name, value);
    spans.push({ name, lineStart: lineStartAt(text, begin), valueStart, valueEnd: at });
    return true;
  };

  const command = (): void => {
    const exports = /^export[ \t]+(?![ \t\n;#]|$)/.exec(text.slice(at, at + 4096))?.[0];
    if (exports !== undefined) at += exports.length;
    for (let isFirst = true; ; isFirst = false) {
      skipBlanks();
      const character = text.charAt(at);
      if (character === '' || character === '\n' || character === ';') {
        if (character === ';' && isFirst)
          throw new Refused(at, 'has a ; where a command is expected');
        break;
      }
      if (character === '#') {
        at = indexOrEnd(text, at);
        break;
      }
      if (assignment(exports !== undefined)) continue;
      const bare = /^[A-Za-z_]\w*(?=[ \t\n;]|$)/.exec(
        text.slice(at, indexOrEnd(text, at) + 1),
      )?.[0];
      if (exports === undefined || bare === undefined) throw new Refused(at, 'starts a program');
      at += bare.length;
    }
    if (at < text.length) at++;
  };

  try {
    while (at < text.length) {
      while (/[ \t\n]/.test(text.charAt(at))) at++;
      if (at < text.length) command();
    }
    return { values, unknown, spans, outside: new Map() };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const refusal = { line: lineAt(text, error.at), reason: error.message };
    return { values: new Map(), unknown: new Map(), spans: [], outside: new Map(), refusal };
  }
};

function indexOrEnd(text: string, from: number): number {
  const at = text.indexOf('\n', from);
  return at < 0 ? text.length : at;
}

function indexOfSign(text: string, from: number): number {
  const at = text.indexOf('=', from);
  return at < 0 ? text.length : at;
}
