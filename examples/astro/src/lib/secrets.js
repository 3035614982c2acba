import { createSecrets } from '@keyfall/core';
import { dotenvProvider } from '@keyfall/provider-dotenv';
import { vaultProvider } from '@keyfall/provider-vault';

export const secrets = createSecrets({
  providers: [
    { provider: vaultProvider({ path: 'example' }), ifUnconfigured: 'skip' },
    dotenvProvider({ path: 'settings.env' }),
  ],
});
