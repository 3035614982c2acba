/**
 * The reference of the command line is made of what its commands say of themselves. If one has changed:
 * `npx vitest run -u docs/test/cli-reference.test.ts`.
 */
import { expect, test } from 'vitest';
import {
  type Command,
  type CommandArgument,
  type CommandOption,
  globalOptions,
} from '../../packages/cli/src/commands/command.ts';
import { everyCommand } from '../../packages/cli/src/program.ts';

/** Text of a cell of a table. */
const cell = (text: string) => text.replace(/[|<>*_]/g, '\\$&');

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  return `${[heads, heads.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n\n`;
}

/** What an option or an argument takes, after its description. */
function detailsOf({
  choices,
  isRequired,
  isList,
  conflictsWith,
  default: byDefault,
}: Partial<CommandOption & CommandArgument>): string {
  const details = [
    choices && `one of ${choices.map((each) => `\`${each}\``).join(', ')}`,
    isList && 'several are separated by commas',
    isRequired && 'it must be given',
    byDefault !== undefined && `default: \`${byDefault}\``,
    conflictsWith &&
      `not with ${conflictsWith.map((each) => `\`--${inKebabCase(each)}\``).join(', ')}`,
  ].filter((each) => each !== undefined && each !== false);
  return details.length === 0 ? '' : ` (${details.join('; ')})`;
}

function inKebabCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

const optionRow = (option: CommandOption) => [
  `\`${option.flags}\``,
  `${cell(option.description)}${detailsOf(option)}`,
];

const argumentRow = (argument: CommandArgument) => [
  `\`${argument.name}\``,
  `${cell(argument.description ?? '')}${detailsOf(argument)}`.trim(),
];

function sectionOf({
  name,
  summary,
  arguments: args = [],
  options = [],
  examples,
  usage,
}: Command): string {
  const typed =
    usage ??
    [...(options.length > 0 ? ['[options]'] : []), ...args.map((each) => each.name)].join(' ');
  // an argument that its name says all about needs no row
  const explained = args.filter((each) => argumentRow(each)[1] !== '');
  return `## keyfall ${name}

${summary}

**Usage:** \`keyfall ${`${name} ${typed}`.trim()}\`

${table(['argument', 'meaning'], explained.map(argumentRow))}${table(['option', 'meaning'], options.map(optionRow))}For example:

${examples.map((line) => `- \`${line}\``).join('\n')}
`;
}

test('the page shows every command with its options', async () => {
  const commands = await everyCommand();
  expect(commands.length).toBeGreaterThan(15);
  const page = `# Command line reference

Every command of \`keyfall\` with all its arguments and options, generated from what the commands say of themselves
(\`docs/test/cli-reference.test.ts\`). \`keyfall help COMMAND\` prints the same. [The commands](commands.md) explains them, and the
exit codes.

## Options of every command

${table(['option', 'meaning'], globalOptions.map(optionRow))}${commands.map(sectionOf).join('\n')}`;
  await expect(page).toMatchFileSnapshot('../cli-reference.md');
});
