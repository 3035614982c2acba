/**
 * A line of JSON that stays one when values are masked in it: the loggers' lines, which programs read.
 */

/** A text, perhaps the name of a member; or a number. */
const tokens = /"((?:[^"\\]|\\.)*)"(\s*:)?|-?\d[\d.e+-]*/gi;

/**
 * `text` with `hide` done to each of its values by itself: a number becomes the text `mask`, and a name that is a plain
 * word stays, which is the log's own. `undefined` where what comes out is no JSON, and where a value is more than one text
 * or number, such as a document.
 *
 * @param hidden - what `hide` makes of `text`
 */
export function hideInJson(
  text: string,
  hidden: string,
  hide: (text: string) => string,
  mask: string,
): string | undefined {
  if (text.replace(tokens, (token) => hide(token)) !== hidden) return undefined;
  const line = text.replace(tokens, (token, content = token, colon = '') => {
    if (hide(token) === token || (colon && /^[a-z_.-]+$/i.test(content))) return token;
    const now = hide(content);
    return `"${token === content || now === content ? mask : now}"${colon}`;
  });
  try {
    JSON.parse(line);
    return line;
  } catch {
    return undefined;
  }
}
