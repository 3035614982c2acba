/**
 * Secrets that another program gives. Each call starts that program, without a shell. It is either a helper that
 * speaks the protocol of `protocol.ts` or a tool that prints one value.
 */
import { createHash } from 'node:crypto';
import { basename, resolve } from 'node:path';
import {
  assertOptions,
  checked,
  isSecretError,
  type OptionKinds,
  type ProviderCheck,
  type ReadContext,
  type SecretBatch,
  SecretError,
  type SecretProvider,
  type SecretRecord,
  type WriteContext,
  withApplied,
} from '@keyfall/core/provider';
import { assertTemplate, isTemplate, whyNotAskable } from './command-template.ts';
import { assertExitCodes, type ExitKind } from './exit-codes.ts';
import { listByHelper, readByHelper, writeByHelper } from './protocol.ts';
import type { Program } from './run-program.ts';
import { askTool } from './tool.ts';
import { type Variables, variablesFor } from './variables.ts';

/** Options of {@link execProvider}. */
export interface ExecProviderOptions {
  /**
   * The program and its arguments; there is no shell between. A program with a slash in it is relative to the working
   * directory at the time the provider is made, any other is looked up on `PATH`. With `{name}` in an argument it is a tool
   * that prints the value of that name; without, a helper that speaks the protocol.
   */
  readonly command: readonly string[];
  /**
   * The names that there are: others are not here, and the program is not asked for them. Default: any. A tool that
   * prints one value needs them for a read of everything.
   */
  readonly names?: readonly string[] | undefined;
  /**
   * What the exit codes of a tool mean: `{ missing: [1], denied: [4] }`. An exit code that is not among them, and not 0, is
   * `ERR_SECRET_INVALID`. Default: none. A helper has those of the protocol.
   */
  readonly exitCodes?: Partial<Readonly<Record<ExitKind, readonly number[]>>> | undefined;
  /** Whether the helper knows the action `list`. Default false. */
  readonly lists?: boolean | undefined;
  /**
   * Whether the helper knows the action `write`: `name` writes name by name, `store` all names or none, `conditional`
   * does so and heeds `ifRevision`. Default: it cannot write.
   */
  readonly writes?: 'name' | 'store' | 'conditional' | undefined;
  /** Variables that the program gets besides the usual ones (`PATH`, `HOME`, the locale). Default: none. */
  readonly inherit?: readonly string[] | undefined;
  /** The same, for variables with credentials: what `keyfall run` starts does not inherit them. Default: none. */
  readonly credentialVariables?: readonly string[] | undefined;
  /** Where variables are looked up. Default: `process.env`, at each call. */
  readonly env?: Variables | undefined;
  /** Unique in the chain. Default `exec`. */
  readonly name?: string | undefined;
}

const optionKinds: OptionKinds<ExecProviderOptions> = {
  command: 'a list of texts',
  names: 'a list of texts',
  exitCodes: 'an object',
  lists: 'true or false',
  writes: ['name', 'store', 'conditional'],
  inherit: 'a list of texts',
  credentialVariables: 'a list of texts',
  env: 'an object',
  name: 'text',
};

/** Programs that ask a service take longer than a request does: milliseconds. */
const timeout = 10_000;

/**
 * A provider over a program. What the program prints on stderr is thrown away, since it may hold values; values go to
 * it and come from it through pipes alone. It is ended, with all that it started, when the time limit of a call is over.
 *
 * @throws `ERR_SECRET_CONFIG` naming the option that is wrong
 * @example
 * ```ts
 * import { createSecrets } from '@keyfall/core';
 * import { execProvider } from '@keyfall/provider-exec';
 *
 * const secrets = createSecrets({
 *   providers: [
 *     execProvider({ command: ['./secrets-helper.py', '--vault', 'shop'] }),
 *     execProvider({ command: ['op', 'read', 'op://shop/{name}/password'], name: 'op' }),
 *   ],
 * });
 * ```
 */
export function execProvider(options: ExecProviderOptions): SecretProvider {
  assertOptions(options, 'execProvider', optionKinds);
  const { name: provider = 'exec', names, lists = false, writes, env } = options;
  const command = assertCommand(options, provider);
  const [file = '', ...args] = command;
  const codes = assertExitCodes(options.exitCodes, provider);
  const isTool = isTemplate(command);
  if (isTool) assertTemplate(command, provider);
  assertFitting(options, isTool, provider);
  const { inherit = [], credentialVariables = [] } = options;
  const folder = resolve('.');
  const label = basename(file);
  const programNow = (): Program => ({
    provider,
    label,
    file: /[\\/]/.test(file) ? resolve(folder, file) : file,
    args,
    folder,
    env: variablesFor(env ?? process.env, [...inherit, ...credentialVariables]),
  });
  const mayBeAsked = names && new Set(names);

  /** What cannot be asked for has an error of its own; what there is no such name for is left out. */
  async function readNames(wanted: readonly string[], context: ReadContext): Promise<SecretBatch> {
    const entries = new Map<string, SecretRecord | SecretError>();
    const askable: string[] = [];
    for (const name of new Set(wanted)) {
      if (mayBeAsked && !mayBeAsked.has(name)) continue;
      const why = whyNotAskable(command, name);
      if (why === undefined) askable.push(name);
      else entries.set(name, unaskable(provider, label, name, why));
    }
    const batch = await ask(askable, context);
    for (const [name, entry] of batch.entries)
      if (!mayBeAsked || mayBeAsked.has(name)) entries.set(name, entry);
    return { ...batch, entries };
  }

  async function ask(asked: readonly string[], context: ReadContext): Promise<SecretBatch> {
    if (asked.length === 0) return { entries: new Map(), complete: false };
    if (isTool) return askTool({ program: programNow(), codes }, asked, context);
    return readByHelper(programNow(), asked, writes === 'conditional', context);
  }

  async function read(wanted: readonly string[] | 'all', context: ReadContext) {
    if (wanted !== 'all') return readNames(wanted, context);
    if (mayBeAsked !== undefined) {
      const batch = await readNames([...mayBeAsked], context);
      return { ...batch, complete: true };
    }
    if (isTool) throw cannotList(provider, label);
    return readByHelper(programNow(), 'all', writes === 'conditional', context);
  }

  /** The names, or `undefined` if the store as a whole is not there. */
  async function list(context: ReadContext): Promise<readonly string[] | undefined> {
    const listed = await listByHelper(programNow(), context);
    return mayBeAsked ? listed?.filter((name) => mayBeAsked.has(name)) : listed;
  }

  /** How many names there are, by the cheapest way; as {@link list}. */
  async function count(context: ReadContext): Promise<number | undefined> {
    if (lists && mayBeAsked === undefined) return (await list(context))?.length;
    const { entries, missingDocument } = await read('all', context);
    const failed = [...entries.values()].find((entry) => isSecretError(entry));
    if (failed) throw failed;
    return missingDocument ? undefined : entries.size;
  }

  const check = (context: ReadContext): Promise<readonly ProviderCheck[]> =>
    checked('program', async () => {
      if (isTool && mayBeAsked === undefined)
        return {
          state: 'unknown',
          message: `${label} is started for each name, and which names there are is not known`,
          hint: 'Name some in the option names, and they are asked for here.',
          code: 'names-unknown',
        };
      const found = await count(context);
      if (found !== undefined)
        return {
          state: 'ready',
          message: `${label} answers ${found} ${found === 1 ? 'name' : 'names'}`,
        };
      const message = `${label} says that its store is not there`;
      return { state: 'failing', message, code: 'nothing-stored' };
    });

  return {
    name: provider,
    // its arguments are left out: they are the user's own, and may be anything
    store: label,
    place: { kind: 'exec', address: file, paths: [fingerprint([folder, ...command])] },
    timeout,
    ...(credentialVariables.length > 0 && { credentialVariables: new Set(credentialVariables) }),
    read,
    check,
    ...(lists && { list: async (context) => (await list(context)) ?? [] }),
    ...(writes && {
      atomicity: writes === 'name' ? 'name' : 'store',
      conditionalWrites: writes === 'conditional' ? 'always' : 'never',
      async write(changes, context: WriteContext) {
        for (const [name, value] of changes.entries) {
          const isName = mayBeAsked === undefined || mayBeAsked.has(name);
          const why = isName ? whyNotAskable(command, name) : 'the option names leaves it out';
          if (why !== undefined) throw withApplied(unaskable(provider, label, name, why), 'no');
          if (value?.isWellFormed() === false)
            throw new SecretError(
              'ERR_SECRET_UNSUPPORTED',
              `the value of ${name} holds half a character`,
              { provider, secretName: name, hint: 'Use UTF-8.', applied: 'no' },
            );
        }
        if (changes.ifRevision !== undefined && writes !== 'conditional')
          throw new SecretError('ERR_SECRET_UNSUPPORTED', `${label} has no conditional writes`, {
            provider,
            hint: 'Write it without a revision.',
            applied: 'no',
          });
        return writeByHelper(programNow(), changes, writes === 'conditional', context);
      },
    }),
  };
}

function assertCommand({ command }: ExecProviderOptions, provider: string): readonly string[] {
  const wrong = (what: string, isMissing: boolean) =>
    new SecretError('ERR_SECRET_CONFIG', `the option command ${what}`, {
      provider,
      setting: { option: 'command', isMissing },
      hint: "Name a program and its arguments: ['op', 'read', 'op://shop/{name}/password'].",
    });
  if (command === undefined) throw wrong('is missing', true);
  if (!command[0]) throw wrong('names no program', false);
  if (command.some((each) => each.includes('\0'))) throw wrong('holds a zero byte', false);
  return [...command];
}

/** Refuses options that would have no effect. */
function assertFitting(options: ExecProviderOptions, isTool: boolean, provider: string): void {
  const unfitting = (option: keyof ExecProviderOptions, what: string) =>
    new SecretError('ERR_SECRET_CONFIG', `the option ${option} ${what}`, {
      provider,
      setting: { option },
      hint: 'Leave it out, or change the command.',
    });
  const { exitCodes, lists, writes } = options;
  if (!isTool && exitCodes !== undefined)
    throw unfitting(
      'exitCodes',
      'is for a command with {name}: a helper has those of the protocol',
    );
  if (isTool && writes !== undefined)
    throw unfitting('writes', 'is for a helper, and a command with {name} prints one value');
  if (isTool && lists)
    throw unfitting('lists', 'is for a helper, and a command with {name} prints one value');
}

function unaskable(provider: string, label: string, name: string, why: string): SecretError {
  return new SecretError('ERR_SECRET_UNSUPPORTED', `${label} is not asked for this name: ${why}`, {
    provider,
    secretName: name,
  });
}

function cannotList(provider: string, label: string): SecretError {
  return new SecretError(
    'ERR_SECRET_UNSUPPORTED',
    `${label} prints one value, and which names there are is not known`,
    { provider, setting: { option: 'names' }, hint: 'Name them in the option names.' },
  );
}

/** Which command it is, without its text. */
function fingerprint(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
