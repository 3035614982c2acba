/**
 * Paths of secrets. A server answers an unclean path with a redirect to the cleaned one, and a
 * client that follows it reads another secret: so an unclean path is refused here.
 */
import { SecretError } from '@keyfall/core/provider';

/** What the server's own check (Go's `unicode.IsPrint`) answers with 400. */
function isUnprintable(text: string): boolean {
  // nearly every path is plain ASCII, and the classes of Unicode take 3 ms to compile
  return !/^[\x20-\x7e]*$/.test(text) && /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u.test(text);
}

/**
 * The segments of a logical path.
 *
 * @throws `ERR_SECRET_CONFIG` for an empty segment (a leading, trailing or double slash), `.`, `..`,
 *   or a character that is not printable
 */
export function segmentsOf(path: string): readonly string[] {
  const segments = path.split('/');
  for (const segment of segments)
    if (segment === '' || segment === '.' || segment === '..' || isUnprintable(segment))
      throw new SecretError('ERR_SECRET_CONFIG', 'this is not a path of a secret');
  return segments;
}

/** The path as it goes into a request: every segment encoded, never parsed as a URL again. */
export function encodePath(path: string): string {
  return segmentsOf(path).map(encodeURIComponent).join('/');
}
