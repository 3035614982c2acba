/**
 * The options of `kubernetesProvider` in a configuration, as a JSON schema.
 */
import type { OptionsSchema } from '@keyfall/core/provider';
import type { KubernetesProviderOptions } from './kubernetes-provider.ts';

/**
 * They are those of the factory, but for what only a program gives: where a token goes, which one, and whom it trusts.
 */
export const kubernetesOptionsSchema: OptionsSchema<
  KubernetesProviderOptions,
  'address' | 'token' | 'tokenFile' | 'caFile'
> = {
  properties: {
    secret: { type: 'string', minLength: 1 },
    namespace: { type: 'string', minLength: 1 },
    name: { type: 'string', minLength: 1 },
  },
};
