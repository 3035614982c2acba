/**
 * One attempt to change the files of a provider: locked, read, edited, replaced.
 */
import {
  isSecretError,
  type SecretChanges,
  SecretError,
  type WriteContext,
  withApplied,
} from '@keyfall/core/provider';
import { problem } from '@keyfall/core/provider/files';
import { lockFile, realPathOf, replaceFile } from '@keyfall/core/provider/files/write';
import {
  type Contents,
  merged,
  type ReadSettings,
  readContents,
  sizeLimit,
} from '../contents/dotenv-contents.ts';
import { type DotenvFile, shownIn } from '../contents/dotenv-file.ts';
import { revisionOf } from '../contents/revision.ts';
import { escapeReferences, expandValues } from '../readers/expand-dotenv.ts';
import { parseDotenv } from '../readers/parse-dotenv.ts';
import { type EditDotenvOptions, editDotenv } from './edit-dotenv.ts';

/** How a provider reads what it writes. */
export interface WriteSettings extends ReadSettings {
  readonly expand: boolean;
}

/** The revision after the write, or `undefined` if nothing was written because a file changed in between. */
export async function writeOnce(
  sources: readonly DotenvFile[],
  settings: WriteSettings,
  { entries, ifRevision }: SecretChanges,
  context: WriteContext,
): Promise<string | undefined> {
  const { places, release } = await lockAll(sources, context);
  const { provider, expand } = settings;
  let replaced = false;
  try {
    const contents = await readContents(sources, settings, context.signal);
    const { files } = contents;
    const revision = revisionOf(sources, files);
    if (ifRevision !== undefined && ifRevision !== revision)
      throw new SecretError(
        'ERR_SECRET_CONFLICT',
        `${shownIn(sources)} changed since it was read`,
        {
          provider,
          hint: 'Read it again and repeat the change.',
        },
      );
    const target = targetOf(entries, sources, files, provider);
    const place = target && places.get(target);
    if (target === undefined || place === undefined) return revision;
    const index = sources.indexOf(target);
    const old = files[index]?.text ?? '';
    const edit: Edit = {
      reader: contents.reader,
      variables: settings.variables(),
      warn: context.warn,
    };
    const toWrite = expand ? await escaped(target, files, index, entries) : entries;
    const { text, bytes } = await edited(target, old, toWrite, edit);
    if (text === old) return revision;
    if (typeof place !== 'string') throw place;
    replaced = await replaceFile(target, place, bytes, async () => {
      const now = await readContents(sources, settings, context.signal);
      return revisionOf(sources, now.files) === revision;
    });
    return replaced ? revisionOf(sources, files.with(index, { ...nothing, bytes })) : undefined;
  } finally {
    await release().catch((error: SecretError) => {
      throw withApplied(error, replaced ? 'yes' : 'no');
    });
  }
}

/** How a text is edited. */
type Edit = Required<EditDotenvOptions>;

const nothing = { text: '', values: new Map(), unknown: new Map(), outside: new Map() };

/** The files of a provider while it writes. */
interface Locks {
  /** The real path of each file, or why it cannot be written. */
  readonly places: ReadonlyMap<DotenvFile, string | SecretError>;
  readonly release: () => Promise<void>;
}

/**
 * Locks every file, so that a conditional write covers all of them. If this user cannot write to the folder of a file,
 * the error is kept in place of its path: it matters only if that file has to be written.
 */
async function lockAll(sources: readonly DotenvFile[], context: WriteContext): Promise<Locks> {
  const places = new Map<DotenvFile, string | SecretError>();
  const held: (() => Promise<void>)[] = [];
  const release = async () => {
    for (const unlock of held) await unlock();
  };
  try {
    for (const source of sources) places.set(source, await realPathOf(source).catch(onlyIfWritten));
    // In the same order everywhere, or two writers could wait for each other; and only once for a file that two paths
    // lead to, or a writer would wait for itself.
    const paths = [...places.values()].filter((place) => typeof place === 'string');
    for (const path of [...new Set(paths)].sort()) {
      const named = sources.filter((source) => places.get(source) === path);
      const [source] = named;
      if (source === undefined) continue;
      const lock = await lockFile(source, path, context).catch(onlyIfWritten);
      if (typeof lock === 'function') held.push(lock);
      else for (const each of named) places.set(each, lock);
    }
    return { places, release };
  } catch (error) {
    await release();
    throw error;
  }
}

function onlyIfWritten(error: unknown): SecretError {
  if (isSecretError(error, 'ERR_SECRET_DENIED') || isSecretError(error, 'ERR_SECRET_CONFIG'))
    return error;
  throw error;
}

/**
 * The one file to change: the last one that holds the name, because that one is read, else the first. Two files cannot
 * be replaced atomically, so a change of two is refused.
 */
function targetOf(
  entries: SecretChanges['entries'],
  sources: readonly DotenvFile[],
  contents: Contents['files'],
  provider: string,
): DotenvFile | undefined {
  const targets = new Set<DotenvFile>();
  for (const [name, value] of entries) {
    const holders = sources.filter((_, index) => contents[index]?.values.has(name));
    // A deletion concerns all of them: without the last one, the one before it would be read.
    for (const source of value === null ? holders : [holders.at(-1) ?? sources[0]])
      if (source !== undefined) targets.add(source);
  }
  if (targets.size > 1)
    throw new SecretError(
      'ERR_SECRET_UNSUPPORTED',
      `the change concerns several files, which cannot be replaced together: ${shownIn([...targets])}`,
      { provider, hint: 'Change each file through a provider of its own.' },
    );
  return [...targets][0];
}

/**
 * The values to write so that they are read back as intended after expansion: with a backslash before each `$` that
 * would begin a name. A name that reads as intended already is left out.
 */
async function escaped(
  source: DotenvFile,
  contents: Contents['files'],
  index: number,
  entries: SecretChanges['entries'],
): Promise<SecretChanges['entries']> {
  const { provider, shown } = source;
  const now = expandValues(merged(contents), provider);
  const changes = new Map<string, string | null>();
  for (const [name, value] of entries)
    if (value === null) changes.set(name, null);
    else if (now.get(name) !== value) changes.set(name, escapeReferences(value));
  const { text, bytes } = await edited(source, contents[index]?.text ?? '', changes, {
    reader: 'npm',
    variables: {},
    warn: () => {},
  });
  const values = parseDotenv(text);
  const after = expandValues(merged(contents.with(index, { ...nothing, bytes, values })), provider);
  for (const [name, value] of entries)
    if (value !== null && after.get(name) !== value)
      throw new SecretError(
        'ERR_SECRET_UNSUPPORTED',
        `${shown}: ${JSON.stringify(name)} cannot be written in a form that expands to this value`,
        { provider, secretName: name, hint: 'Keep it in another store.' },
      );
  return changes;
}

async function edited(
  source: DotenvFile,
  text: string,
  entries: SecretChanges['entries'],
  edit: Edit,
): Promise<{ text: string; bytes: Buffer }> {
  try {
    const after = await editDotenv(text, entries, edit);
    const bytes = Buffer.from(after);
    if (bytes.length <= sizeLimit) return { text: after, bytes };
  } catch (error) {
    if (!isSecretError(error)) throw error;
    const { code, reason, secretName, hint } = error;
    const { shown, provider } = source;
    throw new SecretError(code, `${shown}: ${reason}`, { provider, secretName, hint });
  }
  const limit = `would be larger than ${sizeLimit / 1024 / 1024} MiB`;
  throw problem(source, 'ERR_SECRET_UNSUPPORTED', limit);
}
