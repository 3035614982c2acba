/**
 * The process's own environment variables as a store.
 */
import { assertOptions, type OptionKinds } from '../arguments/assert-options.ts';
import type { SecretProvider, SecretRecord } from '../contract/secret-provider.ts';

/** Options of {@link envProvider}. */
export interface EnvProviderOptions {
  /** Only variables that start with it; the secret's name is the rest. Default: all, whole. */
  readonly prefix?: string | undefined;
  /** The variables. Default: `process.env`, at each read. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Unique in the chain. Default `env`. */
  readonly name?: string | undefined;
}

const optionKinds: OptionKinds<EnvProviderOptions> = {
  prefix: 'text',
  env: 'an object',
  name: 'text',
};

/**
 * Environment variables, read-only. An empty variable holds the value `""`.
 *
 * @example
 * ```ts
 * import { createSecrets, envProvider } from '@keyfall/core';
 *
 * const secrets = createSecrets({ providers: [envProvider({ prefix: 'SHOP_' })] });
 * const token = await secrets.get('TOKEN'); // SHOP_TOKEN
 * ```
 */
export function envProvider(options: EnvProviderOptions = {}): SecretProvider {
  assertOptions(options, 'envProvider', optionKinds);
  const { prefix = '', name = 'env' } = options;
  return {
    name,
    store: prefix === '' ? 'environment variables' : `environment variables ${prefix}*`,
    place: { kind: 'env', ...(prefix !== '' && { paths: [prefix] }) },
    plainText: true,
    async read() {
      const entries = new Map<string, SecretRecord>();
      for (const [variable, value] of Object.entries(options.env ?? process.env))
        if (value !== undefined && variable.startsWith(prefix) && variable !== prefix)
          entries.set(variable.slice(prefix.length), { value });
      return { entries, complete: true };
    },
  };
}
