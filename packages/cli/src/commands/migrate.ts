/**
 * `keyfall migrate [FILE]`: a `.env` moves into the Vault that its settings name, or whatever one store
 * holds into another one.
 */
import { SecretError } from '@keyfall/core';
import { type EndpointOptions, resolveEndpoints } from '../migration/endpoints.ts';
import { assertNoConflict, type MigrateOptions, migrate } from '../migration/migrate.ts';
import { openTarget } from '../migration/target.ts';
import { untilStopped } from '../migration/until-stopped.ts';
import { quoted, settingsFlags } from '../shown-command.ts';
import { printJson, waitingFor } from '../terminal.ts';

/** Options of `keyfall migrate`. */
export interface MigrateCommandOptions
  extends Omit<MigrateOptions, 'isSettingsVault' | 'start' | 'ends' | 'signal'>,
    EndpointOptions {
  readonly json?: boolean;
}

/**
 * Migrates, and returns 0 if the store holds it all afterwards (or would, with `dryRun`); 130 or 143 if a
 * signal has stopped it, when what it leaves behind is told.
 */
export async function migrateCommand(options: MigrateCommandOptions): Promise<number> {
  const { from, to } = options;
  const { source, destination } = await waitingFor('reading what is to be moved', () =>
    resolveEndpoints(options),
  );
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
  const ends = [
    ...(from !== undefined && source.kind === 'store' ? ['--from', quoted(from)] : []),
    ...(to === undefined ? [] : ['--to', quoted(to)]),
    ...settingsFlags(options),
  ];
  // the file that was migrated is the one that its program falls back to
  const dotenv = source.kind === 'file' && source.path !== '.env' ? source.path : undefined;
  const flags = settingsFlags({
    ...options,
    ...(isSettingsVault && dotenv !== undefined && { dotenv }),
  });
  const start = ['keyfall', ...flags, 'run -- CMD'].join(' ');
  return untilStopped(async (signal) => {
    const target = openTarget(provider, { signal });
    try {
      const result = await migrate(source, target, {
        ...options,
        isSettingsVault,
        ends,
        signal,
        ...(isAsked && { start }),
      });
      if (options.json) await printJson(result);
      assertNoConflict(result, target);
      return 0;
    } finally {
      await target.close();
    }
  });
}
