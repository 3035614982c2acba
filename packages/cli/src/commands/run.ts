/**
 * `keyfall run -- CMD…`: a program with the secrets in its environment. Everything is resolved before
 * it starts, so that what is missing or denied starts nothing.
 */
import { SecretError } from '@keyfall/core';
import { toMilliseconds } from '@keyfall/core/provider';
import { bootstrapNames } from '../chain/bootstrap-settings.ts';
import type { CliChain } from '../chain/cli-chain.ts';
import { openConfiguredChain, type SettingsOptions } from '../chain/settings.ts';
import { standbyProblems } from '../chain/standbys.ts';
import {
  assertStartable,
  becomeChild,
  type OutputFilter,
  spawner,
  startChild,
} from '../run/child-process.ts';
import type { ChildCommand } from '../run/executable.ts';
import { hideInitialValues } from '../run/initial-environment.ts';
import {
  announce,
  credentialVariablesOf,
  type EnvironmentOptions,
  resolveEnvironment,
  settingsFor,
} from '../run/resolve-environment.ts';
import { exitCodeOfSignal, handleSignals, signalOf } from '../run/signals.ts';
import { keepStderrClosed, notice, printable } from '../terminal/terminal.ts';
import { waitingFor } from '../terminal/waiting.ts';
import { type Command, only } from './command.ts';

/** Options of `keyfall run`. */
export interface RunOptions extends SettingsOptions, EnvironmentOptions {
  /** Mask values in what the program prints. */
  readonly redact?: boolean;
  /** Restart it when a secret changes. */
  readonly watch?: boolean;
  /** Send it this signal instead. */
  readonly reloadSignal?: string;
  /** A length of time after which a program that was asked to end is killed. */
  readonly killAfter?: string;
}

/** `keyfall run -- CMD…`. */
export const runCommand: Command<RunOptions> = {
  name: 'run',
  summary: 'Start a program with the secrets in its environment.',
  arguments: [{ name: '<command...>', description: 'the program and its arguments, after --' }],
  options: [
    only('give it these names alone; each must be there'),
    {
      flags: '--preserve-env',
      description: 'an inherited variable wins over a secret from a store',
    },
    {
      flags: '--pristine',
      description: 'of the inherited variables keep only PATH, HOME, TERM and their like',
    },
    {
      flags: '--pass-bootstrap',
      description: 'leave VAULT_TOKEN and the other settings in its environment',
    },
    {
      flags: '--redact',
      description: 'mask every value of 6 or more characters in what it prints',
    },
    {
      flags: '--watch',
      description: 'restart it when a secret changes (looks every ttl, default 5 min: KEYFALL_TTL)',
    },
    {
      flags: '--reload-signal <signal>',
      description: 'with --watch: send it this instead (HUP)',
    },
    {
      flags: '--kill-after <time>',
      description: 'kill it if it has not ended this long after a signal (10s)',
    },
  ],
  examples: [
    'keyfall run -- node server.js',
    'keyfall run --only TOKEN,DB_PASS -- python3 run.py',
    'keyfall run --redact --watch --kill-after 30s -- ./server',
  ],
  usage: '[options] -- <command...>',
  advice: 'Put -- before the program: keyfall run -- node server.js',
  async run(args, options, { afterDashes }) {
    // a program's options must never be read as ours
    if (afterDashes !== args.length)
      throw new SecretError('ERR_SECRET_CONFIG', 'the program to run must stand after --', {
        hint: 'Write it as: keyfall run -- node server.js. npm exec, Yarn 1 and deno x take the first -- for themselves: write it twice there',
      });
    return runWithSecrets(args, options);
  },
};

/** Runs the program, and returns its exit code. */
export async function runWithSecrets(
  [file = '', ...args]: readonly string[],
  options: RunOptions,
): Promise<number> {
  const killAfter =
    options.killAfter === undefined
      ? undefined
      : toMilliseconds(options.killAfter as `${number}s`, '--kill-after');
  const reload = options.reloadSignal === undefined ? undefined : signalOf(options.reloadSignal);
  if (reload !== undefined && !options.watch)
    throw new SecretError('ERR_SECRET_CONFIG', '--reload-signal goes with --watch alone');

  if (!options.redact) keepStderrClosed();
  const chain = await openConfiguredChain(settingsFor(options));
  const signals = handleSignals(() => void chain.secrets.close(), killAfter);
  try {
    const standbys = standbyProblems(chain);
    const first = await waitingFor('reading the secrets', () => resolveEnvironment(chain, options));
    announce(first, printable(file), chain, options);
    // in an outage the chain has asked them, and said what there was to say
    if (!first.degraded) for (const trouble of await standbys) notice(trouble);
    const { env, leased } = first;
    const command = { file, args, env };
    if (!leased && !options.watch) {
      // no socket, timer or login of ours outlives the start of the program
      await chain.secrets.close();
      if (signals.endedBy !== undefined) return exitCodeOfSignal(signals.endedBy);
      if (killAfter === undefined && !options.redact) becomeChild(command);
    }
    const filter = options.redact ? await outputFilter(chain, options) : undefined;
    // from here on the program could look at what we were started with
    if (!options.passBootstrap)
      hideInitialValues([...bootstrapNames, ...credentialVariablesOf(chain)]);
    const spawn = await spawner();
    const start = (given: ChildCommand['env']) =>
      startChild(spawn, { ...command, env: given }, filter);
    if (!options.watch) {
      const child = start(env);
      signals.forwardTo(child);
      return await child.ended;
    }
    const { superviseChild } = await import('../run/supervise-child.ts');
    return await superviseChild({
      start,
      env,
      signals,
      chain,
      resolve: async () => {
        const { env: now } = await resolveEnvironment(chain, options);
        // a program that could not be started with it keeps running with what it has
        if (reload === undefined) assertStartable({ ...command, env: now });
        return now;
      },
      reload,
      killAfter: killAfter ?? restartTimeout,
    });
  } catch (error) {
    if (signals.endedBy !== undefined) return exitCodeOfSignal(signals.endedBy);
    throw error;
  } finally {
    signals.stop();
    await chain.secrets.close();
  }
}

/** Milliseconds that a program has to end before it is restarted, without `--kill-after`. */
const restartTimeout = 10_000;

/** Masks every value that the chain has seen, and the credentials that the program is given. */
async function outputFilter(chain: CliChain, { passBootstrap }: RunOptions): Promise<OutputFilter> {
  const { redactor } = chain.secrets;
  const { maskOutput } = await import('../run/masked-output.ts');
  const credentials = [
    ...[...bootstrapNames].filter((name) => /(TOKEN|PASSPHRASE|AGE_KEY)$/.test(name)),
    ...credentialVariablesOf(chain),
  ];
  for (const name of passBootstrap ? credentials : []) redactor.add(process.env[name] ?? '');
  return (child) => maskOutput(child, redactor);
}
