/**
 * What `@keyfall/auto` does: the rules of `keyfall run` for a program that is this process itself. Where `run` starts the
 * program with an environment, this makes `process.env` that environment, before the first line of the program.
 */
import { SecretError } from '@keyfall/core';
import {
  autoOptionsVariable,
  bootstrapNames,
  resolvedVariable,
} from './chain/bootstrap-settings.ts';
import { configFile, openConfiguredChain } from './chain/settings.ts';
import { standbyProblems } from './chain/standbys.ts';
import { type PlainRun, plainRun } from './commands/plain-run.ts';
import { currentFolder } from './config/find-config.ts';
import { hideInitialValues } from './run/initial-environment.ts';
import {
  announce,
  credentialVariablesOf,
  resolveEnvironment,
  settingsFor,
} from './run/resolve-environment.ts';
import { guarded } from './terminal/guarded.ts';
import { assertNodeIsNew } from './terminal/node-version.ts';
import { reportError } from './terminal/report-error.ts';
import { beQuiet, notice } from './terminal/terminal.ts';
import { waitingFor } from './terminal/waiting.ts';

/**
 * Resolves the chain of the configuration or of the settings into `process.env`, by the rules of `keyfall run` and with its
 * options in `KEYFALL_AUTO_OPTIONS`. Resolves when that is done. A refusal or a name that is missing ends the process with the
 * message and the exit code of `keyfall run`, and so never rejects.
 *
 * For a preload (`node --import`), whose end Node awaits before it loads the application. In the child process of an
 * application that was started like this it does nothing: the child has inherited the result.
 *
 * @internal What users import is `@keyfall/auto`.
 */
export async function startWithSecrets(): Promise<void> {
  let isDebug = false;
  const exitCode = await guarded(async () => {
    try {
      assertNodeIsNew();
      const options = givenOptions();
      isDebug = options.debug === true;
      if (options.quiet) beQuiet();
      await resolveInPlace(options);
      return undefined;
    } catch (error) {
      return reportError(error, isDebug);
    }
  });
  if (exitCode !== undefined) process.exit(exitCode);
}

type AutoOptions = PlainRun['options'];

/** Options of `run` that are about a program in a process of its own. */
const ofAnotherProcess = ['redact', 'watch', 'reloadSignal', 'killAfter'] as const;

function givenOptions(): AutoOptions {
  // as in NODE_OPTIONS, double quotes keep what has a space together
  const words = process.env[autoOptionsVariable]?.match(/(?:"[^"]*"|[^\s"])+/g) ?? [];
  const typed = words.map((word) => word.replaceAll('"', ''));
  const options = plainRun(['', '', 'run', ...typed, '--', 'application'])?.options;
  if (options !== undefined && !ofAnotherProcess.some((name) => options[name] !== undefined))
    return options;
  throw new SecretError(
    'ERR_SECRET_CONFIG',
    `${autoOptionsVariable} holds something that is no option of keyfall run for a program that is running already`,
    {
      hint: 'keyfall run --help lists the options. --redact, --watch, --reload-signal and --kill-after need keyfall run.',
      setting: { variable: autoOptionsVariable },
    },
  );
}

async function resolveInPlace(options: AutoOptions): Promise<void> {
  const place = configFile(options) ?? currentFolder();
  if (isResolvedFor(place)) return;
  const chain = await openConfiguredChain(settingsFor(options));
  let isKept = false;
  try {
    const standbys = standbyProblems(chain);
    const resolved = await waitingFor('reading the secrets', () =>
      resolveEnvironment(chain, options),
    );
    announce(resolved, 'the application', chain, options);
    // in an outage the chain has asked them, and said what there was to say
    if (!resolved.degraded) for (const trouble of await standbys) notice(trouble);
    if (!options.passBootstrap)
      hideInitialValues([...bootstrapNames, ...credentialVariablesOf(chain)]);
    replaceEnvironment({ ...resolved.env, [resolvedVariable]: place });
    isKept = resolved.leased;
  } finally {
    if (!isKept) await chain.secrets.close();
  }
  // its leases are renewed as long as the application runs; one that ends by itself gives them back
  if (isKept) process.once('beforeExit', () => void chain.secrets.close());
}

/**
 * Whether this is a child process of the application: it has inherited the result, and has nothing to ask the stores with.
 * A program of another place that the application starts is none, nor is one that it gives settings of its own.
 */
function isResolvedFor(place: string): boolean {
  const { [resolvedVariable]: resolved, USE_VAULT: useVault = 'false', ...others } = process.env;
  const isGivenSettings =
    useVault !== 'false' || Object.keys(others).some((name) => bootstrapNames.has(name));
  return resolved === place && !isGivenSettings;
}

function replaceEnvironment(env: Readonly<Record<string, string>>): void {
  for (const name of Object.keys(process.env))
    if (!Object.hasOwn(env, name)) delete process.env[name];
  // a variable that is set may count at that moment (TZ), also with the value that it had
  for (const [name, value] of Object.entries(env))
    if (process.env[name] !== value) process.env[name] = value;
}
