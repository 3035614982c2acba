/**
 * Looks at all that the secrets depend on, whatever of it works.
 */
import { isSecretError, type SecretError } from '@keyfall/core';
import { failedCheck } from '@keyfall/core/provider';
import { dotenvProvider } from '@keyfall/provider-dotenv';
import type { CliChain } from '../chain/cli-chain.ts';
import {
  configFile,
  ignoredUseVault,
  readSettings,
  type SettingsOptions,
  withChain,
} from '../chain/settings.ts';
import { configAbove, currentFolder, shownFile } from '../config/find-config.ts';
import { type Diagnosis, diagnoseProvider, type Finding, withCommand } from './finding.ts';
import { checkNames, checkNode } from './machine.ts';
import type { Shell } from './typing.ts';

/**
 * The providers of the chain, looked at side by side.
 * @throws `ERR_SECRET_CONFIG` naming a setting that is wrong
 */
export function diagnoseChain(options: SettingsOptions): Promise<readonly Diagnosis[]> {
  const file = configFile(options);
  return withChain(options, (chain) => diagnoseProviders(chain, shellOf(options, file)));
}

/**
 * The machine, the settings and every provider. Settings that are wrong are a finding too.
 * @throws `ERR_SECRET_CONFIG` if the current folder is not there any more: there is nothing to look at
 */
export async function diagnoseAll(options: SettingsOptions): Promise<readonly Diagnosis[]> {
  currentFolder();
  const node = withCommand(checkNode(process.versions.node), shellOf(options, undefined));
  const machine = (...findings: Finding[]) => ({
    about: 'this machine',
    findings: [node, ...findings, ...unusedConfiguration(options, file)],
  });
  let file: string | undefined;
  try {
    file = configFile(options);
    const shell = shellOf(options, file);
    return await withChain(options, async (chain) => {
      const findings = [await settingsOf(chain, shell), ...(await checkNames(chain))];
      return [
        machine(...findings.map((finding) => withCommand(finding, shell))),
        ...(await diagnoseProviders(chain, shell)),
      ];
    });
  } catch (error) {
    if (!isSecretError(error)) throw error;
    const shell = shellOf(options, file);
    // a .env that cannot be read names no server, and neither does one beside a configuration
    const read =
      file === undefined ? await readSettings(options).catch(() => undefined) : undefined;
    const address = read?.addressOfFile;
    const settings = withCommand(failedCheck('settings', error), { ...shell, address });
    return [{ ...machine(settings), code: error.code }, ...(await whatIsLeft(shell, error))];
  }
}

function shellOf(options: SettingsOptions, file: string | undefined): Shell {
  return { options, configuration: file && shownFile(file) };
}

function diagnoseProviders(
  { providers, standbys }: CliChain,
  shell: Shell,
): Promise<readonly Diagnosis[]> {
  return Promise.all(
    providers.map(async (provider) => {
      const diagnosis = await diagnoseProvider(provider, shell);
      if (!standbys.has(provider)) return diagnosis;
      // its faults need fixing, but keep no secret from being read as long as the others answer
      const { about, findings } = diagnosis;
      return { about: `${about}, on standby`, findings };
    }),
  );
}

async function settingsOf(
  { providers }: CliChain,
  { configuration, options }: Shell,
): Promise<Finding> {
  const subject = 'settings';
  const uncounted = configuration && ignoredUseVault(providers);
  if (uncounted)
    return {
      subject,
      state: 'unknown',
      message: `come from ${configuration}: ${uncounted}`,
      hint: 'Unset it, or go by it and not by the configuration with --no-config.',
      code: 'use-vault-not-counted',
    };
  if (configuration !== undefined)
    return { subject, state: 'ready', message: `come from ${configuration}` };
  const isAsked = providers.some(({ name }) => name === 'vault');
  if (!isAsked && (await readSettings(options)).vaultPath)
    return {
      subject,
      state: 'unknown',
      message: 'VAULT_SECRET_PATH is set, and Vault is not asked: USE_VAULT is not true',
      code: 'vault-not-asked',
    };
  return {
    subject,
    state: 'ready',
    message: `come from the environment and ${options.dotenv ?? '.env'}`,
  };
}

/** A configuration that the user may think is in use. */
function unusedConfiguration(
  { config, dotenv, tokenHelper }: SettingsOptions,
  file: string | undefined,
): Finding[] {
  // these options leave a configuration out
  const isWanted = config === undefined && dotenv === undefined && tokenHelper === undefined;
  const above = file === undefined && isWanted ? configAbove(currentFolder()) : undefined;
  if (above === undefined) return [];
  return [
    {
      subject: 'settings',
      state: 'unknown',
      message: `${shownFile(above)} is not used: it is above, and in no repository with this folder`,
      // no command: it is code, and may be another user's
      hint: 'Name it with --config, if it is yours and meant.',
      code: 'configuration-not-used',
    },
  ];
}

/** The `.env` by itself, where there is no chain to look at. */
async function whatIsLeft(shell: Shell, why: SecretError): Promise<readonly Diagnosis[]> {
  if (shell.configuration !== undefined || why.provider === 'dotenv') return [];
  const { dotenv = '.env' } = shell.options;
  return [await diagnoseProvider(dotenvProvider({ path: dotenv }), shell)];
}
