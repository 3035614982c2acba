/**
 * Who can open a file: their keys are listed, added and removed. An added key gets the data key that the file has. A removed one
 * knows that data key, so the file gets a new one, and every value is encrypted again.
 */
import { randomBytes } from 'node:crypto';
import { isSecretError, SecretError, type WriteContext } from '@keyfall/core/provider';
import { decodeText, problem, readBytes } from '@keyfall/core/provider/files';
import { editFile } from '@keyfall/core/provider/files/write';
import { holds, type Named, namesOf } from '../formats/names.ts';
import { type Splice, spliced } from '../formats/sops-format.ts';
import { type AgeKeys, findAgeKeys } from '../keys/age-keys.ts';
import { openDataKey } from '../keys/data-key.ts';
import {
  dataKeyOf,
  type OpenedFile,
  openSops,
  printable,
  type ReadFile,
  readSops,
  type SopsSource,
} from '../reading/open-sops.ts';
import { sizeLimit } from '../reading/sops-source.ts';
import { decryptTree, type OpenedTree } from '../tree/decrypt-tree.ts';
import { encryptValue } from '../tree/sops-cipher.ts';
import { type AgeKey, markField } from '../tree/sops-metadata.ts';
import { InvalidSops, type Node } from '../tree/sops-tree.ts';
import { signed } from './edit-sops.ts';
import { commentIn, keyIn, newAmong, sealedFor } from './recipients.ts';
import { foundIn, marked } from './snapshot-mark.ts';
import { sopsConfigToChange } from './sops-config.ts';

/** Someone who can open a file. */
export interface SopsRecipient {
  /** The public key: `age1…`, or the line of an SSH key. It is text of the file, which may be of a stranger. */
  readonly recipient: string;
  /** Whether a key that was found here opens the file as this recipient. */
  readonly isOwn: boolean;
}

/** Everyone who can open a file. */
export interface SopsRecipients {
  /** Those with a key of age or of SSH, in the order of the file. */
  readonly recipients: readonly SopsRecipient[];
  /** Other services whose keys open it as well: `pgp`, `kms`, `gcp_kms`, `azure_kv`, `hc_vault`. */
  readonly others: readonly string[];
}

/** A change of those who can open a file. */
export interface SopsSharing {
  /** Public keys, of age (`age1…`) or of SSH (`ssh-ed25519 …`, `ssh-rsa …`). One that the file has is left as it is. */
  readonly add?: readonly string[] | undefined;
  /** Recipients of the file: the public key, or the comment of an SSH key (`ada@laptop`) if only one has it. */
  readonly remove?: readonly string[] | undefined;
  /** Whether a removal may leave a file that no key which is found here opens. Default false. */
  readonly force?: boolean | undefined;
}

/** What has become of a file. */
export interface SopsShared {
  /** Everyone who can open it now, by public key. */
  readonly recipients: readonly string[];
  /** Those of them that are new. */
  readonly added: readonly string[];
  /** Everyone who could open it before, and no longer can. */
  readonly removed: readonly string[];
  /**
   * The names of the encrypted values that a removed recipient could read, who may have kept them: each should be changed
   * where it is used. Older copies of the file still open with the removed key.
   */
  readonly exposed: readonly string[];
  /**
   * The path of the nearest `.sops.yaml`, if it names these recipients otherwise than the file does now: it must be changed
   * too, or the next `sops updatekeys` undoes the change.
   */
  readonly sopsConfig: string | undefined;
}

/**
 * @throws `ERR_SECRET_CONFIG` if there is no such file; as `readSops`; `ERR_SECRET_UNSUPPORTED` for a file with several key
 *   groups
 */
export async function recipientsOf(
  source: SopsSource,
  signal: AbortSignal,
): Promise<SopsRecipients> {
  const bytes = await readBytes(source, sizeLimit);
  if (bytes === undefined) throw missing(source);
  const { age, others } = onlyGroup(source, await readSops(source, decodeText(source, bytes)));
  const keys = await findAgeKeys(source, signal);
  const recipients: SopsRecipient[] = [];
  for (const key of age)
    recipients.push({ recipient: key.recipient, isOwn: await opens([key], keys, signal) });
  return { recipients, others };
}

/**
 * Changes them, all or nothing.
 *
 * @throws `ERR_SECRET_CONFIG` for what is no public key or no recipient of the file, for the removal of the last recipient
 *   and, without `force`, of all whose key is found here; `ERR_SECRET_UNSUPPORTED` for a file with several key groups, that
 *   only sops can open, or, for a removal, that other services can open too; as `recipientsOf`, `openSops` and `editFile`
 */
export async function shareSops(
  source: SopsSource,
  { add = [], remove = [], force = false }: SopsSharing,
  { signal, remainingTimeout }: Pick<WriteContext, 'signal' | 'remainingTimeout'>,
): Promise<SopsShared> {
  let shared: Omit<SopsShared, 'sopsConfig'> | undefined;
  const edit = async (bytes: Buffer | undefined) => {
    if (bytes === undefined) throw missing(source);
    const text = decodeText(source, bytes);
    const read = await readSops(source, text);
    const { age, others } = onlyGroup(source, read);
    const kept = age.filter((key) => !remove.some((named) => isNamed(source, named, key, age)));
    const removed = age.filter((key) => !kept.includes(key)).map(({ recipient }) => recipient);
    const added = newAmong(add, age);
    const recipients = [...kept.map(({ recipient }) => recipient), ...added];
    shared = { recipients, added, removed, exposed: [] };
    if (removed.length === 0 && added.length === 0) return undefined;

    const keys = await findAgeKeys(source, signal);
    const key = await dataKeyOf(source, read.metadata, signal, keys);
    if (key === 'sops')
      throw refusal(source, 'can only be opened by sops itself', 'Use `sops rotate -i --add-age`.');
    const opened = await openSops(source, read, key);
    let after: string;
    if (removed.length === 0) {
      const all = [...age, ...(await sealedFor(source, key, added))];
      after = await checked(source, all, async () => {
        const result = spliced(text, source.format.shareWith(read.file, all));
        await openSops(source, await readSops(source, result), key);
        return result;
      });
    } else {
      const hint = 'Use `sops rotate -i --rm-age`, which asks them.';
      if (others.length > 0)
        throw refusal(source, `has a key of another service (${others.join(', ')}) as well`, hint);
      const [first] = recipients;
      if (first === undefined)
        throw new SecretError('ERR_SECRET_CONFIG', `no key would open ${source.shown} any more`, {
          provider: source.provider,
          hint: 'Add another recipient first, or delete the file.',
        });
      const newKey = randomBytes(32);
      const all = await sealedFor(source, newKey, recipients);
      if (!force && !(await opens(all, keys, signal))) throw lockingOut(source, removed);
      after = await checked(source, all, () => encryptedAgain(source, opened, all, newKey));
      if (foundIn(source, bytes).kind === 'snapshot')
        after = marked(source, after, String(read.file.metadata?.get(markField)));
      shared = { ...shared, exposed: exposedIn(source, opened.tree) };
    }
    return Buffer.from(after);
  };
  await editFile(source, edit, { limit: sizeLimit, signal, remainingTimeout });
  if (shared === undefined) throw missing(source);
  return { ...shared, sopsConfig: await sopsConfigToChange(source.path, shared) };
}

function missing(source: SopsSource): SecretError {
  return problem(source, 'ERR_SECRET_CONFIG', 'does not exist', 'Name a file that sops encrypted.');
}

function refusal(source: SopsSource, reason: string, hint: string): SecretError {
  return problem(source, 'ERR_SECRET_UNSUPPORTED', reason, `Nothing was changed. ${hint}`);
}

/** The only key group of a file. With several of them, to add one recipient does not let them open the file. */
function onlyGroup(source: SopsSource, { metadata: { groups } }: ReadFile) {
  const [group] = groups;
  if (group !== undefined && groups.length === 1) return group;
  throw refusal(
    source,
    'has several key groups, which share its key',
    'Change them in `.sops.yaml`, and run `sops updatekeys`.',
  );
}

/** Whether these keys open the data key as one of the recipients. */
async function opens(age: readonly AgeKey[], keys: AgeKeys, signal: AbortSignal): Promise<boolean> {
  const metadata = { groups: [{ age, others: [] }], threshold: 0 };
  return (await openDataKey(metadata, keys, signal)) !== undefined;
}

/** Whether a recipient is the one that is named. @throws `ERR_SECRET_CONFIG` if none is, or two are */
function isNamed(
  source: SopsSource,
  named: string,
  { recipient }: AgeKey,
  all: readonly AgeKey[],
): boolean {
  const by = (key: AgeKey) => keyIn(key.recipient) === keyIn(named);
  const byComment = (key: AgeKey) => commentIn(key.recipient) === named.trim();
  const found = all.some(by) ? all.filter(by) : all.filter(byComment);
  if (new Set(found.map((key) => keyIn(key.recipient))).size === 1)
    return found.some((key) => key.recipient === recipient);
  throw new SecretError(
    'ERR_SECRET_CONFIG',
    // what is no key may be anything, a secret key among them
    `${source.shown} ${found.length === 0 ? 'has no such recipient' : 'has several recipients with that comment'}`,
    {
      provider: source.provider,
      hint: `Its recipients are ${all.map((key) => printable(key.recipient)).join(', ')}.`,
    },
  );
}

function lockingOut(source: SopsSource, removed: readonly string[]): SecretError {
  const names = removed.map(printable).join(', ');
  return new SecretError(
    'ERR_SECRET_CONFIG',
    `without ${names} no key that is found here would open ${source.shown}: it is your own`,
    { provider: source.provider, hint: 'Add another key of yours first, or force it.' },
  );
}

/** Runs `change`, and makes sure that the result is for exactly these recipients. */
async function checked(
  source: SopsSource,
  age: readonly AgeKey[],
  change: () => Promise<string>,
): Promise<string> {
  try {
    const result = await change();
    const [group] = (await readSops(source, result)).metadata.groups;
    const isAsMeant = ({ recipient, enc }: AgeKey, index: number) => {
      const there = group?.age[index];
      return there?.recipient === recipient && there.enc.trim() === enc.trim();
    };
    if (group?.age.length === age.length && age.every(isAsMeant)) return result;
  } catch (error) {
    if (!(error instanceof InvalidSops) && !isSecretError(error, 'ERR_SECRET_INVALID')) throw error;
  }
  throw refusal(
    source,
    'is written in a way in which its keys cannot be changed in place',
    'Use `sops rotate -i` with `--add-age` or `--rm-age`.',
  );
}

/** The text with a new data key: for `age`, and with every value and comment encrypted by it. */
async function encryptedAgain(
  source: SopsSource,
  { file, tree, rules }: OpenedFile,
  age: readonly AgeKey[],
  key: Uint8Array,
): Promise<string> {
  const splices: Splice[] = [...source.format.shareWith(file, age)];
  for (const [leaf, { value, path, encrypted }] of tree.leaves) {
    if (!encrypted || value === null || leaf.stored === '') continue;
    if (leaf.start < 0) throw new InvalidSops('holds a value in place of a comment');
    const stored = encryptValue(value, key, `${path.join(':')}:`);
    splices.push(source.format.replace(file, leaf, stored));
  }
  let text = spliced(file.text, splices);
  for (const { stored, path, text: comment } of tree.comments) {
    // the empty text stands for itself
    if (stored === '') continue;
    if (comment === undefined) throw new InvalidSops('holds a value in place of a comment');
    // found by its text, which is random, since a comment has no position
    const [before, after, ...more] = text.split(stored);
    if (after === undefined || more.length > 0)
      throw new InvalidSops('holds a comment that cannot be found');
    text = before + encryptValue(comment, key, `${path.join(':')}:`, 'comment') + after;
  }
  const again = decryptTree(source.format.parse(text).roots, rules, key);
  const held = (each: OpenedTree) => each.comments.map(({ text }) => text).join('\n');
  const wanted = new Map([...namesOf(tree, source)].map(([name, at]) => [name, at.at(-1)?.text]));
  if (
    again.mac !== tree.mac ||
    held(again) !== held(tree) ||
    !holds(namesOf(again, source), wanted)
  )
    throw new InvalidSops('would not hold what it held');
  return signed(source, text, again, key);
}

/** The names of all values that only who has a key can read. */
function exposedIn(source: SopsSource, tree: OpenedTree): string[] {
  const isSecret = (node: Node): boolean => {
    if (node.kind === 'leaf') {
      const { value = '', encrypted = false } = tree.leaves.get(node) ?? {};
      return encrypted && value !== '' && value !== null;
    }
    return node.items.some(
      (item) => item.kind !== 'comment' && isSecret(item.kind === 'pair' ? item.value : item),
    );
  };
  const holdsSecret = ([, places]: readonly [string, readonly Named[]]) =>
    places.some(({ node }) => isSecret(node));
  return [...namesOf(tree, source)].filter(holdsSecret).map(([name]) => name);
}
