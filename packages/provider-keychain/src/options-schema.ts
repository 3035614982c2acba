/**
 * The options of `keychainProvider` in a configuration, as a JSON schema.
 */
import type { OptionsSchema } from '@keyfall/core/provider';
import type { KeychainProviderOptions } from './keychain-provider.ts';

/** They are those of the factory. */
export const keychainOptionsSchema: OptionsSchema<KeychainProviderOptions> = {
  properties: {
    service: { type: 'string', minLength: 1 },
    name: { type: 'string', minLength: 1 },
  },
};
