/**
 * What `createSecrets` was given, checked: a caller without types may have given anything.
 */
import { assertKind, assertProvider, configError } from '../arguments/arguments.ts';
import { assertOptions, type OptionKinds } from '../arguments/assert-options.ts';
import type { SecretError } from '../contract/secret-error.ts';
import type { SecretProvider } from '../contract/secret-provider.ts';
import type { CachedProvider } from './cached-provider.ts';
import type { ChainEntry, Secrets, SecretsOptions } from './secrets.ts';

/** What each option of `createSecrets` may be. */
export const chainOptions: OptionKinds<SecretsOptions> = {
  providers: 'a list',
  only: 'an object',
  ttl: 'anything',
  staleIfError: 'anything',
  budget: 'anything',
  name: 'text',
  clock: 'a clock',
  redact: { except: 'a list of texts', minLength: 'anything' },
};

const entryOptions: OptionKinds<ChainEntry> = {
  provider: 'anything',
  required: 'true or false',
  standby: 'true or false',
  timeout: 'anything',
  onDenied: ['stop', 'next'],
  ifUnconfigured: ['fail', 'skip'],
};

/** The chain, without the places that were left out. */
export function entriesOf({
  providers = [],
}: SecretsOptions): (ChainEntry & { readonly provider: SecretProvider })[] {
  const entries = providers.flatMap((given, index) => {
    if (!given) return [];
    const entry: ChainEntry =
      'provider' in Object(given) ? (given as ChainEntry) : { provider: given as never };
    const provider =
      'asProvider' in Object(entry.provider)
        ? (entry.provider as Secrets).asProvider()
        : entry.provider;
    assertProvider(provider, `providers[${index}]`);
    assertOptions(entry, `providers[${index}]`, entryOptions);
    return { ...entry, provider };
  });
  if (entries.length === 0) throw config('providers', 'has no provider');
  return entries;
}

/** @throws `ERR_SECRET_CONFIG` for names and a standby that do not go together */
export function checkNames(
  providers: readonly CachedProvider[],
  only: ReadonlyMap<string, string>,
): void {
  const names = providers.map(({ provider }) => provider.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw config('providers', `has two named ${twice}`, 'Give one of them another `name`.');
  if (providers[0]?.standby)
    throw config('standby', `is set for ${names[0]} and no provider comes before it`);
  for (const [secret, provider] of only) {
    assertKind(provider, 'text', `the option only: what ${secret} is bound to`);
    const bound = providers[names.indexOf(provider)];
    if (!bound)
      throw config(
        'only',
        `binds ${secret} to ${provider}, which is not in the chain`,
        `There is: ${names.join(', ')}.`,
      );
    if (bound.standby) throw config('only', `binds ${secret} to ${provider}, which is on standby`);
  }
}

function config(option: string, what: string, hint?: string): SecretError {
  return configError(`the option ${option} ${what}`, option, hint);
}
