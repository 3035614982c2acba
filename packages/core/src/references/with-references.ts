/**
 * A provider whose values may refer to secrets of other stores. What follows the references is a chunk of its own that
 * the first read loads.
 */
import { assertKind, assertProvider, configError, wrongArgument } from '../arguments/arguments.ts';
import type { SecretProvider } from '../contract/secret-provider.ts';
import { copyOf, withFactsOf } from '../providers/composition.ts';
import { createSchemes, type OpenTarget } from './schemes.ts';

/**
 * What the references of a scheme lead to: a provider (or a chain), whose name for the secret is all that stands after
 * `://`; or a function that makes a provider for the place before `#`, after which the name stands. It is called once for
 * each place, when a reference is read.
 */
export type ReferenceTarget =
  | SecretProvider
  | { asProvider(): SecretProvider }
  | ((place: string) => SecretProvider | Promise<SecretProvider>);

/**
 * A store in which a value may be a reference: `TOKEN=vault://secret/shop#TOKEN` has the value that Vault holds. Only
 * the schemes that are named here are references, any other value stays as it is; and a reference says where in a store a secret
 * is, while addresses and credentials are those of the providers given here.
 *
 * A reference that leads nowhere is `ERR_SECRET_INVALID` for its name, a store that fails is the failure that it is, and neither is
 * ever answered with the text of the reference. Where a reference leads to a store of plain text
 * (`SecretProvider.plainText`), the value there may be a reference again; what any other store holds is final. A circle is
 * `ERR_SECRET_INVALID`. `set` does not write over a reference. `Secrets.explain` shows where a value came from.
 *
 * `ref+vault://secret/shop#/TOKEN`, as vals (https://github.com/helmfile/vals) has it, is read as `vault://secret/shop#TOKEN`; one with
 * parameters, or within a longer text, is `ERR_SECRET_INVALID`.
 *
 * @param schemes - by the text before `://`
 * @throws `ERR_SECRET_CONFIG` if a scheme cannot be one, or its target is none
 * @example
 * ```ts
 * import { createSecrets, envProvider, withReferences } from '@keyfall/core';
 * import { dotenvProvider } from '@keyfall/provider-dotenv';
 * import { sopsProvider } from '@keyfall/provider-sops';
 * import { vaultProvider } from '@keyfall/provider-vault';
 *
 * const dotenv = withReferences(dotenvProvider(), {
 *   env: envProvider(), // env://NAME
 *   shop: vaultProvider({ path: 'shop' }), // shop://NAME
 *   sops: (path) => sopsProvider({ path }), // sops://FILE#NAME
 * });
 * const secrets = createSecrets({ providers: [dotenv] });
 * ```
 */
export function withReferences(
  provider: SecretProvider,
  schemes: Readonly<Record<string, ReferenceTarget>>,
): SecretProvider {
  const known = createSchemes(targetsOf(schemes));
  // a change of what is referred to would be missed: a chain reads what has no `watch` from time to time. And the same
  // revision of this store may have other values
  const { watch: _, compareRevisions: __, ...inner } = copyOf(provider, 'withReferences');
  const { write } = inner;
  const following = () => import('./follow-references.ts');
  const outer = withFactsOf<SecretProvider>(provider, {
    ...inner,
    read: async (names, context) => (await following()).readFollowing(inner, known, names, context),
    check: async (context) => (await following()).checkReferences(inner, known, context),
    ...(write && {
      async write(changes, context) {
        await (await following()).refuseReferences(inner, known, changes, context);
        return write(changes, context);
      },
    }),
    async close() {
      await Promise.all([inner, ...known.opened].map((each) => each.close?.()));
    },
  });
  const all = () => [provider, ...known.opened];
  return Object.defineProperties(outer, {
    timeout: {
      get: () => {
        const timeouts = all().flatMap(({ timeout }) => timeout ?? []);
        return timeouts.length > 0 ? Math.max(...timeouts) : undefined;
      },
      enumerable: true,
    },
    credentialVariables: {
      get: () => new Set(all().flatMap(({ credentialVariables = [] }) => [...credentialVariables])),
      enumerable: true,
    },
  });
}

/**
 * Whether `withReferences` with these schemes takes a text for a reference, be it one that leads to a secret or not.
 */
export function isReference(text: string, schemes: readonly string[]): boolean {
  assertKind(text, 'text', 'isReference: the text');
  assertKind(schemes, 'a list of texts', 'isReference: the schemes');
  const nowhere = () => Promise.reject(new Error('not opened'));
  const known = createSchemes(new Map(schemes.map((scheme) => [scheme, nowhere])));
  return known.readingOf(text) !== undefined;
}

function targetsOf(
  schemes: Readonly<Record<string, ReferenceTarget>>,
): ReadonlyMap<string, OpenTarget> {
  if (Object.prototype.toString.call(schemes) !== '[object Object]')
    throw wrongArgument('withReferences: the schemes', 'an object: { vault: provider }');
  const targets = new Map<string, OpenTarget>();
  for (const [scheme, target] of Object.entries(schemes)) {
    if (!/^[a-z][a-z0-9.-]*$/.test(scheme))
      throw configError(
        `withReferences: ${JSON.stringify(scheme)} is no scheme`,
        undefined,
        'Use lower-case letters, digits, dots and hyphens, from a letter on.',
      );
    const provider =
      typeof target !== 'function' && 'asProvider' in Object(target)
        ? (target as { asProvider(): SecretProvider }).asProvider()
        : (target as OpenTarget);
    if (typeof provider !== 'function')
      assertProvider(provider, `withReferences: the target of ${scheme}`);
    targets.set(scheme, provider);
  }
  return targets;
}
