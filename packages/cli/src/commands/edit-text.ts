/**
 * The values of a store as the text of a `.env`, for an editor, and what such a text says when it comes back. What cannot be
 * read back as it was is not in the text, and what is not clear is refused.
 */
import { isSecretError, SecretError } from '@keyfall/core';
import type { DotenvReader } from '@keyfall/provider-dotenv';
import { editDotenv, inspectDotenv } from '@keyfall/provider-dotenv/edit';
import { assertIsSecretName } from '../chain/bootstrap-settings.ts';
import { listNames, printable } from '../terminal/terminal.ts';

/** Name to value. */
export type Values = ReadonlyMap<string, string>;

/** A text, and what it shows. */
export interface EditText {
  readonly text: string;
  /** The values in it. */
  readonly shown: Values;
}

/**
 * The text of these values, each in a form that all programs which read a `.env` read alike, as far as there is one.
 *
 * @param heading - lines of a comment
 * @param unread - names that the store holds, and whose values could not be read
 */
export async function textOf(
  values: Values,
  heading: readonly string[],
  unread: readonly string[],
  reader: DotenvReader | undefined,
): Promise<EditText> {
  const shown = new Map(values);
  const left: string[] = [];
  for (;;) {
    const { lines, unfit } = await linesOf(shown, reader);
    for (const name of unfit) shown.delete(name);
    left.push(...unfit);
    if (lines === undefined || unfit.length > 0) continue;
    const about = [
      ...heading,
      ...(left.length > 0
        ? [`Not here, and left as they are, since a .env cannot hold them: ${listNames(left)}.`]
        : []),
      ...(unread.length > 0
        ? [`Not here, since they could not be read: ${listNames(unread)}.`]
        : []),
    ];
    const comment = about.map((line) => `# ${printable(line)}\n`).join('');
    return { text: `${comment}\n${lines}`, shown };
  }
}

/** The values as lines, or the names that do not read back as they are. */
async function linesOf(
  values: Values,
  reader: DotenvReader | undefined,
): Promise<{ readonly lines?: string; readonly unfit: readonly string[] }> {
  try {
    const lines = await editDotenv('', values, { reader });
    const { values: read } = await inspectDotenv(lines, { reader });
    return {
      lines,
      unfit: [...values.keys()].filter((name) => read.get(name) !== values.get(name)),
    };
  } catch (error) {
    if (!isSecretError(error, 'ERR_SECRET_UNSUPPORTED') || !values.has(error.secretName ?? ''))
      throw error;
    return { unfit: [error.secretName ?? ''] };
  }
}

/**
 * The text with other values, where the rest of it stays as the user has written it; `undefined` if that cannot be.
 *
 * @param changes - `null` takes a name out
 */
export async function written(
  text: string,
  changes: ReadonlyMap<string, string | null>,
  reader: DotenvReader | undefined,
): Promise<string | undefined> {
  try {
    return await editDotenv(text, changes, { reader });
  } catch (error) {
    if (!isSecretError(error, 'ERR_SECRET_UNSUPPORTED')) throw error;
    return undefined;
  }
}

/**
 * What the user has changed: new values by name, `null` for a name that is gone.
 *
 * @param shown - what the text showed before
 * @throws `ERR_SECRET_CONFIG` for a text that is not clear: a line that is neither a pair nor a comment, a name twice, a value that
 *   programs read differently while no reader is named, a name of a setting of ours, no name at all
 */
export async function changesIn(
  text: string,
  shown: Values,
  reader: DotenvReader | undefined,
): Promise<ReadonlyMap<string, string | null>> {
  const { values, duplicates, droppedLines, unknown, outside, differing } = await inspected(
    text,
    reader,
  );
  if (duplicates.length > 0) refuse(`${listNames(duplicates)} stands in the text twice`);
  const [line] = droppedLines;
  if (line !== undefined)
    refuse(
      `line ${line} of the text is neither NAME=value nor a comment`,
      'A value of several lines stands in quotes.',
    );
  const changes = new Map<string, string | null>();
  for (const [name, value] of values) if (shown.get(name) !== value) changes.set(name, value);
  for (const name of shown.keys()) if (!values.has(name)) changes.set(name, null);
  const isOdd = (name: string) =>
    unknown.has(name) || outside.has(name) || isAmbiguous(differing.get(name));
  const odd = [...new Set([...changes.keys(), ...unknown.keys()])].filter(isOdd);
  if (odd.length > 0)
    refuse(
      `programs read ${listNames(odd)} of the text differently`,
      'Close each quote, and write a value with other characters than letters and digits in single quotes, or say with --reader whose reading counts.',
    );
  for (const name of changes.keys()) assertIsSecretName(name);
  if (values.size === 0 && shown.size > 0)
    refuse('the text holds no name any more', '`keyfall delete NAME` deletes a name.');
  return changes;
}

async function inspected(text: string, reader: DotenvReader | undefined) {
  try {
    return await inspectDotenv(text, { reader });
  } catch (error) {
    // a reader that is named refuses some texts
    if (!isSecretError(error, 'ERR_SECRET_INVALID')) throw error;
    throw new SecretError('ERR_SECRET_CONFIG', error.reason, { hint: nothing });
  }
}

/**
 * Whether programs disagree. A shell counts for nothing, since none sources this text: it would take no name with a dot, and run
 * what stands behind a space.
 */
function isAmbiguous(groups: readonly (readonly string[])[] = []): boolean {
  return groups.filter((group) => group.some((reader) => reader !== 'shell')).length > 1;
}

const nothing = 'Nothing was changed.';

function refuse(reason: string, hint?: string): never {
  throw new SecretError('ERR_SECRET_CONFIG', reason, {
    hint: hint === undefined ? nothing : `${nothing} ${hint}`,
  });
}
