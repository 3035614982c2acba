/**
 * One provider by itself, for a command that means exactly this one.
 */
import { createSecrets, type Duration, type SecretProvider, type Secrets } from '@keyfall/core';
import { notice } from './terminal.ts';

/**
 * A chain of this provider alone, which asks it every time and never serves a last good value. That
 * its document is not there, or is there again, is no news to who asks for it; its warnings are.
 *
 * @param patience - time limit of one call, where it is not the provider's own
 */
export function openAlone(provider: SecretProvider, patience?: Duration): Secrets {
  const secrets = createSecrets({
    providers: [{ provider, ...(patience !== undefined && { timeout: patience }) }],
    ...(patience !== undefined && { budget: patience }),
    ttl: 0,
    staleIfError: 0,
  });
  secrets.on('warning', ({ message }) => notice(`${provider.name}: ${message}`));
  // without a listener each would become a warning of the Node process
  for (const type of ['fallback', 'recovered'] as const) secrets.on(type, () => {});
  return secrets;
}
