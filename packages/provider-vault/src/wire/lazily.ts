/**
 * What is made at the first use.
 */
import { closedError } from './bounds.ts';

/** Something that is made when it is first asked for. */
export interface Lazy<Value> {
  /** What was made at the first call. Where the making throws, the next call tries again. */
  (): Value;
  /** What was made, if it was. If not, it is not made any more: calls throw `ERR_SECRET_ABORTED`. */
  end(): Value | undefined;
}

/** @param provider - its name, for the error of a call that comes after the end */
export function lazily<Value extends object>(make: () => Value, provider: string): Lazy<Value> {
  let made: Value | undefined;
  let hasEnded = false;
  const get = (): Value => {
    if (hasEnded && made === undefined) throw closedError(provider);
    made ??= make();
    return made;
  };
  const end = (): Value | undefined => {
    hasEnded = true;
    return made;
  };
  return Object.assign(get, { end });
}
