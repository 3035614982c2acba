/**
 * A wrapper that hides a value from code that logs.
 */

const shown = '[redacted]';

/**
 * Holds a value out of sight: string conversion, template literals, JSON, `console.log` and the
 * inspectors of Node, Bun and Deno show `[redacted]`, and a structured clone is an empty object.
 * Only {@link Secret.reveal} returns it.
 *
 * @example
 * ```ts
 * import { Secret, type Secrets } from '@keyfall/core';
 *
 * export async function connect(secrets: Secrets, dial: (password: string) => void) {
 *   const password = new Secret(await secrets.get('DB_PASS'));
 *   console.log(`connecting with ${password}`); // connecting with [redacted]
 *   dial(password.reveal());
 * }
 * ```
 */
export class Secret {
  readonly #value: string;

  /** @param value - the value to hold */
  constructor(value: string) {
    this.#value = value;
    // not of the prototype: what changes that keeps a bundler from leaving the class out, and isolatedDeclarations
    // allows no computed methods
    for (const inspector of ['nodejs.util.inspect.custom', 'Deno.customInspect'])
      Object.defineProperty(this, Symbol.for(inspector), { value: () => shown });
  }

  /** The value itself. */
  reveal(): string {
    return this.#value;
  }

  /** `[redacted]`. */
  toString(): string {
    return shown;
  }

  /** `[redacted]`. */
  toJSON(): string {
    return shown;
  }
}
