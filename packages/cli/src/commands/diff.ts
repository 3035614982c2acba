/**
 * `keyfall diff A B`: the names that two providers or profiles do not agree on. Values are compared,
 * and never shown.
 */
import { SecretError } from '@keyfall/core';
import { labelOf, type SecretProvider } from '@keyfall/core/provider';
import { withoutBootstrapSettings } from '../chain/bootstrap-settings.ts';
import { openProvider } from '../chain/one-provider.ts';
import { resolveSelection } from '../chain/selection.ts';
import {
  configFile,
  configuredDotenv,
  configuredVault,
  readSettings,
  type SettingsOptions,
  withChain,
} from '../chain/settings.ts';
import { formatTable } from '../terminal/layout.ts';
import {
  countNames,
  listNames,
  notice,
  printable,
  printData,
  printJson,
  report,
} from '../terminal/terminal.ts';
import { waitingFor } from '../terminal/waiting.ts';
import { type Command, json } from './command.ts';

/** How two sets of secrets differ, by name. */
interface Difference {
  readonly onlyInA: readonly string[];
  readonly onlyInB: readonly string[];
  /** Both hold these, with other values. */
  readonly different: readonly string[];
  readonly same: number;
}

type Values = ReadonlyMap<string, string>;

/**
 * `keyfall diff A B`: the exit code is 1 if something is different. A side that could not be asked, or only in part, is
 * `ERR_SECRET_UNAVAILABLE`.
 */
export const diffCommand: Command<SettingsOptions & { readonly json?: boolean }> = {
  name: 'diff',
  summary: 'Name what differs between two providers or profiles. Never a value.',
  arguments: [
    { name: '<a>', description: 'a provider of the chain, or a profile' },
    { name: '<b>', description: 'another one' },
  ],
  options: [json],
  examples: ['keyfall diff vault dotenv', 'keyfall diff staging prod'],
  run: ([a = '', b = ''], options) => compare(a, b, options),
};

async function compare(
  a: string,
  b: string,
  options: SettingsOptions & { readonly json?: boolean },
): Promise<number> {
  const difference = await waitingFor('reading both', async () =>
    // one after the other: a configuration is read in its folder
    differenceOf(await readSide(a, options), await readSide(b, options)),
  );
  const { onlyInA, onlyInB, different, same } = difference;
  if (options.json) await printJson({ a, b, ...difference });
  else {
    const lines = [
      ...onlyInA.map((name) => [name, `only in ${a}`] as const),
      ...onlyInB.map((name) => [name, `only in ${b}`] as const),
      ...different.map((name) => [name, 'another value'] as const),
    ].sort(([one], [other]) => (one < other ? -1 : 1));
    await printData(formatTable(lines.map((line) => line.map(printable))));
    report(
      `${countNames(lines.length)} ${lines.length === 1 ? 'differs' : 'differ'}, ${same} the same.`,
    );
  }
  return onlyInA.length + onlyInB.length + different.length === 0 ? 0 : 1;
}

/** How two sets of secrets differ. Names are sorted. */
function differenceOf(a: Values, b: Values): Difference {
  const names = [...a.keys()].sort();
  return {
    onlyInA: names.filter((name) => !b.has(name)),
    onlyInB: [...b.keys()].filter((name) => !a.has(name)).sort(),
    different: names.filter((name) => b.has(name) && b.get(name) !== a.get(name)),
    same: names.filter((name) => b.has(name) && b.get(name) === a.get(name)).length,
  };
}

/** What a side names: a profile, or a provider of the chain. */
async function readSide(side: string, options: SettingsOptions): Promise<Values> {
  const file = configFile(options);
  if (file === undefined) return readWithoutConfiguration(side, options);
  const { profileNames } = await import('../config/configured-chain.ts');
  const profiles = await profileNames(file);
  if (profiles.includes(side))
    return withChain({ ...options, profile: side }, async (chain) => {
      const { secrets, degraded } = await resolveSelection({ ...chain, names: [] }, undefined);
      if (degraded)
        throw new SecretError(
          'ERR_SECRET_UNAVAILABLE',
          `not every provider of ${printable(side)} answered, and what it falls back to is not what it holds`,
          { hint: 'Compare when all of them do, or one provider with another.' },
        );
      return new Map([...secrets].map(([name, { value }]) => [name, value]));
    });
  return withChain(options, async (chain) => {
    const provider = chain.providers.find(({ name }) => name === side);
    if (provider === undefined)
      throw unknownSide(
        side,
        chain.providers.map(({ name }) => name),
        listNames(profiles),
      );
    return readAlone(provider);
  });
}

/** `vault` is there whatever `USE_VAULT` says, and in every profile where its path has `{profile}`. */
async function readWithoutConfiguration(side: string, options: SettingsOptions): Promise<Values> {
  if (side === 'dotenv') return readAlone(configuredDotenv(options));
  if (side === 'vault') return readAlone(await configuredVault(options));
  if ((await readSettings(options)).hasProfiles)
    return readAlone(await configuredVault({ ...options, profile: side }));
  throw unknownSide(side, ['vault', 'dotenv'], 'none');
}

function unknownSide(side: string, providers: readonly string[], profiles: string): SecretError {
  return new SecretError(
    'ERR_SECRET_CONFIG',
    `${printable(side)} is neither a provider nor a profile`,
    { hint: `The providers are ${listNames(providers)}; profiles: ${profiles}.` },
  );
}

async function readAlone(provider: SecretProvider): Promise<Values> {
  const secrets = openProvider(withoutBootstrapSettings(provider));
  // that there is nothing to compare with may be a mistyped path
  secrets.on('fallback', ({ detail }) =>
    notice(`${labelOf(provider.name, provider.store)} ${detail}.`),
  );
  try {
    return valuesOf(await secrets.getAll());
  } finally {
    await secrets.close();
  }
}

function valuesOf(all: Readonly<Record<string, string>>): Values {
  return new Map(Object.entries(all));
}
