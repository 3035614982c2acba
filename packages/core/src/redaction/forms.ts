/**
 * The texts in which a value shows up in logs: itself, and as the encoders around it write it. Forms
 * that come out the same are one, so a value of letters and digits has only itself and its base64.
 */

/** Longer values are looked for in text, but not as base64 or in URLs: each form costs memory. */
const longestEncoded = 8_192;

/**
 * Every text to look for so that `value` is not seen: the value, without white space around it if
 * enough remains, and, of a value of several lines, each line of twice `minLength` or more, all of
 * them also as JSON and source text write them; the value in URLs and as base64, standard and
 * URL-safe, in lines and inside a longer text.
 *
 * @param value - well-formed, and `minLength` characters or more
 * @param minLength - in characters; 4 or more
 */
export function formsOf(value: string, minLength: number): Set<string> {
  const forms = new Set<string>();
  const core = value.trim();
  const text = core.length < minLength ? value : core;
  quoted(text, forms);
  if (text.length <= longestEncoded) encoded(text, forms);
  for (const line of linesOf(text, minLength)) quoted(line, forms);
  for (const form of [...forms]) for (const line of linesOf(form, minLength)) forms.add(line);
  return forms;
}

function linesOf(text: string, minLength: number): string[] {
  const lines = text.split(/[\r\n]+/).map((line) => line.trim());
  // the frame of a PEM document is in every certificate too, and no secret
  return lines.filter((line) => line.length >= 2 * minLength && !line.startsWith('-----'));
}

function quoted(text: string, forms: Set<string>): void {
  const quote = (raw: string) => JSON.stringify(raw).slice(1, -1);
  const escaped = (character: string) => `\\u${hex(character).padStart(4, '0')}`;
  const json = quote(text);
  for (const form of [
    text,
    json,
    quote(json), // a document inside a line of a JSON log
    json.replaceAll('\\"', '"'), // console.log quotes with ' or `
    json.replace(/[^ -~]/g, escaped), // Python
    json.replace(/[<>&\u2028\u2029]/g, escaped), // Go
    json.replaceAll('/', '\\/'), // PHP
  ])
    forms.add(form);
}

function encoded(text: string, forms: Set<string>): void {
  const component = encodeURIComponent(text);
  const strict = component.replace(/[!'()*]/g, (mark) => `%${hex(mark).toUpperCase()}`);
  const url = new URL('http://host');
  url.password = text;
  for (const form of [
    component,
    strict,
    strict.replaceAll('%20', '+'), // Go, PHP and Python in queries
    `${new URLSearchParams([['', text]])}`.slice(1),
    encodeURI(text),
    url.password,
  ])
    forms.add(form).add(form.replace(/%../g, (code) => code.toLowerCase()));

  const bytes = new TextEncoder().encode(text);
  const base64 = (form: string) =>
    forms.add(form).add(form.replaceAll('+', '-').replaceAll('/', '_'));
  for (const before of [0, 1, 2]) {
    const whole = btoa('\0'.repeat(before) + String.fromCharCode(...bytes));
    // six bits a character; those that mix in a neighbour's bits are nobody's to know
    base64(whole.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6)));
    if (before > 0) continue;
    base64(whole);
    base64(whole.replaceAll('=', ''));
    // base64(1) and openssl(1); each line becomes a form
    for (const width of [64, 76])
      if (whole.length > width) forms.add(whole.replace(new RegExp(`.{${width}}`, 'g'), '$&\n'));
  }
}

function hex(character: string): string {
  return character.charCodeAt(0).toString(16);
}
