/**
 * `keyfall migrate [FILE]`: a `.env` moves into the Vault that its settings name, or whatever one store
 * holds into another one.
 */
import { SecretError } from '@keyfall/core';
import { namedReader } from '../chain/settings.ts';
import { settingsFlags } from '../chain/settings-flags.ts';
import { announceDestination } from '../config/named-by-file.ts';
import { type EndpointOptions, isSameFile, resolveEndpoints } from '../migration/endpoints.ts';
import { assertNoConflict, type MigrateOptions, migrate } from '../migration/migrate.ts';
import { type Settled, settleReader } from '../migration/settle-reader.ts';
import { type FileSource, type MigrationSource, readSource } from '../migration/source.ts';
import { openTarget } from '../migration/target.ts';
import { untilStopped } from '../run/until-stopped.ts';
import { quoted } from '../terminal/shown-command.ts';
import { printJson, report } from '../terminal/terminal.ts';
import { waitingFor } from '../terminal/waiting.ts';
import { type Command, force, json, onConflict } from './command.ts';

interface MigrateCommandOptions
  extends Omit<
      MigrateOptions,
      'isSettingsVault' | 'settings' | 'remember' | 'start' | 'ends' | 'signal'
    >,
    EndpointOptions {
  readonly from?: string;
  readonly to?: string;
  readonly restore?: string;
  readonly listBackups?: boolean;
  readonly clean?: boolean;
  readonly json?: boolean;
}

// what the others cannot honour is refused, not passed over: a dry run must change nothing
const ofMigrations = ['select', 'activate', 'purge', 'force', 'onConflict'];
const notOfBackups = ['from', 'to', 'restore', 'dryRun', ...ofMigrations];

/** `keyfall migrate [FILE]`. */
export const migrateCommand: Command<MigrateCommandOptions> = {
  name: 'migrate',
  summary: 'Move a .env into Vault, or what any store holds into another one.',
  arguments: [{ name: '[file]', description: 'default: the file of --dotenv' }],
  options: [
    {
      flags: '--from <provider>',
      description: 'what to move instead: vault, sops:FILE, aws:SECRET, …',
    },
    {
      flags: '--to <provider>',
      description:
        'where to (default: the Vault that VAULT_ADDR and VAULT_SECRET_PATH name; with a configuration its first other provider that can be written to)',
    },
    { flags: '-y, --yes', description: 'do not ask' },
    { flags: '--dry-run', description: 'say what would happen, and change nothing' },
    onConflict,
    { flags: '--select <names>', description: 'only these names', isList: true },
    { flags: '--activate', description: 'set USE_VAULT=true in the file afterwards' },
    { flags: '--purge', description: 'remove the migrated values from the file afterwards' },
    force,
    {
      flags: '--restore <backup>',
      description: 'undo a migration by its backup',
      conflictsWith: ['dryRun', ...ofMigrations],
    },
    {
      flags: '--list-backups',
      description: 'list the copies that migrations left beside the file',
      conflictsWith: ['clean', ...notOfBackups],
    },
    {
      flags: '--clean',
      description: 'remove those that no interrupted migration needs',
      conflictsWith: ['listBackups', ...notOfBackups],
    },
    json,
  ],
  examples: [
    'keyfall migrate --dry-run',
    'keyfall migrate --yes --activate',
    'keyfall migrate --from vault --to sops:secrets.enc.yaml',
  ],
  async run([file], options) {
    const { restore, listBackups, clean } = options;
    const given = { ...options, file };
    if (listBackups || clean) {
      const backups = await import('./backups.ts');
      return clean ? backups.cleanBackups(given) : backups.listBackups(given);
    }
    if (restore !== undefined) {
      if (file !== undefined)
        throw new SecretError('ERR_SECRET_CONFIG', '--restore takes no file', {
          hint: 'Leave it out: the backup and its journal say what is restored, and where.',
        });
      const { restoreCommand } = await import('../migration/restore.ts');
      return restoreCommand(restore, options);
    }
    return runMigration(given);
  },
};

/**
 * Migrates, and returns 0 if the store holds it all afterwards (or would, with `dryRun`); 130 or 143 if a
 * signal has stopped it, with a notice of what is left behind.
 */
export async function runMigration(options: MigrateCommandOptions): Promise<number> {
  const { from, to } = options;
  const {
    source: found,
    destination,
    isReference,
  } = await waitingFor('reading what is to be moved', () => resolveEndpoints(options));
  let settled: Settled = { source: found };
  const stopped = await untilStopped(async (signal) => {
    settled = await settleReader(found, options, signal);
    return 0;
  });
  if (stopped !== 0) return stopped;
  const { source, chosen } = settled;
  const remember = chosen ?? namedReader(options);
  const { provider, isSettingsVault, isAsked } = destination;
  const refuse = (option: string, what: string) => {
    throw new SecretError('ERR_SECRET_CONFIG', `${option} is for ${what}`, {
      hint: 'Leave it out.',
    });
  };
  if (options.activate && !isSettingsVault)
    refuse('--activate', 'the Vault that the VAULT_* settings name');
  if (source.kind === 'store' && options.purge) refuse('--purge', 'a file that is migrated');
  if (source.kind === 'store' && options.activate) refuse('--activate', 'a file that is migrated');
  const settings = isSettingsVault ? await settingsBeside(source, options) : undefined;
  if (settings !== undefined && options.activate)
    refuse('--activate', 'the file that the settings stand in');
  const { dotenv: _, ...withoutDotenv } = options;
  const { reader, ...withoutFile } = withoutDotenv;
  const ends = [
    ...(from !== undefined && source.kind === 'store' ? ['--from', quoted(from)] : []),
    ...(to === undefined ? [] : ['--to', quoted(to)]),
    // a file's own settings are in its backup
    ...settingsFlags(source.kind === 'file' && settings === undefined ? withoutDotenv : options),
  ];
  // the file that was migrated is the one that its program falls back to, unless the settings are elsewhere
  const isOwn = isSettingsVault && source.kind === 'file' && settings === undefined;
  const flags = settingsFlags(
    isOwn
      ? {
          ...withoutFile,
          ...(source.path !== '.env' && { dotenv: source.path }),
          // --activate has written it into the file
          ...(reader && !options.activate && { reader }),
        }
      : options,
  );
  const start = ['keyfall', ...flags, 'run -- CMD'].join(' ');
  if (!options.dryRun) announceDestination(provider, 'the values go');
  return untilStopped(async (signal) => {
    const target = openTarget(provider, { signal });
    try {
      const result = await migrate(source, target, {
        ...options,
        isReference,
        remember,
        isSettingsVault,
        ends,
        signal,
        ...(settings && { settings }),
        ...(isAsked && { start }),
      });
      if (chosen !== undefined && !options.activate && !options.dryRun)
        report(
          `the reader ${chosen} is not written down: set KEYFALL_READER=${chosen} in ${source.label}, or run this with --activate.`,
        );
      if (options.json) await printJson(result);
      assertNoConflict(result, target);
      return 0;
    } finally {
      await target.close();
    }
  });
}

/** The file of `--dotenv`, where it is another one than the file that is migrated. */
async function settingsBeside(
  source: MigrationSource,
  { dotenv }: MigrateCommandOptions,
): Promise<FileSource | undefined> {
  if (dotenv === undefined || source.kind === 'store') return undefined;
  return (await isSameFile(dotenv, source.path)) ? undefined : readSource(dotenv);
}
