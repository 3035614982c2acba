/**
 * What is understood without the library must be what the library makes of the same; and what the
 * library has something to say about must be left to it.
 */
import { describe, expect, test } from 'vitest';
import { plainRun } from '../src/commands/plain-run.ts';
import { wholeProgram } from '../src/program.ts';

/** What the whole command line makes of `keyfall …`; nothing is run. */
async function byProgram(args: readonly string[]): Promise<unknown> {
  const program = await wholeProgram();
  const run = program.commands.find((command) => command.name() === 'run');
  let understood: unknown;
  run?.action(() => {
    understood = { options: run.optsWithGlobals(), command: run.args };
  });
  await program.parseAsync(['node', 'keyfall', ...args]);
  return understood;
}

const plainly = (args: readonly string[]) => plainRun(['node', 'keyfall', ...args]);

describe('is understood as by the library', () => {
  test.each([
    [['run', '--', 'true']],
    [['run', '--', 'node', '--watch', '--only', 'A', '--', '-q', '--help', '']],
    [['run', '--only', 'A,B', '--', 'true']],
    [['run', '--only=A, B ,', '--only', ',C,,D', '--only', 'C', '--', 'true']],
    [['run', '--dotenv', 'a.env', '--dotenv=b=c.env', '--profile', '', '--', 'true']],
    [['run', '--config', 'keyfall.config.json', '--', 'true']],
    [['run', '--no-config', '--token-helper', '-q', '--debug', '--', 'true']],
    [['run', '--quiet', '--quiet', '--preserve-env', '--pristine', '--pass-bootstrap', '--', 'x']],
    [['run', '--redact', '--watch', '--reload-signal', 'HUP', '--kill-after', '30s', '--', 'x']],
  ])('%j', async (args) => {
    expect(plainly(args)).toEqual(await byProgram(args));
  });

  test('with every option that run has', async () => {
    const program = await wholeProgram();
    const run = program.commands.find((command) => command.name() === 'run');
    const flags = [...program.options, ...(run?.options ?? [])]
      .filter(({ long }) => long !== '--version')
      .map(({ long, required, argChoices }) => [
        long ?? '',
        ...(required ? [argChoices?.[0] ?? '1'] : []),
      ]);
    expect(flags.length).toBeGreaterThan(10);
    for (const flag of flags) expect(plainly(['run', ...flag, '--', 'x'])).toBeDefined();
  });
});

describe('is left to the library', () => {
  test.each([
    [[]],
    [['run']],
    [['run', '--']],
    [['run', 'true']],
    [['run', 'node', '--', 'server.js']],
    [['run', '--help', '--', 'true']],
    [['run', '--wach', '--', 'true']],
    [['run', '--watch=yes', '--', 'true']],
    [['run', '--only', '--', 'true']],
    [['run', '--only', '', '--', 'true']],
    [['run', '--only', 'A', '--only=, ,', '--', 'true']],
    [['run', '--dotenv', '-x', '--', 'true']],
    [['run', '--reader', 'pyton', '--', 'true']],
    [['run', '-V', '--', 'true']],
    [['run', '--no-config', '--config', 'a.json', '--', 'true']],
    [['-q', 'run', '--', 'true']],
    [['get', '--', 'A']],
  ])('%j', (args) => {
    expect(plainly(args)).toBeUndefined();
  });
});
