/**
 * The content of a file after a change, and that of a new file.
 */
import { randomBytes } from 'node:crypto';
import {
  isSecretError,
  type SecretChanges,
  SecretError,
  type WriteContext,
} from '@keyfall/core/provider';
import { decodeText, problem } from '@keyfall/core/provider/files';
import { editFile } from '@keyfall/core/provider/files/write';
import { changesOf, holds, namesOf, pathOf } from '../formats/names.ts';
import { findAgeKeys } from '../keys/age-keys.ts';
import { dataKeyOf, openSops, readSops, type SopsSource } from '../reading/open-sops.ts';
import { revisionOf } from '../reading/open-tree.ts';
import {
  asItStands,
  changeBySops,
  decryptBySops,
  type SopsChange,
} from '../reading/sops-binary.ts';
import { sizeLimit } from '../reading/sops-source.ts';
import { decryptTree } from '../tree/decrypt-tree.ts';
import { cannotHold, editSops, refusal, signed, unencrypted } from './edit-sops.ts';
import { sealedFor } from './recipients.ts';
import { type FoundFile, foundIn, marked, placeholder } from './snapshot-mark.ts';

/**
 * Changes the names of `entries`.
 *
 * @returns the revision after the write
 * @throws as `editFile`; as `readSops` and `editSops`; `ERR_SECRET_CONFLICT` if the file's revision is not
 *   `ifRevision`
 */
export async function writeSops(
  source: SopsSource,
  { entries, ifRevision }: SecretChanges,
  recipients: readonly string[] | undefined,
  context: WriteContext,
): Promise<string> {
  let revision = '';
  const edit = async (bytes: Buffer | undefined, real: string) => {
    if (source.format.name === 'binary')
      throw problem(
        source,
        'ERR_SECRET_UNSUPPORTED',
        'is binary to sops by its name: it holds one text, and no names that can be changed',
        'Change it with `sops edit`, or set the option format.',
      );
    revision = bytes === undefined ? '' : revisionOf(bytes);
    if (ifRevision !== undefined && ifRevision !== revision)
      throw new SecretError('ERR_SECRET_CONFLICT', `${source.shown} changed since it was read`, {
        provider: source.provider,
        hint: 'Read it again and repeat the change.',
      });
    const after =
      bytes === undefined
        ? await firstContent(source, entries, recipients, context)
        : await edited(source, real, bytes, entries, context);
    if (after !== undefined) revision = revisionOf(after);
    return after;
  };
  const { signal, remainingTimeout } = context;
  await editFile(source, edit, { limit: sizeLimit, signal, remainingTimeout });
  return revision;
}

/** The content of a file that a write creates: encrypted for `recipients`, or else for the provider's own age keys. */
async function firstContent(
  source: SopsSource,
  entries: SecretChanges['entries'],
  recipients: readonly string[] | undefined,
  { signal, warn }: WriteContext,
): Promise<Buffer | undefined> {
  const values = new Map<string, string>();
  for (const [name, value] of entries) if (value !== null) values.set(name, value);
  if (values.size === 0) return undefined;
  const keys = recipients ? { recipients, problems: [] } : await findAgeKeys(source, signal);
  if (keys.recipients.length > 0) return newContent(source, values, keys.recipients, warn);
  const [trouble] = keys.problems;
  if (trouble !== undefined) throw trouble;
  throw problem(
    source,
    'ERR_SECRET_CONFIG',
    'does not exist, and no recipients are configured',
    'Set the option ageRecipients, or create the file with sops.',
  );
}

/** The file's bytes after the changes; `undefined` if there is nothing to change. */
async function edited(
  source: SopsSource,
  real: string,
  bytes: Buffer,
  entries: SecretChanges['entries'],
  context: WriteContext,
): Promise<Buffer | undefined> {
  const text = decodeText(source, bytes);
  const read = await readSops(source, text);
  const key = await dataKeyOf(source, read.metadata, context.signal);
  if (key === 'sops') return editedBySops(source, real, bytes, entries, context);
  const opened = await openSops(source, read, key);
  const after = await editSops(source, opened, entries, context.warn);
  return after === text ? undefined : Buffer.from(after);
}

/** The same by the real sops. It does not know our names, so that its result is compared with what is wanted. */
async function editedBySops(
  source: SopsSource,
  real: string,
  bytes: Buffer,
  entries: SecretChanges['entries'],
  { signal, warn }: WriteContext,
): Promise<Buffer | undefined> {
  const { format, shown } = source;
  if (format.name === 'ini')
    throw problem(source, 'ERR_SECRET_UNSUPPORTED', 'cannot be changed by sops: it is an ini file');
  const tree = await decryptBySops(source, bytes, signal);
  const { changes: named, wanted } = changesOf(tree, source, entries);
  if (named.length === 0) return undefined;
  const [root] = tree.roots;
  const changes = named.map(({ name, value, place }): SopsChange => {
    if (value !== null && place?.node.kind === 'list')
      throw refusal(source, name, 'is a list, which is not changed as one value');
    const path = place?.path ?? (root && pathOf(source, root, name));
    if (path === undefined) throw refusal(source, name, "is one of sops's own names");
    return [path, value];
  });
  try {
    const after = await changeBySops(source, real, bytes, changes, signal);
    const found = namesOf(await decryptBySops(source, after, signal), source);
    if (!holds(found, wanted)) throw cannotHold(source, entries);
    const { roots } = format.parse(decodeText(source, after));
    const stored = namesOf(asItStands(roots), source);
    for (const [path, value] of changes)
      if (value && stored.get(path.join(source.separator))?.at(-1)?.text === value)
        warn(unencrypted(path, shown));
    return after;
  } catch (error) {
    throw isSecretError(error, 'ERR_SECRET_INVALID') ? cannotHold(source, entries) : error;
  }
}

/** How a new file is written. */
interface NewFile {
  readonly recipients: readonly string[];
  readonly asSnapshot: boolean;
  /** Throws if the existing file must not be replaced. */
  readonly replacing: (found: FoundFile) => void;
}

/** Writes a new file, in place of any that exists. */
export async function createSops(
  source: SopsSource,
  values: ReadonlyMap<string, string>,
  { recipients, asSnapshot, replacing }: NewFile,
  context: WriteContext,
): Promise<void> {
  const mark = asSnapshot ? placeholder() : undefined;
  const bytes = await newContent(source, values, recipients, context.warn, mark);
  const { signal, remainingTimeout } = context;
  const edit = (there: Buffer | undefined) => {
    if (there !== undefined && there.length > 0) replacing(foundIn(source, there));
    return bytes;
  };
  await editFile(source, edit, { limit: sizeLimit, signal, remainingTimeout });
}

/** A file that holds `values` and that each of `recipients` can open. */
async function newContent(
  source: SopsSource,
  values: ReadonlyMap<string, string>,
  recipients: readonly string[],
  warn: (message: string) => void,
  mark?: string,
): Promise<Buffer> {
  const key = randomBytes(32);
  const age = await sealedFor(source, key, recipients);
  // by its default rule sops leaves these names unencrypted
  const exposed = [...values.keys()].some((name) =>
    name.split(source.separator).some((part) => part.endsWith('_unencrypted')),
  );
  const rule = exposed
    ? (['encrypted_regex', '.*'] as const)
    : (['unencrypted_suffix', '_unencrypted'] as const);
  const read = await readSops(source, source.format.empty({ age, rule, mark }));
  const tree = decryptTree(read.file.roots, read.rules, key);
  const { text } = read.file;
  const content =
    values.size === 0
      ? await signed(source, text, tree, key)
      : await editSops(source, { ...read, key, tree }, values, warn);
  return Buffer.from(mark === undefined ? content : marked(source, content, mark));
}
