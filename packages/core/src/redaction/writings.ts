/**
 * How programs escape a text inside another one, character by character: in strings of JSON and source code, in
 * HTML, and in the quotes of a shell.
 */

/** Returns `text` as a program writes it. Characters in `except` stay as they are. */
export type Writing = (text: string, except?: string) => string;

function writing(characters: RegExp, write: (character: string) => string): Writing {
  return (text, except = '') =>
    text.replace(characters, (found) => (except.includes(found) ? found : write(found)));
}

const hex = (character: string, digits: number) =>
  character.charCodeAt(0).toString(16).padStart(digits, '0');
const json = (character: string) => JSON.stringify(character).slice(1, -1);
const unicode = (character: string) => `\\u${hex(character, 4)}`;
/** Escapes as JSON where JSON must escape, and with `\u` elsewhere. */
const jsonOrUnicode = (character: string) => {
  const escaped = json(character);
  return escaped === character ? unicode(character) : escaped;
};

/** Escapes as `util.inspect` does. */
function inspected(character: string): string {
  if (/['\\]/.test(character)) return `\\${character}`;
  if (/[\b\t\n\f\r\p{Cs}]/u.test(character)) return json(character);
  return `\\x${hex(character, 2).toUpperCase()}`;
}

/** Escapes as Deno's inspector does: with lower-case digits, and with U+FFFD for half a surrogate pair. */
function inspectedByDeno(character: string): string {
  if (character === '\v') return '\\v';
  if (/\p{Cs}/u.test(character)) return '\ufffd';
  return inspected(character).replace(/^\\x../, (code) => code.toLowerCase());
}

/** Escapes as Python's `repr` does. */
function represented(character: string): string {
  return /['\\\t\n\r]/.test(character) ? inspected(character) : `\\x${hex(character, 2)}`;
}

const inJson = writing(/["\\\p{Cc}\p{Cs}]/gu, json);
/** An apostrophe is escaped only if the text has every other kind of quotation mark, too, so both forms are needed. */
const shown = [inspected, inspectedByDeno].flatMap((write) => [
  writing(/[\\\p{Cc}\p{Cs}]/gu, write),
  writing(/['\\\p{Cc}\p{Cs}]/gu, write),
]);

function within(inner: Writing, outer: Writing): Writing {
  return (text, except) => outer(inner(text, except), except);
}

/** The writings of JSON and source code, which escape line breaks. */
export const codeWritings: readonly Writing[] = [
  inJson,
  // JSON inside a line of a JSON log, JSON in an object that `console.log` shows, and the other way round
  within(inJson, inJson),
  ...shown.flatMap((each) => [each, within(inJson, each), within(each, inJson)]),
  writing(/["\\]|[^ -~]/g, jsonOrUnicode), // Python
  writing(/["\\<>&\u2028\u2029\p{Cc}]/gu, (found) =>
    /\p{Cc}/u.test(found) ? json(found) : jsonOrUnicode(found),
  ), // Go
  // PHP, which can be set to leave characters beyond ASCII as they are
  writing(/["\\/\p{Cc}]/gu, (found) => (found === '/' ? '\\/' : json(found))),
  writing(/["\\/]|[^ -~]/g, (found) => (found === '/' ? '\\/' : jsonOrUnicode(found))),
  // Python's repr
  writing(/[\\\p{Cc}\xa0\xad]/gu, represented),
  writing(/['\\\p{Cc}\xa0\xad]/gu, represented),
];

const named: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** Makes a writing for HTML with entities for more characters than `&`, `<` and `>`. */
function html(entities: Readonly<Record<string, string>>): Writing {
  const all: Readonly<Record<string, string>> = { ...named, ...entities };
  return writing(/[&<>"'`=/+]/g, (found) => all[found] ?? found);
}

const ofPython = html({ '"': '&quot;', "'": '&#x27;' });
const codePointOf = (character: string) => character.codePointAt(0) as number;

/** The writings of HTML and of the quotes of a shell. */
export const markupWritings: readonly Writing[] = [
  html({}), // text between tags
  html({ '"': '&quot;' }), // Pug, and attributes as a browser writes them
  html({ '"': '&quot;', "'": '&#39;' }), // lodash, Vue, escape-html
  html({ '"': '&quot;', "'": '&#39;', '`': '&#96;' }), // older lodash
  ofPython, // React too
  html({ '"': '&quot;', "'": '&#039;' }), // PHP
  html({ '"': '&quot;', "'": '&apos;' }), // XML
  html({ '"': '&#34;', "'": '&#39;' }), // EJS
  html({ '"': '&#34;', "'": '&#39;', '+': '&#43;' }), // Go
  html({ '"': '&quot;', "'": '&#x27;', '`': '&#x60;' }), // he, Underscore
  html({ '"': '&quot;', "'": '&#x27;', '`': '&#x60;', '=': '&#x3D;' }), // Handlebars
  html({ '"': '&quot;', "'": '&#39;', '`': '&#x60;', '=': '&#x3D;', '/': '&#x2F;' }), // Mustache
  // in ASCII: he, and Python's `xmlcharrefreplace`
  writing(
    /["&'<>`]|[^\n\r -~]/gu,
    (found) => `&#x${codePointOf(found).toString(16).toUpperCase()};`,
  ),
  (text) => ofPython(text).replace(/\P{ASCII}/gu, (found) => `&#${codePointOf(found)};`),
  writing(/'/g, () => `'\\''`), // in single quotes, as most write it
  writing(/'/g, () => `'"'"'`), // and as Python does
  writing(/["$\\`]/g, (found) => `\\${found}`), // in double quotes
  writing(/[^\w\n\r%+./:=@-]/g, (found) => (found > '~' ? found : `\\${found}`)), // printf %q of Bash
];
