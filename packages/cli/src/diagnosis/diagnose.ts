/**
 * Looks at all that the secrets depend on, whatever of it works.
 */
import { failedCheck, isSecretError, type SecretError } from '@keyfall/core';
import { dotenvProvider } from '@keyfall/provider-dotenv';
import type { CliChain } from '../cli-chain.ts';
import { shownFile } from '../config/find-config.ts';
import { configFile, namesVault, type SettingsOptions, withChain } from '../settings.ts';
import { type Diagnosis, diagnoseProvider, type Finding, withCommand } from './finding.ts';
import { checkNames, checkNode } from './machine.ts';

/**
 * The providers of the chain, looked at side by side.
 * @throws `ERR_SECRET_CONFIG` naming a setting that is wrong
 */
export function diagnoseChain(options: SettingsOptions): Promise<readonly Diagnosis[]> {
  const file = configFile(options);
  return withChain(options, (chain) => diagnoseProviders(chain, file));
}

/** The machine, the settings and every provider. Settings that are wrong are a finding too. */
export async function diagnoseAll(options: SettingsOptions): Promise<readonly Diagnosis[]> {
  const node = checkNode(process.versions.node);
  const machine = (...findings: Finding[]) => ({
    about: 'this machine',
    findings: [node, ...findings],
  });
  let file: string | undefined;
  try {
    file = configFile(options);
    return await withChain(options, async (chain) => [
      machine(await settingsOf(chain, file, options), ...(await checkNames(chain))),
      ...(await diagnoseProviders(chain, file)),
    ]);
  } catch (error) {
    if (!isSecretError(error)) throw error;
    const settings = withCommand(failedCheck('settings', error), file && shownFile(file));
    return [
      { ...machine(settings), code: error.code },
      ...(await whatIsLeft(options, file, error)),
    ];
  }
}

function diagnoseProviders(
  { providers }: CliChain,
  configuration: string | undefined,
): Promise<readonly Diagnosis[]> {
  return Promise.all(
    providers.map((provider) =>
      diagnoseProvider(provider, configuration && shownFile(configuration)),
    ),
  );
}

async function settingsOf(
  { providers }: CliChain,
  configuration: string | undefined,
  options: SettingsOptions,
): Promise<Finding> {
  const subject = 'settings';
  if (configuration !== undefined)
    return { subject, state: 'ready', message: `come from ${shownFile(configuration)}` };
  if (!providers.some(({ name }) => name === 'vault') && (await namesVault(options)))
    return {
      subject,
      state: 'unknown',
      message: 'VAULT_SECRET_PATH is set, and Vault is not asked: USE_VAULT is not true',
      code: 'vault-not-asked',
      command: 'export USE_VAULT=true',
    };
  return { subject, state: 'ready', message: 'come from the environment and .env' };
}

/** The `.env` by itself, where there is no chain to look at. */
async function whatIsLeft(
  { dotenv = '.env' }: SettingsOptions,
  configuration: string | undefined,
  why: SecretError,
): Promise<readonly Diagnosis[]> {
  if (configuration !== undefined || why.provider === 'dotenv') return [];
  return [await diagnoseProvider(dotenvProvider({ path: dotenv }), undefined)];
}
