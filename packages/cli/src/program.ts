/**
 * The command line as it is typed: every command with its options and help. What a command does is
 * imported when it is called, so that none pays for another.
 */
import { readFileSync } from 'node:fs';
import { SecretError } from '@keyfall/core';
import { dotenvReaders } from '@keyfall/provider-dotenv';
import { Argument, Command, CommanderError, Option } from 'commander';
import {
  type CommandLine,
  examples,
  type GlobalOptions,
  json,
  nameList,
  only,
} from './commands/command-options.ts';
import { type ExportFormat, exportFormats } from './commands/export-formats.ts';
import { addInspectionCommands } from './commands/inspection-commands.ts';
import { usageExitCode } from './terminal/exit-code.ts';
import { assertNodeIsNew } from './terminal/node-version.ts';
import { reportError } from './terminal/report-error.ts';
import { beQuiet, printable, printData, writeLine } from './terminal/terminal.ts';

/** Runs the command line, `argv` as `process.argv`, and returns the exit code. Never rejects. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  let exitCode = 0;
  let help = '';
  const program = createProgram(
    (code) => {
      exitCode = code;
    },
    // printed below, as all data is: a full disk is told of, and a reader that went away is no error
    (text) => {
      help += text;
    },
  );
  try {
    await program.parseAsync(withoutHelp(argv, program)).catch((error) => {
      if (!(error instanceof CommanderError)) throw error;
      // what was asked for is on stdout; commander's own code for it follows `process.exitCode`
      exitCode = help === '' ? usageExitCode : 0;
    });
    if (help !== '') await printData(help);
    return exitCode;
  } catch (error) {
    return reportError(error, program.opts<GlobalOptions>().debug === true);
  }
}

/** `help rnu` as `rnu`, which is told of as every mistyped command is. */
function withoutHelp(argv: readonly string[], { commands }: Command): readonly string[] {
  const [node = '', script = '', help, name = '-'] = argv;
  const isMistyped = !name.startsWith('-') && !commands.some((command) => command.name() === name);
  return help === 'help' && isMistyped ? [node, script, ...argv.slice(3)] : argv;
}

/**
 * The whole command line.
 *
 * @param finish - is told the exit code of the command that ran
 * @param writeOut - is given a help text, or the version, that was asked for
 */
export function createProgram(
  finish: (exitCode: number) => void,
  writeOut: (text: string) => void = () => {},
): Command {
  const program = new Command('keyfall')
    .description('Runs anything with its secrets: Vault or OpenBao first, then .env.')
    .version(version(), '-V, --version')
    // Never call it --env-file: Node finds that among a script's arguments too, and obeys the
    // NODE_OPTIONS of the file it names before a line of ours runs.
    .option('--dotenv <path>', 'the .env file (default: ".env")')
    .addOption(
      new Option(
        '--reader <reader>',
        'whose reading of the .env counts (default: $KEYFALL_READER, else what the file says, else npm)',
      ).choices(dotenvReaders),
    )
    .option(
      '--config <file>',
      'the configuration, instead of a keyfall.config.* found here, or above in the same repository',
    )
    .option('--no-config', 'go by the environment and .env, whatever configuration is there')
    .option(
      '--profile <name>',
      'the profile of the configuration, or of a path with {profile} (default: $KEYFALL_PROFILE)',
    )
    .option('--token-helper', 'use the token that `vault login` left (~/.vault-token)')
    .option('-q, --quiet', 'say nothing of what went well')
    .option('--debug', 'show where an error happened (never a value)')
    .showSuggestionAfterError()
    .configureOutput({
      writeOut,
      writeErr: (text) => writeLine(text.trimEnd()),
      outputError: (text, write) => write(complaint(text, process.argv)),
    })
    .exitOverride();

  program.helpCommand(false).addHelpText(
    'after',
    `
From a .env to Vault:
  $ export VAULT_ADDR=http://127.0.0.1:8200 VAULT_TOKEN=… VAULT_SECRET_PATH=my-app
  $ keyfall migrate --dry-run
  $ keyfall migrate --activate
  $ keyfall run -- node server.js

keyfall doctor says what is wrong, and keyfall help COMMAND shows all options.`,
  );

  // inherited settings first: they would undo what a command says for itself
  const define: CommandLine['define'] = (name) => new Command(name).copyInheritedSettings(program);

  const command: CommandLine['add'] = (definition, work) => {
    definition.action(async () => {
      if (definition.name() !== 'doctor') assertNodeIsNew();
      if (program.opts<GlobalOptions>().quiet) beQuiet();
      finish(await work(definition.args, definition.optsWithGlobals()));
    });
    program.addCommand(definition);
  };

  command<{
    only?: string[];
    preserveEnv?: boolean;
    pristine?: boolean;
    passBootstrap?: boolean;
    redact?: boolean;
    watch?: boolean;
    reloadSignal?: string;
    killAfter?: string;
  }>(
    define('run')
      .description('Start a program with the secrets in its environment.')
      .argument('<command...>', 'the program and its arguments, after --')
      .addOption(only('give it these names alone; each must be there'))
      .option('--preserve-env', 'an inherited variable wins over a secret from a store')
      .option('--pristine', 'of the inherited variables keep only PATH, HOME, TERM and their like')
      .option('--pass-bootstrap', 'leave VAULT_TOKEN and the other settings in its environment')
      .option('--redact', 'mask every value of 6 or more characters in what it prints')
      .option(
        '--watch',
        'start it anew when a secret changes (looks every ttl, default 5 min: KEYFALL_TTL)',
      )
      .option('--reload-signal <signal>', 'with --watch: send it this instead (HUP)')
      .option('--kill-after <time>', 'kill it if it does not end so long after a signal (10s)')
      .usage('[options] -- <command...>')
      .showHelpAfterError('Put -- before the program: keyfall run -- node server.js')
      .addHelpText(
        'after',
        examples(
          'keyfall run -- node server.js',
          'keyfall run --only TOKEN,DB_PASS -- python3 bot.py',
          'keyfall run --redact --watch --kill-after 30s -- ./server',
        ),
      ),
    async (args, options) => {
      const { runCommand } = await import('./commands/run.ts');
      return runCommand(afterDashes(args), options);
    },
  );

  command<{ newline: boolean; json?: boolean }>(
    define('get')
      .description('Print one value.')
      .argument('<name>')
      .option('-n, --no-newline', 'no line end after the value')
      .addOption(json())
      .addHelpText('after', examples('keyfall get TOKEN')),
    async ([name = ''], options) => {
      const { getCommand } = await import('./commands/get.ts');
      return getCommand(name, options);
    },
  );

  const set = define('set');
  command<{ allowEmpty?: boolean }>(
    set
      .description('Store a value, from stdin (less one final line end) or a hidden prompt.')
      .argument('<name>')
      .option('--allow-empty', 'store an empty value')
      // what else is given may be a value: it is refused without being repeated
      .allowExcessArguments()
      .allowUnknownOption()
      .addHelpText('after', examples('keyfall set TOKEN', 'keyfall set TLS_KEY < key.pem')),
    async (args, options) => {
      const { setCommand } = await import('./commands/set.ts');
      const flags = [...program.options, ...set.options].map(({ long = '' }) => long);
      return setCommand(args, { ...options, flags, named: countAfterDashes() });
    },
  );

  command(
    define('delete')
      .description('Delete a name from the provider that writes go to.')
      .argument('<name>')
      .addHelpText('after', examples('keyfall delete SENTRY_DSN')),
    async ([name = ''], options) => {
      const { deleteCommand } = await import('./commands/delete.ts');
      return deleteCommand(name, options);
    },
  );

  command<{ json?: boolean }>(
    define('list')
      .description('Print the names.')
      .addOption(json())
      .addHelpText('after', examples('keyfall list')),
    async (_args, options) => {
      const { listCommand } = await import('./commands/list.ts');
      return listCommand(options);
    },
  );

  command<{ format?: ExportFormat; only?: string[]; json?: boolean }>(
    define('export')
      .description('Print names and values for another program.')
      .addOption(new Option('-f, --format <format>', 'default dotenv').choices(exportFormats))
      .addOption(only('these names alone; each must be there'))
      .addOption(json())
      .addHelpText(
        'after',
        examples('keyfall export --format shell', 'keyfall export --format docker --only TOKEN'),
      ),
    async (_args, options) => {
      const { exportCommand } = await import('./commands/export.ts');
      return exportCommand(options);
    },
  );

  command<{ json?: boolean }>(
    define('explain')
      .description('Say which provider answers and what each one said. Never a value.')
      .argument('[name]', 'default: every name')
      .addOption(json())
      .addHelpText('after', examples('keyfall explain TOKEN')),
    async ([name], options) => {
      const { explainCommand } = await import('./commands/explain.ts');
      return explainCommand(name, options);
    },
  );

  command<{
    from?: string;
    to?: string;
    restore?: string;
    listBackups?: boolean;
    clean?: boolean;
    yes?: boolean;
    dryRun?: boolean;
    onConflict?: 'fail' | 'keep' | 'overwrite';
    select?: string[];
    activate?: boolean;
    purge?: boolean;
    force?: boolean;
    json?: boolean;
  }>(
    define('migrate')
      .description('Move a .env into Vault, or what any store holds into another one.')
      .addArgument(new Argument('[file]', 'default: the file of --dotenv'))
      .option('--from <provider>', 'what to move instead: vault, sops:FILE, aws:SECRET, …')
      .option(
        '--to <provider>',
        'where to (default: the Vault that VAULT_ADDR and VAULT_SECRET_PATH name; with a configuration its first other provider that can be written to)',
      )
      .option('-y, --yes', 'do not ask')
      .option('--dry-run', 'say what would happen, and change nothing')
      .addOption(
        new Option(
          '--on-conflict <what>',
          'for a name that the store holds with another value',
        ).choices(['fail', 'keep', 'overwrite']),
      )
      .addOption(nameList('--select <names>', 'only these names'))
      .option('--activate', 'set USE_VAULT=true in the file afterwards')
      .option('--purge', 'remove the migrated values from the file afterwards')
      .option('--force', 'migrate a file that git tracks')
      .option('--restore <backup>', 'undo a migration by its backup')
      .option('--list-backups', 'list the copies that migrations left beside the file')
      .option('--clean', 'remove those that no interrupted migration needs')
      .addOption(json())
      .addHelpText(
        'after',
        examples(
          'keyfall migrate --dry-run',
          'keyfall migrate --yes --activate',
          'keyfall migrate --from vault --to sops:secrets.enc.yaml',
        ),
      ),
    async ([file], options) => {
      if (options.listBackups || options.clean) {
        assertAlone(options.clean ? '--clean' : '--list-backups', { ...options });
        const { cleanCommand, listBackupsCommand } = await import('./commands/backups.ts');
        const given = { ...options, file };
        return options.clean ? cleanCommand(given) : listBackupsCommand(given);
      }
      if (options.restore !== undefined) {
        assertRestoresAlone(file, { ...options });
        const { restoreCommand } = await import('./migration/restore.ts');
        return restoreCommand(options.restore, options);
      }
      const { migrateCommand } = await import('./commands/migrate.ts');
      return migrateCommand({ ...options, file });
    },
  );

  command<{ recipient?: string[]; only?: string[]; force?: boolean; json?: boolean }>(
    define('snapshot')
      .description('Write what the chain resolves now into an encrypted file, as a fallback.')
      .addArgument(new Argument('[file]').default('secrets.enc.yaml'))
      .addOption(
        nameList('--recipient <keys>', 'who can open it: age1… (default: $SOPS_AGE_RECIPIENTS)'),
      )
      .addOption(only('these names alone; each must be there'))
      .option('--force', 'replace the file also if it is no snapshot')
      .addOption(json())
      .addHelpText('after', examples('keyfall snapshot --recipient age1…')),
    async ([file = 'secrets.enc.yaml'], options) => {
      const { snapshotCommand } = await import('./commands/snapshot.ts');
      return snapshotCommand(file, options);
    },
  );

  addInspectionCommands({ define, add: command }, program);

  command(
    define('help')
      .description('Show the options of a command, with examples.')
      .argument('[command]')
      .addHelpText('after', examples('keyfall help run')),
    async ([name]) => {
      const found = program.commands.find((each) => each.name() === name);
      if (name !== undefined && found === undefined)
        return program.error(`error: unknown command '${name}'`);
      (found ?? program).outputHelp();
      return 0;
    },
  );

  /** How many arguments stand after `--`. */
  const countAfterDashes = (): number => {
    const raw = (program as Command & { rawArgs: readonly string[] }).rawArgs;
    const dashes = raw.indexOf('--');
    return dashes < 0 ? 0 : raw.length - dashes - 1;
  };

  /** The arguments, if all of them stand after `--`: a program's options must never be read as ours. */
  const afterDashes = (args: readonly string[]): readonly string[] => {
    if (countAfterDashes() === args.length) return args;
    throw new SecretError('ERR_SECRET_CONFIG', 'the program to run must stand after --', {
      hint: 'Write it as: keyfall run -- node server.js',
    });
  };

  return program;
}

/** What a list or a removal of copies cannot honour is refused, too. */
function assertAlone(option: string, options: Record<string, unknown>): void {
  const others = ['from', 'to', 'restore', 'dryRun', 'select', 'activate', 'purge', 'onConflict'];
  const isOnly = others.every((name) => options[name] === undefined);
  if (isOnly && !(options['listBackups'] && options['clean'])) return;
  throw new SecretError('ERR_SECRET_CONFIG', `${option} goes with a file, --yes and --json alone`, {
    hint: 'Leave the others out.',
  });
}

/** What `--restore` cannot honour is refused, not passed over: a dry run must change nothing. */
function assertRestoresAlone(file: string | undefined, options: Record<string, unknown>): void {
  const given = ['dryRun', 'select', 'activate', 'purge', 'force', 'onConflict'].filter(
    (name) => options[name],
  );
  if (file === undefined && given.length === 0) return;
  throw new SecretError(
    'ERR_SECRET_CONFIG',
    '--restore goes with --yes, --json and the --from and --to of the migration alone',
    { hint: 'The backup and its journal tell what is restored, and where.' },
  );
}

/**
 * Commander's complaint in our voice, and without what may be a value in it: `--token=…`, `-p…`,
 * `NAME=…`.
 */
function complaint(text: string, argv: readonly string[]): string {
  // an argument that was not understood is repeated, and may have come from anywhere
  const foreign = argv.filter((each) => printable(each) !== each);
  const plain = foreign.reduce((all, each) => all.replaceAll(each, () => printable(each)), text);
  const ours = plain.replace(/^error: /, 'keyfall: ');
  const found =
    /^keyfall: unknown (option|command) '((?:--)?[^-='][^=']*(?==)|-[^-'](?=[^']))/.exec(ours);
  return found ? `keyfall: unknown ${found[1]} '${found[2]}…'\n` : ours;
}

/** What the bundle has in place of the manifest. */
declare const KEYFALL_VERSION: string | undefined;

function version(): string {
  if (typeof KEYFALL_VERSION === 'string') return KEYFALL_VERSION;
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
