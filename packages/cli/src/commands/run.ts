/**
 * `keyfall run -- CMD…`: a program with the secrets in its environment. Everything is resolved before
 * it starts, so that what is missing or denied starts nothing.
 */
import { buildChildEnvironment } from '../child-environment.ts';
import { runChild } from '../child-process.ts';
import { resolveSelection } from '../selection.ts';
import { type SettingsOptions, withChain } from '../settings.ts';
import { listNames, notice, printable } from '../terminal.ts';

/** Options of `keyfall run`. */
export interface RunOptions extends SettingsOptions {
  readonly only?: readonly string[];
  readonly preserveEnv?: boolean;
  readonly pristine?: boolean;
  readonly passBootstrap?: boolean;
}

/** Runs the command and returns its exit code. */
export async function runCommand(
  [file = '', ...args]: readonly string[],
  options: RunOptions,
): Promise<number> {
  // the chain is closed before the program starts: no socket, timer or login of ours outlives it
  const { secrets, degraded } = await withChain(options, (chain) =>
    resolveSelection(chain, options.only),
  );
  const { env, replaced } = buildChildEnvironment({
    ...options,
    inherited: process.env,
    secrets,
    named: new Set(options.only),
  });
  if (degraded && secrets.size === 0)
    notice(
      `${printable(file)} is started without any secret. Name what it needs with --only: then it starts with that or not at all.`,
    );
  if (replaced.length > 0) {
    const stores = new Set(replaced.map((name) => secrets.get(name)?.provider ?? ''));
    const come = replaced.length === 1 ? 'comes' : 'come';
    notice(
      `${listNames(replaced)} ${come} from ${listNames([...stores])} and not from the inherited environment; --preserve-env turns that round.`,
    );
  }
  return runChild({ file, args, env });
}
