/**
 * `keyfall run … -- CMD…` as it is nearly always typed, understood without the library that parses every other
 * command line, which takes longer to load than a `.env` to read. Everything else, and all that is wrong, is
 * left to `program.ts`, which has the words for it.
 */
import { parseArgs } from 'node:util';
import { namesIn } from '../terminal/name-list.ts';
import { type CommandOption, type GlobalOptions, globalOptions } from './command.ts';
import { type RunOptions, runCommand } from './run.ts';

/** A `run` as it was typed. */
export interface PlainRun {
  readonly options: RunOptions & GlobalOptions;
  /** The program and its arguments. */
  readonly command: readonly string[];
}

/**
 * What was typed, if it is `run`, options that are there, `--` and a program; else `undefined`. A test
 * holds it to what `program.ts` makes of the same.
 *
 * @param argv - as `process.argv`
 */
export function plainRun(argv: readonly string[]): PlainRun | undefined {
  const dashes = argv.indexOf('--');
  const command = argv.slice(dashes + 1);
  if (argv[2] !== 'run' || dashes < 0 || command.length === 0) return undefined;
  // without options there is nothing to parse, and Node's parser is a module to load
  if (dashes === 3) return { options: {}, command };
  const known = new Map([...globalOptions, ...(runCommand.options ?? [])].map(byName));
  try {
    const { values } = parseArgs({
      args: argv.slice(3, dashes),
      options: Object.fromEntries([...known].map(([name, option]) => [name, asParsed(option)])),
    });
    // the later of the two counts, and what is parsed has no order
    if (values['no-config'] && values['config'] !== undefined) return undefined;
    const options: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(values)) {
      const { choices, isList } = known.get(name) as CommandOption;
      if (choices && !choices.includes(value as string)) return undefined;
      const lists = isList ? (value as string[]).map(namesIn) : [];
      if (lists.some((names) => names.length === 0)) return undefined;
      const isOff = name.startsWith('no-');
      options[inCamelCase(isOff ? name.slice(3) : name)] = isList
        ? lists.flat()
        : isOff
          ? false
          : value;
    }
    return { options, command };
  } catch {
    return undefined;
  }
}

function byName(option: CommandOption): [name: string, option: CommandOption] {
  return [/--([\w-]+)/.exec(option.flags)?.[1] ?? '', option];
}

function asParsed({ flags, isList = false }: CommandOption) {
  const [, short] = /^-(\w),/.exec(flags) ?? [];
  return {
    type: flags.endsWith('>') ? ('string' as const) : ('boolean' as const),
    multiple: isList,
    ...(short !== undefined && { short }),
  };
}

function inCamelCase(option: string): string {
  return option.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}
