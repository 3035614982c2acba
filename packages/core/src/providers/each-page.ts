/**
 * An answer that comes in pages, and must end.
 */
import { assertKind } from '../arguments/arguments.ts';
import { SecretError } from '../contract/secret-error.ts';

/** One page, and the token of the next one. */
export interface Page {
  /** A text for each item that no other item has. */
  readonly ids: readonly string[];
  /** `undefined` or `''`: this was the last one. */
  readonly next: string | undefined;
}

/** What the error of {@link eachPage} says. */
export interface PagesSubject {
  /** `the list of secrets` */
  readonly what: string;
  /** The provider's name. */
  readonly provider: string;
  readonly hint?: string;
}

/**
 * Asks for page after page, until there is none.
 *
 * @param ask - receives the token of the page; `undefined` for the first
 * @throws `ERR_SECRET_INVALID` if a page comes again, by its token or by all of its items; what `ask` throws;
 *   `ERR_SECRET_CONFIG` for wrong arguments
 * @example
 * ```ts
 * import { eachPage } from '@keyfall/core/provider';
 *
 * declare function askPage(token?: string): Promise<{ names: string[]; next?: string }>;
 *
 * const names: string[] = [];
 * await eachPage(
 *   async (token) => {
 *     const page = await askPage(token);
 *     names.push(...page.names);
 *     return { ids: page.names, next: page.next };
 *   },
 *   { what: 'the list of secrets', provider: 'drawer' },
 * );
 * ```
 */
export async function eachPage(
  ask: (token: string | undefined) => Promise<Page>,
  { what, provider, hint }: PagesSubject,
): Promise<void> {
  assertKind(ask, 'a function', 'eachPage: the question');
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
        hint,
      });
    tokens.add(next);
    token = next;
  }
}
