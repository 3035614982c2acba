/**
 * The metadata of a file, under `sops`: who can open it, by which rules it is encrypted, and its MAC (stores/stores.go,
 * `Metadata.ToInternal`).
 */
import { rfc3339 } from './go-text.ts';
import { InvalidSops, type Leaf, type Node, pairsOf } from './sops-tree.ts';

/**
 * The metadata as a format reads it: maps by name, lists, texts, and for two fields a bigint and a boolean. Anything else
 * is `undefined`.
 */
export type RawMetadata = ReadonlyMap<string, RawValue>;
export type RawValue = RawMetadata | readonly RawValue[] | string | bigint | boolean | undefined;

/** One recipient of the data key, or of a share of it. */
export interface AgeKey {
  readonly recipient: string;
  /** The armored age file that holds the key. */
  readonly enc: string;
}

/** The holders of one share; any of them can give it. */
interface KeyGroup {
  readonly age: readonly AgeKey[];
  /** Other services that hold it too: 'pgp', 'kms'. */
  readonly others: readonly string[];
}

export interface SopsMetadata {
  readonly groups: readonly KeyGroup[];
  /** How many groups are needed, if there are several. */
  readonly threshold: number;
  /** RFC 3339 without fraction: what the MAC is bound to. */
  readonly lastModified: string;
  readonly mac: string;
  readonly macOnlyEncrypted: boolean;
  /** The rule for what is encrypted, by its name in the file: exactly one. */
  readonly rules: ReadonlyMap<string, string>;
  readonly version: string;
}

const ruleNames = [
  'unencrypted_suffix',
  'encrypted_suffix',
  'unencrypted_regex',
  'encrypted_regex',
  'unencrypted_comment_regex',
  'encrypted_comment_regex',
];

/** The services that sops knows besides age, by the field that lists their keys. */
const otherServices = ['kms', 'gcp_kms', 'azure_kv', 'hc_vault', 'pgp'];

/** The fields that are not text. */
export const numberField = 'shamir_threshold';
export const booleanField = 'mac_only_encrypted';

/** Our own field, which sops ignores, and drops when it writes the file. */
export const markField = 'keyfall_snapshot';

/** How a format reads one field. */
export type FieldOf = (leaf: Leaf, name: string) => RawValue;

/**
 * The metadata in the value of `sops`; `undefined` for null.
 *
 * @throws `InvalidSops` if it is not a map
 */
export function rawMetadata(node: Node, fieldOf: FieldOf): RawMetadata | undefined {
  if (node.kind === 'leaf' && node.stored === null) return undefined;
  const raw = rawOf(node, '', fieldOf);
  if (!(raw instanceof Map)) throw new InvalidSops('has metadata of the wrong type');
  return raw;
}

function rawOf(node: Node, name: string, fieldOf: FieldOf): RawValue {
  if (node.kind === 'leaf') return fieldOf(node, name);
  if (node.kind === 'list')
    return node.items.map((item) =>
      item.kind === 'comment' ? undefined : rawOf(item, '', fieldOf),
    );
  return new Map(
    pairsOf(node).map(({ key, value }) => [String(key), rawOf(value, String(key), fieldOf)]),
  );
}

/**
 * @throws `InvalidSops` where sops refuses the metadata
 */
export function readMetadata(raw: RawMetadata): SopsMetadata {
  const lastModified = rfc3339(text(raw, 'lastmodified'), { strict: false, fraction: false });
  if (lastModified === undefined) throw new InvalidSops('has no valid time of its last change');
  const rules = new Map<string, string>();
  for (const name of ruleNames) {
    const value = text(raw, name);
    if (value !== '') rules.set(name, value);
  }
  if (rules.size > 1) throw new InvalidSops('has more than one rule for what is encrypted in it');
  if (rules.size === 0) rules.set('unencrypted_suffix', '_unencrypted');
  const version = text(raw, 'version');
  // sops also accepts any version that begins with `1.`: those tools did not write semantic versions
  const semver =
    /^v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$/;
  if (!version.startsWith('1.') && !semver.test(version))
    throw new InvalidSops('has no valid version of sops');
  const threshold = raw.get(numberField) ?? 0n;
  const macOnlyEncrypted = raw.get(booleanField) ?? false;
  if (typeof threshold !== 'bigint' || typeof macOnlyEncrypted !== 'boolean')
    throw new InvalidSops('has metadata of the wrong type');
  return {
    groups: groupsOf(raw),
    threshold: Number(threshold),
    lastModified: lastModified.time,
    mac: text(raw, 'mac'),
    macOnlyEncrypted,
    rules,
    version,
  };
}

function groupsOf(raw: RawMetadata): KeyGroup[] {
  const single = groupOf(raw);
  if (single.age.length > 0 || single.others.length > 0) return [single];
  const groups = list(raw, 'key_groups').map(groupOf);
  if (groups.length === 0) throw new InvalidSops('has no keys: no recipient can open it');
  return groups;
}

function groupOf(raw: RawMetadata): KeyGroup {
  const others = otherServices.filter((service) => {
    const keys = list(raw, service);
    if (keys.some((key) => rfc3339(text(key, 'created_at'), { strict: false }) === undefined))
      throw new InvalidSops(`has a ${service} key without a valid time of creation`);
    return keys.length > 0;
  });
  const age = list(raw, 'age').map((key) => ({
    recipient: text(key, 'recipient'),
    enc: text(key, 'enc'),
  }));
  return { age, others };
}

function text(raw: RawMetadata, name: string): string {
  const value = raw.get(name) ?? '';
  if (typeof value !== 'string') throw new InvalidSops('has metadata of the wrong type');
  return value;
}

function list(raw: RawMetadata, name: string): RawMetadata[] {
  const value = raw.get(name) ?? [];
  if (!Array.isArray(value)) throw new InvalidSops('has metadata of the wrong type');
  return value.map((item: RawValue) => {
    if (item === undefined) return new Map();
    if (!(item instanceof Map)) throw new InvalidSops('has metadata of the wrong type');
    return item;
  });
}
