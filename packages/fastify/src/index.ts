export type { FastifySecretsOptions, SecretsHealth } from './fastify-secrets.ts';
export { fastifySecrets } from './fastify-secrets.ts';
