/**
 * An answer that comes page by page, and ends.
 */
import { SecretError } from '@keyfall/core';

/** One page, and where the next one is. */
export interface Page {
  /** What it lists, each under something of its own. */
  readonly ids: readonly string[];
  readonly next: string | undefined;
}

/**
 * Asks for page after page, until there is none.
 *
 * @param ask - is given where the page is; `undefined` for the first
 * @param what - for the error: `the list of secrets`
 * @throws `ERR_SECRET_INVALID` if a page comes again: its token, or all that it lists; what `ask` throws
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
      throw new SecretError('ERR_SECRET_INVALID', `${what} goes round in a circle`, {
        provider,
        hint: 'Something else than Secrets Manager may answer at the endpoint.',
      });
    tokens.add(next);
    token = next;
  }
}
