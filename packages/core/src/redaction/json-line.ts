/**
 * A line of JSON that stays one when values are masked in it: the loggers' lines, which programs read.
 */

/** A plain word as the name of a member, any other text, or a number. */
const tokens = /("[a-z_.-]+"\s*:)|"(?:[^"\\]|\\.)*"|-?\d[\d.e+-]*/gi;

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
  const line = text.replace(tokens, (token, name) => {
    const now = name ? token : hide(token);
    return now === token || /^".*"$/.test(now) ? now : `"${mask}"`;
  });
  try {
    JSON.parse(line);
    return line;
  } catch {
    return undefined;
  }
}
