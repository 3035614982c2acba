import { createSecrets } from '@keyfall/core';
import { fastifySecrets } from '@keyfall/fastify';
import { dotenvProvider } from '@keyfall/provider-dotenv';
import { vaultProvider } from '@keyfall/provider-vault';
import Fastify from 'fastify';

const secrets = createSecrets({
  providers: [
    { provider: vaultProvider({ path: 'example' }), ifUnconfigured: 'skip' },
    dotenvProvider({ path: 'settings.env' }),
  ],
});

const app = Fastify({ logger: true });
await app.register(fastifySecrets, { secrets, health: '/health', names: ['GREETING'] });
app.get('/', async () => ({ characters: (await app.secrets.get('GREETING')).length }));
app.get('/missing', async () => app.secrets.get('MISSING'));

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => app.close());
await app.listen({ port: Number(process.env.PORT ?? 3000), host: '127.0.0.1' });
