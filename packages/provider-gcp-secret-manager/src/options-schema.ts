/**
 * The options of `gcpSecretManagerProvider` in a configuration, as a JSON schema.
 */
import type { OptionsSchema } from '@keyfall/core/provider';
import type { GcpSecretManagerProviderOptions } from './gcp-secret-manager-provider.ts';

/**
 * They are those of the factory, but for what only a program gives: `address` is one of them, since the user's token is
 * sent there.
 */
export const gcpSecretManagerOptionsSchema: OptionsSchema<
  GcpSecretManagerProviderOptions,
  'credentials' | 'address'
> = {
  properties: {
    project: { type: 'string', minLength: 1 },
    prefix: { type: 'string' },
    name: { type: 'string', minLength: 1 },
  },
};
