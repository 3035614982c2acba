/**
 * The options of `filesProvider` in a configuration, as a JSON schema.
 */
import type { OptionsSchema } from '@keyfall/core/provider';
import type { FilesProviderOptions } from './files-provider.ts';

const names = { type: 'array', items: { type: 'string' } } as const;

/** They are those of the factory, but for what only a program gives. */
export const filesOptionsSchema: OptionsSchema<FilesProviderOptions, 'env'> = {
  properties: {
    directory: {
      title: "a path, or { variable: 'NAME' }",
      type: ['string', 'object'],
      properties: { variable: { type: 'string' } },
      required: ['variable'],
      additionalProperties: false,
    },
    variables: names,
    binary: names,
    trailingNewline: { enum: ['remove', 'keep'] },
    links: { enum: ['inside', 'anywhere'] },
    name: { type: 'string', minLength: 1 },
  },
};
