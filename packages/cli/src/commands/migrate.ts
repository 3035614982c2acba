/**
 * `keyfall migrate [FILE]`: a `.env` moves into the Vault that its settings name.
 */
import { assertNoConflict, type MigrateOptions, migrate } from '../migration/migrate.ts';
import { readSource } from '../migration/source.ts';
import { openTarget } from '../migration/target.ts';
import { configuredVault, type SettingsOptions } from '../settings.ts';
import { printJson } from '../terminal.ts';

/** Options of `keyfall migrate`. */
export interface MigrateCommandOptions extends MigrateOptions, SettingsOptions {
  /** The file that is migrated. */
  readonly dotenv: string;
  readonly json?: boolean;
}

/** Migrates the file, and returns 0 if the store holds it afterwards (or would, with `dryRun`). */
export async function migrateCommand(options: MigrateCommandOptions): Promise<number> {
  const source = await readSource(options.dotenv);
  const target = openTarget(await configuredVault(options));
  try {
    const result = await migrate(source, target, options);
    if (options.json) await printJson(result);
    assertNoConflict(result, target);
    return 0;
  } finally {
    await target.close();
  }
}
