/**
 * Masks values in a line of JSON so that it stays valid JSON: programs read what loggers write.
 */

/** Matches a plain word as the name of a member, any other string, or a number. */
const tokens = /("[a-z_.-]+"\s*:)|"(?:[^"\\]|\\.)*"|-?\d[\d.e+-]*/gi;

/**
 * Applies `hide` to each value of `text` by itself. A number becomes the string `mask`. The name of a member stays
 * if it is a plain word, since it belongs to the log. Returns `undefined` if the result is not valid JSON, or if a
 * secret spans several values, as a whole document does.
 *
 * @param hidden - the result of `hide(text)`
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
