/**
 * `keyfall init`: a configuration by a few questions. What the flags answer is not asked, and with
 * `--yes` nothing is.
 */
import { access, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { SecretError } from '@keyfall/core';
import { type ConfigForm, configForms, configText } from '../config/config-text.ts';
import type { ProviderId } from '../config/define-config.ts';
import { configFileNames, currentFolder } from '../config/find-config.ts';
import { errnoCode } from '../report-error.ts';
import { canPrompt, listNames, printable, report } from '../terminal.ts';

/** Options of `keyfall init`. */
export interface InitOptions {
  readonly yes?: boolean;
  readonly providers?: readonly string[];
  readonly path?: string;
  readonly profiles?: readonly string[];
  readonly names?: readonly string[];
  readonly format?: ConfigForm;
}

interface Choice {
  readonly label: string;
  /** The option that it cannot do without, and what is proposed for it. */
  readonly asks?: {
    readonly option: string;
    readonly question: string;
    readonly proposal: (folder: string) => string;
  };
  /** What to install and to set for it. */
  readonly next?: string;
}

/** The providers that can be chosen. */
const choices: Readonly<Partial<Record<ProviderId, Choice>>> = {
  vault: {
    label: 'Vault or OpenBao',
    asks: {
      option: 'path',
      question: 'Path of the secrets in Vault, without the mount',
      proposal: (folder) => process.env['VAULT_SECRET_PATH'] || folder,
    },
    next: 'Set VAULT_ADDR and VAULT_TOKEN in the environment.',
  },
  dotenv: { label: 'a .env file' },
  sops: {
    label: 'a file encrypted by SOPS',
    asks: { option: 'path', question: 'The encrypted file', proposal: () => 'secrets.enc.yaml' },
    next: 'npm install @keyfall/provider-sops',
  },
  files: {
    label: 'one file a secret (Docker, Kubernetes, systemd)',
    asks: { option: 'directory', question: 'Their folder', proposal: () => '/run/secrets' },
    next: 'npm install @keyfall/provider-files',
  },
  'aws-secrets-manager': {
    label: 'AWS Secrets Manager',
    asks: {
      option: 'prefix',
      question: 'What the names begin with there',
      proposal: (folder) => `${folder}/`,
    },
    next: 'npm install @keyfall/provider-aws-secrets-manager',
  },
  doppler: {
    label: 'Doppler',
    next: 'npm install @keyfall/provider-doppler, and set DOPPLER_TOKEN in the environment.',
  },
  env: { label: 'the environment itself' },
};

/**
 * Writes the configuration into this folder.
 *
 * @throws `ERR_SECRET_CONFLICT` if there is one; `ERR_SECRET_CONFIG` for a provider that there is not,
 *   or where nobody can be asked; `ERR_SECRET_ABORTED` if the user stops
 */
export async function initCommand(options: InitOptions): Promise<number> {
  const folder = currentFolder();
  await assertNone(folder);
  if (!options.yes && !canPrompt())
    throw new SecretError('ERR_SECRET_CONFIG', 'there is no terminal to ask on', {
      hint: 'Pass --yes for a configuration of Vault, then .env; the other options change that.',
    });
  const questions = options.yes ? proposals : await import('../config/ask.ts');
  const ids = options.providers ?? (await questions.askProviders(labels(), ['vault', 'dotenv']));
  assertDistinct(ids);
  const profiles = options.profiles ?? (await questions.askNames('Profiles, such as dev, prod'));
  const providers = [];
  for (const id of ids) {
    const choice = choiceOf(id);
    const { asks } = choice;
    if (asks === undefined) {
      providers.push({ provider: id as ProviderId });
      continue;
    }
    const proposal = `${asks.proposal(basename(folder))}${id === 'vault' && profiles.length > 0 ? '/{profile}' : ''}`;
    const given = id === 'vault' ? options.path : undefined;
    const answer = given ?? (await questions.askText(asks.question, proposal));
    providers.push({ provider: id as ProviderId, [asks.option]: answer });
  }
  const names = options.names ?? (await questions.askNames('Names that must be there'));
  const form = options.format ?? (await questions.askForm(configForms, await usualForm(folder)));

  const file = `keyfall.config.${form}`;
  const text = configText(form, { providers, profiles, names }, isInstalled(folder));
  await write(join(folder, file), text);
  report(`wrote ${file}: ${listNames(ids)}, asked in this order.`);
  for (const id of ids) {
    const { next } = choiceOf(id);
    if (next !== undefined) report(next.replace(/([^.])$/, '$1.'));
  }
  report(
    `\`keyfall doctor${profiles.length > 0 ? ` --profile ${printable(profiles[0] ?? '')}` : ''}\` says what is still to do.`,
  );
  return 0;
}

/** Two of one kind need names of their own, which are for whoever writes the configuration by hand. */
function assertDistinct(ids: readonly string[]): void {
  const twice = ids.find((id, at) => ids.indexOf(id) !== at);
  if (twice === undefined) return;
  throw new SecretError('ERR_SECRET_CONFIG', `${printable(twice)} is named twice`, {
    hint: 'Name it once; in the configuration a second one can be given a name of its own.',
  });
}

/** What is answered where nobody is asked. */
const proposals = {
  askProviders: async (_: unknown, proposed: readonly string[]) => proposed,
  askNames: async (_: string): Promise<readonly string[]> => [],
  askText: async (_: string, proposed: string) => proposed,
  askForm: async (_: unknown, proposed: ConfigForm) => proposed,
};

function labels(): ReadonlyMap<string, string> {
  return new Map(Object.entries(choices).map(([id, { label }]) => [id, label]));
}

function choiceOf(id: string): Choice {
  const choice = Object.hasOwn(choices, id) ? choices[id as ProviderId] : undefined;
  if (choice !== undefined) return choice;
  throw new SecretError('ERR_SECRET_CONFIG', `there is no provider ${printable(id)}`, {
    hint: `The providers are ${listNames(Object.keys(choices))}.`,
  });
}

async function assertNone(folder: string): Promise<void> {
  for (const name of configFileNames)
    if (await isThere(join(folder, name)))
      throw new SecretError('ERR_SECRET_CONFLICT', `there is a ${name} already`, {
        hint: 'Change it, or remove it first.',
      });
}

/** TypeScript where the folder has it, a program where it has packages, else data. */
async function usualForm(folder: string): Promise<ConfigForm> {
  if (await isThere(join(folder, 'tsconfig.json'))) return 'ts';
  return (await isThere(join(folder, 'package.json'))) ? 'mjs' : 'json';
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function isInstalled(folder: string): boolean {
  try {
    createRequire(join(folder, 'x.js')).resolve('keyfall/package.json');
    return true;
  } catch {
    return false;
  }
}

async function write(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text, { flag: 'wx' });
  } catch (error) {
    throw new SecretError(
      'ERR_SECRET_CONFIG',
      `${printable(path)} cannot be written (${errnoCode(error) ?? 'unknown'})`,
    );
  }
}
