/**
 * What a factory gives where a setting is missing that only its options could bring.
 */
import { assertOptions } from '../arguments/assert-options.ts';
import type { SecretError } from '../contract/secret-error.ts';
import type { SecretProvider } from '../contract/secret-provider.ts';
import { withApplied } from '../contract/with-applied.ts';
import { failedCheck } from './failed-check.ts';

/**
 * A provider whose every call fails with `error`, an `ERR_SECRET_CONFIG` with `setting.isMissing`: a chain may go past it
 * (`ifUnconfigured: 'skip'`), where a factory that throws would end the program. Where a variable may bring the setting
 * there is `lazySettings`.
 *
 * @param kind - the kind of the store, for `place`
 * @param can - whether the store can be written: then a write goes nowhere else
 * @example
 * ```ts
 * import { SecretError } from '@keyfall/core';
 * import { type SecretProvider, unconfiguredProvider } from '@keyfall/core/provider';
 *
 * export function drawerProvider(options: { readonly path: string | undefined }): SecretProvider {
 *   const { path } = options;
 *   if (path !== undefined) return { name: 'drawer', store: path, read: async () => ({ entries: new Map(), complete: true }) };
 *   const setting = { option: 'path', isMissing: true };
 *   const details = { provider: 'drawer', setting, hint: 'Name the file.' };
 *   return unconfiguredProvider('drawer', new SecretError('ERR_SECRET_CONFIG', 'the option path is missing', details));
 * }
 * ```
 */
export function unconfiguredProvider(
  kind: string,
  error: SecretError,
  can: { readonly write: boolean } = { write: false },
): SecretProvider {
  assertOptions(can, 'unconfiguredProvider', { write: 'true or false' });
  return {
    name: error.provider ?? kind,
    store: 'not configured',
    place: { kind },
    async read() {
      throw error;
    },
    ...(can.write && {
      async write() {
        throw withApplied(error, 'no');
      },
    }),
    async check() {
      return [failedCheck('settings', error)];
    },
  };
}
