/**
 * Settings that wait for the first call, for providers that take them from the environment.
 */
import { assertKind } from '../arguments/arguments.ts';

/** What {@link lazySettings} gives. */
export interface LazySettings<Settings> {
  /**
   * The settings, for a call: those that the first call found.
   * @throws what reading them throws, again at each call until they are found
   */
  (): Settings;
  /**
   * The settings, for a getter such as `store`: those of the first call, before it those that a call would find now, and
   * `undefined` where it would find that one is missing or wrong. Does not throw, and settles nothing.
   */
  readonly known: Settings | undefined;
}

/**
 * Reads settings when they are needed: a factory reads no environment, so that a module may be evaluated during a
 * build, where nothing is set. Options that are wrong whatever the environment holds should still be refused by the
 * factory itself.
 *
 * @param read - makes the settings of the options and the environment, and does no more: it may run several times
 * @example
 * ```ts
 * import { SecretError } from '@keyfall/core';
 * import { lazySettings, type SecretProvider } from '@keyfall/core/provider';
 *
 * export function drawerProvider(options: { readonly address?: string } = {}): SecretProvider {
 *   const settings = lazySettings(() => {
 *     const address = options.address ?? process.env['DRAWER_ADDRESS'];
 *     if (address) return { address };
 *     throw new SecretError('ERR_SECRET_CONFIG', 'there is no address', {
 *       provider: 'drawer',
 *       setting: { option: 'address', variable: 'DRAWER_ADDRESS', isMissing: true },
 *       hint: 'Set the option address or the variable DRAWER_ADDRESS.',
 *     });
 *   });
 *   return {
 *     name: 'drawer',
 *     get store() {
 *       return settings.known?.address ?? 'not configured';
 *     },
 *     async read() {
 *       const { address } = settings();
 *       // … asks there
 *       return { entries: new Map([['ADDRESS', { value: address }]]), complete: true };
 *     },
 *   };
 * }
 * ```
 */
export function lazySettings<Settings>(read: () => Settings): LazySettings<Settings> {
  assertKind(read, 'a function', 'lazySettings: the function that reads them');
  let found: { readonly settings: Settings } | undefined;
  const settings = () => {
    found ??= { settings: read() };
    return found.settings;
  };
  const known = (): Settings | undefined => {
    try {
      return found ? found.settings : read();
    } catch {
      return undefined;
    }
  };
  return Object.defineProperty(settings, 'known', { get: known }) as LazySettings<Settings>;
}
