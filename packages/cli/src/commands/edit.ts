/**
 * `keyfall edit`: all values of a store in the user's editor, and what was changed there in one write. Values are in memory, and
 * in a file that only the editor and the user can read.
 */
import { isSecretError, SecretError } from '@keyfall/core';
import { labelOf, type SecretProvider, type WriteReceipt } from '@keyfall/core/provider';
import type { DotenvReader } from '@keyfall/provider-dotenv';
import { withoutBootstrapSettings } from '../chain/bootstrap-settings.ts';
import type { CliChain } from '../chain/cli-chain.ts';
import { oneCall } from '../chain/one-call.ts';
import { unlimited } from '../chain/one-provider.ts';
import { assertOneReading } from '../chain/one-reading.ts';
import { namedReader, type SettingsOptions, withChain } from '../chain/settings.ts';
import { announceDestination } from '../config/named-by-file.ts';
import { inheritedPart } from '../run/child-environment.ts';
import { type EditorOptions, inEditor } from '../run/editor.ts';
import { credentialVariablesOf } from '../run/resolve-environment.ts';
import { type ForwardTo, untilStopped } from '../run/until-stopped.ts';
import { choose, nothingChanged } from '../terminal/questions.ts';
import {
  canPrompt,
  countNames,
  listNames,
  notice,
  printable,
  report,
} from '../terminal/terminal.ts';
import { waitingFor } from '../terminal/waiting.ts';
import type { Command } from './command.ts';
import { changesIn, textOf, type Values, written } from './edit-text.ts';

/** `keyfall edit`. */
export const editCommand: Command<SettingsOptions> = {
  name: 'edit',
  summary: 'Change values in your editor, in the provider that writes go to.',
  examples: ['keyfall edit', "VISUAL='code --wait' keyfall edit"],
  run: (_args, options) =>
    untilStopped((signal, forwardTo) =>
      withChain({ ...options, dotenvMayBeNew: true }, async (chain) => {
        await edit(chain, namedReader(options), signal, forwardTo);
        return 0;
      }),
    ),
};

/** The store as it is at one moment. */
interface Held {
  readonly values: Values;
  readonly unread: readonly string[];
  readonly revision: string | undefined;
}

/**
 * Opens the editor until what it saved is stored, or nothing is to be.
 *
 * @throws as `inEditor`, `changesIn` and a write; on a terminal, only if the user does not want to edit again
 */
async function edit(
  chain: CliChain,
  reader: DotenvReader | undefined,
  signal: AbortSignal,
  forwardTo: ForwardTo,
): Promise<void> {
  const provider = chain.providers.find((each) => each.write && !chain.standbys.has(each));
  if (provider === undefined)
    throw new SecretError('ERR_SECRET_UNSUPPORTED', 'no provider of the chain can write', {
      hint: 'Add a provider that can write.',
    });
  const label = labelOf(provider.name, provider.store);
  announceDestination(provider, 'what you change goes');
  let base = await waitingFor('reading the secrets', () => read(provider, signal));
  await assertOneReading([provider], {
    isTaken: () => true,
    isHeld: (name) => base.values.has(name),
  });
  const heading = [
    `${countNames(base.values.size)} of ${label}. What you save is stored: changed, new and deleted lines.`,
    'Save nothing, or let the editor end with an error (:cq in vi), and nothing changes.',
  ];
  let { text, shown } = await textOf(base.values, heading, base.unread, reader);
  const editor: EditorOptions = {
    env: inheritedPart({
      inherited: process.env,
      credentialVariables: credentialVariablesOf(chain),
    }),
    signal,
    forwardTo,
  };
  for (;;) {
    const saved = await inEditor(text, editor);
    text = saved.text;
    try {
      if (!saved.isUtf8)
        throw new SecretError('ERR_SECRET_CONFIG', 'the editor saved something that is not UTF-8', {
          hint: 'Nothing was changed. Let it save UTF-8.',
        });
      const changes = await changesIn(text, shown, reader);
      if (changes.size === 0) {
        report(`nothing was changed in ${label}.`);
        return;
      }
      const done = await waitingFor('storing', () => store(chain, provider, base, changes, signal));
      if ('receipt' in done) {
        report(summary(label, changes, shown, done.receipt));
        return;
      }
      const { names, now } = done;
      const merged = await withTheirs(text, shown, base, now, changes, reader);
      if (merged !== undefined) {
        ({ text, shown } = merged);
        base = now;
      }
      throw conflict(names, label);
    } catch (error) {
      if (!isSecretError(error) || signal.aborted || !canPrompt()) throw error;
      notice(error.message);
      text = noted(text, error.message);
      await editAgain(error, signal);
    }
  }
}

/** What the store holds now. */
async function read(provider: SecretProvider, signal: AbortSignal): Promise<Held> {
  const { read: readAll } = withoutBootstrapSettings(provider);
  const { entries, revision } = await oneCall(provider, (context) => readAll('all', context), {
    signal,
  });
  const values = new Map<string, string>();
  const unread: string[] = [];
  for (const [name, entry] of entries)
    if (isSecretError(entry)) unread.push(name);
    else values.set(name, entry.value);
  return { values, unread, revision };
}

/** What became of a write: that of the store, or the names that another writer has changed meanwhile. */
type Stored =
  | { readonly receipt: WriteReceipt | undefined }
  | { readonly names: readonly string[]; readonly now: Held };

/** More often others do not write between a read and a write of ours, unless they always do. */
const attempts = 5;

/**
 * Writes the changes, unless another writer has changed one of these names since `base` was read. Where the store can do
 * that, on condition that nothing else was written in between; what others have written under other names is no conflict.
 */
async function store(
  { secrets }: CliChain,
  provider: SecretProvider,
  base: Held,
  changes: ReadonlyMap<string, string | null>,
  signal: AbortSignal,
): Promise<Stored> {
  for (let attempt = 1; ; attempt++) {
    const now = await read(provider, signal);
    const differs = ([name, value]: readonly [string, string | null]) =>
      (now.values.get(name) ?? null) !== value;
    const entries = new Map([...changes].filter(differs));
    const names = [...entries.keys()].filter(
      (name) => now.values.get(name) !== base.values.get(name),
    );
    if (names.length > 0) return { names, now };
    // others have made the same changes
    if (entries.size === 0) return { receipt: undefined };
    const { revision } = now;
    try {
      const receipt = await secrets
        .asProvider()
        .write?.(
          { entries, ...(revision !== undefined && { ifRevision: revision }) },
          unlimited(signal),
        );
      return { receipt };
    } catch (error) {
      const isOfRevision =
        isSecretError(error, 'ERR_SECRET_CONFLICT') && error.provider === provider.name;
      if (!isOfRevision || attempt === attempts) throw error;
    }
  }
}

/**
 * The user's text, with what others have changed meanwhile under names that the user has not touched; `undefined` if a `.env`
 * cannot hold that.
 */
async function withTheirs(
  text: string,
  shown: Values,
  base: Held,
  now: Held,
  changes: ReadonlyMap<string, string | null>,
  reader: DotenvReader | undefined,
): Promise<{ readonly text: string; readonly shown: Values } | undefined> {
  const seen = new Map(shown);
  const theirs = new Map<string, string | null>();
  for (const name of new Set([...shown.keys(), ...changes.keys(), ...now.values.keys()])) {
    const value = now.values.get(name);
    // what was not in the text stays out of it
    const isInText = shown.has(name) || changes.has(name) || !base.values.has(name);
    if (!isInText || value === base.values.get(name)) continue;
    if (value === undefined) seen.delete(name);
    else seen.set(name, value);
    if (!changes.has(name)) theirs.set(name, value ?? null);
  }
  const merged = await written(text, theirs, reader);
  return merged === undefined ? undefined : { text: merged, shown: seen };
}

function conflict(names: readonly string[], label: string): SecretError {
  const [was, it] = names.length === 1 ? ['was', 'it'] : ['were', 'them'];
  return new SecretError(
    'ERR_SECRET_CONFLICT',
    `${listNames(names)} ${was} changed in ${label} by somebody else while you edited ${it}`,
    { hint: 'Nothing was stored. If you edit again, what you save replaces that.', applied: 'no' },
  );
}

/** The text with a message in it, which a program on the whole screen would hide. */
function noted(text: string, message: string): string {
  return `#! ${printable(message)}\n${text.replace(/^#! .*\n/gm, '')}`;
}

/** @throws the error, or `ERR_SECRET_ABORTED` where it is certain that nothing was stored, if the user does not want to */
async function editAgain(error: SecretError, signal: AbortSignal): Promise<void> {
  const answer = await choose(
    'What now?',
    [
      { value: 'again', label: 'edit it again' },
      { value: 'stop', label: 'stop, and lose what was edited' },
    ],
    signal,
  );
  if (answer === 'again') return;
  throw error.applied === 'unknown' || error.applied === 'yes' ? error : nothingChanged();
}

function summary(
  label: string,
  changes: ReadonlyMap<string, string | null>,
  shown: Values,
  receipt: WriteReceipt | undefined,
): string {
  const names = [...changes.keys()];
  const of = (verb: string, which: (name: string) => boolean) => {
    const found = names.filter(which);
    return found.length === 0 ? [] : [`${verb} ${listNames(found)}`];
  };
  const isDeleted = (name: string) => changes.get(name) === null;
  const done = [
    ...of('changed', (name) => shown.has(name) && !isDeleted(name)),
    ...of('added', (name) => !shown.has(name) && !isDeleted(name)),
    ...of('deleted', isDeleted),
  ];
  const version = receipt?.version === undefined ? '' : `, version ${receipt.version}`;
  return `${done.join(', ')} in ${label}${version}.`;
}
