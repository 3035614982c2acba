/**
 * The command line as a whole: which commands there are, and what is said of one that is mistyped. The file of a command
 * is imported when that command is typed, so that none pays for another.
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { asCommander, commanderOption } from './commands/as-commander.ts';
import { type Command as CommandDefinition, globalOptions } from './commands/command.ts';
import { usageExitCode } from './terminal/exit-code.ts';
import { reportError } from './terminal/report-error.ts';
import { printable, printData, writeLine } from './terminal/terminal.ts';

/** Every command, in the order of the help. */
const commands: Readonly<Record<string, () => Promise<CommandDefinition>>> = {
  run: async () => (await import('./commands/run.ts')).runCommand,
  get: async () => (await import('./commands/get.ts')).getCommand,
  set: async () => (await import('./commands/set.ts')).setCommand,
  delete: async () => (await import('./commands/delete.ts')).deleteCommand,
  edit: async () => (await import('./commands/edit.ts')).editCommand,
  list: async () => (await import('./commands/list.ts')).listCommand,
  export: async () => (await import('./commands/export.ts')).exportCommand,
  explain: async () => (await import('./commands/explain.ts')).explainCommand,
  migrate: async () => (await import('./commands/migrate.ts')).migrateCommand,
  snapshot: async () => (await import('./commands/snapshot.ts')).snapshotCommand,
  share: async () => (await import('./commands/share.ts')).shareCommand,
  status: async () => (await import('./commands/status.ts')).statusCommand,
  doctor: async () => (await import('./commands/doctor.ts')).doctorCommand,
  diff: async () => (await import('./commands/diff.ts')).diffCommand,
  history: async () => (await import('./commands/history.ts')).historyCommand,
  rollback: async () => (await import('./commands/rollback.ts')).rollbackCommand,
  login: async () => (await import('./commands/login.ts')).loginCommand,
  trust: async () => (await import('./commands/trust.ts')).trustCommand,
  init: async () => (await import('./commands/init.ts')).initCommand,
  types: async () => (await import('./commands/types.ts')).typesCommand,
  completion: async () => (await import('./commands/completion.ts')).completionCommand,
  help: async () => (await import('./commands/help.ts')).helpCommand,
};

/** Those that speak of all others. */
const aboutAll = ['completion', 'help'];

/** Runs the command line, `argv` as `process.argv`, and returns the exit code. Never rejects. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  let exitCode = 0;
  let help = '';
  const program = createProgram((text) => {
    help += text;
  });
  const parse = async (): Promise<void> => {
    const args = withoutHelp(argv);
    // what stands first among what is no option
    const [name = ''] = program.parseOptions(args.slice(2)).operands;
    await addCommands(program, name, (code) => {
      exitCode = code;
    });
    await program.parseAsync(args);
  };
  try {
    await parse().catch((error) => {
      if (!(error instanceof CommanderError)) throw error;
      // what was asked for is on stdout; commander's own code for it follows `process.exitCode`
      exitCode = help === '' ? usageExitCode : 0;
    });
    // printed here, as all data is: a full disk is reported, and a reader that went away is no error
    if (help !== '') await printData(help);
    return exitCode;
  } catch (error) {
    return reportError(error, program.opts<{ debug?: boolean }>().debug === true);
  }
}

/** `help rnu` as `rnu`: it is then reported as every mistyped command is. */
function withoutHelp(argv: readonly string[]): readonly string[] {
  const [node = '', script = '', help, name = '-'] = argv;
  const isMistyped = !name.startsWith('-') && !Object.hasOwn(commands, name);
  return help === 'help' && isMistyped ? [node, script, ...argv.slice(3)] : argv;
}

/** The whole command line; for tests. */
export async function wholeProgram(): Promise<Command> {
  const program = createProgram(() => {});
  await addCommands(program, '', () => {});
  return program;
}

/** What every command says of itself; for the reference. */
export function everyCommand(): Promise<CommandDefinition[]> {
  return Promise.all(Object.values(commands).map((load) => load()));
}

/** Adds the command of this name; where there is none, or it speaks of all, every one. */
async function addCommands(
  program: Command,
  name: string,
  finish: (exitCode: number) => void,
): Promise<void> {
  const needed =
    Object.hasOwn(commands, name) && !aboutAll.includes(name) ? [name] : Object.keys(commands);
  for (const definition of await Promise.all(needed.map((each) => commands[each]?.())))
    if (definition) program.addCommand(asCommander(definition, program, finish));
}

/** The command line without its commands; a help text or the version that was asked for goes to `writeOut`. */
function createProgram(writeOut: (text: string) => void): Command {
  const program = new Command('keyfall')
    .description('Runs anything with its secrets: Vault or OpenBao first, then .env.')
    .version(version(), '-V, --version')
    .showSuggestionAfterError()
    .configureOutput({
      writeOut,
      writeErr: (text) => writeLine(text.trimEnd()),
      outputError: (text, write) => write(complaint(text, process.argv)),
    })
    .exitOverride()
    .helpCommand(false)
    .configureHelp({ subcommandTerm: termOf })
    .addHelpText(
      'after',
      `
From a .env to Vault:
  $ export VAULT_ADDR=http://127.0.0.1:8200 VAULT_TOKEN=… VAULT_SECRET_PATH=my-app
  $ keyfall migrate --dry-run
  $ keyfall migrate --activate
  $ keyfall run -- node server.js

keyfall doctor says what is wrong, and keyfall help COMMAND shows all options.`,
    );
  for (const option of globalOptions) program.addOption(commanderOption(option));
  return program;
}

/** A command in the list of all: with its first argument, and others only if they are needed. */
function termOf(command: Command): string {
  const { options, registeredArguments } = command;
  const needed = registeredArguments.filter(({ required }, index) => required || index === 0);
  const shown = needed.map((each) => {
    const name = `${each.name()}${each.variadic ? '...' : ''}`;
    return each.required ? `<${name}>` : `[${name}]`;
  });
  return [command.name(), ...(options.length > 0 ? ['[options]'] : []), ...shown].join(' ');
}

/**
 * Commander's complaint in our voice, and without what may be a value in it: `--token=…`, `-p…`,
 * `NAME=…`, a secret key.
 */
function complaint(text: string, argv: readonly string[]): string {
  // an argument that was not understood is repeated, and may have come from anywhere
  const foreign = argv.filter((each) => printable(each) !== each);
  const isKey = (each: string) => /AGE-SECRET-KEY-|PRIVATE KEY-/i.test(each);
  const plain = argv
    .filter((each) => isKey(each) || foreign.includes(each))
    .reduce((all, each) => all.replaceAll(each, () => (isKey(each) ? '…' : printable(each))), text);
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
