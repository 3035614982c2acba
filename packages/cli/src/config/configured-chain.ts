/**
 * The chain that a configuration describes, in the profile that was asked for.
 */
import { isReference, memoryProvider, readOnly, type SecretsOptions } from '@keyfall/core';
import { didYouMean } from '../terminal/near-names.ts';
import { listNames, printable } from '../terminal/terminal.ts';
import { configError, type OptionPath } from './config-place.ts';
import { type ChainConfig, valuesProvider } from './define-config.ts';
import { shownFile } from './find-config.ts';
import type { OwnSettings, ReferringChain } from './follow-references.ts';
import { type LoadedConfig, loadConfig } from './load-config.ts';
import { type DotenvDefaults, type MadeEntry, makeProviders } from './make-providers.ts';

/** What a chain is made of. */
export interface ChainParts extends Omit<SecretsOptions, 'providers'> {
  readonly providers: readonly MadeEntry[];
  /** Names that must be there. */
  readonly names?: readonly string[] | undefined;
  /** Where the configuration has schemes of references: these, and what follows them. */
  readonly references?:
    | {
        readonly schemes: readonly string[];
        follow(entries: readonly MadeEntry[], own: OwnSettings): ReferringChain;
      }
    | undefined;
}

/**
 * The chain of the configuration in `file`. What the profile has stands in the place of what stands
 * outside of the profiles; nothing is merged deeper.
 *
 * @param ofDotenv - options of each `.env` that its own do not say
 * @throws `ERR_SECRET_CONFIG` naming file, line and option
 */
export async function configuredChain(
  file: string,
  profile: string | undefined,
  ofDotenv: DotenvDefaults = {},
): Promise<ChainParts> {
  const loaded = await loadConfig(file);
  const { $schema: _, profiles: __, ...base } = loaded.config;
  const chosen: ChainConfig = profile === undefined ? {} : profileOf(loaded, profile);
  const { providers, references, values, ...options }: ChainConfig = { ...base, ...given(chosen) };
  if (providers === undefined)
    throw configError({
      file,
      reason:
        profile === undefined
          ? 'it has no providers outside of its profiles'
          : `the profile ${printable(profile)} has no providers, and outside of the profiles are none`,
      hint:
        profile === undefined && loaded.config.profiles !== undefined
          ? `Choose a profile with --profile: ${knownProfiles(loaded)}.`
          : 'Add the option providers.',
    });
  const placeOf = (option: keyof ChainConfig): OptionPath =>
    chosen[option] === undefined ? [option] : ['profiles', profile ?? '', option];
  const at = placeOf('providers');
  const made = await makeProviders(loaded, providers, at, profile, ofDotenv);
  const all = [...referringValues(loaded, values, references, placeOf('values')), ...made];
  assertNamed(loaded, all, at, placeOf('only'), options.only);
  if (references === undefined) return { ...options, providers: all };
  const [{ referenceTargets }, { followingReferences }] = await Promise.all([
    import('./reference-targets.ts'),
    import('./follow-references.ts'),
  ]);
  const targets = await referenceTargets(loaded, references, placeOf('references'), {
    profile,
    ofDotenv,
  });
  const schemes = Object.keys(references);
  const follow = (entries: readonly MadeEntry[], own: OwnSettings) =>
    followingReferences(entries, targets, own);
  return { ...options, providers: all, references: { schemes, follow } };
}

/** The provider of the option `values`: it holds references alone, since a secret has no place in a configuration. */
function referringValues(
  { file, lineOf }: LoadedConfig,
  values: ChainConfig['values'] = {},
  references: ChainConfig['references'] = {},
  at: OptionPath,
): readonly MadeEntry[] {
  const schemes = Object.keys(references);
  for (const [name, value] of Object.entries(values)) {
    if (isReference(value, schemes)) continue;
    const option = [...at, name];
    throw configError({
      file,
      line: lineOf(option),
      option,
      reason: 'is no reference of a scheme that the option references has',
      hint: 'A value itself has no place in a configuration: store it, and refer to it.',
    });
  }
  if (Object.keys(values).length === 0) return [];
  // where each leads decides whether it is a value of a store
  const { plainText: _, ...provider } = readOnly(memoryProvider(values, { name: valuesProvider }));
  return [
    {
      provider: {
        ...provider,
        store: shownFile(file),
        place: { kind: valuesProvider, files: [file] },
      },
    },
  ];
}

/** The options that are not `undefined`: those are left out, as if they were not there. */
function given(options: ChainConfig): ChainConfig {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** Refuses two providers of one name, an `only` that names none of them, and a standby without one to stand in for. */
function assertNamed(
  { file, lineOf }: LoadedConfig,
  providers: readonly MadeEntry[],
  at: OptionPath,
  atOnly: OptionPath,
  only: ChainConfig['only'] = {},
): void {
  const names = providers.map(({ provider }) => provider.name);
  const twice = names.findIndex((name, index) => names.indexOf(name) < index);
  if (twice >= 0) {
    const option = [...at, twice];
    throw configError({
      file,
      line: lineOf(option),
      option,
      reason: `another provider is named ${printable(names[twice] ?? '')} as well`,
      hint: 'Give one of them another name, by the option name.',
    });
  }
  if (providers[0]?.standby) {
    const option = [...at, 0, 'standby'];
    throw configError({
      file,
      line: lineOf(option),
      option,
      reason: 'no provider comes before it that it could stand in for',
      hint: 'Put it behind the one that it is a copy of.',
    });
  }
  for (const [secret, provider] of Object.entries(only)) {
    const option = [...atOnly, secret];
    if (names.includes(provider)) {
      if (!providers[names.indexOf(provider)]?.standby) continue;
      throw configError({
        file,
        line: lineOf(option),
        option,
        reason:
          'binds the name to a provider on standby, which is asked only while another cannot be',
        hint: 'Bind it to another provider, or leave out the standby.',
      });
    }
    throw configError({
      file,
      line: lineOf(option),
      option,
      reason: 'binds the name to a provider that is not in the chain',
      hint: didYouMean([provider], names) ?? `The chain's providers are: ${listNames(names)}.`,
    });
  }
}

/** The names of the profiles that the configuration in `file` has. */
export async function profileNames(file: string): Promise<readonly string[]> {
  const { config } = await loadConfig(file);
  return Object.keys(config.profiles ?? {});
}

function profileOf(loaded: LoadedConfig, profile: string): ChainConfig {
  const { profiles = {} } = loaded.config;
  const chosen = Object.hasOwn(profiles, profile) ? profiles[profile] : undefined;
  if (chosen !== undefined) return chosen;
  throw configError({
    file: loaded.file,
    line: loaded.lineOf(['profiles']),
    reason: `there is no profile ${printable(profile)}`,
    hint: `The profiles are: ${knownProfiles(loaded)}.`,
  });
}

function knownProfiles({ config }: LoadedConfig): string {
  return listNames(Object.keys(config.profiles ?? {}));
}
