/**
 * `keyfall init`: a configuration by a few questions. What the flags answer is not asked, and with
 * `--yes` nothing is.
 */
import { basename } from 'node:path';
import { isSecretError, SecretError } from '@keyfall/core';
import type { DotenvReader } from '@keyfall/provider-dotenv';
import { assertIsSecretName } from '../chain/bootstrap-settings.ts';
import { clientVariable } from '../config/client-variable.ts';
import { type ConfigAnswers, type ConfigForm, configForms } from '../config/config-text.ts';
import type { ProviderId } from '../config/define-config.ts';
import { currentFolder } from '../config/find-config.ts';
import { assertNoConfig, assertUsable, createConfig, usualForm } from '../config/new-config.ts';
import { installing } from '../config/provider-package.ts';
import type { ConflictPolicy } from '../migration/plan.ts';
import { untilStopped } from '../run/until-stopped.ts';
import { quoted } from '../terminal/shown-command.ts';
import { canPrompt, listNames, printable, report } from '../terminal/terminal.ts';
import { type Command, force, keyIn, onConflict } from './command.ts';
import { readerOf } from './init-reader.ts';

interface InitOptions {
  readonly yes?: boolean;
  readonly providers?: readonly string[];
  readonly path?: string;
  readonly profiles?: readonly string[];
  readonly names?: readonly string[];
  readonly format?: ConfigForm;
  /** Whose reading of the `.env` counts. */
  readonly reader?: DotenvReader;
  /** An encrypted file in the place of a server. */
  readonly local?: boolean;
  readonly keyIn?: 'keychain' | 'file';
  readonly onConflict?: ConflictPolicy;
  /** Move a file that git tracks. */
  readonly force?: boolean;
}

/** The options that only `--local` has, as they are typed. */
const ofLocal = { keyIn: '--key-in', onConflict: '--on-conflict', force: '--force' } as const;

interface Choice {
  readonly label: string;
  /** The option that it cannot do without, and what is proposed for it. */
  readonly asks?: {
    readonly option: string;
    readonly question: string;
    readonly proposal: (folder: string) => string;
    /** What the option is, where it is not the answer as it stands. */
    readonly optionOf?: (answer: string) => readonly string[];
  };
  /** The package to install for it, where it does not come with Keyfall. */
  readonly package?: string;
  /** What to set for it. */
  readonly next?: string;
  /** What it is in the configuration, where that is not a provider of its name. */
  readonly entry?: { readonly provider: ProviderId; readonly name: string; readonly standby: true };
}

/** What can be chosen: a provider, or a way to use one. */
type ChoiceId = ProviderId | 'snapshot';

/** The providers that can be chosen, in the order in which they are usually asked. */
const choices: Readonly<Partial<Record<ChoiceId, Choice>>> = {
  vault: {
    label: 'Vault or OpenBao',
    asks: {
      option: 'path',
      question: 'Path of the secrets in Vault, without the mount',
      proposal: (folder) => clientVariable(process.env, 'SECRET_PATH')?.value || folder,
    },
    next: 'Set VAULT_ADDR and VAULT_TOKEN in the environment.',
  },
  snapshot: {
    label: 'an encrypted snapshot, on standby',
    entry: { provider: 'sops', name: 'snapshot', standby: true },
    asks: { option: 'path', question: 'The snapshot', proposal: () => 'secrets.enc.yaml' },
    next: 'Take the snapshot with `keyfall snapshot`, and again after each change.',
  },
  dotenv: { label: 'a .env file' },
  sops: {
    label: 'a file encrypted by SOPS',
    asks: { option: 'path', question: 'The encrypted file', proposal: () => 'secrets.enc.yaml' },
  },
  files: {
    label: 'one file a secret (Docker, Kubernetes, systemd)',
    asks: { option: 'directory', question: 'Their folder', proposal: () => '/run/secrets' },
    package: '@keyfall/provider-files',
  },
  'aws-secrets-manager': {
    label: 'AWS Secrets Manager',
    asks: {
      option: 'prefix',
      question: 'What the names begin with there',
      proposal: (folder) => `${folder}/`,
    },
    package: '@keyfall/provider-aws-secrets-manager',
  },
  'aws-parameter-store': {
    label: 'AWS SSM Parameter Store',
    asks: {
      option: 'path',
      question: 'The path that the parameters are below',
      proposal: (folder) => `/${folder}`,
    },
    package: '@keyfall/provider-aws-parameter-store',
  },
  'gcp-secret-manager': {
    label: 'Google Cloud Secret Manager',
    asks: {
      option: 'project',
      question: 'The id of the project in Google Cloud',
      proposal: (folder) => process.env['GOOGLE_CLOUD_PROJECT'] || folder,
    },
    package: '@keyfall/provider-gcp-secret-manager',
  },
  keychain: {
    label: 'the keychain of this system',
    asks: {
      option: 'service',
      question: 'The service that its items have',
      proposal: (folder) => folder,
    },
    package: '@keyfall/provider-keychain',
  },
  kubernetes: {
    label: 'a Secret of Kubernetes, by its API',
    asks: {
      option: 'secret',
      question: 'The name of the Secret',
      proposal: (folder) => folder,
    },
    package: '@keyfall/provider-kubernetes',
    next: 'Give the service account of the pod a Role that may get the Secret.',
  },
  doppler: {
    label: 'Doppler',
    package: '@keyfall/provider-doppler',
    next: 'Set DOPPLER_TOKEN in the environment.',
  },
  exec: {
    label: 'another program (1Password, pass, gcloud, a script)',
    asks: {
      option: 'command',
      question: 'The program and its arguments; {name} stands for the name',
      proposal: () => './secrets-helper',
      optionOf: (answer) => answer.split(/\s+/).filter((word) => word !== ''),
    },
    package: '@keyfall/provider-exec',
    next: 'A JSON configuration may start it after `keyfall trust`.',
  },
  env: { label: 'the environment itself' },
};

/** What `migrate` calls them. */
const shortNames: Readonly<Record<string, ChoiceId>> = {
  aws: 'aws-secrets-manager',
  ssm: 'aws-parameter-store',
  gcp: 'gcp-secret-manager',
};

/** `keyfall init`. */
export const initCommand: Command<InitOptions> = {
  name: 'init',
  summary: 'Write a configuration, after a few questions.',
  options: [
    {
      flags: '-y, --yes',
      description: 'do not ask: Vault, then .env, unless the other options say more',
    },
    {
      flags: '--providers <ids>',
      description: 'the providers, first asked first',
      isList: true,
    },
    {
      flags: '--path <path>',
      description:
        'the path in Vault, which may have {profile} (default: $VAULT_SECRET_PATH, else the folder)',
    },
    {
      flags: '--profiles <names>',
      description: 'the profiles, each with a path of its own in Vault',
      isList: true,
    },
    { flags: '--names <names>', description: 'names that must be there', isList: true },
    { flags: '-f, --format <format>', description: 'the form of the file', choices: configForms },
    {
      flags: '--local',
      description:
        'no server: make an age key, and move the .env into secrets.enc.env, which it encrypts',
      conflictsWith: ['providers', 'path', 'profiles'],
    },
    keyIn,
    onConflict,
    force,
  ],
  examples: [
    'keyfall init --local',
    'keyfall init',
    'keyfall init --yes --providers vault,snapshot,dotenv --profiles dev,prod',
  ],
  async run(_args, options) {
    if (!options.local) {
      for (const [option, flag] of Object.entries(ofLocal))
        if (options[option as keyof typeof ofLocal] !== undefined)
          throw new SecretError('ERR_SECRET_CONFIG', `${flag} is for --local`, {
            hint: 'Add --local, or leave it out.',
          });
      return untilStopped((signal) => init(options, signal));
    }
    const { initLocal } = await import('./init-local.ts');
    return initLocal(options);
  },
};

/**
 * Writes the configuration into this folder.
 *
 * @throws `ERR_SECRET_CONFLICT` if there is one; `ERR_SECRET_CONFIG` for a provider that there is not,
 *   for what could not be used as a configuration, or where there is no terminal to ask on; `ERR_SECRET_ABORTED` if
 *   the user stops
 */
async function init(options: InitOptions, signal: AbortSignal): Promise<number> {
  const folder = currentFolder();
  await assertNoConfig(folder);
  if (!options.yes && !canPrompt())
    throw new SecretError('ERR_SECRET_CONFIG', 'there is no terminal to ask on', {
      hint: 'Pass --yes for a configuration of Vault, then .env; the other options change that.',
    });
  const questions = options.yes ? proposals : await import('../config/ask.ts');
  const named =
    options.providers ?? (await questions.askProviders(labels(), ['vault', 'dotenv'], signal));
  const ids = named.map(idOf);
  assertDistinct(ids);
  if (options.path !== undefined && !ids.includes('vault'))
    throw new SecretError('ERR_SECRET_CONFIG', '--path is for vault, which is not among them', {
      hint: 'Leave it out, or name vault in --providers.',
    });
  const profiles =
    options.profiles ?? (await questions.askNames('Profiles, such as dev, prod', signal));
  const providers: ConfigAnswers['providers'][number][] = [];
  for (const id of ids) {
    const { asks, entry } = choiceOf(id);
    const provider = entry?.provider ?? (id as ProviderId);
    if (id === 'dotenv') {
      const reader = await readerOf('.env', options, signal);
      providers.push({ provider, ...(reader !== undefined && { reader }) });
      continue;
    }
    if (asks === undefined) {
      providers.push({ provider });
      continue;
    }
    const proposed = asks.proposal(basename(folder));
    const ofProfile =
      id === 'vault' && profiles.length > 0 && !proposed.includes('{profile}') ? '/{profile}' : '';
    const given = id === 'vault' ? options.path : undefined;
    const answer =
      given ?? (await questions.askText(asks.question, `${proposed}${ofProfile}`, signal));
    const value = asks.optionOf?.(answer) ?? answer;
    providers.push({ provider, [asks.option]: value, ...entry });
  }
  const names = options.names ?? (await questions.askNames('Names that must be there', signal));
  for (const name of names) assertIsSecretName(name);
  const form =
    options.format ?? (await questions.askForm(configForms, await usualForm(folder), signal));

  const answers = { providers, profiles, names };
  await assertUsable(folder, form, answers);
  for (const { provider, path = '' } of providers)
    if (provider === 'vault') await assertVaultPath(String(path), profiles);
  const file = await createConfig(folder, form, answers);
  report(`wrote ${file}: ${listNames(ids)}${ids.length === 1 ? '' : ', asked in this order'}.`);
  for (const id of ids) {
    const { package: needed, next } = choiceOf(id);
    if (needed !== undefined) report(`${installing(needed, file)}.`);
    if (next !== undefined) report(next);
  }
  const [first] = profiles;
  report(
    `\`keyfall doctor${first === undefined ? '' : ` --profile ${printable(quoted(first))}`}\` says what is still to do.`,
  );
  return 0;
}

/**
 * Two providers of one kind need names of their own, for which the configuration is edited by hand; and a provider on
 * standby needs one that it stands in for.
 */
function assertDistinct(ids: readonly ChoiceId[]): void {
  const [first] = ids;
  if (first !== undefined && choiceOf(first).entry?.standby)
    throw new SecretError(
      'ERR_SECRET_CONFIG',
      `${first} is on standby, and no provider comes before it`,
      { hint: 'Name it behind the one that it is a copy of: --providers vault,snapshot,dotenv.' },
    );
  const twice = ids.find((id, at) => ids.indexOf(id) !== at);
  if (twice === undefined) return;
  throw new SecretError('ERR_SECRET_CONFIG', `${printable(twice)} is named twice`, {
    hint: 'Name it once; in the configuration a second one can be given a name of its own.',
  });
}

/** That each profile finds its document there: by the provider's own rule for a path. */
async function assertVaultPath(path: string, profiles: readonly string[]): Promise<void> {
  if (path.includes('{profile}') && profiles.length === 0)
    throw new SecretError(
      'ERR_SECRET_CONFIG',
      'the path in Vault has {profile}, and no profile is named',
      { hint: 'Name them with --profiles, such as --profiles dev,prod.' },
    );
  const { vaultProvider } = await import('@keyfall/provider-vault');
  // a call that was given up already reads the settings and sends nothing
  const givenUp = { signal: AbortSignal.abort(), remainingTimeout: () => 0, warn: () => {} };
  for (const profile of profiles.length > 0 ? profiles : [undefined])
    await vaultProvider({ path, token: { agent: true }, env: {}, profile })
      .read('all', givenUp)
      .catch((error: unknown) => {
        if (isSecretError(error, 'ERR_SECRET_CONFIG')) throw error;
      });
}

/** The answers with `--yes`. */
const proposals = {
  askProviders: async (_: unknown, proposed: readonly string[]) => proposed,
  askNames: async (_: string): Promise<readonly string[]> => [],
  askText: async (_: string, proposed: string) => proposed,
  askForm: async (_: unknown, proposed: ConfigForm) => proposed,
};

function labels(): ReadonlyMap<string, string> {
  return new Map(Object.entries(choices).map(([id, { label }]) => [id, label]));
}

function idOf(named: string): ChoiceId {
  const id = Object.hasOwn(shortNames, named) ? shortNames[named] : named;
  if (id !== undefined && Object.hasOwn(choices, id)) return id as ChoiceId;
  throw new SecretError('ERR_SECRET_CONFIG', `there is no provider ${printable(quoted(named))}`, {
    hint: `The providers are ${listNames(Object.keys(choices))}.`,
  });
}

function choiceOf(id: ChoiceId): Choice {
  return choices[id] as Choice;
}
