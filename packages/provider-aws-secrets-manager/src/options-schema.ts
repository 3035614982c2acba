/**
 * The options of `awsSecretsManagerProvider` in a configuration, as a JSON schema.
 */
import { durationSchema, type OptionsSchema } from '@keyfall/core/provider';
import type { AwsSecretsManagerProviderOptions } from './aws-secrets-manager-provider.ts';

/** They are those of the factory, but for what only a program gives. */
export const awsSecretsManagerOptionsSchema: OptionsSchema<
  AwsSecretsManagerProviderOptions,
  'client'
> = {
  properties: {
    secretId: { type: 'string' },
    prefix: { type: 'string' },
    region: { type: 'string' },
    versionStage: { type: 'string' },
    separator: { type: 'string' },
    pollInterval: durationSchema,
    name: { type: 'string', minLength: 1 },
  },
};
