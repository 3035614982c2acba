/**
 * A value from a `.env` must be the one that the program would have read there by itself. Where the programs that read
 * such files differ on a name, and no setting says which of them counts, nothing is started and nothing is written.
 */
import { SecretError } from '@keyfall/core';
import type { NameReading, SecretProvider } from '@keyfall/core/provider';
import { dotenvReaders } from '@keyfall/provider-dotenv';
import { countNames, listNames, notice, printable } from '../terminal/terminal.ts';
import { bootstrapNames } from './bootstrap-settings.ts';
import type { CliChain } from './cli-chain.ts';
import { unlimited } from './one-provider.ts';

/** What is taken. */
export interface Taken {
  /** Whether the provider's answer for a name is the one that is taken, or it is the provider to ask. */
  isTaken(name: string, provider: SecretProvider): boolean;
  /** Whether the provider holds it: else it is a name that another reader alone finds. */
  isHeld(name: string): boolean;
}

/**
 * @throws `ERR_SECRET_CONFIG` naming the names that readers differ on, with the readers; or those that are
 *   made of Keyfall's own credentials
 */
export async function assertOneReading(
  providers: readonly SecretProvider[],
  { isTaken, isHeld }: Taken,
): Promise<void> {
  const ours = new Set([
    ...bootstrapNames,
    ...providers.flatMap(({ credentialVariables = [] }) => [...credentialVariables]),
  ]);
  for (const provider of providers) {
    const readings = (await provider.readings?.(unlimited())) ?? [];
    const taken = readings.filter(
      ({ name }) => !bootstrapNames.has(name) && isTaken(name, provider),
    );
    assertNotOfCredentials(
      taken.filter(({ name }) => isHeld(name)),
      provider.store,
      ours,
    );
    const differing = taken.filter(({ readers }) => readers.length > 1);
    if (differing.length > 0) throw await differingError(differing, provider.store, isHeld);
  }
}

/** Warns that other programs read this name differently, where no setting says which of them counts. */
export async function warnOfOtherReadings(
  { secrets, providers }: Pick<CliChain, 'secrets' | 'providers'>,
  name: string,
): Promise<void> {
  for (const provider of providers) {
    const readings = (await provider.readings?.(unlimited())) ?? [];
    const differing = readings.filter((each) => each.name === name && each.readers.length > 1);
    if (differing.length === 0) continue;
    if ((await secrets.explain(name)).provider !== provider.name) continue;
    const what = describeReadings(differing, () => true);
    notice(
      `programs read ${what} of ${printable(provider.store)} differently, and nothing says whose reading counts: this is npm's. --reader names another.`,
    );
  }
}

/** Refuses a value that contains a credential of Keyfall: a hostile `.env` could hand it to a program that way. */
export function assertNotOfCredentials(
  readings: readonly Pick<NameReading, 'name' | 'variables'>[],
  store: string,
  ours: ReadonlySet<string> = bootstrapNames,
): void {
  const isOurs = (name: string) => ours.has(name) && process.env[name] !== undefined;
  const made = readings.filter(({ variables }) => variables.some(isOurs));
  if (made.length === 0) return;
  const used = new Set(made.flatMap(({ variables }) => variables).filter(isOurs));
  throw new SecretError(
    'ERR_SECRET_CONFIG',
    `${listNames(made.map(({ name }) => name))} of ${printable(store)} would be made of ${listNames([...used])}, a credential of Keyfall that no program is given`,
    { hint: 'Write the value itself there, or leave the name out with --only.' },
  );
}

/** The error for names that readers differ on. */
export async function differingError(
  differing: readonly Pick<NameReading, 'name' | 'readers'>[],
  store: string,
  isHeld: (name: string) => boolean,
): Promise<SecretError> {
  const { guessedReader } = await import('./guessed-reader.ts');
  const guess = await guessedReader(process.cwd());
  // without a guess no reader is proposed: taken over unread, it would be the wrong value
  const which = guess?.reader ?? 'READER';
  const seems = guess
    ? ` ${guess.because} beside it speaks for ${guess.reader}. The readers are ${dotenvReaders.join(', ')}.`
    : ' READER is npm (dotenv of npm), python (python-dotenv), node (node --env-file), compose (docker compose) or shell (a shell that sources the file).';
  return new SecretError(
    'ERR_SECRET_CONFIG',
    `programs read ${printable(store)} differently, and nothing says whose reading counts: ${describeReadings(differing, isHeld)}`,
    {
      hint: `Say which program the file is written for: --reader ${which}, or KEYFALL_READER=${which} in the environment or in the file.${seems}`,
    },
  );
}

/** The names with the readers, those together that the same readers differ on. */
export function describeReadings(
  differing: readonly Pick<NameReading, 'name' | 'readers'>[],
  isHeld: (name: string) => boolean,
): string {
  const names = new Map<string, string[]>();
  for (const { name, readers } of differing) {
    const groups = readers.map((group) => group.join(', ')).join(' against ');
    names.set(groups, [...(names.get(groups) ?? []), name]);
  }
  return [...names]
    .map(([groups, all]) => {
      const held = all.filter(isHeld);
      // what another reader alone takes for a name may be a part of a value
      const others = all.length - held.length;
      const rest = others === 0 ? [] : [`${countNames(others)} that npm does not read`];
      return `${[...(held.length > 0 ? [listNames(held)] : []), ...rest].join(', and ')} (${groups})`;
    })
    .join('; ');
}
