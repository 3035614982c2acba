/**
 * `keyfall set NAME`: the value comes from stdin or a hidden prompt. Never from an argument: those are
 * in the shell's history and, while the command runs, in every process list.
 */
import { isatty } from 'node:tty';
import { SecretError } from '@keyfall/core';
import { assertIsSecretName } from '../chain/bootstrap-settings.ts';
import { type SettingsOptions, withChain } from '../chain/settings.ts';
import { announceDestination } from '../config/named-by-file.ts';
import { readStdin } from '../files/read-input.ts';
import { untilStopped } from '../run/until-stopped.ts';
import { didYouMean } from '../terminal/near-names.ts';
import { canPrompt, printable, report } from '../terminal/terminal.ts';
import { waitingFor } from '../terminal/waiting.ts';
import type { Command, CommandLine } from './command.ts';

interface SetOptions extends SettingsOptions {
  readonly allowEmpty?: boolean;
}

/** `keyfall set NAME`. */
export const setCommand: Command<SetOptions> = {
  name: 'set',
  summary: 'Store a value, from stdin (less one final line end) or a hidden prompt.',
  arguments: [{ name: '<name>' }],
  options: [{ flags: '--allow-empty', description: 'store an empty value' }],
  examples: ['keyfall set TOKEN', 'keyfall set TLS_KEY < key.pem'],
  takesAnything: true,
  async run(args, options, line) {
    assertNameAlone(args, line);
    return store(args[0] ?? '', options);
  },
};

/** Refuses everything beside a name without repeating it: it may be a secret. */
function assertNameAlone(args: readonly string[], { program, afterDashes }: CommandLine): void {
  const [name = '', ...rest] = args;
  const set = program.commands.find((command) => command.name() === 'set');
  const suggestion = didYouMean(
    args.filter((arg) => arg.startsWith('--')),
    [...program.options, ...(set?.options ?? [])].map(({ long }) => long ?? ''),
  );
  if (suggestion !== undefined)
    throw new SecretError('ERR_SECRET_CONFIG', 'set does not have this option', {
      hint: suggestion,
    });
  // an option that does not exist, with a value of its own perhaps: `-pHunter2`
  const isOption = name.startsWith('-') && afterDashes < args.length;
  if (rest.length > 0 || name.includes('=') || isOption)
    throw new SecretError(
      'ERR_SECRET_CONFIG',
      'set takes a name, and no value: the shell history keeps arguments, and ps shows them',
      {
        hint: 'Pipe the value in, or run `keyfall set NAME` and type it. Change a secret that was given as an argument.',
      },
    );
}

/** Stores what stdin holds (without one final line end) or what the user types. */
async function store(name: string, options: SetOptions): Promise<number> {
  assertIsSecretName(name);
  if (isatty(0) && !canPrompt())
    throw new SecretError('ERR_SECRET_CONFIG', 'there is no terminal to ask for the value', {
      hint: 'Pipe the value in: what is typed here would be shown.',
    });
  return withChain({ ...options, dotenvMayBeNew: true }, async (chain) => {
    const { secrets, providers, standbys, label } = chain;
    // before it is typed, so that the user can stop here
    announceDestination(
      providers.find((each) => each.write !== undefined && !standbys.has(each)),
      'the value goes',
    );
    let value = '';
    if (canPrompt()) {
      const stopped = await untilStopped(async (signal) => {
        value = await askForValue(name, signal);
        return 0;
      });
      if (stopped !== 0) return stopped;
    } else value = textOf(await readStdin());
    if (value === '' && !options.allowEmpty)
      throw new SecretError('ERR_SECRET_CONFIG', 'the value is empty, and nothing was stored', {
        hint: 'Pass --allow-empty if it is to be: what fails in front of a pipe gives an empty value too.',
      });
    const { provider, version } = await waitingFor('storing', () => secrets.set(name, value));
    const suffix = version === undefined ? '' : `, version ${version}`;
    report(`stored ${printable(name)} in ${label(provider)}${suffix}.`);
    return 0;
  });
}

async function askForValue(name: string, signal: AbortSignal): Promise<string> {
  const { askHidden } = await import('../terminal/hidden-input.ts');
  const question = `Value of ${printable(name)} (type one line, or paste it whole)`;
  const value = await askHidden(question, signal);
  if (value === undefined) throw new SecretError('ERR_SECRET_ABORTED', 'nothing was stored');
  return value;
}

function textOf(bytes: Buffer): string {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    return text.decode(bytes).replace(/\r?\n$/, '');
  } catch {
    throw new SecretError('ERR_SECRET_CONFIG', 'the value on stdin is not UTF-8 text', {
      hint: 'Store bytes in a text form such as base64.',
    });
  }
}
