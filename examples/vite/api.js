import { createSecrets, httpStatusOf } from '@keyfall/core';
import { dotenvProvider } from '@keyfall/provider-dotenv';
import { vaultProvider } from '@keyfall/provider-vault';

// it reads nothing before its first call, so `vite build` needs no store
const secrets = createSecrets({
  providers: [
    { provider: vaultProvider({ path: 'example' }), ifUnconfigured: 'skip' },
    dotenvProvider({ path: 'settings.env' }),
  ],
});

/** Answers /api/greeting, in a server of Vite or of any other kind. */
export async function greeting(_request, response) {
  response.setHeader('content-type', 'application/json');
  try {
    response.end(JSON.stringify({ characters: (await secrets.get('GREETING')).length }));
  } catch (error) {
    console.error(error);
    response.statusCode = httpStatusOf(error) ?? 500;
    response.end('{}');
  }
}
