/**
 * The options of the providers of Vault in a configuration, as JSON schemas.
 */
import { durationSchema, type OptionsSchema } from '@keyfall/core/provider';
import type { VaultDynamicOptions } from './dynamic-provider.ts';
import type { VaultProviderOptions } from './settings/vault-settings.ts';

/** What only a program gives. */
type OfPrograms = 'env' | 'auth' | 'clock' | 'client';

/** Where a Vault is and how it is asked, whatever it is asked for. */
const connection = {
  address: { type: 'string' },
  nodes: { type: 'array', items: { type: 'string' } },
  wire: { enum: ['direct', 'node-vault'] },
  proxy: { type: 'string' },
  token: { not: {} },
  tokenFile: { type: 'string' },
  tokenHelper: { type: 'boolean' },
  countedUses: { type: 'boolean' },
  agentToken: { type: 'boolean' },
  profile: { type: 'string' },
  namespace: { type: 'string' },
  timeout: durationSchema,
  maxRetries: { type: 'integer', minimum: 0 },
  caCert: { type: 'string' },
  caCertPem: { type: 'string' },
  caPath: { type: 'string' },
  clientCert: { type: 'string' },
  clientKey: { type: 'string' },
  tlsServerName: { type: 'string' },
  skipVerify: { type: 'boolean' },
  name: { type: 'string', minLength: 1 },
} as const;

/** Those of `vaultProvider`. */
export const vaultOptionsSchema: OptionsSchema<VaultProviderOptions, OfPrograms> = {
  properties: {
    ...connection,
    mount: { type: 'string' },
    path: {
      title: 'text or a list of texts',
      type: ['string', 'array'],
      items: { type: 'string' },
    },
    kvVersion: { enum: [1, 2] },
    writeLimits: {
      type: 'object',
      properties: { strings: { type: 'integer' }, bytes: { type: 'integer' } },
      additionalProperties: false,
    },
  },
};

/** Those of `vaultDynamic`. */
export const vaultDynamicOptionsSchema: OptionsSchema<VaultDynamicOptions, OfPrograms> = {
  properties: {
    ...connection,
    path: { type: 'string', minLength: 1 },
    parameters: { type: 'object' },
    grace: durationSchema,
  },
  required: ['path'],
};
