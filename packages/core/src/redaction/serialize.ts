/**
 * Copies a value for a logger, with every text in it redacted. Of the value's own code only `toJSON` and the getter
 * of an error's `stack` run, as they would in a logger.
 */

/** Objects nested deeper than this are left out: they do not belong in logs. */
const deepest = 12;

/** Fields of an error that loggers show although they are not enumerable. */
const hidden: ReadonlySet<unknown> = new Set(['cause', 'errors']);

/**
 * Copies `value` for a logger. Every string, key, number and symbol goes through `redact`. Plain objects, arrays,
 * maps and sets become new ones, errors become plain `Error`s with their name, message, stack, cause and fields,
 * and other objects become the result of their `toJSON`, or a plain object of their enumerable fields. A text
 * stands in place of what is not copied: `[getter]` (no getter is called), `[circular]`, `[deep]`, `[function]`,
 * `[bytes]`, and `[unreadable]` if reading it throws.
 */
export function serialize(value: unknown, redact: (text: string) => string): unknown {
  const copies = new Map<object, unknown>();

  function copyOf(original: unknown, depth: number): unknown {
    if (typeof original === 'function') return '[function]';
    if (typeof original !== 'object' || original === null) {
      const text = String(original);
      const redacted = redact(text);
      return redacted === text ? original : redacted;
    }
    if (copies.has(original)) return copies.get(original);
    if (depth > deepest) return '[deep]';
    copies.set(original, '[circular]');
    let copy: unknown;
    try {
      copy = objectOf(original, (inner) => copyOf(inner, depth + 1));
    } catch {
      copy = '[unreadable]';
    }
    copies.set(original, copy);
    return copy;
  }

  function objectOf(original: object, copy: (inner: unknown) => unknown): unknown {
    if (ArrayBuffer.isView(original) || original instanceof ArrayBuffer) return '[bytes]';
    if (original instanceof String) return redact(String(original));
    if (original instanceof Map)
      return new Map([...original].map(([key, inner]) => [copy(key), copy(inner)]));
    if (original instanceof Set) return new Set([...original].map(copy));
    if (original instanceof Error) {
      // it is created without a stack of its own, which some consoles would show instead
      const error = Object.create(Error.prototype);
      for (const field of ['name', 'message', 'stack'])
        Object.defineProperty(error, field, {
          // in some engines the stack is a getter
          value: redact(
            String((field === 'stack' ? original.stack : dataOf(original, field)) ?? ''),
          ),
          configurable: true,
          writable: true,
        });
      return fieldsOf(original, error, copy);
    }
    if (Array.isArray(original)) return fieldsOf(original, [], copy);
    const toJSON = dataOf(original, 'toJSON');
    if (typeof toJSON !== 'function') return fieldsOf(original, {}, copy);
    const json: unknown = toJSON.call(original, '');
    return json === original ? fieldsOf(original, {}, copy) : copy(json);
  }

  function fieldsOf(original: object, target: object, copy: (inner: unknown) => unknown): object {
    for (const key of Reflect.ownKeys(original)) {
      const name = copy(key) as PropertyKey;
      const field = Object.getOwnPropertyDescriptor(original, key);
      const shown = field?.enumerable || (target instanceof Error && hidden.has(key));
      if (field === undefined || !shown) continue;
      Object.defineProperty(target, name, {
        value: 'value' in field ? copy(field.value) : '[getter]',
        enumerable: field.enumerable ?? false,
        configurable: true,
        writable: true,
      });
    }
    return target;
  }

  return copyOf(value, 0);
}

/** Returns a field of an object or of its prototypes, without calling a getter. */
function dataOf(owner: object, key: string): unknown {
  for (let at: object | null = owner; at !== null; at = Object.getPrototypeOf(at)) {
    const field = Object.getOwnPropertyDescriptor(at, key);
    if (field !== undefined) return field.value;
  }
  return undefined;
}
