/**
 * Opens a file: understands it, finds its key, decrypts every value, and checks the MAC before any value is returned. A
 * file that no age key opens, and other keys might, is left to the real sops.
 */
import { SecretError } from '@keyfall/core/provider';
import { problem, type StoreFile } from '@keyfall/core/provider/files';
import type { ParsedFile, SopsFormat } from '../formats/sops-format.ts';
import { type AgeKeys, findAgeKeys, lockedHint } from '../keys/age-keys.ts';
import { openDataKey } from '../keys/data-key.ts';
import { decryptTree, type OpenedTree } from '../tree/decrypt-tree.ts';
import { decryptValue } from '../tree/sops-cipher.ts';
import { readMetadata, type SopsMetadata } from '../tree/sops-metadata.ts';
import { rulesOf, type SopsRules } from '../tree/sops-rules.ts';
import { InvalidSops, pairsOf } from '../tree/sops-tree.ts';

/** A file, and how it is opened. */
export interface SopsSource extends StoreFile {
  readonly format: SopsFormat;
  /** Between the names of a path. */
  readonly separator: string;
  readonly ageKey?: string | undefined;
  readonly ageKeyFile?: string | undefined;
  /** Addresses of key services, in addition to those of the environment. */
  readonly keyServers: readonly string[];
  /** Collects the variables from which `sops` got credentials. */
  readonly credentialVariables: Set<string>;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** A file's text, parsed but not decrypted. */
export interface ReadFile {
  readonly file: ParsedFile;
  readonly metadata: SopsMetadata;
  readonly rules: SopsRules;
}

/** A decrypted file, whose MAC is right. */
export interface OpenedFile extends ReadFile {
  readonly key: Uint8Array;
  readonly tree: OpenedTree;
}

/**
 * Parses a file's text.
 *
 * @throws `ERR_SECRET_INVALID` where sops refuses it
 */
export function readSops(source: SopsSource, text: string): Promise<ReadFile> {
  return invalid(source, async () => {
    const file = parsed(source.format, text);
    if (file.metadata === undefined)
      throw new InvalidSops('is not encrypted by sops', 'Encrypt it with `sops encrypt`.');
    const metadata = readMetadata(file.metadata);
    return { file, metadata, rules: await rulesOf(metadata) };
  });
}

/** @throws `InvalidSops`, of a file that git could not merge with what to do about that */
function parsed(format: SopsFormat, text: string): ParsedFile {
  try {
    return format.parse(text);
  } catch (error) {
    const isUnmerged = /^<{7} /m.test(text) && /^>{7} /m.test(text);
    if (!isUnmerged || !(error instanceof InvalidSops)) throw error;
    throw new InvalidSops(
      'holds both sides of a merge that git could not make',
      'Take one side as a whole, `git checkout --ours` or `--theirs`, and bring in what the other one changed with `keyfall migrate --from sops:COPY --to sops`.',
    );
  }
}

/**
 * Finds the key of a file.
 *
 * @param given - the keys to open it with. Default: those that are found
 * @returns the key, or `'sops'` if only the real sops may have it
 * @throws what is wrong with a place of keys; `ERR_SECRET_UNAUTHENTICATED` if no key fits
 */
export async function dataKeyOf(
  source: SopsSource,
  metadata: SopsMetadata,
  signal: AbortSignal,
  given?: AgeKeys,
): Promise<Uint8Array | 'sops'> {
  const keys = given ?? (await findAgeKeys(source, signal));
  const key = await invalid(source, () => openDataKey(metadata, keys, signal));
  if (key !== undefined) return key;
  if (signal.aborted) throw problem(source, 'ERR_SECRET_ABORTED', 'was not opened: aborted');
  const others = metadata.groups.some((group) => group.others.length > 0);
  if (others || keys.plugins) return 'sops';
  throw keyProblem(source, metadata, keys);
}

/**
 * Decrypts a file, and checks its MAC.
 *
 * @throws `ERR_SECRET_INVALID` where sops refuses it; as {@link refuseSeveral}
 */
export function openSops(source: SopsSource, read: ReadFile, key: Uint8Array): Promise<OpenedFile> {
  return invalid(source, async () => {
    const { file, metadata, rules } = read;
    const tree = decryptTree(file.roots, rules, key);
    const mac = decryptValue(metadata.mac, key, metadata.lastModified);
    if (mac === undefined || !('value' in mac))
      throw new InvalidSops('has a MAC that its key does not open');
    if (mac.value !== tree.mac)
      throw new InvalidSops(
        'does not hold what it held when sops wrote it: its MAC does not match',
      );
    refuseSeveral(source, file);
    return { ...read, key, tree };
  });
}

/**
 * As JSON, and to a program that it starts, sops shows only the first of several documents: names of the others would
 * exist only here.
 *
 * @throws `ERR_SECRET_UNSUPPORTED`
 */
export function refuseSeveral(source: SopsSource, { roots }: ParsedFile): void {
  if (roots.slice(1).every((root) => pairsOf(root).length === 0)) return;
  throw problem(
    source,
    'ERR_SECRET_UNSUPPORTED',
    'holds several documents, and sops gives a program only the first',
    'Split it into one file each.',
  );
}

function keyProblem(
  source: SopsSource,
  { groups, threshold }: SopsMetadata,
  { identities, problems, locked }: AgeKeys,
): SecretError {
  const { provider, shown } = source;
  const [first] = problems;
  if (first !== undefined) return first;
  const recipients = [...new Set(groups.flatMap(({ age }) => age.map((key) => key.recipient)))];
  const several = groups.length > 1 ? `${threshold || groups.length} groups of ` : '';
  const whom = `It is encrypted for ${several}${recipients.slice(0, 5).map(printable).join(', ')}.${several ? '' : asking}`;
  const own = locked.find(({ publicKey }) => recipients.some((line) => line.includes(publicKey)));
  if (own !== undefined)
    return new SecretError(
      'ERR_SECRET_CONFIG',
      `${own.file} would open ${shown}, but has a passphrase, and is not read`,
      { provider, hint: lockedHint },
    );
  if (identities.length === 0)
    return new SecretError('ERR_SECRET_CONFIG', `there is no age key to open ${shown} with`, {
      provider,
      hint: `Set SOPS_AGE_KEY_FILE or SOPS_AGE_KEY, or the option ageKeyFile. ${whom}`,
    });
  const count =
    identities.length === 1 ? 'the age key' : `none of the ${identities.length} age keys`;
  const verb = identities.length === 1 ? 'does not open' : 'opens';
  return new SecretError('ERR_SECRET_UNAUTHENTICATED', `${count} ${verb} ${shown}`, {
    provider,
    hint: whom,
  });
}

/** How somebody gets to be a recipient. */
const asking =
  ' Someone who can open it adds your public key, which `keyfall share key` prints, with `keyfall share add`.';

/** A key or an address in a file's metadata, for a message: a hostile file may have any text there. */
export function printable(text: string): string {
  const clean = text.replace(/[^\w+/=@.:#?&~ -]/g, '?');
  return clean.length > 80 ? `${clean.slice(0, 80)}…` : clean;
}

/** Runs `work`, and turns what it finds invalid into an error of the contract. */
async function invalid<T>(source: SopsSource, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SecretError) throw error;
    if (error instanceof InvalidSops) {
      const binary = 'sops takes it for binary by its name: set the option format if it is not.';
      const hint = source.format.name === 'binary' ? binary : error.hint;
      throw problem(source, 'ERR_SECRET_INVALID', error.reason, hint);
    }
    if (error instanceof RangeError)
      throw problem(source, 'ERR_SECRET_INVALID', 'is nested too deeply');
    throw error;
  }
}
