/**
 * The chain on a Fastify server. The server owns it: closes it, answers for its failures, and says how it is.
 */
import { STATUS_CODES } from 'node:http';
import { httpStatusOf, isSecretError, type ProviderStatus, type Secrets } from '@keyfall/core';
import { assertOptions, type OptionKinds } from '@keyfall/core/provider';
import type { FastifyInstance, FastifyPluginAsync, RegisterOptions } from 'fastify';
import fastifyPlugin from 'fastify-plugin';

declare module 'fastify' {
  interface FastifyInstance {
    /** The chain that {@link fastifySecrets} was registered with. */
    secrets: Secrets;
  }
}

/** Options of {@link fastifySecrets}. */
export interface FastifySecretsOptions {
  /** The chain. It is closed with the server. */
  readonly secrets: Secrets;
  /** The path of a route that says how the chain is: `/health`. Default: there is none. */
  readonly health?: string | undefined;
  /**
   * Names that the application cannot work without. The health route answers 503 while one of them cannot be had,
   * be it from the cache. Default: none, so that it always answers 200.
   */
  readonly names?: readonly string[] | undefined;
}

/** What the health route answers: no name, no address and no reason, since anybody may ask it. */
export interface SecretsHealth {
  /**
   * `ok`; `degraded`: a provider fails, and all `names` are there; `failing`: one of `names` cannot be had.
   */
  readonly status: 'ok' | 'degraded' | 'failing';
  readonly providers: readonly Pick<ProviderStatus, 'provider' | 'state' | 'breaker' | 'code'>[];
}

const optionKinds: OptionKinds<FastifySecretsOptions> = {
  secrets: 'an object',
  health: 'text',
  names: 'a list',
};

/**
 * Fastify's plugin for a chain. `fastify.secrets` is the chain, for the server and all its plugins. A request that failed by a
 * `SecretError` is answered with {@link httpStatusOf} (503 or 500, never the store's 403) and a text that names nothing, and the error
 * is in the server's log. All other errors are answered as before. The chain is closed with the server, after the last
 * request.
 *
 * An error handler of the application in a plugin of its own gives it what it does not answer itself, by throwing it. One
 * that is set beside this plugin takes its place, and should use `httpStatusOf` of `@keyfall/core`.
 *
 * Registering fails with `ERR_SECRET_CONFIG` for an option that is wrong.
 *
 * @example
 * ```ts
 * import { createSecrets } from '@keyfall/core';
 * import { fastifySecrets } from '@keyfall/fastify';
 * import { vaultProvider } from '@keyfall/provider-vault';
 * import Fastify from 'fastify';
 *
 * const app = Fastify({ logger: true });
 * const secrets = createSecrets({ providers: [vaultProvider({ path: 'shop' })] });
 * await app.register(fastifySecrets, { secrets, health: '/health', names: ['PAYMENT_KEY'] });
 * app.get('/pay', async () => ({ characters: (await app.secrets.get('PAYMENT_KEY')).length }));
 * ```
 */
export const fastifySecrets: FastifyPluginAsync<FastifySecretsOptions> = fastifyPlugin(register, {
  name: '@keyfall/fastify',
  fastify: '5.x',
});

// async: what it throws is an error of the registration, and not of the process
async function register(fastify: FastifyInstance, options: FastifySecretsOptions): Promise<void> {
  assertOptions(ownOf(options), 'fastifySecrets', optionKinds);
  const { secrets, health, names = [] } = options;
  fastify.decorate('secrets', secrets);
  fastify.addHook('onClose', () => secrets.close());
  fastify.setErrorHandler((error, request, reply) => {
    const status = httpStatusOf(error);
    if (status === undefined) throw error;
    request.log.error({ err: error }, 'a secret could not be read');
    return reply.code(status).send({
      statusCode: status,
      error: STATUS_CODES[status],
      message: 'A secret could not be read.',
    });
  });
  if (health !== undefined)
    fastify.get(health, { logLevel: 'warn' }, async (_request, reply) => {
      const now = await healthOf(secrets, names);
      return reply
        .code(now.status === 'failing' ? 503 : 200)
        .header('cache-control', 'no-store')
        .send(now);
    });
}

/** Without what Fastify itself takes beside the options of a plugin. */
function ownOf(options: FastifySecretsOptions & RegisterOptions): object {
  const { prefix: _, logLevel: __, logSerializers: ___, ...own } = options;
  return own;
}

async function healthOf(secrets: Secrets, names: readonly string[]): Promise<SecretsHealth> {
  const isMissing = await Promise.all(names.map((name) => secrets.get(name))).then(
    () => false,
    (error: unknown) => {
      if (isSecretError(error)) return true;
      throw error;
    },
  );
  const all = secrets.status();
  const isDegraded = all.some(({ state }) => state === 'failing');
  return {
    status: isMissing ? 'failing' : isDegraded ? 'degraded' : 'ok',
    providers: all.map(({ provider, state, breaker, code }) => ({
      provider,
      state,
      breaker,
      ...(code && { code }),
    })),
  };
}
