/**
 * The options of the providers of Doppler in a configuration, as JSON schemas.
 */
import { durationSchema, type OptionsSchema } from '@keyfall/core/provider';
import type { DopplerFallbackProviderOptions } from './doppler-fallback-provider.ts';
import type { DopplerProviderOptions } from './doppler-provider.ts';

const common = {
  token: { not: {} },
  passphrase: { not: {} },
  project: { type: 'string' },
  config: { type: 'string' },
  name: { type: 'string', minLength: 1 },
} as const;

/** Those of `dopplerProvider`. */
export const dopplerOptionsSchema: OptionsSchema<DopplerProviderOptions> = {
  properties: {
    ...common,
    fallbackFile: { type: 'string' },
    pollInterval: durationSchema,
    address: { type: 'string' },
  },
};

/** Those of `dopplerFallbackProvider`. */
export const dopplerFallbackOptionsSchema: OptionsSchema<DopplerFallbackProviderOptions> = {
  properties: { ...common, path: { type: 'string', minLength: 1 } },
  required: ['path'],
};
