/**
 * One provider by itself, for a command that means exactly this one.
 */
import { createSecrets, type Secrets } from '@keyfall/core';
import type { ReadContext, SecretProvider } from '@keyfall/core/provider';
import { notice } from '../terminal/terminal.ts';

/**
 * A chain of this provider alone, which asks it every time and never serves a last good value. That
 * its document is not there, or is there again, is no news to a caller that asks for it; its warnings are.
 *
 * @param timeout - time limit of one call in milliseconds, where it is not the provider's own
 */
export function openProvider(provider: SecretProvider, timeout?: number): Secrets {
  const secrets = createSecrets({
    providers: [
      timeout === undefined ? { provider } : { provider: endingFirst(provider), timeout },
    ],
    ...(timeout !== undefined && { budget: timeout }),
    ttl: 0,
    staleIfError: 0,
  });
  secrets.on('warning', ({ message }) => notice(`${provider.name}: ${message}`));
  // without a listener each would become a warning of the Node process
  for (const type of ['fallback', 'recovered'] as const) secrets.on(type, () => {});
  return secrets;
}

/**
 * What `read` and `write` of a chain are called with. A chain limits its calls itself, and its warnings are
 * events: a second limit here would end some calls as if the user had.
 *
 * @param signal - ends the call. Default: one that never fires
 */
export function unlimited(signal: AbortSignal = new AbortController().signal): ReadContext {
  return { signal, remainingTimeout: () => Number.POSITIVE_INFINITY, warn: () => {} };
}

/**
 * The same provider, whose time is over a little before that of its chain: it knows of whom there was no
 * answer and what may have happened, and the chain only that there was none.
 */
function endingFirst(provider: SecretProvider): SecretProvider {
  const earlier = (context: ReadContext): ReadContext => {
    const kept = Math.min(context.remainingTimeout() / 10, 500);
    return { ...context, remainingTimeout: () => Math.max(0, context.remainingTimeout() - kept) };
  };
  const { read, write } = provider;
  return {
    ...provider,
    read: (names, context) => read.call(provider, names, earlier(context)),
    ...(write && {
      write: (changes, context) => write.call(provider, changes, earlier(context)),
    }),
  };
}
