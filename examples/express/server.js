import { createSecrets, httpStatusOf } from '@keyfall/core';
import { dotenvProvider } from '@keyfall/provider-dotenv';
import { vaultProvider } from '@keyfall/provider-vault';
import express from 'express';

const secrets = createSecrets({
  providers: [
    { provider: vaultProvider({ path: 'example' }), ifUnconfigured: 'skip' },
    dotenvProvider({ path: 'settings.env' }),
  ],
});

const app = express();
app.get('/', async (_request, response) => {
  response.json({ characters: (await secrets.get('GREETING')).length });
});
app.get('/missing', async () => secrets.get('MISSING'));
app.get('/health', (_request, response) => {
  response.json(secrets.status().map(({ provider, state }) => ({ provider, state })));
});

// last: a store that fails is the API's 503, and never its 403
app.use((error, _request, response, next) => {
  const status = response.headersSent ? undefined : httpStatusOf(error);
  if (status === undefined) return next(error);
  console.error(error);
  response.status(status).json({ message: 'A secret could not be read.' });
});

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`Listening at http://127.0.0.1:${server.address().port}`);
});
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => server.close(() => secrets.close()));
