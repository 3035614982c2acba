/**
 * One consistent look at secrets in files: their real places are found first, and if these have changed once the files
 * are read, everything is read again.
 */
import { join } from 'node:path';
import { isSecretError, type ReadContext, SecretError } from '@keyfall/core/provider';
import { problem } from '@keyfall/core/provider/files';
import { type FileContent, readSecretFile } from './secret-file.ts';
import {
  type Base,
  canBeIn,
  namesIn,
  resolveFolder,
  type SecretFolder,
  sameBase,
} from './secret-folder.ts';

/** Where the secrets are. */
export interface SecretPlaces {
  /** Name of the provider, for errors. */
  readonly provider: string;
  /** The folder with one file a secret, if there is one. */
  readonly folder: SecretFolder | undefined;
  /** Files that variables name, by the name of the secret. */
  readonly pointed: ReadonlyMap<string, PointedFile>;
}

/** A file that a variable names. */
export interface PointedFile {
  readonly folder: SecretFolder;
  /** Its name in the folder. */
  readonly file: string;
  /** The variable. */
  readonly variable: string;
}

/** How the bytes of files become texts. */
export interface TextForms {
  readonly binary: readonly string[];
  readonly keepNewline: boolean;
}

/** What one look found. */
export interface Snapshot {
  /** What is held by name, or why that is unknown. */
  readonly entries: ReadonlyMap<string, FileContent | SecretError>;
  /** Where the files of the folder are, or `undefined` if it does not exist. */
  readonly base: Base | undefined;
  /** What `ReadContext.stamp` returned when the look began. */
  readonly stamp: number | undefined;
}

/**
 * Reads `names`, or all of `places`. A name that is in none of them is left out.
 *
 * @throws as {@link resolveFolder} for the folder; `ERR_SECRET_UNAVAILABLE` if the files keep being replaced until the call's time is over; `ERR_SECRET_ABORTED` if the signal fires
 */
export function readPlaces(
  places: SecretPlaces,
  names: readonly string[] | 'all',
  forms: TextForms,
  context: ReadContext,
): Promise<Snapshot> {
  return consistently(places, context, async (bases, stamp) => {
    const base = baseOf(bases, places.folder);
    const entries = new Map<string, FileContent | SecretError>();
    for (const name of names === 'all' ? await namesAt(places, base) : new Set(names)) {
      if (context.signal.aborted) break;
      const entry = await readName(name, places, bases, forms).catch(asSecretError);
      if (entry !== undefined) entries.set(name, entry);
    }
    return { entries, base, stamp };
  });
}

/**
 * The names of all secrets, those whose variable is set included.
 *
 * @throws as {@link readPlaces}
 */
export function listPlaces(places: SecretPlaces, context: ReadContext): Promise<string[]> {
  return consistently(places, context, (bases) => namesAt(places, baseOf(bases, places.folder)));
}

/** The result of `look`, once everything is in the same place before and after it. */
async function consistently<Found>(
  places: SecretPlaces,
  { signal, remainingTimeout, stamp }: ReadContext,
  look: (bases: Bases, stamp: number | undefined) => Promise<Found>,
): Promise<Found> {
  const { provider } = places;
  for (;;) {
    if (signal.aborted)
      throw new SecretError('ERR_SECRET_ABORTED', 'the call was aborted', { provider });
    const stamped = stamp?.();
    const bases = await basesOf(places);
    const found = await look(bases, stamped);
    const after = await basesOf(places);
    const isSettled = [...bases].every(([folder, before]) => same(before, after.get(folder)));
    if (isSettled && !signal.aborted) return found;
    if (remainingTimeout() <= 0)
      throw new SecretError(
        'ERR_SECRET_UNAVAILABLE',
        'the files keep being replaced while they are read',
        { provider },
      );
  }
}

async function namesAt(
  { folder, pointed }: SecretPlaces,
  base: Base | undefined,
): Promise<string[]> {
  const inFolder = folder && base ? await namesIn(folder, base) : [];
  return [...new Set([...pointed.keys(), ...inFolder])].sort();
}

type Bases = ReadonlyMap<SecretFolder, Base | SecretError | undefined>;

async function basesOf({ folder, pointed }: SecretPlaces): Promise<Bases> {
  const bases = new Map<SecretFolder, Base | SecretError | undefined>();
  for (const each of pointed.values())
    bases.set(each.folder, await resolveFolder(each.folder).catch(asSecretError));
  // An error of the folder concerns every name, and one of a variable only its own.
  if (folder) bases.set(folder, await resolveFolder(folder));
  return bases;
}

function baseOf(bases: Bases, folder: SecretFolder | undefined): Base | undefined {
  const base = folder && bases.get(folder);
  if (isSecretError(base)) throw base;
  return base;
}

async function readName(
  name: string,
  { folder, pointed }: SecretPlaces,
  bases: Bases,
  { binary, keepNewline }: TextForms,
): Promise<FileContent | undefined> {
  const form = { binary: binary.includes(name), keepNewline };
  const named = pointed.get(name);
  if (named !== undefined) {
    const { variable, file } = named;
    // The variable is shown and not its value: it may hold the secret itself by mistake.
    const shown = `$${variable}`;
    const subject = { shown, provider: named.folder.provider, secretName: name };
    const base = baseOf(bases, named.folder);
    const path = base && join(base.files, file);
    const content = path && (await readSecretFile({ ...subject, path, within: undefined }, form));
    if (content) return content;
    const hint = `Set ${variable} to the path of the file, or unset it.`;
    const reason = 'does not name an existing file';
    throw problem(subject, 'ERR_SECRET_CONFIG', reason, hint).with({ setting: { variable } });
  }
  if (folder === undefined || !canBeIn(folder, name)) return undefined;
  const base = baseOf(bases, folder);
  if (base === undefined) return undefined;
  const file = {
    shown: join(folder.shown, name),
    provider: folder.provider,
    secretName: name,
    path: join(base.files, name),
    within: folder.links === 'inside' ? base.root : undefined,
  };
  return readSecretFile(file, form);
}

function asSecretError(error: unknown): SecretError {
  if (isSecretError(error)) return error;
  throw error;
}

function same(some: Base | SecretError | undefined, other: Base | SecretError | undefined) {
  if (isSecretError(some) || isSecretError(other))
    return isSecretError(some) && isSecretError(other);
  return sameBase(some, other);
}
