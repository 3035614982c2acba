/**
 * What a provider says of itself before it is asked anything, by options and variables as they are then. A wrong
 * setting is no error here: the first call names it.
 */
import type { StorePlace } from '@keyfall/core/provider';
import type { SettingReader } from '../environment/setting-reader.ts';
import { resolveAddress, timeLimitOf } from './connection-settings.ts';
import type { VaultConnectionOptions } from './vault-options.ts';
import { readerOf, resolveNamespace } from './vault-settings.ts';

/** What `SecretProvider` has of a store before the first call. None of it throws. */
export interface StoreFacts {
  readonly store: string;
  readonly place: StorePlace;
  /** Milliseconds. */
  readonly timeout: number | undefined;
}

/** @param pathsOf - the paths without their namespace; may throw */
export function storeFacts(
  options: VaultConnectionOptions,
  pathsOf: (reader: SettingReader) => readonly string[],
): StoreFacts {
  const reader = readerOf(options);
  const known = <Value>(resolve: () => Value): Value | undefined => {
    try {
      return resolve();
    } catch {
      return undefined;
    }
  };
  const address = known(() => resolveAddress(options, reader).origin);
  const namespace = known(() => resolveNamespace(options, reader)) ?? '';
  const paths = known(() =>
    pathsOf(reader).map((path) => (namespace === '' ? path : `${namespace}/${path}`)),
  );
  return {
    store: `${address ?? 'no address'} ${paths?.join(', ') ?? 'no path'}`,
    place: { kind: 'vault', ...(address !== undefined && { address }), ...(paths && { paths }) },
    timeout: known(() => timeLimitOf(options, reader)),
  };
}
