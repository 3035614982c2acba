/**
 * What a value says if it is a reference, and the provider that it leads to.
 */
import { assertProvider } from '../arguments/arguments.ts';
import { systemClock } from '../calls/clock.ts';
import { limitedCall } from '../calls/limited-call.ts';
import type { ReadContext, SecretBatch, SecretProvider } from '../contract/secret-provider.ts';

/** What a value says. */
export type Reading =
  /** A reference. */
  | { readonly scheme: string; readonly place: string | undefined; readonly name: string }
  /** It begins as a reference, and is none: why, as a clause after the name, and what to do. */
  | { readonly broken: string; readonly hint?: string };

/** A provider, or a function that makes one for a place. */
export type OpenTarget =
  | SecretProvider
  | ((place: string) => SecretProvider | Promise<SecretProvider>);

/** The schemes that are known. */
export interface Schemes {
  /** `undefined`: the value is no reference. */
  readingOf(value: string): Reading | undefined;
  /**
   * The provider of a reference, the same one for one place.
   * @throws what the function of the scheme throws
   */
  open(scheme: string, place: string | undefined): Promise<SecretProvider>;
  /**
   * Reads names of one of them, in a little less time than the whole read has: a store that does not answer takes along no
   * name that does not refer to it.
   */
  ask(target: SecretProvider, names: readonly string[], context: ReadContext): Promise<SecretBatch>;
  /** Those that were opened so far. */
  readonly opened: readonly SecretProvider[];
}

/** Schemes of vals under the names that they have here. */
const namesOfVals: Readonly<Record<string, string>> = {
  awssecrets: 'aws-sm',
  awsssm: 'aws-ssm',
};

/** @param targets - by scheme */
export function createSchemes(targets: ReadonlyMap<string, OpenTarget>): Schemes {
  const opening = new Map<string, Promise<SecretProvider>>();
  const opened = [...targets.values()].filter((target) => typeof target !== 'function');
  return {
    readingOf(value) {
      const [, scheme = '', rest = ''] = /^([a-z][a-z0-9.-]*):\/\/(.*)$/s.exec(value) ?? [];
      if (targets.has(scheme)) return readingOfRest(scheme, rest, targets.get(scheme));
      for (const [expression, named = ''] of value.matchAll(/ref\+([a-z][a-z0-9.-]*):\/\//g)) {
        const own = namesOfVals[named] ?? named;
        if (targets.has(own))
          return value.startsWith(expression)
            ? readingOfVals(own, value.slice(expression.length), targets.get(own))
            : { broken: 'holds a reference within a longer text, which is not read' };
      }
      return undefined;
    },
    async open(scheme, place) {
      const target = targets.get(scheme);
      if (typeof target !== 'function') return target as SecretProvider;
      const key = JSON.stringify([scheme, place]);
      const known = opening.get(key);
      if (known) return known;
      const made = (async () => {
        const provider = await target(place ?? '');
        assertProvider(provider, `withReferences: what ${scheme} gives`);
        return provider;
      })();
      opening.set(key, made);
      try {
        opened.push(await made);
      } catch (error) {
        opening.delete(key);
        throw error;
      }
      return made;
    },
    ask(target, names, { signal, remainingTimeout, warn }) {
      const left = remainingTimeout();
      const timeout = Math.min(left - Math.min(left / 10, 500), longestTimeout);
      return limitedCall((context) => target.read(names, context), {
        clock: systemClock,
        timeout,
        signal,
        provider: target.name,
        warn: (message) => warn(`${target.name}: ${message}`),
      });
    },
    opened,
  };
}

/** The longest that a timer can wait: milliseconds. */
const longestTimeout = 2 ** 31 - 1;

function readingOfRest(scheme: string, rest: string, target: unknown): Reading {
  const noName = {
    broken: 'is a reference without a name',
    // npm's dotenv, for one, takes it for a comment
    hint: 'Write it as SCHEME://PLACE#NAME, and in a .env in quotes: there a # may end the value.',
  };
  if (typeof target !== 'function')
    return rest === '' ? noName : { scheme, place: undefined, name: rest };
  const at = rest.indexOf('#');
  const [place, name] = [rest.slice(0, at), rest.slice(at + 1)];
  return at < 1 || name === '' ? noName : { scheme, place, name };
}

/** `PLACE#/NAME`, perhaps with the `+` that ends an expression. */
function readingOfVals(scheme: string, text: string, target: unknown): Reading {
  const [, place, name] = /^([^?#+]+)#\/([^/+]+)\+?$/.exec(text) ?? [];
  if (typeof target === 'function' && place !== undefined && name !== undefined)
    return { scheme, place, name };
  return {
    broken: `is a reference of vals that may mean something else here: of these ref+${scheme}://PLACE#/NAME is read, without parameters`,
  };
}
