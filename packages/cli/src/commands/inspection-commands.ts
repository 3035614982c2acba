/**
 * The commands that look at the set-up and make it: what they do is imported when they are called.
 */
import { Argument, type Command, Option } from 'commander';
import { type CommandLine, examples, json, nameList } from './command-options.ts';

/** Adds them to the program. */
export function addInspectionCommands({ define, add }: CommandLine, program: Command): void {
  add<{ json?: boolean }>(
    define('status')
      .description('Say how each provider fares, how long the token lasts and what it may do.')
      .addOption(json())
      .addHelpText('after', examples('keyfall status', 'keyfall status --json')),
    async (_args, options) => {
      const { statusCommand } = await import('./status.ts');
      return statusCommand(options);
    },
  );

  add<{ json?: boolean }>(
    define('doctor')
      .description('Look for what is wrong with the set-up, and say how to mend it.')
      .addOption(json())
      .addHelpText('after', examples('keyfall doctor', 'keyfall doctor --profile prod')),
    async (_args, options) => {
      const { doctorCommand } = await import('./doctor.ts');
      return doctorCommand(options);
    },
  );

  add<{ json?: boolean }>(
    define('diff')
      .description('Name what differs between two providers or profiles. Never a value.')
      .argument('<a>', 'a provider of the chain, or a profile')
      .argument('<b>', 'another one')
      .addOption(json())
      .addHelpText('after', examples('keyfall diff vault dotenv', 'keyfall diff staging prod')),
    async ([a = '', b = ''], options) => {
      const { diffCommand } = await import('./diff.ts');
      return diffCommand(a, b, options);
    },
  );

  add<{ json?: boolean }>(
    define('history')
      .description('Print the versions that the store keeps of a secret. Never a value.')
      .argument('<name>')
      .addOption(json())
      .addHelpText('after', examples('keyfall history TOKEN')),
    async ([name = ''], options) => {
      const { historyCommand } = await import('./history.ts');
      return historyCommand(name, options);
    },
  );

  add<{ to: string }>(
    define('rollback')
      .description('Store again what an earlier version held under a name.')
      .argument('<name>')
      .requiredOption('--to <version>', 'the version, as `keyfall history` shows it')
      .addHelpText('after', examples('keyfall rollback TOKEN --to 3')),
    async ([name = ''], options) => {
      const { rollbackCommand } = await import('./rollback.ts');
      return rollbackCommand(name, options);
    },
  );

  add<{ revoke?: boolean; list?: boolean; json?: boolean }>(
    define('trust')
      .description(
        'Let a configuration that is no program run the packages that are installed beside it.',
      )
      .option('--revoke', 'take it back')
      .addOption(new Option('--list', 'print what is trusted').conflicts('revoke'))
      .addOption(json())
      .addHelpText('after', examples('keyfall trust', 'keyfall trust --list')),
    async (_args, options) => {
      const { trustCommand } = await import('./trust.ts');
      return trustCommand(options);
    },
  );

  add<{
    yes?: boolean;
    providers?: string[];
    path?: string;
    profiles?: string[];
    names?: string[];
    format?: 'ts' | 'mjs' | 'json';
  }>(
    define('init')
      .description('Write a configuration, by a few questions.')
      .option('-y, --yes', 'do not ask: Vault, then .env, unless the other options say more')
      .addOption(nameList('--providers <ids>', 'the providers, first asked first'))
      .option(
        '--path <path>',
        'the path in Vault, which may have {profile} (default: $VAULT_SECRET_PATH, else the folder)',
      )
      .addOption(
        nameList('--profiles <names>', 'the profiles, each with a path of its own in Vault'),
      )
      .addOption(nameList('--names <names>', 'names that must be there'))
      .addOption(
        new Option('-f, --format <format>', 'the form of the file').choices(['ts', 'mjs', 'json']),
      )
      .addHelpText(
        'after',
        examples(
          'keyfall init',
          'keyfall init --yes --providers vault,snapshot,dotenv --profiles dev,prod',
        ),
      ),
    async (_args, options) => {
      const { initCommand } = await import('./init.ts');
      return initCommand(options);
    },
  );

  add<{ out?: string; json?: boolean }>(
    define('types')
      .description('Declare the names for TypeScript, so that a misspelled one does not compile.')
      .option('-o, --out <file>', 'write them there')
      .addOption(json())
      .addHelpText('after', examples('keyfall types --out src/secret-names.d.ts')),
    async (_args, options) => {
      const { typesCommand } = await import('./types.ts');
      return typesCommand(options);
    },
  );

  add(
    define('completion')
      .description('Print what has a shell complete commands and options.')
      .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
      .addHelpText(
        'after',
        examples('source <(keyfall completion bash)', 'keyfall completion fish | source'),
      ),
    async ([shell], _options) => {
      const { completionCommand } = await import('./completion.ts');
      return completionCommand(shell as 'bash' | 'zsh' | 'fish', program);
    },
  );
}
