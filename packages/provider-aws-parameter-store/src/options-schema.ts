/**
 * The options of `awsParameterStoreProvider` in a configuration, as a JSON schema.
 */
import { durationSchema, type OptionsSchema } from '@keyfall/core/provider';
import type { AwsParameterStoreProviderOptions } from './aws-parameter-store-provider.ts';

/** They are those of the factory, but for what only a program gives. */
export const awsParameterStoreOptionsSchema: OptionsSchema<
  AwsParameterStoreProviderOptions,
  'client'
> = {
  properties: {
    path: { type: 'string', minLength: 1 },
    region: { type: 'string' },
    keyId: { type: 'string', minLength: 1 },
    pollInterval: durationSchema,
    name: { type: 'string', minLength: 1 },
  },
};
