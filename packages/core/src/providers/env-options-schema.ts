/**
 * The options of `envProvider` in a configuration.
 */
import type { OptionsSchema } from '../contract/options-schema.ts';
import type { EnvProviderOptions } from './env-provider.ts';

/** Its options as a JSON schema. */
export const envOptionsSchema: OptionsSchema<EnvProviderOptions, 'env'> = {
  properties: { prefix: { type: 'string' }, name: { type: 'string', minLength: 1 } },
};
