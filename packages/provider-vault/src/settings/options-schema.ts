/**
 * The options of the providers of Vault in a configuration, as JSON schemas; the factories check theirs by the same.
 */
import { durationSchema, type OptionSchema, type OptionsSchema } from '@keyfall/core/provider';
import type { VaultDynamicOptions, VaultProviderOptions } from './vault-options.ts';

/** What only a program gives. */
type OfPrograms = 'env' | 'auth' | 'clock' | 'wire';

const text = { type: 'string', minLength: 1 } as const;
const flag = { type: 'boolean' } as const;
const group = (properties: Readonly<Record<string, OptionSchema>>): OptionSchema => ({
  type: 'object',
  properties,
  additionalProperties: false,
});

/** Where a Vault is and how it is asked, whatever it is asked for. */
const connection = {
  name: text,
  address: text,
  nodes: { type: 'array', items: text },
  namespace: { type: 'string' },
  token: {
    title:
      "{ file: 'PATH' }, { helper: true } or { agent: true }; the token itself has no place in a configuration",
    ...group({ file: text, helper: flag, agent: flag }),
  },
  countedUses: flag,
  tls: group({ ca: text, cert: text, key: text, serverName: text, skipVerify: flag }),
  proxy: text,
  timeout: durationSchema,
  retry: group({ max: { type: 'integer', minimum: 0 } }),
  consistency: group({ readYourWrites: flag }),
} as const;

/** Those of `vaultProvider`. */
export const vaultOptionsSchema: OptionsSchema<VaultProviderOptions, OfPrograms> = {
  properties: {
    ...connection,
    mount: text,
    kvVersion: { enum: [1, 2] },
    path: { title: 'text or a list of texts', type: ['string', 'array'], items: text },
    profile: text,
    writeLimits: group({
      strings: { type: 'integer', minimum: 1 },
      bytes: { type: 'integer', minimum: 1 },
    }),
  },
};

/** Those of `vaultDynamicProvider`. */
export const vaultDynamicOptionsSchema: OptionsSchema<VaultDynamicOptions, OfPrograms> = {
  properties: {
    ...connection,
    path: text,
    profile: text,
    parameters: { type: 'object' },
    grace: durationSchema,
  },
  required: ['path'],
};
