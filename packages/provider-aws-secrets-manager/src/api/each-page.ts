/**
 * An answer that comes in pages, and must end.
 */
import { SecretError } from '@keyfall/core/provider';
import { wrongEndpoint } from './aws-errors.ts';

/** One page, and the token of the next one. */
export interface Page {
  /** A text for each item that no other item has. */
  readonly ids: readonly string[];
  readonly next: string | undefined;
}

/**
 * Asks for page after page, until there is none.
 *
 * @param ask - receives the token of the page; `undefined` for the first
 * @param what - for the error: `the list of secrets`
 * @throws `ERR_SECRET_INVALID` if a page comes again, by its token or by all of its items; what `ask` throws
 */
export async function eachPage(
  ask: (token: string | undefined) => Promise<Page>,
  what: string,
  provider: string,
): Promise<void> {
  const tokens = new Set<string>();
  const known = new Set<string>();
  for (let token: string | undefined; ; ) {
    const { ids, next } = await ask(token);
    const before = known.size;
    for (const id of ids) known.add(id);
    if (!next) return;
    if (tokens.has(next) || (ids.length > 0 && known.size === before))
      throw new SecretError('ERR_SECRET_INVALID', `${what} never ends: a page was sent twice`, {
        provider,
        hint: wrongEndpoint,
      });
    tokens.add(next);
    token = next;
  }
}
