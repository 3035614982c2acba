import { createSecrets } from '@keyfall/core';
import { vaultProvider } from '@keyfall/provider-vault';

/** The chain: how long an answer is fresh is how soon a rotation is known. */
export const secrets = createSecrets({
  providers: [vaultProvider({ path: 'example' })],
  ttl: process.env.TTL ?? '1m',
});
