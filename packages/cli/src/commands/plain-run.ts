/**
 * `keyfall run … -- CMD…` as it is nearly always typed, understood without the definitions of all
 * commands, which take longer to make than a `.env` to read. Everything else, and all that is wrong, is
 * left to `program.ts`, which has the words for it.
 */
import { parseArgs } from 'node:util';
import { isDotenvReader } from '@keyfall/provider-dotenv';
import { namesIn } from '../terminal/name-list.ts';
import type { With } from './command-options.ts';
import type { RunOptions } from './run.ts';

/** A `run` as it was typed. */
export interface PlainRun {
  readonly options: With<RunOptions>;
  /** The program and its arguments. */
  readonly command: readonly string[];
}

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;

/** The options of `run`, with those of every command, as `program.ts` defines them. */
const options = {
  dotenv: text,
  reader: text,
  config: text,
  'no-config': flag,
  profile: text,
  'token-helper': flag,
  quiet: { ...flag, short: 'q' },
  debug: flag,
  only: { ...text, multiple: true },
  'preserve-env': flag,
  pristine: flag,
  'pass-bootstrap': flag,
  redact: flag,
  watch: flag,
  'reload-signal': text,
  'kill-after': text,
} as const;

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
  try {
    const { values } = parseArgs({ args: argv.slice(3, dashes), options });
    const { 'no-config': noConfig, only, reader, ...given } = values;
    if (reader !== undefined && !isDotenvReader(reader)) return undefined;
    // which of the two counts, their order tells
    if (noConfig && given.config !== undefined) return undefined;
    const named = Object.entries(given).map(([name, value]) => [inCamelCase(name), value]);
    const names = only?.map(namesIn);
    if (names?.some((list) => list.length === 0)) return undefined;
    return {
      options: {
        ...Object.fromEntries(named),
        ...(reader !== undefined && { reader }),
        ...(noConfig && { config: false }),
        ...(names && { only: names.flat() }),
      },
      command,
    };
  } catch {
    return undefined;
  }
}

function inCamelCase(option: string): string {
  return option.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}
