/**
 * The chain of a machine without a configuration file: its settings come from the environment, then
 * from the `.env` file itself. With `USE_VAULT=true` it is Vault, then `.env`; else `.env` alone.
 */
import { SecretError, type SecretProvider } from '@keyfall/core';
import { dotenvProvider } from '@keyfall/provider-dotenv';
import { vaultEnvironment, vaultProvider } from '@keyfall/provider-vault';
import { type CliChain, openChain } from './cli-chain.ts';
import { openAlone } from './one-provider.ts';
import { listNames, notice } from './terminal.ts';

/** Options that every command has. */
export interface SettingsOptions {
  /** The `.env` file. */
  readonly dotenv: string;
  /** Whether the token may come from where `vault login` leaves it (`~/.vault-token`). */
  readonly tokenHelper?: boolean;
}

/**
 * Opens the chain that the settings describe, hands it to `work`, and closes it. What the chain has
 * to tell goes to stderr.
 *
 * @throws `ERR_SECRET_CONFIG` naming a setting that is wrong; what `work` throws
 */
export async function withChain<Result>(
  options: SettingsOptions,
  work: (chain: CliChain) => Promise<Result>,
): Promise<Result> {
  const dotenv = dotenvProvider({ path: options.dotenv });
  const file = await readSettings(dotenv);
  const providers = [dotenv];
  if (isTrue('USE_VAULT', process.env['USE_VAULT'] ?? file['USE_VAULT'] ?? 'false'))
    providers.unshift(vaultFrom(file, options));
  // whatever is in no plain-text file is in a store
  const chain = openChain(providers, (name) => name !== dotenv.name);
  try {
    return await work(chain);
  } finally {
    await chain.secrets.close();
  }
}

/**
 * The Vault that the `VAULT_*` settings name, whatever `USE_VAULT` says. No I/O but reading the
 * `.env` file.
 *
 * @throws `ERR_SECRET_CONFIG` naming the settings that are missing or wrong
 */
export async function configuredVault(options: SettingsOptions): Promise<SecretProvider> {
  const { tokenHelper = false } = options;
  const file = await readSettings(dotenvProvider({ path: options.dotenv }));
  const env = vaultVariables(file, tokenHelper);
  const missing = ['ADDR', 'SECRET_PATH'].filter(
    (setting) => !(env[`BAO_${setting}`] ?? env[`VAULT_${setting}`]),
  );
  if (missing.length > 0)
    throw new SecretError(
      'ERR_SECRET_CONFIG',
      `no Vault is named: ${listNames(missing.map((setting) => `VAULT_${setting}`))} ${missing.length === 1 ? 'is' : 'are'} missing`,
      {
        hint: `Set ${missing.length === 1 ? 'it' : 'them'} in the environment or in ${options.dotenv}.`,
      },
    );
  return vaultProvider({ env, tokenHelper });
}

/**
 * A setting that is yes or no.
 * @throws `ERR_SECRET_CONFIG` naming it, for anything that is neither: a misspelled `USE_VAULT` must
 *   not start production on a `.env`
 */
export function isTrue(name: string, value: string): boolean {
  const text = value.trim().toLowerCase();
  if (['true', '1', 'yes', 'on'].includes(text)) return true;
  if (['false', '0', 'no', 'off'].includes(text)) return false;
  throw new SecretError('ERR_SECRET_CONFIG', `${name} is neither true nor false`, {
    hint: `Set ${name}=true or ${name}=false.`,
  });
}

type FileSettings = Readonly<Record<string, string>>;

/** The `.env` file's content, Keyfall's own settings included. */
async function readSettings(dotenv: SecretProvider): Promise<FileSettings> {
  return openAlone(dotenv).getAll();
}

function vaultFrom(file: FileSettings, { tokenHelper = false }: SettingsOptions): SecretProvider {
  return vaultProvider({ env: vaultVariables(file, tokenHelper), tokenHelper });
}

/** The client variables of environment and file; what the user must know of them goes to stderr. */
function vaultVariables(
  file: FileSettings,
  tokenHelper: boolean,
): Readonly<Record<string, string>> {
  const { env, warnings } = vaultEnvironment({ environment: process.env, file, tokenHelper });
  for (const warning of warnings) notice(`${warning}.`);
  return env;
}
