/**
 * Many requests to a store that may be out of service: a few failures are enough to stop asking.
 */
import { isSecretError, type SecretError } from '../contract/secret-error.ts';

/** How many requests may find the store out of service before it is not asked any more. */
const maxFailures = 3;

/** Watches the requests of one read. */
export interface OutageGuard {
  /** Makes a request for these names, unless the store is out of service. */
  attempt(names: readonly string[], request: () => Promise<void>): Promise<void>;
  /**
   * The names that were not answered, and why.
   *
   * @throws the reason, if no request was answered
   */
  failed(): ReadonlyMap<string, SecretError>;
}

export function createOutageGuard(): OutageGuard {
  const failed = new Map<string, SecretError>();
  const failures: SecretError[] = [];
  let answers = 0;
  return {
    async attempt(names, request) {
      // an error without a status means no answer at all, and the next request would get none either
      let error = failures.find(({ storeStatus }) => storeStatus === undefined);
      if (failures.length >= maxFailures) error ??= failures.at(-1);
      if (error === undefined)
        try {
          await request();
          answers += 1;
          return;
        } catch (thrown) {
          if (!isSecretError(thrown, 'ERR_SECRET_UNAVAILABLE')) throw thrown;
          failures.push(thrown);
          error = thrown;
        }
      for (const name of names) failed.set(name, error);
    },
    failed() {
      const [first] = failures;
      if (first !== undefined && answers === 0) throw first;
      return failed;
    },
  };
}
