/**
 * The options of the provider in a configuration.
 */
import type { OptionsSchema } from '@keyfall/core/provider';
import type { ExecProviderOptions } from './exec-provider.ts';

const names = { type: 'array', items: { type: 'string', minLength: 1 } } as const;
const codes = { type: 'array', items: { type: 'integer', minimum: 1 } } as const;

/** They are those of the factory, but for what only a program gives. */
export const execOptionsSchema: OptionsSchema<ExecProviderOptions, 'env'> = {
  properties: {
    command: {
      title: "a list of a program and its arguments: ['op', 'read', 'op://shop/{name}/password']",
      type: 'array',
      items: { type: 'string' },
      minItems: 1,
    },
    names,
    exitCodes: {
      type: 'object',
      properties: {
        missing: codes,
        unauthenticated: codes,
        denied: codes,
        unavailable: codes,
        invalid: codes,
        misconfigured: codes,
      },
      additionalProperties: false,
    },
    lists: { type: 'boolean' },
    writes: { enum: ['name', 'store', 'conditional'] },
    inherit: names,
    credentialVariables: names,
    name: { type: 'string', minLength: 1 },
  },
  required: ['command'],
};
