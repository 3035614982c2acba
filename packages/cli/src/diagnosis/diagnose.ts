/**
 * Looks at all that the secrets depend on, whatever of it works.
 */
import { isSecretError, type SecretError } from '@keyfall/core';
import { dotenvProvider } from '@keyfall/provider-dotenv';
import { shownFile } from '../config/find-config.ts';
import { configFile, openConfiguredChain, type SettingsOptions } from '../settings.ts';
import { type Diagnosis, diagnoseProvider, findingOf, withCommand } from './finding.ts';
import { checkNames, checkNode } from './machine.ts';

/** The providers of the chain, looked at side by side. */
export async function diagnoseChain(options: SettingsOptions): Promise<readonly Diagnosis[]> {
  const chain = await openConfiguredChain(options);
  const byVariables = configFile(options) === undefined;
  try {
    return await Promise.all(
      chain.providers.map((provider) => diagnoseProvider(provider, byVariables)),
    );
  } finally {
    await chain.secrets.close();
  }
}

/** The machine, the settings and every provider. Settings that are wrong are a finding too. */
export async function diagnoseAll(options: SettingsOptions): Promise<readonly Diagnosis[]> {
  const node = checkNode(process.versions.node);
  let file: string | undefined;
  try {
    file = configFile(options);
    const chain = await openConfiguredChain(options);
    try {
      const from = file === undefined ? 'the environment and .env' : shownFile(file);
      const providers = await Promise.all(
        chain.providers.map((provider) => diagnoseProvider(provider, file === undefined)),
      );
      const machine = [
        node,
        { subject: 'settings', state: 'ready' as const, message: `come from ${from}` },
        ...(await checkNames(chain)),
      ];
      return [{ about: 'this machine', findings: machine }, ...providers];
    } finally {
      await chain.secrets.close();
    }
  } catch (error) {
    if (!isSecretError(error)) throw error;
    const settings = withCommand(findingOf('settings', error), file === undefined);
    return [
      { about: 'this machine', findings: [node, settings], code: error.code },
      ...(await whatIsLeft(options, file, error)),
    ];
  }
}

/** The `.env` by itself, where there is no chain to look at. */
async function whatIsLeft(
  { dotenv = '.env' }: SettingsOptions,
  configuration: string | undefined,
  why: SecretError,
): Promise<readonly Diagnosis[]> {
  if (configuration !== undefined || why.provider === 'dotenv') return [];
  return [await diagnoseProvider(dotenvProvider({ path: dotenv }), true)];
}
