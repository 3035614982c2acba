/**
 * The flat names of a nested file: paths, joined by a separator.
 */
import { SecretError } from '@keyfall/core/provider';
import type { OpenedTree } from '../tree/decrypt-tree.ts';
import { valueText } from '../tree/sops-cipher.ts';
import {
  type Branch,
  type Leaf,
  type List,
  type Node,
  type Pair,
  pairsOf,
} from '../tree/sops-tree.ts';
import { defaultSection } from './ini-format.ts';
import type { SopsFormat } from './sops-format.ts';

/** A value with a name, and its position. */
export interface Named {
  readonly node: Leaf | List;
  readonly pair: Pair;
  /** From the document to the branch of the pair. */
  readonly branches: readonly Branch[];
  readonly path: readonly string[];
  readonly text: string;
}

/** How names are made. */
export interface Naming {
  readonly separator: string;
  readonly format: SopsFormat;
  readonly provider: string;
}

/**
 * Every value by its name. A name that occurs twice has all its places; sops itself would use the last. If their paths
 * differ, the name is ambiguous.
 */
export function namesOf(tree: OpenedTree, { separator, format }: Naming): Map<string, Named[]> {
  const names = new Map<string, Named[]>();
  const gather = (branch: Branch, branches: readonly Branch[], path: readonly string[]) => {
    for (const pair of pairsOf(branch)) {
      const own = [...path, String(pair.key)];
      if (pair.value.kind === 'branch') {
        gather(pair.value, [...branches, pair.value], own);
        continue;
      }
      const unsectioned = format.name === 'ini' && own[0] === defaultSection;
      const name = (unsectioned ? own.slice(1) : own).join(separator);
      const text = textOf(pair.value, tree);
      const named = { node: pair.value, pair, branches, path: own, text };
      const places = names.get(name);
      if (places === undefined) names.set(name, [named]);
      else places.push(named);
    }
  };
  for (const root of tree.roots) gather(root, [root], []);
  return names;
}

/** A change of one name that differs from what the file holds. */
export interface NamedChange {
  readonly name: string;
  /** `null` deletes it. */
  readonly value: string | null;
  /** Where it stands, if the file holds it. */
  readonly place: Named | undefined;
}

/** The entries that change something, and the texts that the file must hold afterwards. */
export function changesOf(
  tree: OpenedTree,
  naming: Naming,
  entries: ReadonlyMap<string, string | null>,
): { changes: NamedChange[]; wanted: Map<string, string | undefined> } {
  const names = namesOf(tree, naming);
  const wanted = new Map([...names].map(([name, places]) => [name, places.at(-1)?.text]));
  const changes: NamedChange[] = [];
  for (const [name, value] of entries) {
    const place = names.get(name)?.at(-1);
    if (value === (place?.text ?? null)) continue;
    changes.push({ name, value, place });
    if (value === null) wanted.delete(name);
    else wanted.set(name, value);
  }
  return { changes, wanted };
}

/** The value of a name, or why it has none. */
export function namedValue(
  name: string,
  places: readonly Named[],
  { separator, provider }: Naming,
): string | SecretError {
  const last = places.at(-1)?.text ?? '';
  const paths = places.map(({ path }) => JSON.stringify(path));
  if (new Set(paths).size <= 1) return last;
  return new SecretError('ERR_SECRET_INVALID', `two different values have the name ${name}`, {
    provider,
    secretName: name,
    hint: `A name in the file holds the separator ${JSON.stringify(separator)}: choose another.`,
  });
}

/** The path of a new name; `undefined` if that is one of sops's own. */
export function pathOf(naming: Naming, root: Branch, name: string): string[] | undefined {
  const path = pathFor(naming, root, name);
  const [first = ''] = path;
  const isOwn = naming.format.name === 'dotenv' ? first.startsWith('sops_') : first === 'sops';
  return isOwn ? undefined : path;
}

function pathFor({ format, separator }: Naming, root: Branch, name: string): string[] {
  if (format.nested) {
    const path = name.split(separator);
    return path.includes('') ? [name] : path;
  }
  if (format.name === 'dotenv') return [name];
  const at = name.lastIndexOf(separator);
  const section = name.slice(0, Math.max(at, 0));
  const key = name.slice(at + separator.length);
  const known = pairsOf(root).some((pair) => pair.key === section);
  // the name of a section can have any character that does not end its line or begin a comment
  if (at < 1 || key === '' || (!known && /[[\]\n\r#;]|^\s|\s$/.test(section)))
    return [defaultSection, name];
  return [section, key];
}

/** Whether exactly these names were found, each with this text. */
export function holds(
  found: ReadonlyMap<string, readonly Named[]>,
  wanted: ReadonlyMap<string, string | undefined>,
): boolean {
  const asWanted = ([name, places]: readonly [string, readonly Named[]]) =>
    wanted.get(name) === places.at(-1)?.text;
  return found.size === wanted.size && [...found].every(asWanted);
}

function textOf(node: Leaf | List, tree: OpenedTree): string {
  return node.kind === 'list' ? jsonText(node, tree) : valueText(valueIn(node, tree));
}

function valueIn(leaf: Leaf, tree: OpenedTree) {
  return tree.leaves.get(leaf)?.value ?? null;
}

/** A list as JSON, with all digits of its numbers. */
function jsonText(node: Node, tree: OpenedTree): string {
  if (node.kind === 'list') {
    const items = node.items.flatMap((item) =>
      item.kind === 'comment' ? [] : [jsonText(item, tree)],
    );
    return `[${items.join(',')}]`;
  }
  if (node.kind === 'branch') {
    const pairs = pairsOf(node).map(
      ({ key, value }) => `${JSON.stringify(String(key))}:${jsonText(value, tree)}`,
    );
    return `{${pairs.join(',')}}`;
  }
  const value = valueIn(node, tree);
  const bare =
    value === null ||
    typeof value === 'boolean' ||
    typeof value === 'bigint' ||
    (typeof value === 'number' && Number.isFinite(value));
  return bare ? valueText(value) : JSON.stringify(valueText(value));
}

/** A value of a document, as `sops -d` shows it. */
export type SopsValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | readonly SopsValue[]
  | { readonly [name: string]: SopsValue };

/**
 * The whole document as plain values, without comments. Objects have no prototype, so that `__proto__` is a name like any
 * other. If a name occurs twice, the last value counts.
 */
export function documentOf(tree: OpenedTree): { readonly [name: string]: SopsValue } {
  const whole: Record<string, SopsValue> = Object.create(null);
  for (const root of tree.roots) Object.assign(whole, plainBranch(root, tree));
  return whole;
}

function plainBranch(branch: Branch, tree: OpenedTree): Record<string, SopsValue> {
  const plain: Record<string, SopsValue> = Object.create(null);
  for (const { key, value } of pairsOf(branch)) plain[String(key)] = plainValue(value, tree);
  return plain;
}

function plainValue(node: Node, tree: OpenedTree): SopsValue {
  if (node.kind === 'branch') return plainBranch(node, tree);
  if (node.kind === 'list')
    return node.items.flatMap((item) => (item.kind === 'comment' ? [] : [plainValue(item, tree)]));
  const value = valueIn(node, tree);
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  return typeof value === 'object' && value !== null ? valueText(value) : value;
}
