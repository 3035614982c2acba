/**
 * The options of `dotenvProvider` in a configuration, as a JSON schema.
 */
import type { OptionsSchema } from '@keyfall/core/provider';
import type { DotenvProviderOptions } from './dotenv-provider.ts';
import { dotenvReaders } from './readers/reading.ts';

/** They are those of the factory, but for what only a program gives. */
export const dotenvOptionsSchema: OptionsSchema<
  DotenvProviderOptions,
  'variables' | 'warnOfReaders'
> = {
  properties: {
    path: {
      title: 'text or a list of texts',
      type: ['string', 'array'],
      items: { type: 'string' },
    },
    profile: { type: 'string' },
    mustExist: { type: 'boolean' },
    expand: { type: 'boolean' },
    reader: { enum: dotenvReaders },
    name: { type: 'string', minLength: 1 },
  },
};
