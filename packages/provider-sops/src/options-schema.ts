/**
 * The options of `sopsProvider` in a configuration, as a JSON schema.
 */
import type { OptionsSchema } from '@keyfall/core/provider';
import type { SopsProviderOptions } from './sops-provider.ts';

const texts = { type: 'array', items: { type: 'string' } } as const;

/** They are those of the factory, but for what only a program gives. */
export const sopsOptionsSchema: OptionsSchema<SopsProviderOptions, 'environment'> = {
  properties: {
    path: { type: 'string', minLength: 1 },
    format: { enum: ['yaml', 'json', 'dotenv', 'ini'] },
    separator: { type: 'string' },
    ageKey: { not: {} },
    ageKeyFile: { type: 'string' },
    ageRecipients: texts,
    keyServers: texts,
    name: { type: 'string', minLength: 1 },
  },
  required: ['path'],
};
