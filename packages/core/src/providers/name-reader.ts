/**
 * Reads of a store that keeps one secret a name: a few requests at a time, several names with one request where the store
 * can do that, and an error of one name is that name's alone.
 */
import { assertOptions, type OptionKinds } from '../arguments/assert-options.ts';
import { isSecretError, type SecretError } from '../contract/secret-error.ts';
import type { SecretRecord } from '../contract/secret-provider.ts';
import { forEachLimited } from './for-each-limited.ts';
import { createOutageGuard } from './outage-guard.ts';

/** What is known by name: held, or an error. A name that is absent is not here. */
export type NameEntries = Map<string, SecretRecord | SecretError>;

/** How {@link nameReader} asks the store. What they throw must be a `SecretError`. */
export interface NameRequests<Context> {
  /** One name; `undefined`: it is not here. */
  readonly one: (name: string, context: Context) => Promise<SecretRecord | SecretError | undefined>;
  /**
   * Several names with one request: gives for each what `one` would give. A name that it leaves out is asked for by
   * `one`, and so are all if the request is denied; then it is not used again.
   */
  readonly several?:
    | ((
        names: readonly string[],
        context: Context,
      ) => Promise<ReadonlyMap<string, SecretRecord | SecretError | undefined>>)
    | undefined;
  /** Names in one request of `several` at most. Default 20. */
  readonly most?: number | undefined;
}

const requestKinds: OptionKinds<NameRequests<unknown>> = {
  one: 'a function',
  several: 'a function',
  most: 'anything',
};

/**
 * Makes the function that reads names, each by a request of its own or by one for several.
 *
 * `ERR_SECRET_DENIED` and `ERR_SECRET_INVALID` concern the name that was asked for, and stand in its place. A store
 * that is out of service is asked a few times and not for every other name: what it has answered counts, the other names
 * have the error. It rejects with `ERR_SECRET_UNAVAILABLE` if nothing was answered, and with any other error at once.
 *
 * @throws `ERR_SECRET_CONFIG` for wrong arguments
 * @example
 * ```ts
 * import { nameReader, type ReadContext, type SecretProvider, type SecretRecord } from '@keyfall/core/provider';
 *
 * declare function ask(name: string, context: ReadContext): Promise<SecretRecord | undefined>;
 * declare function listAllPages(context: ReadContext): Promise<readonly string[]>;
 *
 * const readNames = nameReader({ one: ask });
 * export const read: SecretProvider['read'] = async (names, context) => ({
 *   entries: await readNames(names === 'all' ? await listAllPages(context) : names, context),
 *   complete: names === 'all',
 * });
 * ```
 */
export function nameReader<Context>(
  requests: NameRequests<Context>,
): (names: readonly string[], context: Context) => Promise<NameEntries> {
  assertOptions(requests, 'nameReader', requestKinds);
  const { one, several, most = 20 } = requests;
  let maySendSeveral = several !== undefined;

  return async (names, context) => {
    const entries: NameEntries = new Map();
    const guard = createOutageGuard();
    const put = (name: string, entry: SecretRecord | SecretError | undefined) => {
      if (entry === undefined) return;
      entries.set(name, isSecretError(entry) ? entry.with({ secretName: name }) : entry);
    };
    const left: string[] = [];

    async function readSeveral(batch: readonly string[]): Promise<void> {
      try {
        const answers = await several?.(batch, context);
        for (const name of batch)
          if (answers?.has(name)) put(name, answers.get(name));
          else left.push(name);
      } catch (error) {
        if (!isSecretError(error, 'ERR_SECRET_DENIED')) throw error;
        maySendSeveral = false;
        left.push(...batch);
      }
    }
    async function readOne(name: string): Promise<void> {
      try {
        put(name, await one(name, context));
      } catch (error) {
        if (!concernsOneName(error)) throw error;
        put(name, error);
      }
    }

    if (names.length > 1 && maySendSeveral) {
      const batches: (readonly string[])[] = [];
      for (let start = 0; start < names.length; start += most)
        batches.push(names.slice(start, start + most));
      await forEachLimited(batches, (batch) => guard.attempt(batch, () => readSeveral(batch)));
    } else left.push(...names);
    await forEachLimited(left, (name) => guard.attempt([name], () => readOne(name)));
    // what was answered counts, whatever the store could not say about other names
    for (const [name, error] of guard.failed()) put(name, error);
    return entries;
  };
}

/** Whether the error leaves other names unaffected. */
function concernsOneName(error: unknown): error is SecretError {
  return isSecretError(error, 'ERR_SECRET_DENIED') || isSecretError(error, 'ERR_SECRET_INVALID');
}
