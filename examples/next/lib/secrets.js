import 'server-only';
import { createSecrets } from '@keyfall/core';
import { dotenvProvider } from '@keyfall/provider-dotenv';
import { vaultProvider } from '@keyfall/provider-vault';

// `next dev` evaluates this again after each change: the chain, its cache and its connections stay
globalThis.secrets ??= createSecrets({
  providers: [
    { provider: vaultProvider({ path: 'example' }), ifUnconfigured: 'skip' },
    dotenvProvider({ path: 'settings.env' }),
  ],
});

/** The chain. It reads nothing before its first call, so `next build` needs no store. */
export const { secrets } = globalThis;
