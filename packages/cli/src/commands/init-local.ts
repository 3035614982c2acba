/**
 * `keyfall init --local`: secrets without a server. The values of the `.env` move into a file that is encrypted for the
 * user's age key, and that can be committed.
 */
import { lstat, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { deadlineIn } from '@keyfall/core/provider';
import { editFile } from '@keyfall/core/provider/files/write';
import type { DotenvReader } from '@keyfall/provider-dotenv';
import { assertIsSecretName } from '../chain/bootstrap-settings.ts';
import type { SettingsOptions } from '../chain/settings.ts';
import type { ConfigForm } from '../config/config-text.ts';
import { currentFolder } from '../config/find-config.ts';
import { createConfigOnce, usualForm } from '../config/new-config.ts';
import { createFile } from '../files/create-file.ts';
import { isThere } from '../files/is-there.ts';
import { isTrackedByGit, wouldGitAdd } from '../migration/git.ts';
import type { ConflictPolicy } from '../migration/plan.ts';
import { untilStopped } from '../run/until-stopped.ts';
import { listNames, report } from '../terminal/terminal.ts';
import { announcedKey } from './announced-key.ts';
import { readerOf } from './init-reader.ts';
import { runMigration } from './migrate.ts';

/** Options of `keyfall init --local`. */
export interface InitLocalOptions extends SettingsOptions {
  readonly names?: readonly string[];
  readonly format?: ConfigForm;
  /** Where a new key is kept. */
  readonly keyIn?: 'keychain' | 'file';
  readonly onConflict?: ConflictPolicy;
  readonly force?: boolean;
}

/** The encrypted file. */
const encrypted = 'secrets.enc.env';

/**
 * Makes what is missing of a key, the configuration and the encrypted file, and returns 0; 130 or 143 if a signal has
 * stopped it. If the `.env` could not be moved, there is no configuration either. Run again, it does what is still to be done.
 *
 * @throws `ERR_SECRET_CONFLICT` if there is another configuration; as `readerOf`, `ownAgeKey` and `runMigration`
 */
export async function initLocal(options: InitLocalOptions): Promise<number> {
  const { reader: _, ...others } = options;
  const { names = [], format, dotenv = '.env', keyIn } = options;
  const folder = currentFolder();
  for (const name of names) assertIsSecretName(name);
  let reader: DotenvReader | undefined;
  const read = await untilStopped(async (signal) => {
    reader = await readerOf(dotenv, options, signal);
    return 0;
  });
  if (read !== 0) return read;
  const { file: config, isNew } = await createConfigOnce(
    folder,
    format ?? (await usualForm(folder)),
    {
      // what is no secret may stay in the `.env`
      providers: [
        { provider: 'sops', path: encrypted },
        {
          provider: 'dotenv',
          ...(dotenv !== '.env' && { path: dotenv }),
          ...(reader !== undefined && { reader }),
        },
      ],
      profiles: [],
      names,
    },
  );
  let exitCode: number | undefined;
  try {
    const made = await untilStopped(async (signal) => {
      await announcedKey(keyIn, signal);
      return 0;
    });
    exitCode = made === 0 ? await move(others, dotenv) : made;
  } finally {
    if (exitCode !== 0 && isNew) await rm(config);
  }
  if (exitCode !== 0) return exitCode;
  const both = (await isThere(encrypted)) ? `it and ${encrypted}` : 'it';
  report(
    `${isNew ? 'wrote' : 'kept'} ${config}: commit ${both}, and start programs with \`keyfall run -- CMD\`.`,
  );
  return 0;
}

/** Moves the values of the `.env`, if there is one. */
async function move(options: InitLocalOptions, dotenv: string): Promise<number> {
  if (!(await isThere(dotenv))) {
    report(`there is no ${dotenv}. Store the first secret with \`keyfall set NAME\`.`);
    return 0;
  }
  await keepOutOfGit(dotenv);
  return runMigration({ ...options, yes: true, purge: true });
}

/** Adds to `.gitignore` what git would commit of the file and of the copy that the migration makes of it. */
async function keepOutOfGit(file: string): Promise<void> {
  // then it is in the history, and the migration says what to do
  if (await isTrackedByGit(resolve(file))) return;
  const folder = dirname(resolve(file));
  const patterns: string[] = [];
  for (const pattern of [basename(file), `${basename(file)}.backup.*`])
    if (await wouldGitAdd(join(folder, pattern))) patterns.push(pattern);
  if (patterns.length === 0) return;
  const path = join(folder, '.gitignore');
  const lines = `${patterns.join('\n')}\n`;
  const stats = await lstat(path).catch(() => undefined);
  // git does not follow a link there, which may lead anywhere; the migration says that the file is not ignored
  if (stats !== undefined && !stats.isFile()) return;
  if (stats === undefined) await createFile(path, lines);
  else
    await editFile(
      { path, shown: '.gitignore', provider: 'keyfall' },
      (content) => {
        const isOpenLine = content !== undefined && content.length > 0 && content.at(-1) !== 0x0a;
        return Buffer.concat([
          content ?? Buffer.alloc(0),
          Buffer.from(`${isOpenLine ? '\n' : ''}${lines}`),
        ]);
      },
      {
        limit: 1024 * 1024,
        signal: new AbortController().signal,
        remainingTimeout: deadlineIn(2_500),
      },
    );
  report(`added ${listNames(patterns)} to .gitignore.`);
}
